"""What the enumeration says: optima, Pareto fronts, and how costs are distributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.dram_exhaustive.space import Space
from chipgym.experiments.papers.dram_exhaustive.table import OutcomeTable

__all__ = ["COSTS", "FRONTS", "costs", "distribution", "front", "optimum", "refreshed"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COSTS: dict[str, tuple[str, ...]] = {
    "total_time_ns": ("total_time_ns",),
    "mean_latency_ns": ("mean_latency_ns",),
    "mean_trace_latency_ns": ("mean_trace_latency_ns",),
    "p99_latency_ns": ("p99_latency_ns",),
    "energy_pj": ("energy_pj",),
    "power_mw": ("power_mw",),
    "energy_delay_pj_ns": ("energy_pj", "total_time_ns"),
}
"""Costs, each the product of kept metrics; all are better when lower."""
FRONTS: dict[str, tuple[str, ...]] = {
    "time-energy": ("total_time_ns", "energy_pj"),
    "time-latency-energy": ("total_time_ns", "mean_latency_ns", "energy_pj"),
}
"""Pareto fronts, by what they trade."""
QUANTILES = np.linspace(0, 1, 101)


def costs(table: OutcomeTable, cost: str) -> Floats:
    """Return a cost of every controller."""
    return np.asarray(np.prod([table.column(name) for name in COSTS[cost]], axis=0))


def refreshed(space: Space) -> Bools:
    """Return which controllers refresh, that is, keep their data."""
    return np.array([config.refresh_policy != "NoRefresh" for config in space.configs])


def optimum(space: Space, values: Floats, allowed: Bools) -> dict[str, Any]:
    """Describe the best of the allowed controllers.

    Returns
    -------
    dict
        ``value``; ``designs``, how many designs of the space reach it; ``number``, the first of
        them; ``settings`` of that one, by knob.
    """
    best = float(values[allowed].min())
    reach = allowed & (values == best)
    designs = np.flatnonzero(reach[space.canonical])
    first = int(designs[0])
    return {
        "value": best,
        "designs": len(designs),
        "number": first,
        "settings": space.designs.decode(tuple(space.design(first).tolist())),
    }


def front(values: Floats, allowed: Bools) -> npt.NDArray[np.int64]:
    """Return the allowed controllers that no other allowed one dominates.

    Parameters
    ----------
    values : float64 array, shape (C, K)
        K costs of each controller.
    allowed : bool array, shape (C,)

    Returns
    -------
    int64 array
        One controller for each distinct point of the front, sorted by the first cost.
    """
    distinct, first = np.unique(values[allowed], axis=0, return_index=True)
    # Sorted by the first cost, a point can only be dominated by one before it.
    kept: list[int] = []
    for index, point in enumerate(distinct):
        if not kept or not (distinct[kept] <= point).all(axis=1).any():
            kept.append(index)
    return np.asarray(np.flatnonzero(allowed)[first[kept]])


def distribution(space: Space, values: Floats, allowed: Bools) -> dict[str, Any]:
    """Describe how a cost is distributed over the designs that are allowed.

    Returns
    -------
    dict
        ``quantiles`` (101, by percent), ``mean`` and ``designs`` (how many), ``distinct`` values.
    """
    designs = values[space.canonical][allowed[space.canonical]]
    return {
        "designs": len(designs),
        "distinct": len(np.unique(designs)),
        "mean": float(designs.mean()),
        "quantiles": np.quantile(designs, QUANTILES, method="inverted_cdf").tolist(),
    }
