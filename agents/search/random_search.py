"""Random search, the baseline of every search with the same budget."""

from __future__ import annotations

import copy
import math
from typing import Any

from gymnasium import spaces

__all__ = ["RandomSearch"]


class RandomSearch:
    """Draws designs independently and uniformly from a Gymnasium space.

    Parameters
    ----------
    space : gymnasium.Space
        The designs; it is copied, so the caller's generator is not touched.
    seed : int
        Seed of the draws: the same seed, the same designs.

    Examples
    --------
    >>> searcher = RandomSearch(spaces.MultiDiscrete([4, 3]), seed=0)
    >>> design = searcher.ask()
    >>> searcher.tell(design, 1.5)
    >>> searcher.best[1]
    1.5
    """

    name = "random-search"

    def __init__(self, space: spaces.Space[Any], seed: int) -> None:
        self._space = copy.deepcopy(space)
        self._space.seed(seed)
        self._best: tuple[Any, float] | None = None
        self.evaluations = 0

    def ask(self) -> Any:
        """Return a fresh random design."""
        return self._space.sample()

    def tell(self, design: Any, score: float) -> None:
        """Remember the design if its score is the highest so far (the first one on ties)."""
        self.evaluations += 1
        if not math.isnan(score) and (self._best is None or score > self._best[1]):
            self._best = (copy.deepcopy(design), float(score))

    @property
    def best(self) -> tuple[Any, float] | None:
        """Best design so far and its score; None before the first valid one."""
        return self._best
