"""Ant colony optimisation over the graph of knobs and values (Dorigo and Gambardella, 1997)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.settings import check_integer, check_range

__all__ = ["AntColony", "AntColonySettings"]

MAX_TRAILS = 4096
"""Trails of one knob; a knob with more choices has them in groups."""


@dataclass(frozen=True)
class AntColonySettings:
    """Hyperparameters of the ant colony.

    Attributes
    ----------
    ants : int
        Designs of an iteration, after which the trails are updated, from 1.
    evaporation : float
        Share of the pheromone that is replaced at an update, above 0 and at most 1.
    greediness : float
        Probability that an ant follows the strongest trail at a knob instead of drawing one in
        proportion to the pheromone (q0 of the ant colony system), 0 to 1.
    depth : int
        Knobs, chosen at random, that an ant decides; it takes the others from the best design so
        far. 0 for all knobs.
    elites : int
        Best designs, of the iteration and the best so far, that lay pheromone, by rank, from 1.
    floor : float
        Least pheromone of a trail, as a fraction of the even distribution: no value is ever out of
        reach. Above 0 and at most 1.
    bins : int
        Trails of a continuous knob, from 2; within a trail the value is drawn uniformly.
    """

    ants: int = 8
    evaporation: float = 0.3
    greediness: float = 0.2
    depth: int = 0
    elites: int = 2
    floor: float = 0.1
    bins: int = 16

    def __post_init__(self) -> None:
        check_integer("ants", self.ants, 1)
        check_range("evaporation", self.evaporation, 0, 1, low_open=True)
        check_range("greediness", self.greediness, 0, 1)
        check_integer("depth", self.depth, 0)
        check_integer("elites", self.elites, 1)
        check_range("floor", self.floor, 0, 1, low_open=True)
        check_integer("bins", self.bins, 2, MAX_TRAILS)


class AntColony(SpaceSearcher[AntColonySettings]):
    """Ants choose a value for each knob, drawn by pheromone; the best ants lay it.

    The pheromone of a knob is kept as a distribution over its values and is laid by rank, so scores
    of any scale fit. An iteration ends with its last score, in whatever order they come.
    """

    name = "ant-colony"
    Settings = AntColonySettings
    # ArchGym's ranges. Its depth counts the layers of a graph that grows; here it counts knobs.
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "ants": (2, 4, 8, 16, 32, 64),
        "evaporation": (0.1, 0.25, 0.5, 1.0),
        "greediness": (0.0, 0.25, 0.5, 1.0),
        "depth": (0, 2, 4, 8, 16),
    }

    def _prepare(self) -> None:
        counts, bins = self.codec.counts, self.settings.bins
        self._groups = np.where(counts > 0, np.minimum(counts, MAX_TRAILS), bins)
        self._trails = [np.full(int(n), 1.0 / n) for n in self._groups]
        self._told: list[tuple[float, Point]] = []
        self._elite: tuple[float, Point] | None = None

    def _propose(self) -> tuple[Point, None]:
        free, depth = self.codec.free, self.settings.depth
        elite = self._elite
        point = np.zeros(self.codec.num_knobs) if elite is None else elite[1].copy()
        if depth and elite is not None:
            free = self._rng.choice(free, size=min(depth, len(free)), replace=False)
        for knob in free.tolist():
            point[knob] = self._walk(knob)
        return point, None

    def _walk(self, knob: int) -> float:
        """Choose a trail at a knob, and a value of it."""
        trails = self._trails[knob]
        if self._rng.random() < self.settings.greediness:
            group = int(self._rng.choice(np.flatnonzero(trails == trails.max())))
        else:
            group = int(self._rng.choice(len(trails), p=trails))
        count, groups = int(self.codec.counts[knob]), int(self._groups[knob])
        if count == 0:
            return (group + self._rng.random()) / groups
        # Choice i belongs to group floor(i * groups / count).
        first, last = -(-group * count // groups), -(-(group + 1) * count // groups)
        return float(self._rng.integers(first, last))

    def _group(self, knob: int, value: float) -> int:
        count, groups = int(self.codec.counts[knob]), int(self._groups[knob])
        return min(int(value * groups), groups - 1) if count == 0 else int(value) * groups // count

    def _learn(self, point: Point, score: float, token: None) -> None:
        self._told.append((-math.inf if math.isnan(score) else score, point))
        if len(self._told) < self.settings.ants:
            return
        candidates = self._told + ([self._elite] if self._elite is not None else [])
        valid = [entry for entry in candidates if entry[0] > -math.inf]
        self._told = []
        if valid:
            best = sorted(valid, key=lambda entry: -entry[0])[: self.settings.elites]
            self._elite = max(valid[::-1], key=lambda entry: entry[0])
            self._lay([point for _, point in best])

    def _lay(self, points: list[Point]) -> None:
        """Evaporate, lay pheromone with weights that fall with the rank, keep the floor."""
        weights = np.arange(len(points), 0, -1, dtype=np.float64)
        weights *= self.settings.evaporation / weights.sum()
        for knob in self.codec.free.tolist():
            trails = self._trails[knob]
            trails *= 1.0 - self.settings.evaporation
            for weight, point in zip(weights, points, strict=True):
                trails[self._group(knob, point[knob])] += weight
            np.maximum(trails, self.settings.floor / len(trails), out=trails)
            trails /= trails.sum()
