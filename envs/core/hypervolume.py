"""Hypervolume of a set of points: the volume that they dominate, all objectives maximised."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["contribution", "dominated", "hypervolume", "pareto_front"]

Floats = npt.NDArray[np.float64]


def dominated(point: Floats, points: Floats) -> bool:
    """Whether some of the points, shape (n, d), is at least as good everywhere."""
    return bool((points >= point).all(axis=1).any())


def pareto_front(points: Floats) -> Floats:
    """Return the points, shape (n, d), that no other dominates; of equal ones the first."""
    kept: list[Floats] = []
    # A point can be dominated only by one whose sum is at least as large.
    for point in points[np.argsort(-points.sum(axis=1), kind="stable")]:
        if not kept or not dominated(point, np.stack(kept)):
            kept.append(point)
    return np.array(kept).reshape(-1, points.shape[1])


def contribution(point: Floats, points: Floats) -> float:
    """Volume over the origin that a point adds to those that the points, (n, d), dominate.

    The exclusive volume of While, Bradstreet and Barone (IEEE Transactions on Evolutionary
    Computation 2012): its box, less what the others dominate of it.
    """
    inside = np.maximum(point, 0.0)
    return float(inside.prod()) - hypervolume(np.minimum(points, inside))


def hypervolume(points: Floats) -> float:
    """Volume between the origin and the points, shape (n, d); below zero counts as zero."""
    front = pareto_front(np.maximum(points, 0.0))
    return sum(contribution(front[i], front[i + 1 :]) for i in range(len(front)))
