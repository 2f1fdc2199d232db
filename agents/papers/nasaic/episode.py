"""Episodes of NASAIC: one set of networks, and the chips that were tried for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Episode", "MovingBaseline", "Trial"]

SMALLEST_DEVIATION = 0.03
"""Advantages are divided by no less: accuracies that differ by less are alike."""


@dataclass(eq=False)
class Trial:
    """One design.

    Attributes
    ----------
    episode : Episode
    choices : int64 [T]
    legal : bool [T, O]
        What could be chosen.
    score : float
        As told; nan where the design could not be evaluated, or before.
    told : bool
    """

    episode: Episode
    choices: npt.NDArray[np.int64]
    legal: npt.NDArray[np.bool_]
    score: float = math.nan
    told: bool = False

    @property
    def penalty_reward(self) -> float:
        """The part of the score that the chip answers for: scores of feasible designs are >= 0."""
        return min(self.score, 0.0)


@dataclass(eq=False)
class Episode:
    """A joint step and the hardware-only steps that follow it.

    Attributes
    ----------
    size : int
        Designs of a complete episode.
    trials : list of Trial
        The first one decided the networks of all.
    state, updates : State or None, int
        The controller's state after the networks, and the update of the controller it is of.
    """

    size: int
    trials: list[Trial] = field(default_factory=list)
    state: Any = None
    updates: int = 0

    @property
    def full(self) -> bool:
        """Whether all designs have been proposed."""
        return len(self.trials) >= self.size

    @property
    def complete(self) -> bool:
        """Whether all scores have come."""
        return self.full and all(trial.told for trial in self.trials)

    @property
    def scored(self) -> list[Trial]:
        """The designs that could be evaluated."""
        return [trial for trial in self.trials if not math.isnan(trial.score)]

    @property
    def best(self) -> Trial:
        """The design of the highest score, the first one on ties."""
        return max(self.scored, key=lambda trial: trial.score)


@dataclass
class MovingBaseline:
    """Exponential moving average of rewards, and of their squared deviation.

    Attributes
    ----------
    decay : float
    mean, variance : float or None
        None before the first reward.
    """

    decay: float
    mean: float | None = None
    variance: float | None = None

    def advantage(self, reward: float, normalise: bool) -> float:
        """Return how much better a reward is than usual; 0 for the first."""
        if self.mean is None:
            return 0.0
        if not normalise or self.variance is None:
            return reward - self.mean
        return (reward - self.mean) / max(math.sqrt(self.variance), SMALLEST_DEVIATION)

    def add(self, reward: float) -> None:
        """Take a reward in."""
        if self.mean is None:
            self.mean = reward
            return
        square = (reward - self.mean) ** 2
        first = self.variance is None
        self.variance = square if first else self._moved(self.variance or 0.0, square)
        self.mean = self._moved(self.mean, reward)

    def _moved(self, old: float, new: float) -> float:
        return self.decay * old + (1.0 - self.decay) * new
