"""Metrics of an episode, with units in their names, and its schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.envs.soc_scheduling.batch import SocBatch
from chipgym.envs.soc_scheduling.reward import OBJECTIVES
from chipgym.simulators.soc.layout import (
    F_AREA,
    F_CAP_EXCESS,
    F_ENERGY,
    F_MAKESPAN,
    F_PEAK,
    S_COMPLETED,
    S_FAILURES,
    S_INJECTED,
    S_MISSES,
    S_PASSES,
    S_TASKS,
    S_TRACED,
    S_WAITS,
)

__all__ = ["episode_metrics", "episode_schedule"]


def episode_metrics(batch: SocBatch, row: int) -> dict[str, float]:
    """Metrics of a row's episode so far.

    ``cost_vs_etf`` is minus the episode's return: the objective in units of ETF's result on the
    same instance; lower is better, 1 is ETF.
    """
    si, sf = batch.si[row], batch.sf[row]
    jobs = batch.jobs[row, : batch.totals[row]]
    latency = (jobs[:, 1] - jobs[:, 0])[np.isfinite(jobs[:, 1])]
    completed = int(si[S_COMPLETED])
    mean = float(latency.mean()) if completed else float("nan")
    cost = np.array([sf[F_AREA], sf[F_MAKESPAN], sf[F_ENERGY], 0.0, si[S_MISSES], sf[F_CAP_EXCESS]])
    cost[3] = sf[F_ENERGY] * sf[F_AREA]
    return {
        "mean_latency_us": mean,
        "p95_latency_us": float(np.percentile(latency, 95)) if completed else float("nan"),
        "makespan_us": float(sf[F_MAKESPAN]),
        "energy_j": float(sf[F_ENERGY]),
        "edp_j_us": float(sf[F_ENERGY]) * mean,
        "deadline_miss_fraction": int(si[S_MISSES]) / completed if completed else float("nan"),
        "power_cap_excess_j": float(sf[F_CAP_EXCESS]),
        "capped_latency_us": _capped_latency_us(batch, row),
        "cost_vs_etf": float((batch.weights * cost / batch.cost_scale[row]).sum()),
        "peak_temperature_c": float(sf[F_PEAK]),
        "injected_jobs": float(si[S_INJECTED]),
        "completed_jobs": float(completed),
        "completed_tasks": float(si[S_TASKS]),
        "scheduling_passes": float(si[S_PASSES]),
        "waits": float(si[S_WAITS]),
        "failures": float(si[S_FAILURES]),
    }


def _capped_latency_us(batch: SocBatch, row: int) -> float:
    """Mean latency plus the penalty of the objective ``capped-latency``, in the same unit.

    The penalty counts energy above the cap as a share of ETF's energy, so many times ETF's mean
    latency; the metric divided by ETF's mean latency is minus the episode's return.
    """
    weights = OBJECTIVES["capped-latency"]
    latency_us, energy_j = batch.cost_scale[row, [0, 5]]
    total = weights["latency"] * batch.sf[row, F_AREA]
    total += weights["power_cap"] * batch.sf[row, F_CAP_EXCESS] / energy_j * latency_us
    return float(total / batch.totals[row])


def episode_schedule(batch: SocBatch, row: int) -> dict[str, list[Any]]:
    """Executed tasks in completion order, columns of equal length; times in µs."""
    rows = int(batch.si[row, S_TRACED])
    ints, floats = batch.trace_i[row, :rows], batch.trace_f[row, :rows]
    columns: dict[str, list[Any]] = {
        name: ints[:, i].tolist() for i, name in enumerate(("job", "app", "task", "pe"))
    }
    for i, name in enumerate(("ready_us", "data_ready_us", "start_us", "finish_us", "energy_j")):
        columns[name] = floats[:, i].tolist()
    return columns
