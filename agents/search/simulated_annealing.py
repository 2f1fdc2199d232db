"""Simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983) with re-heating."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import MOVES, neighbour
from chipgym.agents.search.settings import check_choice, check_integer, check_range

__all__ = ["AnnealingSettings", "SimulatedAnnealing"]


@dataclass(frozen=True)
class AnnealingSettings:
    """Hyperparameters of simulated annealing.

    Attributes
    ----------
    temperature : float
        Initial temperature, in units of the mean absolute difference of scores between neighbours,
        which is measured as the search goes on: scores of any scale fit.
    cooling : float
        Factor of the temperature at each score told, above 0 and at most 1.
    reheat : int
        Scores without a new best until the search goes back to the best design at the initial
        temperature; 0 for never.
    knobs : int
        Knobs in which a neighbour differs, from 1.
    move : {"any", "adjacent"}
        Whether a knob takes any other value or the next one up or down.
    """

    temperature: float = 1.0
    cooling: float = 0.95
    reheat: int = 50
    knobs: int = 1
    move: str = "any"

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0, low_open=True)
        check_range("cooling", self.cooling, 0, 1, low_open=True)
        check_integer("reheat", self.reheat, 0)
        check_integer("knobs", self.knobs, 1)
        check_choice("move", self.move, MOVES)


class SimulatedAnnealing(SpaceSearcher[AnnealingSettings]):
    """Accepts a worse neighbour with probability exp(-loss / temperature)."""

    name = "simulated-annealing"
    Settings = AnnealingSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "temperature": (0.1, 0.5, 1.0, 5.0),
        "cooling": (0.8, 0.9, 0.95, 0.99),
        "reheat": (0, 20, 50),
        "knobs": (1, 2),
    }

    def _prepare(self) -> None:
        self._here: tuple[Point, float] | None = None
        self._top: tuple[Point, float] | None = None
        self._temperature = self.settings.temperature
        self._stagnation = 0
        self._moves, self._total_difference = 0, 0.0

    def _propose(self) -> tuple[Point, None]:
        if self._here is None:
            return self.codec.sample(self._rng), None
        settings = self.settings
        return neighbour(self.codec, self._here[0], self._rng, settings.move, settings.knobs), None

    def _learn(self, point: Point, score: float, token: None) -> None:
        if not math.isnan(score) and self._accepts(score):
            self._here = (point, score)
        self._temperature *= self.settings.cooling
        self._stagnation += 1
        if not math.isnan(score) and (self._top is None or score > self._top[1]):
            self._top, self._stagnation = (point, score), 0
        if self.settings.reheat and self._stagnation >= self.settings.reheat:
            self._here, self._stagnation = self._top, 0
            self._temperature = self.settings.temperature

    def _accepts(self, score: float) -> bool:
        if self._here is None:
            return True
        loss = self._here[1] - score
        if loss != 0.0:
            self._moves += 1
            self._total_difference += abs(loss)
        if loss <= 0.0:
            return True
        heat = self._temperature * self._total_difference / self._moves
        return heat > 0.0 and self._rng.random() < math.exp(-loss / heat)
