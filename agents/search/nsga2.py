"""NSGA-II: several objectives at once (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 2002)."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.moves import CROSSOVERS, MOVES, cross, mutate
from chipgym.agents.search.settings import check_choice, check_integer, check_range
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Nsga2", "Nsga2Settings", "crowding", "dominance_ranks"]

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Nsga2Settings:
    """Hyperparameters of NSGA-II.

    Attributes
    ----------
    population : int
        Individuals that survive a generation, and children of one, from 2.
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
    crossover: str = "uniform"
    crossover_rate: float = 0.9
    mutation_rate: float = 0.1
    move: str = "any"

    def __post_init__(self) -> None:
        check_integer("population", self.population, 2)
        check_choice("crossover", self.crossover, CROSSOVERS)
        check_range("crossover_rate", self.crossover_rate, 0, 1)
        check_range("mutation_rate", self.mutation_rate, 0, 1)
        check_choice("move", self.move, MOVES)


class Nsga2(SpaceSearcher[Nsga2Settings]):
    """Keeps the best of parents and children by dominance rank, then by crowding distance.

    `tell` takes a score for each objective, all maximised, or one number. A generation ends when as
    many scores have been told as the population has members. Designs that could not be evaluated
    (nan in any objective) do not survive.

    Examples
    --------
    >>> from gymnasium import spaces
    >>> searcher = Nsga2(spaces.Discrete(5), seed=0)
    >>> for speed in range(5):
    ...     searcher.tell(speed, (speed, -speed if speed < 4 else -9))
    >>> [scores for _, scores in searcher.front]
    [(0.0, 0.0), (1.0, -1.0), (2.0, -2.0), (3.0, -3.0), (4.0, -9.0)]
    """

    name = "nsga2"
    Settings = Nsga2Settings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "population": (4, 8, 16, 32, 64),
        "mutation_rate": (0.01, 0.05, 0.1, 0.2),
        "crossover": ("uniform", "two-point"),
    }

    def _prepare(self) -> None:
        self._parents: list[tuple[Scores, Point]] = []
        self._children: list[tuple[Scores, Point]] = []
        self._told = 0
        self._objectives = 0
        self._front: list[tuple[Any, Scores]] = []

    def tell(self, design: Any, score: float | Sequence[float] | Scores) -> None:
        """Report the scores of a design; nan in any of them: it could not be evaluated.

        Raises
        ------
        InvalidValueError
            The design is not in the space, a score is infinite, or their number has changed.
        """
        point, values = self.codec.encode(design), self._values(score)
        self.evaluations += 1
        self._token(point)
        if not np.isnan(values).any():
            if self._best is None or values[0] > self._best[1]:
                self._best = (copy.deepcopy(design), float(values[0]))
            self._enter_front(design, values)
            self._children.append((values, point))
        self._told += 1
        if self._told >= self.settings.population:
            self._told = 0
            self._survive()

    @property
    def best(self) -> tuple[Any, float] | None:
        """Best design in the first objective, and its score there."""
        return super().best

    @property
    def front(self) -> list[tuple[Any, tuple[float, ...]]]:
        """Designs that no other one dominates, of all that were told, with their scores."""
        return [(copy.deepcopy(design), tuple(values.tolist())) for design, values in self._front]

    def _values(self, score: float | Sequence[float] | Scores) -> Scores:
        try:
            given = math.inf if score is None else score  # NumPy would take None for nan
            values = np.atleast_1d(np.asarray(given, dtype=np.float64))
        except (TypeError, ValueError):
            values = np.array([math.inf])
        if values.ndim != 1 or not len(values) or np.isinf(values).any():
            raise InvalidValueError("score", score, "a finite number for each objective, or nan")
        # A lone nan says of any number of objectives that there is no result.
        failed = len(values) == 1 and np.isnan(values[0])
        if not failed and self._objectives not in (0, len(values)):
            raise InvalidValueError("score", score, f"{self._objectives} numbers, as before")
        if not failed:
            self._objectives = len(values)
        return values

    def _enter_front(self, design: Any, values: Scores) -> None:
        if any((other >= values).all() for _, other in self._front):
            return
        self._front = [entry for entry in self._front if not (values >= entry[1]).all()]
        self._front.append((copy.deepcopy(design), values))

    def _survive(self) -> None:
        """Choose the next parents; best first, so that a tournament compares places."""
        pool = self._children + self._parents
        self._children = []
        if not pool:
            return
        scores = np.array([values for values, _ in pool])
        ranks = dominance_ranks(scores)
        distances = np.empty(len(pool))
        for rank in range(int(ranks.max()) + 1):
            members = np.flatnonzero(ranks == rank)
            distances[members] = crowding(scores[members])
        order = np.lexsort((-distances, ranks))[: self.settings.population]
        self._parents = [pool[int(index)] for index in order]

    def _propose(self) -> tuple[Point, None]:
        if not self._parents:
            return self.codec.sample(self._rng), None
        settings = self.settings
        child = self._select()
        if self._rng.random() < settings.crossover_rate:
            child = cross(settings.crossover, child, self._select(), self._rng)
        return mutate(self.codec, child, settings.mutation_rate, self._rng, settings.move), None

    def _select(self) -> Point:
        """Winner of a binary tournament."""
        return self._parents[int(self._rng.integers(len(self._parents), size=2).min())][1]


def dominance_ranks(scores: Scores) -> npt.NDArray[np.int64]:
    """Return the front of each row, 0 for those that none dominates.

    Parameters
    ----------
    scores : float64 array, shape (designs, objectives)
        Higher is better. A row dominates another if it is nowhere worse and somewhere better.
    """
    at_least = np.asarray((scores[:, None, :] >= scores[None, :, :]).all(axis=2))
    dominates = at_least & ~at_least.T
    ranks = np.full(len(scores), -1, dtype=np.int64)
    rank = 0
    while (left := ranks < 0).any():
        free = left & ~dominates[left].any(axis=0)
        ranks[free] = rank
        rank += 1
    return ranks


def crowding(scores: Scores) -> npt.NDArray[np.float64]:
    """Return the crowding distance of each row of a front: infinite at the ends of an objective."""
    distances = np.zeros(len(scores))
    for column in scores.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distances[order[[0, -1]]] = np.inf
        if span > 0 and len(order) > 2:
            distances[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distances
