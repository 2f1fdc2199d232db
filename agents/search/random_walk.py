"""Random walk: each design is a neighbour of the one before, whatever the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import MOVES, neighbour
from chipgym.agents.search.settings import check_choice, check_integer

__all__ = ["RandomWalk", "RandomWalkSettings"]


@dataclass(frozen=True)
class RandomWalkSettings:
    """Hyperparameters of the random walk.

    Attributes
    ----------
    knobs : int
        Knobs that change in a step, from 1.
    move : {"any", "adjacent"}
        Whether a knob takes any other value or the next one up or down.
    restart : int
        Steps until the walk begins anew at a random design; 0 for never.
    """

    knobs: int = 1
    move: str = "any"
    restart: int = 0

    def __post_init__(self) -> None:
        check_integer("knobs", self.knobs, 1)
        check_choice("move", self.move, MOVES)
        check_integer("restart", self.restart, 0)


class RandomWalk(SpaceSearcher[RandomWalkSettings]):
    """Walks from a random design through neighbours, without regard to scores."""

    name = "random-walk"
    Settings = RandomWalkSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "knobs": (1, 2, 4),
        "move": ("any", "adjacent"),
        "restart": (0, 16, 64),
    }

    def _prepare(self) -> None:
        self._here: Point | None = None
        self._steps = 0

    def _propose(self) -> tuple[Point, None]:
        settings = self.settings
        if self._here is None or (settings.restart and self._steps >= settings.restart):
            return self.codec.sample(self._rng), None
        return neighbour(self.codec, self._here, self._rng, settings.move, settings.knobs), None

    def _next(self) -> tuple[Point, None]:
        """Go on from an allowed step only."""
        begins = self._here is None or (
            self.settings.restart and self._steps >= self.settings.restart
        )
        self._here, token = super()._next()
        self._steps = 0 if begins else self._steps + 1
        return self._here, token
