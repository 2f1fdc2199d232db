"""A small scheduling environment with the interface that the agents rely on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

SLOTS, PES, TASKS = 3, 2, 12
PAIRS = SLOTS * PES


def _field(name: str, shape: tuple[int, ...], start: int) -> Any:
    return SimpleNamespace(name=name, shape=shape, slice=slice(start, start + int(np.prod(shape))))


class QueueEnv(gym.Env[Any, Any]):
    """Twelve tasks, all there at once, three visible, two PEs: the cost of a task is its finish.

    Action slot * 2 + pe assigns, action 6 waits for one time unit. Every fourth task runs on PE 0
    only. Episodes that wait too often are truncated.
    """

    observation_layout = SimpleNamespace(
        fields=(
            _field("globals", (2,), 0),
            _field("pairs", (SLOTS, PES, 2), 2),
            _field("tasks", (SLOTS, 2), 2 + PAIRS * 2),
            _field("pes", (PES, 1), 2 + PAIRS * 2 + SLOTS * 2),
        )
    )

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-10.0, 10.0, (2 + PAIRS * 2 + SLOTS * 2 + PES,))
        self.action_space = spaces.Discrete(PAIRS + 1)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.times = self.np_random.integers(1, 6, size=(TASKS, PES)).astype(np.float64)
        self.times[::4, 1] = np.inf
        self.left = list(range(TASKS))
        self.free = np.zeros(PES)
        self.waited = 0
        self.total = 0.0
        return self._observation(), {}

    def action_masks(self) -> np.ndarray:
        mask = np.zeros(PAIRS + 1, dtype=bool)
        visible = self.left[:SLOTS]
        mask[: len(visible) * PES] = np.isfinite(self.times[visible]).ravel()
        mask[PAIRS] = True
        return mask

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.action_masks()[action]:
            raise ValueError(f"masked action {action}")
        cost = 1.0
        if action == PAIRS:
            self.free = np.maximum(self.free - 1.0, 0.0)
            self.waited += 1
        else:
            slot, pe = divmod(int(action), PES)
            self.free[pe] += self.times[self.left.pop(slot), pe]
            cost = self.free[pe]
        self.total += cost
        done, cut = not self.left, self.waited > 30
        info = {"metrics": {"total_cost": self.total}, "evaluations": 1} if done or cut else {}
        return self._observation(), -cost / 20.0, done, cut and not done, info

    def _observation(self) -> np.ndarray:
        pairs = np.zeros((SLOTS, PES, 2))
        tasks = np.zeros((SLOTS, 2))
        for slot, task in enumerate(self.left[:SLOTS]):
            usable = np.isfinite(self.times[task])
            pairs[slot, :, 0] = np.where(usable, self.times[task] + self.free, 100.0) / 10.0
            pairs[slot, :, 1] = usable
            tasks[slot] = 1.0, task / TASKS
        parts = ([len(self.left) / TASKS, self.waited / 30.0], pairs, tasks, self.free / 10.0)
        flat = np.concatenate([np.ravel(part) for part in parts])
        return flat.clip(-10.0, 10.0).astype(np.float32)


@pytest.fixture
def make_env() -> Callable[[], QueueEnv]:
    return QueueEnv


@pytest.fixture
def make_envs() -> Callable[..., Any]:
    def make(num_envs: int, mode: AutoresetMode = AutoresetMode.SAME_STEP) -> Any:
        return SyncVectorEnv([QueueEnv] * num_envs, autoreset_mode=mode)

    return make
