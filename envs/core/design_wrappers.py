"""Other forms of action for one-shot design environments, whose actions are `MultiDiscrete`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorActionWrapper, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.envs.core.fields import Field, ObservationLayout
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["ContinuousActions", "ContinuousVectorActions", "TimeMultiplexed", "bin_index"]

Floats = npt.NDArray[np.floating[Any]]


def bin_index(values: Any, lengths: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Any:
    """Return the bins of equal width in [-1, 1] that values fall into.

    Parameters
    ----------
    values : float array, shape (..., n)
        What is beyond [-1, 1] counts as its end.
    lengths : sequence of int, shape (n,)
        Number of bins at each position.

    Returns
    -------
    int64 array, shape (..., n)
        Every bin is reached, by a share of 1 / length of the interval.

    Raises
    ------
    InvalidValueError
        A value is not a number, or the shape is another.
    """
    numbers = np.asarray(values, dtype=np.float64)
    sizes = np.asarray(lengths, dtype=np.int64)
    if numbers.shape[-1:] != sizes.shape or np.isnan(numbers).any():
        raise InvalidValueError("action", numbers.tolist(), f"{len(sizes)} numbers in [-1, 1]")
    shares = (np.clip(numbers, -1.0, 1.0) + 1.0) / 2.0
    return np.minimum((shares * sizes).astype(np.int64), sizes - 1)


def _lengths(space: spaces.Space[Any]) -> npt.NDArray[np.int64]:
    if not isinstance(space, spaces.MultiDiscrete) or space.nvec.ndim != 1 or space.start.any():
        raise InvalidValueError("action_space", space, "a flat MultiDiscrete space from 0")
    return np.asarray(space.nvec, dtype=np.int64)


class ContinuousActions(gym.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Act in ``Box(-1, 1)``, each number choosing a value by bins of equal width.

    Parameters
    ----------
    env : gymnasium.Env
        An environment with a `MultiDiscrete` action space.

    Examples
    --------
    >>> import gymnasium as gym, chipgym
    >>> env = ContinuousActions(gym.make("chipgym/DramDesign-v0"))  # doctest: +SKIP
    >>> env.action_space.shape  # one number a knob  # doctest: +SKIP
    (14,)
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ActionWrapper.__init__(self, env)
        self._sizes = _lengths(env.action_space)
        self.action_space = spaces.Box(-1.0, 1.0, self._sizes.shape, dtype=np.float32)

    def action(self, action: Any) -> npt.NDArray[np.int64]:
        """Return the value indexes that numbers stand for."""
        return np.asarray(bin_index(action, self._sizes))


class ContinuousVectorActions(VectorActionWrapper):
    """`ContinuousActions` for a vector environment.

    Parameters
    ----------
    env : gymnasium.vector.VectorEnv
        One whose single environments have a `MultiDiscrete` action space.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self._sizes = _lengths(env.single_action_space)
        self.single_action_space = spaces.Box(-1.0, 1.0, self._sizes.shape, dtype=np.float32)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def actions(self, actions: Any) -> npt.NDArray[np.int64]:
        """Return the value indexes that the rows' numbers stand for."""
        return np.asarray(bin_index(actions, self._sizes))


class TimeMultiplexed(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Set one knob a step, in their order; the design is evaluated after the last one.

    One agent sets all knobs in turn: the single-agent rival of one agent a knob in Krishnan et al.,
    Multi-agent reinforcement learning for microprocessor design space exploration (arXiv
    2211.16385). The action is the index of the present knob's value, in ``Discrete`` of the longest
    knob; longer indexes than the present knob has are masked. The observation is that of the
    environment, the knobs set so far (one-hot, zeros for the others) and the knob to set (one-hot).
    Rewards are zero but for the last knob's.

    Parameters
    ----------
    env : gymnasium.Env
        An environment with a `MultiDiscrete` action space and flat `Box` observations.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._sizes = _lengths(env.action_space).tolist()
        box = env.observation_space
        if not isinstance(box, spaces.Box) or len(box.shape) != 1:
            raise InvalidValueError("observation_space", box, "a flat Box space")
        self._values = LegalDiscrete(max(self._sizes))
        self.action_space = self._values
        own = (
            Field("chosen", (sum(self._sizes),), "1", 0, 1, "Values of the knobs set, one-hot"),
            Field("position", (len(self._sizes),), "1", 0, 1, "Knob to set, one-hot"),
        )
        layout = getattr(env.unwrapped, "observation_layout", None)
        base = layout.fields if layout is not None else (_one_field(box),)
        self.observation_layout = ObservationLayout((*base, *own))
        self.observation_space = self.observation_layout.space()
        self._base = np.zeros(box.shape, dtype=np.float32)
        self._set: list[int] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start an episode; the arguments are the environment's."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._base = np.asarray(observation, dtype=np.float32)
        self._set = []
        return self._observe(), {**info, "action_mask": self._look()}

    def step(
        self, action: Any
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Set the present knob.

        Raises
        ------
        InvalidValueError
            The knob has no such value; nothing has changed.
        """
        size = self._sizes[len(self._set)]
        if int(action) != action or not 0 <= action < size:
            raise InvalidValueError("action", action, f">= 0 and <= {size - 1}")
        chosen = [*self._set, int(action)]
        if len(chosen) < len(self._sizes):
            self._set = chosen
            info: dict[str, Any] = {"action_mask": self._look(), "evaluations": 0}
            return self._observe(), 0.0, False, False, info
        design = np.array(chosen, dtype=np.int64)
        observation, reward, terminated, truncated, info = self.env.step(design)
        self._base = np.asarray(observation, dtype=np.float32)
        self._set = []
        info = {**info, "action_mask": self._look()}
        return self._observe(), float(reward), terminated, truncated, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Values of the present knob, bool, shape (longest knob,)."""
        mask: npt.NDArray[np.bool_] = np.arange(self._values.n) < self._sizes[len(self._set)]
        return mask

    def _look(self) -> npt.NDArray[np.bool_]:
        """Bring the action space up to date; return the mask."""
        self._values.legal = self.action_masks()
        return self.action_masks()

    def _observe(self) -> npt.NDArray[np.float32]:
        observation = self.observation_layout.empty()
        observation[: len(self._base)] = self._base
        parts = self.observation_layout.split(observation)
        starts = np.cumsum([0, *self._sizes])
        for place, index in enumerate(self._set):
            parts["chosen"][starts[place] + index] = 1.0
        parts["position"][len(self._set)] = 1.0
        return observation


def _one_field(box: spaces.Box) -> Field:
    low, high = float(box.low.min()), float(box.high.max())
    return Field("observation", box.shape, "", low, high, "The environment's observation")
