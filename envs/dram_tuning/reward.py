"""Objectives: costs in units of the default design's on the same instance, and their rewards.

A cost is a product of powers of metrics. The score of a design is the logarithm of the default
design's cost over its own, a sum of one term a metric, clipped to ±`CLIP`: 0 is the default, 0.69
half its cost, and what lies beyond a factor of 55 counts as 55. A feasible design is never punished
for being better. An infeasible design scores `INFEASIBLE`, below every feasible one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.hypervolume import hypervolume
from chipgym.simulators.core.errors import UnknownNameError

__all__ = [
    "CLIP",
    "FACTORS",
    "INFEASIBLE",
    "OBJECTIVES",
    "PRIMARY_METRICS",
    "VECTOR_METRICS",
    "Objective",
    "clipped",
    "derived_metrics",
    "find_objective",
    "score_terms",
    "vector_score",
    "volume",
]

CLIP = 4.0
"""Largest size of a feasible design's score."""
INFEASIBLE = -(CLIP + 1.0)
"""Score of an infeasible design; as a cost, 148 times the default's."""
TIME_SLACK = 1.1
"""Time limit of ``power-under-time``, in units of the default design's total time."""
TARGET_POWER_MW = 1000.0
"""ArchGym's target of 1 W. Its other one, 0.1 without a unit, is out of reach or met by all."""
VECTOR_RANGE = math.log(16.0)
"""Half the range of a vector score: from 16 times the default's value to a 16th of it."""

FACTORS: dict[str, str] = {
    "time": "total time",
    "latency": "mean latency from the trace's times",
    "energy": "energy",
    "power": "mean power",
    "overtime": "total time over the limit, at least 1",
    "power_to_target": "mean power over ArchGym's target of 1 W, at least 1",
    "time_to_target": "total time over the bus's own time, at least 1",
}
"""Factors of costs, and so terms of rewards, by name."""

VECTOR_METRICS = ("total_time_ns", "mean_trace_latency_ns", "p99_latency_ns", "energy_pj")
"""Metrics of the vector score."""


@dataclass(frozen=True)
class Objective:
    """What a design is wanted for.

    Attributes
    ----------
    name, description : str
    metric : str
        Primary metric, which ranks designs exactly as the cost does.
    factors : dict
        Exponent of each factor of the cost; empty: the score is the hypervolume.
    lower_is_better : bool
        Direction of the metric.
    """

    name: str
    metric: str
    factors: dict[str, float]
    description: str
    lower_is_better: bool = True

    @property
    def needs_energy(self) -> bool:
        """Whether the energy of the device must be known."""
        return not self.factors or bool({"energy", "power", "power_to_target"} & set(self.factors))


_ALL = (
    Objective(
        "low-latency",
        "mean_trace_latency_ns",
        {"latency": 1.0},
        "mean latency of the requests from their times in the trace, waiting included",
    ),
    Objective("low-time", "total_time_ns", {"time": 1.0}, "time of the last response"),
    Objective("low-energy", "energy_pj", {"energy": 1.0}, "energy of the memory devices"),
    Objective(
        "power-under-time",
        "limited_power_mw",
        {"power": 1.0, "overtime": 2.0},
        "mean power within 1.1 times the default's total time, times the square of the excess "
        "beyond it",
    ),
    Objective(
        "edp",
        "energy_delay_pj_ns",
        {"energy": 1.0, "time": 1.0},
        "energy x total time",
    ),
    Objective(
        "archgym-power",
        "saturated_power_mw",
        {"power_to_target": 1.0},
        "mean power down to 1 W; below, all are equal",
    ),
    Objective(
        "archgym-latency",
        "saturated_time_ns",
        {"time_to_target": 1.0},
        "total time down to that of the bus, on which the bursts follow each other without a gap",
    ),
    Objective(
        "archgym-joint",
        "saturated_power_time_pj",
        {"power_to_target": 1.0, "time_to_target": 1.0},
        "the product of the former two",
    ),
    Objective(
        "multi",
        "hypervolume",
        {},
        "hypervolume of total time, mean latency from the trace's times, 99th percentile of the "
        "latency and energy, between 16 times the default's and a 16th of it",
        lower_is_better=False,
    ),
)

OBJECTIVES: dict[str, Objective] = {objective.name: objective for objective in _ALL}
PRIMARY_METRICS: dict[str, str] = {name: entry.metric for name, entry in OBJECTIVES.items()}
"""The metric that ranks designs under each objective."""


def find_objective(name: str) -> Objective:
    """Return an objective by name.

    Raises
    ------
    UnknownNameError
        No such objective.
    """
    if name not in OBJECTIVES:
        raise UnknownNameError("objective", name, OBJECTIVES, "DRAM tuning")
    return OBJECTIVES[name]


def derived_metrics(
    metrics: Mapping[str, float], default: Mapping[str, float], bus_time_ns: float
) -> dict[str, float]:
    """Metrics of the objectives that a simulation alone does not have.

    Parameters
    ----------
    metrics, default : mapping
        Metrics of a design and of the default design on the same instance.
    bus_time_ns : float
        Time of all bursts on the data bus, one after the other.
    """
    limit_ns = TIME_SLACK * default["total_time_ns"]
    excess = max(1.0, metrics["total_time_ns"] / limit_ns)
    # Unlike max, keeps the nan of a device whose currents are not known.
    power_mw = float(np.maximum(TARGET_POWER_MW, metrics["power_mw"]))
    time_ns = max(bus_time_ns, metrics["total_time_ns"])
    return {
        "overtime_ratio": excess,
        "limited_power_mw": metrics["power_mw"] * excess**2,
        "saturated_power_mw": power_mw,
        "saturated_time_ns": time_ns,
        "saturated_power_time_pj": power_mw * time_ns,
    }


_FACTOR_METRICS = {
    "time": "total_time_ns",
    "latency": "mean_trace_latency_ns",
    "energy": "energy_pj",
    "power": "power_mw",
    "overtime": "overtime_ratio",
    "power_to_target": "saturated_power_mw",
    "time_to_target": "saturated_time_ns",
}


def score_terms(
    objective: Objective, metrics: Mapping[str, float], default: Mapping[str, float]
) -> dict[str, float]:
    """Return the terms of a feasible design's score, which add up to it.

    The term ``clip`` takes away what the sum of the others has beyond ±`CLIP`.
    """
    if not objective.factors:
        return {"hypervolume": volume(vector_score(metrics, default)[None])}
    terms = {
        name: exponent * math.log(default[_FACTOR_METRICS[name]] / metrics[_FACTOR_METRICS[name]])
        for name, exponent in objective.factors.items()
    }
    total = sum(terms.values())
    return {**terms, "clip": clipped(total) - total}


def clipped(score: float) -> float:
    """Limit a score to what a feasible design can have."""
    return min(max(score, -CLIP), CLIP)


def vector_score(
    metrics: Mapping[str, float], default: Mapping[str, float]
) -> npt.NDArray[np.float64]:
    """Score of a feasible design in each of `VECTOR_METRICS`, in [0, 1], higher is better.

    0 is 16 times the default's value or more (the reference point of the hypervolume), 0.5 the
    default's, 1 a 16th of it or less.
    """
    ratios = np.array([metrics[name] / default[name] for name in VECTOR_METRICS])
    scores: npt.NDArray[np.float64] = 0.5 - np.log(ratios) / (2 * VECTOR_RANGE)
    return np.clip(scores, 0.0, 1.0)


def volume(vectors: npt.NDArray[np.float64]) -> float:
    """Hypervolume in [0, 1] of vector scores, shape (designs, metrics)."""
    return hypervolume(vectors)
