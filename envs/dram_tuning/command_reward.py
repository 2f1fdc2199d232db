"""Rewards of per-command scheduling: costs that only grow, in units of FR-FCFS's.

``time`` and ``latency`` are minus the growth of a cost since the last decision over what FR-FCFS
spends on the same instance, so that an episode's return of -0.9 is 10 % better than FR-FCFS.
``ipek`` is the reward of Ipek et al.: something for each column command, here scaled so that an
episode in which all requests are served returns 1; it is the discounting that asks for speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.numba import merged
from chipgym.simulators.dram.command_kernel import cost_cycles
from chipgym.simulators.dram.command_layout import C_SERVED

__all__ = ["OBJECTIVES", "PRIMARY_METRICS", "TERMS", "costs", "term_weights"]

TERMS: dict[str, str] = {
    "time": "end of the last request's data / FR-FCFS's",
    "latency": "sum of the times from the trace's to the end of the data / FR-FCFS's",
    "served": "requests served / requests",
}
OBJECTIVES: dict[str, dict[str, float]] = {
    "time": {"time": 1.0},
    "latency": {"latency": 1.0},
    "balanced": {"time": 0.5, "latency": 0.5},
    "ipek": {"served": -1.0},
}
PRIMARY_METRICS: dict[str, str] = {
    "time": "total_time_ns",
    "latency": "mean_trace_latency_ns",
    "balanced": "cost_vs_fr_fcfs",
    "ipek": "served_requests",
}
"""The metric that ranks policies under each objective; of ``ipek`` more is better."""


def term_weights(objective: str) -> npt.NDArray[np.float64]:
    """Weights of the terms under an objective, in the order of `TERMS`.

    Raises
    ------
    UnknownNameError
        No such objective.
    """
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES, "chipgym/DramCommand-v0")
    return np.array([OBJECTIVES[objective].get(term, 0.0) for term in TERMS])


@merged
def costs(c: Any, out: Any) -> None:
    """Costs so far, in the order of `TERMS`, in cycles, cycles and requests; none ever falls."""
    time, response = cost_cycles(c)
    out[0] = time
    out[1] = response
    out[2] = c[C_SERVED]
