"""A wrapper for the fake scheduling environment: the machines change places."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from chipgym.experiments.suite import WRAPPERS


class Mirrored(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Action 0 is the last machine."""

    def reset(self, **kwargs: Any) -> Any:
        observation, info = self.env.reset(**kwargs)
        return observation, info | {"action_mask": info["action_mask"][::-1]}

    def step(self, action: Any) -> Any:
        last = int(self.env.action_space.n) - 1  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, info = self.env.step(last - int(action))
        info |= {"action_mask": info["action_mask"][::-1]}
        return observation, reward, terminated, truncated, info

    def action_masks(self) -> Any:
        return self.env.get_wrapper_attr("action_masks")()[::-1]


WRAPPERS["mirrored"] = ("fake_wrappers:Mirrored", None)


class First:
    """Always the first machine that is allowed: with mirrored actions, the last one."""

    name = "first"

    def reset(self, num_envs: int, seed: int) -> None:
        pass

    def act(self, observations: Any, masks: Any, problems: Any) -> Any:
        return np.argmax(masks, axis=1)
