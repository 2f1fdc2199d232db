"""Designs evaluated: rules first, then simulations in parallel threads, then the score."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.design_space import Design, DesignSpace
from chipgym.envs.dram_tuning.metrics import result_metrics
from chipgym.envs.dram_tuning.reward import (
    INFEASIBLE,
    VECTOR_METRICS,
    Objective,
    derived_metrics,
    score_terms,
    vector_score,
)
from chipgym.simulators.core.errors import SimulationError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.simulate import simulate

if TYPE_CHECKING:
    from chipgym.envs.dram_tuning.generator import Instance

__all__ = [
    "Evaluate",
    "Outcome",
    "default_outcome",
    "design_key",
    "evaluate_batch",
    "judge",
    "run_batch",
]

Metrics = dict[str, float]

MAX_KNOWN = 4096
"""Results that are remembered for a workload."""
_KNOWN: WeakKeyDictionary[Workload, dict[ControllerConfig, Metrics | None]] = WeakKeyDictionary()

STUCK = "the simulation makes no progress on this trace"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is known of a design on an instance.

    Attributes
    ----------
    design : tuple of int
    key : str
        Hash of the canonical configuration: equal keys, equal results. Empty for a design that
        cannot be simulated.
    metrics : dict
        See `metrics.METRICS`, with those of the objective. Of an infeasible design the primary
        metric is 148 (e to the 5th) times the default's, or 0 where higher is better; what was not
        simulated is nan.
    feasible, simulated : bool
    reason : str
        Why it is infeasible; empty if it is not.
    terms : dict
        Terms of the score.
    score : float
        Their sum.
    vector : float64 array, shape (4,)
        Scores in `reward.VECTOR_METRICS`; zeros if infeasible.
    """

    design: Design
    key: str
    metrics: dict[str, float]
    feasible: bool
    simulated: bool
    reason: str
    terms: dict[str, float]
    score: float
    vector: npt.NDArray[np.float64]


Evaluate = Callable[[DesignSpace, Objective, Sequence[tuple["Instance", Design]]], list[Outcome]]
"""What `evaluate_batch` is: anything that knows the outcomes of designs."""


def run_batch(tasks: Sequence[tuple[Workload, ControllerConfig]]) -> list[Metrics | None]:
    """Simulate configurations on workloads in parallel threads; None where one gets stuck.

    What differs only in ignored settings is simulated once, and results are remembered as long as
    their workload is.
    """
    wanted = [
        (workload, config.canonical(reads_only=workload.trace.reads_only))
        for workload, config in tasks
    ]
    found = {
        (workload, config): known[config]
        for workload, config in wanted
        if config in (known := _KNOWN.setdefault(workload, {}))
    }
    missing = [task for task in dict.fromkeys(wanted) if task not in found]
    for task, metrics in zip(missing, _simulate_all(missing), strict=True):
        found[task] = metrics
        known = _KNOWN[task[0]]
        if len(known) >= MAX_KNOWN:
            known.pop(next(iter(known)))
        known[task[1]] = metrics
    return [found[task] for task in wanted]


def _simulate_all(tasks: Sequence[tuple[Workload, ControllerConfig]]) -> list[Metrics | None]:
    def run(task: tuple[Workload, ControllerConfig]) -> Metrics | None:
        try:
            return result_metrics(simulate(*task))
        except SimulationError:
            return None

    threads = min(os.cpu_count() or 1, len(tasks))
    if threads <= 1:
        return [run(task) for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, tasks))


def design_key(space: DesignSpace, instance: Instance, design: Design) -> str:
    """Hash of a design's canonical configuration on an instance; "" if it cannot be simulated."""
    if not space.simulates(design):
        return ""
    config, address_map = space.config(design)
    key = config.key(reads_only=instance.trace.reads_only)
    return key if address_map is None else f"{key}-{address_map}"


def evaluate_batch(
    space: DesignSpace, objective: Objective, tasks: Sequence[tuple[Instance, Design]]
) -> list[Outcome]:
    """Evaluate designs, each on its instance, in parallel threads."""
    keys = [design_key(space, instance, design) for instance, design in tasks]
    wanted = []
    for (instance, design), key in zip(tasks, keys, strict=True):
        if key:
            config, address_map = space.config(design)
            wanted.append((instance.workload(address_map), config))
    results = iter(run_batch(wanted))
    return [
        judge(space, objective, instance, design, key, next(results) if key else None)
        for (instance, design), key in zip(tasks, keys, strict=True)
    ]


def judge(
    space: DesignSpace,
    objective: Objective,
    instance: Instance,
    design: Design,
    key: str,
    simulated: dict[str, float] | None,
) -> Outcome:
    """Score a design by its simulated metrics, None if there are none."""
    bus_ns = instance.bus_time_ns
    default = instance.default_metrics
    default = default | derived_metrics(default, default, bus_ns)
    reasons = list(space.reasons(design))
    if key and simulated is None:
        reasons.append(STUCK)
    if simulated is None:
        metrics = dict.fromkeys(default, float("nan"))
    else:
        metrics = simulated | derived_metrics(simulated, default, bus_ns)
    if reasons:
        terms = {"infeasible": INFEASIBLE}
        vector = np.zeros(len(VECTOR_METRICS))
        worst = default.get(objective.metric, 0.0) * np.exp(-INFEASIBLE)
        metrics[objective.metric] = float(worst) if objective.lower_is_better else 0.0
    else:
        terms = score_terms(objective, metrics, default)
        vector = vector_score(metrics, default)
        if not objective.factors:
            metrics[objective.metric] = terms["hypervolume"]
    if simulated is not None:
        # Of a device whose currents are not known, energy and power are left out.
        metrics = {name: value for name, value in metrics.items() if not math.isnan(value)}
    score = float(sum(terms.values()))
    metrics |= {"score": score, "feasible": float(not reasons)}
    reason = "; ".join(reasons)
    ran = bool(key)
    return Outcome(design, key, metrics, not reasons, ran, reason, terms, score, vector)


def default_outcome(space: DesignSpace, objective: Objective, instance: Instance) -> Outcome:
    """Outcome of the default design, which belongs to the instance."""
    key = design_key(space, instance, space.default)
    return judge(space, objective, instance, space.default, key, instance.default_metrics)
