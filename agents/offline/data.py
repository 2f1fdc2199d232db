"""Recorded steps as arrays, which is all that offline learners see of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["Transitions", "option_counts"]


@dataclass(frozen=True, eq=False)
class Transitions:
    """N steps of E episodes, one episode after the other.

    Attributes
    ----------
    observation_space, action_space : gymnasium.spaces.Box, gymnasium.Space
        Of one environment; actions are Discrete, MultiDiscrete or Box.
    observations, next_observations : float32 array, shape (N, D)
        Flat observations.
    actions : array, shape (N,) or (N, H) of int64, or (N, B) of float32
        One choice, H choices, or real numbers, flat.
    masks, next_masks : bool array, shape (N, A), or None
        Options that were allowed, of several choices side by side; None where all are.
    rewards : float32 array, shape (N,)
    terminated : bool array, shape (N,)
        Whether the step ended its episode for good, so that nothing is worth anything afterwards.
    episodes : int64 array, shape (N,)
        Episode of each step, counted from 0.
    """

    observation_space: spaces.Box
    action_space: spaces.Space[Any]
    observations: npt.NDArray[np.float32]
    next_observations: npt.NDArray[np.float32]
    actions: npt.NDArray[Any]
    masks: npt.NDArray[np.bool_] | None
    next_masks: npt.NDArray[np.bool_] | None
    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    episodes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def returns(self) -> npt.NDArray[np.float64]:
        """Return of each episode, shape (E,)."""
        return np.bincount(self.episodes, weights=self.rewards).astype(np.float64)

    def best_episodes(self, fraction: float) -> npt.NDArray[np.int64]:
        """Steps of the episodes with the highest returns, at least one episode.

        Parameters
        ----------
        fraction : float
            Share of the episodes, above 0; ties are all kept.
        """
        check_range("best_fraction", fraction, 0.0, 1.0, low_open=True)
        returns = self.returns
        count = max(1, round(fraction * len(returns)))
        least = np.sort(returns)[-count]
        return np.flatnonzero(returns[self.episodes] >= least)


def option_counts(space: spaces.Space[Any]) -> list[int] | None:
    """Options of each choice of an action space; None for real numbers.

    Raises
    ------
    InvalidValueError
        It is neither Discrete, MultiDiscrete of one axis, nor Box.
    """
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1 and not space.start.any():
        return [int(count) for count in space.nvec]
    if isinstance(space, spaces.Box):
        return None
    raise InvalidValueError("action_space", str(space), "Discrete, MultiDiscrete or Box, from 0")
