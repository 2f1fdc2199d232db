"""Genetic algorithm over points: tournaments, crossover, mutation, elites (Goldberg, 1989)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import CROSSOVERS, MOVES, cross, mutate
from chipgym.agents.search.settings import check_choice, check_integer, check_range
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["GeneticAlgorithm", "GeneticSettings"]


@dataclass(frozen=True)
class GeneticSettings:
    """Hyperparameters of the genetic algorithm.

    Attributes
    ----------
    population : int
        Individuals of a generation, from 2.
    elites : int
        Best individuals that live on unchanged and are not evaluated again; below `population`.
    tournament : int
        Individuals drawn, with replacement, for the choice of each parent, from 1.
    crossover : {"uniform", "one-point", "two-point"}
        How the knobs of two parents are mixed.
    crossover_rate : float
        Probability that a child has two parents; otherwise it begins as a copy of one.
    mutation_rate : float
        Probability that a knob of a child changes.
    move : {"any", "adjacent"}
        Whether a mutated knob takes any other value or the next one up or down.
    """

    population: int = 16
    elites: int = 1
    tournament: int = 2
    crossover: str = "uniform"
    crossover_rate: float = 0.9
    mutation_rate: float = 0.1
    move: str = "any"

    def __post_init__(self) -> None:
        check_integer("population", self.population, 2)
        check_integer("elites", self.elites, 0)
        if self.elites >= self.population:
            raise InvalidValueError("elites", self.elites, f"below population ({self.population})")
        check_integer("tournament", self.tournament, 1)
        check_choice("crossover", self.crossover, CROSSOVERS)
        check_range("crossover_rate", self.crossover_rate, 0, 1)
        check_range("mutation_rate", self.mutation_rate, 0, 1)
        check_choice("move", self.move, MOVES)


class GeneticAlgorithm(SpaceSearcher[GeneticSettings]):
    """Generational genetic algorithm.

    A generation ends when as many scores have been told as it has new individuals, in whatever
    order they were asked. Designs that could not be evaluated rank last.
    """

    name = "genetic"
    Settings = GeneticSettings
    # ArchGym's ranges of population and mutation; its 8 to 64 generations follow from the budget.
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "population": (2, 4, 8, 16, 32, 64),
        "mutation_rate": (0.001, 0.01, 0.05),
        "crossover": ("uniform", "two-point"),
        "tournament": (2, 4),
    }

    def _prepare(self) -> None:
        self._parents: list[tuple[float, Point]] = []
        self._children: list[tuple[float, Point]] = []

    def _propose(self) -> tuple[Point, None]:
        if not self._parents:
            return self.codec.sample(self._rng), None
        settings = self.settings
        child = self._select()
        if self._rng.random() < settings.crossover_rate:
            child = cross(settings.crossover, child, self._select(), self._rng)
        child = mutate(self.codec, child, settings.mutation_rate, self._rng, settings.move)
        return child, None

    def _select(self) -> Point:
        """Winner of a tournament."""
        entrants = self._rng.integers(len(self._parents), size=self.settings.tournament)
        return self._parents[int(entrants.min())][1]

    def _learn(self, point: Point, score: float, token: None) -> None:
        self._children.append((-math.inf if math.isnan(score) else score, point))
        elites = self._parents[: self.settings.elites]
        if len(elites) + len(self._children) >= self.settings.population:
            # Best first; of equals the newer, so that the population drifts over plateaus.
            self._parents = sorted(self._children + elites, key=lambda entry: -entry[0])
            self._children = []
