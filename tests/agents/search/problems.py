"""Small problems with known optima, and the loop that runs a searcher on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces

KNOBS = spaces.MultiDiscrete([4, 3, 3, 8, 2, 2, 4, 4, 3, 8])
TARGET = np.array([1, 2, 0, 5, 1, 0, 3, 2, 1, 6])
CUBE = spaces.Box(-2.0, 2.0, (4,), np.float64)


def distance(design: Any) -> float:
    """Knobs that are alone responsible for their share; the optimum is `TARGET`, with score 0."""
    return -float((np.abs(np.asarray(design) - TARGET) / (KNOBS.nvec - 1)).sum())


def coupled(design: Any) -> float:
    """Knobs in pairs: each counts as far as its partner is right as well."""
    gap = np.abs(np.asarray(design) - TARGET) / (KNOBS.nvec - 1)
    return float(((1 - gap[::2]) * (1 - gap[1::2])).sum())


def sphere(design: Any) -> float:
    """A smooth bowl, off the middle."""
    return -float(((np.asarray(design) - np.array([1.0, -0.5, 0.3, 1.4])) ** 2).sum())


def run(searcher: Any, objective: Callable[[Any], float], budget: int) -> float:
    """Ask and tell `budget` times; return the best score."""
    for _ in range(budget):
        design = searcher.ask()
        searcher.tell(design, objective(design))
    assert searcher.best is not None
    return float(searcher.best[1])
