"""Metrics of a simulated design, with units in their names."""

from __future__ import annotations

import numpy as np

from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.result import DramResult

__all__ = ["METRICS", "result_metrics"]

METRICS: dict[str, str] = {
    "total_time_ns": "time of the last response",
    "mean_latency_ns": "mean time from a request's arrival at the arbiter to its response",
    "p95_latency_ns": "95th percentile of the same",
    "p99_latency_ns": "99th percentile of the same",
    "max_latency_ns": "largest of the same",
    "mean_trace_latency_ns": "mean time from a request's own time in the trace to its response",
    "p99_trace_latency_ns": "99th percentile of the same",
    "energy_pj": "energy of the memory devices",
    "power_mw": "their mean power",
    "energy_delay_pj_ns": "energy x total time",
    "bandwidth_gbps": "data over total time, Gbit/s",
    "bandwidth_percent": "the same as a share of the peak",
    **{f"{name}_count": f"{name} commands" for name in COMMANDS},
}
"""Meaning of each metric of a simulation, by name."""


def result_metrics(result: DramResult, workload: Workload) -> dict[str, float]:
    """Return the metrics of a simulation.

    A request waits in the trace player, unseen by the controller, while the controller accepts no
    more. `mean_latency_ns` leaves that out, so that a controller which accepts little looks fast;
    `mean_trace_latency_ns` counts it.
    """
    waited_ns = result.trace_latency_ns
    rank = min(len(waited_ns) - 1, int(0.99 * len(waited_ns)))
    known = result.metrics()
    own = {
        "p99_trace_latency_ns": float(np.partition(waited_ns, rank)[rank]),
        "bandwidth_percent": float(result.bandwidth_percent),
    }
    return {name: own[name] if name in own else known[name] for name in METRICS}
