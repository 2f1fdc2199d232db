"""An environment whose actions harm: it spins, hoards memory, dies, or gives another result."""

from __future__ import annotations

import os
import time
from typing import Any

import gymnasium
import numpy as np

FINE, SPIN, HOARD, DIE, RANDOM = range(5)


class HostileEnv(gymnasium.Env[np.ndarray, int]):
    """One step an episode; its metric is the number of the instance."""

    metadata = {"render_modes": []}
    primary_metric = "cost_pj"
    lower_is_better = True
    reference_policy = "hostile_env:Fine"
    simulator_version = os.environ.get("HOSTILE_VERSION", "1")
    num_instances = 9

    def __init__(self, split: str = "train") -> None:
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(5)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.instance = int((options or {}).get("instance", 0))
        return np.zeros(1, np.float32), {"action_mask": self.action_masks()}

    def action_masks(self) -> np.ndarray:
        """Only the harmless action is drawn."""
        return np.arange(5) == FINE

    @property
    def instance_id(self) -> str:
        return f"hostile-{self.instance}"

    def step(self, action: int) -> Any:
        cost = 1.0 + self.instance
        while action == SPIN:
            pass
        if action == HOARD:
            # Address space only: the pages are never touched.
            self.hoard = [np.empty(1 << 27) for _ in range(1000)]
        if action == DIE:
            os.abort()
        if action == RANDOM:
            cost += time.perf_counter() % 1.0
        if self.simulator_version != "1":
            cost *= 2.0
        info: dict[str, Any] = {"evaluations": 1, "metrics": {"cost_pj": cost}}
        info["action_mask"] = self.action_masks()
        return np.zeros(1, np.float32), -cost, True, False, info


class Fine:
    """Always the harmless action."""

    name = "fine"

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing to reset."""

    def act(self, observations: Any, masks: Any, problems: Any) -> list[int]:
        """Choose the harmless action."""
        return [FINE] * len(observations)


if "hostile/Env-v0" not in gymnasium.registry:
    gymnasium.register("hostile/Env-v0", entry_point=HostileEnv, disable_env_checker=True)
