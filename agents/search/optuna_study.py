"""What the two searchers on Optuna share: its study, asked and told in points."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, TypeVar

import numpy as np

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.errors import MissingLibraryError

__all__ = ["OptunaSearcher"]

Settings = TypeVar("Settings")
MAX_CATEGORIES = 1000
"""Choices of a knob beyond which they are taken as ordered, whatever the settings say."""
Parameters = dict[str, Any]


class OptunaSearcher(SpaceSearcher[Settings]):
    """A searcher that proposes what a sampler of Optuna does.

    A knob becomes an integer or a categorical parameter of the study, or a float where it is
    continuous; knobs of one value are left out. Designs that could not be evaluated are failed
    trials, which the samplers pass over. The study lives in memory and is pickled with the rest.
    """

    _tries = 10
    _study: Any

    def _prepare(self) -> None:
        try:
            import optuna
        except ImportError as error:
            raise MissingLibraryError(self.name, "Optuna") from error
        self._distributions: dict[str, Any] = {
            str(knob): self._distribution(knob) for knob in self.codec.free.tolist()
        }
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line for each new study
        try:
            self._study = optuna.create_study(
                study_name=self.name, sampler=self._sampler(), direction="maximize"
            )
        finally:
            optuna.logging.set_verbosity(level)

    @abstractmethod
    def _sampler(self) -> Any:
        """Return Optuna's sampler."""

    @abstractmethod
    def _ordered(self) -> bool:
        """Whether the choices of a knob stand in an order that means something."""

    def _sampler_seed(self) -> int:
        return int(np.random.SeedSequence(self.seed).generate_state(1)[0])

    def _distribution(self, knob: int) -> Any:
        from optuna import distributions

        count = int(self.codec.counts[knob])
        if count == 0:
            return distributions.FloatDistribution(0.0, 1.0)
        if self._ordered() or count > MAX_CATEGORIES:
            return distributions.IntDistribution(0, count - 1)
        return distributions.CategoricalDistribution(tuple(range(count)))

    def _propose(self) -> tuple[Point, int]:
        trial = self._study.ask(self._distributions)
        point = np.zeros(self.codec.num_knobs)
        for name, value in trial.params.items():
            point[int(name)] = value
        return point, trial.number

    def _learn(self, point: Point, score: float, token: int | None) -> None:
        import optuna

        failed = math.isnan(score)
        if token is not None:
            state = optuna.trial.TrialState.FAIL if failed else None
            self._study.tell(token, None if failed else score, state=state)
        elif not failed:
            self._study.add_trial(
                optuna.trial.create_trial(
                    params=self._parameters(point), distributions=self._distributions, value=score
                )
            )

    def _withdraw(self, token: int) -> None:
        from optuna.trial import TrialState

        self._study.tell(token, state=TrialState.FAIL)

    def _replaced(self, point: Point, token: int) -> None:
        self._withdraw(token)

    def _parameters(self, point: Point) -> Parameters:
        return {
            name: float(point[int(name)])
            if self.codec.counts[int(name)] == 0
            else int(point[int(name)])
            for name in self._distributions
        }
