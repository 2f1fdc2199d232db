"""Rows of several vector environments of one shape as one vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["MixtureVectorEnv", "make_mixture"]

Infos = dict[str, Any]


class MixtureVectorEnv(VectorEnv[Any, Any, Any]):
    """Steps vector environments side by side: first all rows of one, then those of the next.

    An agent that is trained in it learns from all of them in every update. They must have the same
    spaces and the same autoreset mode.

    Parameters
    ----------
    parts : sequence of VectorEnv
    """

    def __init__(self, parts: Sequence[VectorEnv[Any, Any, Any]]) -> None:
        first = parts[0]
        for part in parts:
            if part.single_observation_space != first.single_observation_space:
                raise InvalidValueError("parts", part, "environments of one shape")
        self.parts = list(parts)
        self.metadata = first.metadata
        self.num_envs = sum(part.num_envs for part in parts)
        self.single_observation_space = first.single_observation_space
        self.single_action_space = first.single_action_space
        self.observation_space = batch_space(first.single_observation_space, self.num_envs)
        self.action_space = batch_space(first.single_action_space, self.num_envs)
        self._ends = np.cumsum([part.num_envs for part in parts])[:-1]

    @property
    def observation_layout(self) -> Any:
        """The declared fields of one observation."""
        return self.parts[0].unwrapped.observation_layout  # type: ignore[attr-defined]

    @property
    def problems(self) -> list[Any]:
        """The present decision of each row."""
        return [view for part in self.parts for view in part.unwrapped.problems]  # type: ignore[attr-defined]

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Legal actions, bool, shape (N, actions)."""
        return np.concatenate([part.unwrapped.action_masks() for part in self.parts])  # type: ignore[attr-defined]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[np.float32], Infos]:
        """Start an episode in every row; a single seed counts up over the rows."""
        if seed is None:
            seed = [None] * self.num_envs
        elif isinstance(seed, int):
            seed = [seed + row for row in range(self.num_envs)]
        observations, infos, start = [], [], 0
        for part in self.parts:
            seeds: Any = list(seed[start : start + part.num_envs])
            found = part.reset(seed=seeds, options=options)
            observations.append(found[0])
            infos.append(found[1])
            start += part.num_envs
        return np.concatenate(observations), self._merged(infos)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, Infos]:
        """Take one decision in every row."""
        shares = np.split(np.asarray(actions), self._ends)
        steps = [part.step(share) for part, share in zip(self.parts, shares, strict=True)]
        columns = [np.concatenate([step[i] for step in steps]) for i in range(4)]
        return (
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            self._merged([step[4] for step in steps]),
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Close the parts."""
        for part in self.parts:
            part.close()

    def _merged(self, infos: Sequence[Infos]) -> Infos:
        """Infos of all rows; what a part lacks is zero there, and its mark says so."""
        counts = [part.num_envs for part in self.parts]
        return _merge(infos, counts)


def _merge(infos: Sequence[Infos], counts: Sequence[int]) -> Infos:
    merged: Infos = {}
    for key in dict.fromkeys(key for info in infos for key in info):
        values = [info.get(key) for info in infos]
        known = next(value for value in values if value is not None)
        if isinstance(known, dict):
            merged[key] = _merge([value or {} for value in values], counts)
            continue
        known = np.asarray(known)
        merged[key] = np.concatenate(
            [
                np.zeros((count, *known.shape[1:]), known.dtype) if value is None else value
                for value, count in zip(values, counts, strict=True)
            ]
        )
    return merged


def make_mixture(
    env_id: str, num_envs: int, scenarios: Sequence[str], **kwargs: Any
) -> VectorEnv[Any, Any, Any]:
    """Make the native environments of some scenarios, equally many rows of each, as one.

    Raises
    ------
    InvalidValueError
        `num_envs` is no multiple of the number of scenarios.
    """
    if num_envs % len(scenarios):
        raise InvalidValueError("num_envs", num_envs, f"a multiple of {len(scenarios)}")
    parts = [
        gym.make_vec(
            env_id,
            num_envs=num_envs // len(scenarios),
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            scenario=scenario,
            **kwargs,
        )
        for scenario in scenarios
    ]
    return parts[0] if len(parts) == 1 else MixtureVectorEnv(parts)
