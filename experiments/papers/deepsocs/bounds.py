"""What a clairvoyant could do on short streams: schedules and lower bounds of the exact solver."""

from __future__ import annotations

from typing import Any

from chipgym.envs.soc_scheduling.generator import InstanceGenerator
from chipgym.experiments.papers.deepsocs.points import build_point
from chipgym.simulators.soc.exact import SolverLimits, optimal_stream

__all__ = ["bound_stream"]


def bound_stream(
    point: str, stream: int, deterministic_time: float, time_s: float, identity: str
) -> dict[str, Any]:
    """Bound the mean job latency on one test stream.

    Parameters
    ----------
    point : str
        One of `points.BOUNDED`.
    stream : int
        Number of the test instance.
    deterministic_time : float
        Limit in the solver's own count of work, the same on every machine.
    time_s : float
        Limit of wall time, which should not be reached.
    identity : str
        Of the scenario and of the simulator; part of the record only.

    Returns
    -------
    dict
        ``status``, and ``bound_us`` and ``found_us``, the lower bound and the best schedule found,
        mean job latency in µs (None: no schedule was found).
    """
    instance = InstanceGenerator(build_point(point)).test(stream)
    limits = SolverLimits(time_s=time_s, workers=1, deterministic_time=deterministic_time)
    found = optimal_stream(instance.platform, instance.applications, instance.workload, limits)
    return {
        "status": found.status,
        "bound_us": found.bound_us / len(instance.workload),
        "found_us": None if found.status == "unknown" else found.mean_latency_us,
    }
