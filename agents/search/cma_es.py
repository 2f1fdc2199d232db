"""CMA-ES with margin (Hamano, Saito, Nomura and Shirakawa, GECCO 2022), by the package cmaes."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.errors import MissingLibraryError
from chipgym.agents.search.settings import check_integer, check_range

__all__ = ["CmaEs", "CmaSettings"]


@dataclass(frozen=True)
class CmaSettings:
    """Hyperparameters of CMA-ES.

    Attributes
    ----------
    population : int
        Designs of a generation, from 3; 0 for 4 + 3 ln(knobs), rounded down.
    sigma : float
        Initial step size, as a fraction of each knob's range, above 0 and at most 1.
    patience : int
        Generations without a better score until a restart at a random place, from 1; convergence
        leads to one as well.
    growth : float
        Factor of the population at a restart, from 1.
    """

    population: int = 0
    sigma: float = 0.3
    patience: int = 10
    growth: float = 2.0

    def __post_init__(self) -> None:
        check_integer("population", self.population, 0)
        if self.population:
            check_integer("population", self.population, 3)
        check_range("sigma", self.sigma, 0, 1, low_open=True)
        check_integer("patience", self.patience, 1)
        check_range("growth", self.growth, 1)


@dataclass(frozen=True)
class _Sample:
    """A proposal: the run and generation it was drawn in, and its place in the unit cube."""

    run: int
    generation: int
    place: Point


class CmaEs(SpaceSearcher[CmaSettings]):
    """Adapts a normal distribution in the unit cube; a margin keeps each choice of a knob in reach.

    Needs the extra ``[search]``. The choices of a knob are taken as ordered. A generation ends when
    as many of its scores have been told as the population has members; scores of older generations
    count for `best` alone, so batches should not exceed the population. Designs that could not be
    evaluated rank last.
    """

    name = "cma-es"
    Settings = CmaSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "population": (0, 8, 16, 32),
        "sigma": (0.1, 0.3, 0.5),
        "patience": (5, 10, 20),
        "growth": (1.0, 2.0),
    }

    def _prepare(self) -> None:
        self._run = 0
        self._first: Point | None = None
        self._launch()

    def _launch(self) -> None:
        """Begin a run at a random place, or at a design that was told before the first proposal."""
        try:
            from cmaes import CMAwM
        except ImportError as error:
            raise MissingLibraryError(self.name, "cmaes") from error
        self._run += 1
        settings, codec, free = self.settings, self.codec, self.codec.free
        counts = codec.counts[free]
        smallest = settings.population or 4 + int(3 * math.log(max(len(free), 1)))
        middle = codec.sample(self._rng) if self._first is None else self._first
        # A continuous dimension that means nothing stands where there are fewer than two knobs.
        spare = max(2 - len(free), 0)
        edges = np.where(counts > 0, 0.5 / np.maximum(counts, 1), 0.0)
        low = np.append(edges, np.zeros(spare))
        self._cma = CMAwM(
            mean=np.append(codec.to_unit(middle)[free], np.full(spare, 0.5)),
            sigma=settings.sigma,
            bounds=np.stack([low, 1.0 - low], axis=1),
            steps=np.append(
                np.where(counts > 0, 1.0 / np.maximum(counts, 1), 0.0), np.zeros(spare)
            ),
            seed=int(self._rng.integers(2**31)),
            population_size=int(smallest * settings.growth ** (self._run - 1)),
        )
        self._told: list[tuple[Point, float]] = []
        self._least, self._stagnation = math.inf, 0

    def _propose(self) -> tuple[Point, _Sample]:
        # Pickling drops the library's generator, so each proposal gets one from ours.
        self._cma.reseed_rng(int(self._rng.integers(2**31)))
        shown, place = self._cma.ask()
        free = self.codec.free
        unit = np.full(self.codec.num_knobs, 0.0)
        unit[free] = shown[: len(free)]
        return self.codec.from_unit(unit), _Sample(self._run, self._cma.generation, place)

    def _replaced(self, point: Point, token: _Sample) -> _Sample:
        """Learn from the repaired design where it stands."""
        place = token.place.copy()
        place[: len(self.codec.free)] = self.codec.to_unit(point)[self.codec.free]
        return _Sample(token.run, token.generation, place)

    def _learn(self, point: Point, score: float, token: _Sample | None) -> None:
        if token is None:
            self._adopt_start(point, score)
            return
        if (token.run, token.generation) != (self._run, self._cma.generation):
            return
        self._told.append((token.place, -score))
        if len(self._told) < self._cma.population_size:
            return
        valid = [loss for _, loss in self._told if not math.isnan(loss)]
        worst = max(valid, default=math.nan)
        told = [(place, worst if math.isnan(loss) else loss) for place, loss in self._told]
        self._told = []
        if not valid:
            self._launch()
            return
        with np.errstate(all="ignore"):
            self._cma.tell(told)
        # Pickling rounds the covariance to a symmetric matrix; done always, copies stay identical.
        self._cma = pickle.loads(pickle.dumps(self._cma))
        self._stagnation = 0 if min(valid) < self._least else self._stagnation + 1
        self._least = min(self._least, *valid)
        broken = not np.isfinite(self._cma.mean).all()
        if broken or self._stagnation >= self.settings.patience or self._cma.should_stop():
            self._first = None
            self._launch()

    def _adopt_start(self, point: Point, score: float) -> None:
        """Begin at the best of the designs that were told before anything was proposed."""
        fresh = self._run == 1 and self._cma.generation == 0 and not self._told
        if fresh and not math.isnan(score) and self._best is not None and score >= self._best[1]:
            self._first, self._run = point, 0
            self._launch()
