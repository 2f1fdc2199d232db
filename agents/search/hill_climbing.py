"""Hill climbing: the first neighbour that is better, until there is none; then anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import MOVES, neighbour, neighbours
from chipgym.agents.search.settings import check_choice, check_integer

__all__ = ["HillClimbing", "HillClimbingSettings"]

LISTED = 4096
"""Neighbourhoods up to this size are gone through in random order; larger ones are sampled."""

UNLISTED_PATIENCE = 10
"""Neighbours a knob that are tried where the neighbourhood is not listed."""


@dataclass(frozen=True)
class HillClimbingSettings:
    """Hyperparameters of hill climbing.

    Attributes
    ----------
    move : {"any", "adjacent"}
        Whether a neighbour has any other value in one knob or the next one up or down.
    patience : int
        Neighbours without improvement until the restart; 0 for the whole neighbourhood.
    """

    move: str = "any"
    patience: int = 0

    def __post_init__(self) -> None:
        check_choice("move", self.move, MOVES)
        check_integer("patience", self.patience, 0)


class HillClimbing(SpaceSearcher[HillClimbingSettings]):
    """First-improvement local search with random restarts."""

    name = "hill-climbing"
    Settings = HillClimbingSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "move": ("any", "adjacent"),
        "patience": (0, 5, 10, 20),
    }

    def _prepare(self) -> None:
        self._climb = 0
        self._restart()

    def _restart(self) -> None:
        self._climb += 1
        self._here: Point | None = None
        self._height = -math.inf
        self._failures = 0
        self._untried: list[tuple[int, int]] = []
        self._patience = 1

    def _propose(self) -> tuple[Point, int]:
        if self._here is None:
            return self.codec.sample(self._rng), self._climb
        if self._untried:
            knob, choice = self._untried.pop()
            point = self._here.copy()
            point[knob] = choice
            return point, self._climb
        # All neighbours are under way, or too many to be listed: those are drawn.
        knobs = 2 if self._listed else 1
        return neighbour(self.codec, self._here, self._rng, self.settings.move, knobs), self._climb

    def _learn(self, point: Point, score: float, token: int | None) -> None:
        if token not in (None, self._climb):
            return
        if score > self._height:
            self._move_to(point, score)
        elif self._here is not None and token is not None:
            self._failures += 1
            if self._failures >= self._patience:
                self._restart()

    def _move_to(self, point: Point, score: float) -> None:
        self._here, self._height, self._failures = point, score, 0
        listed = neighbours(self.codec, point, self.settings.move, LISTED)
        self._listed = bool(listed)
        self._untried = [listed[i] for i in self._rng.permutation(len(listed))]
        whole = len(listed) or UNLISTED_PATIENCE * max(len(self.codec.free), 1)
        self._patience = self.settings.patience or whole
