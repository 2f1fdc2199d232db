"""Random search, the baseline of every search with the same budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.errors import SearchExhaustedError
from chipgym.agents.search.settings import check_flag

__all__ = ["RandomSearch", "RandomSettings"]

LARGE = 2**62
"""Spaces beyond this size are drawn from with replacement: a repetition is out of the question."""


@dataclass(frozen=True)
class RandomSettings:
    """Hyperparameters of random search.

    Attributes
    ----------
    replacement : bool
        Whether a design may be drawn again; without, each comes once, and then the search is over.
    """

    replacement: bool = True

    def __post_init__(self) -> None:
        check_flag("replacement", self.replacement)


class RandomSearch(SpaceSearcher[RandomSettings]):
    """Draws designs uniformly, with or without replacement.

    A constraint is met by rejection alone, so that what is allowed is drawn uniformly as well.

    Examples
    --------
    >>> from gymnasium import spaces
    >>> searcher = RandomSearch(spaces.MultiDiscrete([4, 3]), seed=0)
    >>> design = searcher.ask()
    >>> searcher.tell(design, 1.5)
    >>> searcher.best[1]
    1.5
    """

    name = "random-search"
    Settings = RandomSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {"replacement": (True, False)}
    _tries = 10_000
    _repairs = 0

    def _prepare(self) -> None:
        self._drawn = 0
        # Fisher-Yates shuffle of the numbers of all designs, of which only swaps are kept.
        self._swapped: dict[int, int] = {}

    def _propose(self) -> tuple[Point, None]:
        total = self.codec.num_designs
        if self.settings.replacement or total is None or total > LARGE:
            return self.codec.sample(self._rng), None
        if self._drawn == total:
            raise SearchExhaustedError(self.name, total)
        place = int(self._rng.integers(self._drawn, total))
        index = self._swapped.pop(place, place)
        if place != self._drawn:
            self._swapped[place] = self._swapped.pop(self._drawn, self._drawn)
        self._drawn += 1
        return self.codec.point_of(index), None
