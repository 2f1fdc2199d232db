"""Optima of the tasks that have been solved exactly, and the regret of a result against them.

ArchGym's DRAM space is enumerated (`chipgym.experiments.papers.dram_exhaustive`): the best design
of each of its four workloads is known under every objective that ranks single designs. An
environment of one's own publishes what it knows as the attribute ``optimum``: the least (or, where
higher is better, the greatest) value that its primary metric can take on the present instance.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from chipgym.experiments.environments import make_env
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.errors import ChipGymError

__all__ = ["known_optima", "regret"]

PREFIX = "archgym-"
ENUMERATED = ("chipgym/DramDesign-v0", "chipgym/DramTuning-v0")
SEVERAL_DESIGNS = frozenset({"multi"})
"""Objectives whose metric is that of a set of designs, so that no single one is the optimum."""


def known_optima(task: TaskSpec) -> dict[int, float]:
    """Optimum of the primary metric on the instances of a task where it is known.

    Returns
    -------
    dict
        By instance; {} where nothing is known.
    """
    enumerated = task.env.rpartition(":")[2] in ENUMERATED and not task.kwargs
    if enumerated and (task.scenario or "").startswith(PREFIX):
        value = _enumerated(str(task.scenario).removeprefix(PREFIX), task.objective)
        return {} if value is None else dict.fromkeys(task.instance_indexes, value)
    if task.env.startswith("chipgym/"):
        return {}
    return _published(task)


def regret(value: float, optimum: float) -> float:
    """How far a metric's value is from the optimum, as a fraction of the optimum.

    0 is optimal, 0.1 is 10 % off, whatever the metric's direction; nan where the optimum is 0.
    """
    return abs(value - optimum) / abs(optimum) if optimum else math.nan


@functools.cache
def _enumerated(workload: str, objective: str | None) -> float | None:
    from chipgym.envs.dram_tuning.generator import find_scenario
    from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem

    name = objective or find_scenario(f"{PREFIX}{workload}").objective
    if name in SEVERAL_DESIGNS:
        return None
    problem = tabulated_problem(workload, name)
    best = int(problem.scores.argmax())
    design = problem.space.design(int((problem.space.canonical == best).argmax()))
    return float(problem.outcome(design).metrics[problem.objective.metric])


def _published(task: TaskSpec) -> dict[int, float]:
    """What an environment says of itself, instance by instance; {} where it is not installed."""
    try:
        env = make_env(task)
    except (ChipGymError, ImportError):
        return {}
    try:
        base: Any = env.unwrapped
        if not hasattr(type(base), "optimum"):
            return {}
        found = {}
        for instance in task.instance_indexes:
            env.reset(seed=instance, options={"instance": instance})
            if base.optimum is not None:
                found[instance] = float(base.optimum)
        return found
    finally:
        env.close()
