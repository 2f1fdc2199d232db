"""Regularised evolution, with ageing (Real, Aggarwal, Huang and Le, AAAI 2019, algorithm 1)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import MOVES, neighbour
from chipgym.agents.search.settings import check_choice, check_integer
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["EvolutionSettings", "RegularisedEvolution"]


@dataclass(frozen=True)
class EvolutionSettings:
    """Hyperparameters of regularised evolution.

    Attributes
    ----------
    population : int
        Individuals alive, from 2; the oldest dies for each new one.
    sample : int
        Individuals drawn, without replacement, of which the best is the parent; at most
        `population`.
    knobs : int
        Knobs that a mutation changes, from 1.
    move : {"any", "adjacent"}
        Whether a knob takes any other value or the next one up or down.
    """

    population: int = 20
    sample: int = 5
    knobs: int = 1
    move: str = "any"

    def __post_init__(self) -> None:
        check_integer("population", self.population, 2)
        check_integer("sample", self.sample, 1)
        if self.sample > self.population:
            raise InvalidValueError(
                "sample", self.sample, f"at most population ({self.population})"
            )
        check_integer("knobs", self.knobs, 1)
        check_choice("move", self.move, MOVES)


class RegularisedEvolution(SpaceSearcher[EvolutionSettings]):
    """Mutates the best of a random sample; whoever is oldest dies, however good.

    The population counts the designs that could be evaluated.
    """

    name = "regularised-evolution"
    Settings = EvolutionSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "population": (8, 16, 32, 64),
        "sample": (2, 4, 8),
        "knobs": (1, 2),
    }

    def _prepare(self) -> None:
        self._population: deque[tuple[float, Point]] = deque(maxlen=self.settings.population)

    def _propose(self) -> tuple[Point, None]:
        settings = self.settings
        if len(self._population) < settings.population:
            return self.codec.sample(self._rng), None
        sample = self._rng.choice(len(self._population), size=settings.sample, replace=False)
        parent = max((self._population[int(i)] for i in sample), key=lambda entry: entry[0])[1]
        return neighbour(self.codec, parent, self._rng, settings.move, settings.knobs), None

    def _learn(self, point: Point, score: float, token: None) -> None:
        if not math.isnan(score):
            self._population.append((score, point))
