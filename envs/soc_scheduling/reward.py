"""Rewards: named terms that are never positive and add up over an episode to minus a metric.

Each term is minus the growth of a cost since the last decision, in units of what earliest task
first (ETF) needs on the same instance. An episode's return of -0.9 under ``latency`` therefore
says: 10 % less total job latency than ETF. The latency term is minus the integral of the number of
jobs in the system, which by Little's law is the total latency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.generator import Instance
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.numba import merged
from chipgym.simulators.soc.layout import (
    F_AREA,
    F_CAP_EXCESS,
    F_ENERGY,
    F_MAKESPAN,
    S_MISSES,
)

__all__ = ["OBJECTIVES", "PRIMARY_METRICS", "TERMS", "cost_scales", "costs", "term_weights"]

# The costs that an objective may weigh, with what they stand for.
TERMS: dict[str, str] = {
    "latency": "total job latency / ETF's",
    "makespan": "completion of the last job / ETF's",
    "energy": "energy / ETF's",
    "edp": "energy x total job latency / ETF's product",
    "deadline": "jobs completed after their deadline / jobs",
    "power_cap": "energy above the power cap / ETF's energy",
}

OBJECTIVES: dict[str, dict[str, float]] = {
    "latency": {"latency": 1.0},
    "makespan": {"makespan": 1.0},
    "energy": {"energy": 1.0},
    "edp": {"edp": 1.0},
    "deadlines": {"deadline": 1.0},
    "capped-latency": {"latency": 1.0, "power_cap": 10.0},
}

# The metric that ranks policies under each objective.
PRIMARY_METRICS: dict[str, str] = {
    "latency": "mean_latency_us",
    "makespan": "makespan_us",
    "energy": "energy_j",
    "edp": "edp_j_us",
    "deadlines": "deadline_miss_fraction",
    "capped-latency": "capped_latency_us",
}


def term_weights(objective: str) -> npt.NDArray[np.float64]:
    """Weights of the terms under an objective, in the order of `TERMS`.

    Raises
    ------
    UnknownNameError
        No such objective.
    """
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES, "SoC scheduling")
    return np.array([OBJECTIVES[objective].get(term, 0.0) for term in TERMS])


def cost_scales(instance: Instance) -> npt.NDArray[np.float64]:
    """Units of the costs on an instance, in the order of `TERMS`."""
    return np.array(
        [
            instance.etf_latency_us,
            instance.etf_makespan_us,
            instance.etf_energy_j,
            instance.etf_energy_j * instance.etf_latency_us,
            len(instance.workload),
            instance.etf_energy_j,
        ]
    )


@merged
def costs(si: Any, sf: Any, out: Any) -> None:
    """Costs of a state so far, in the order of `TERMS`; each only ever grows."""
    out[0] = sf[F_AREA]
    out[1] = sf[F_MAKESPAN]
    out[2] = sf[F_ENERGY]
    out[3] = sf[F_ENERGY] * sf[F_AREA]
    out[4] = si[S_MISSES]
    out[5] = sf[F_CAP_EXCESS]
