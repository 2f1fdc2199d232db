"""A one-shot design environment with a known optimum: six knobs, of which the last does nothing.

The metric is a cost in pJ, 1 at the optimum. A design with a zero first knob and a top second one
cannot be simulated; knob three at its top makes the simulation fail.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, SimulationError

SIZES = np.array([4, 5, 6, 4, 8, 3])


class DesignEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """One step a design."""

    metadata = {"render_modes": []}
    primary_metric = "energy_pj"
    lower_is_better = True
    reference_policy = "random-search-100"
    simulator_version = "fake-1"
    num_instances = 20
    simulations = 0

    def __init__(self, split: str = "train", steps: int = 1, vectors: bool = True) -> None:
        self.split, self.steps, self.vectors = split, steps, vectors
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gymnasium.spaces.MultiDiscrete(SIZES)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.instance = int((options or {}).get("instance", 0))
        rng = np.random.default_rng([self.split == "test", self.instance])
        self.target = rng.integers(SIZES - 1)
        self.taken = 0
        return np.zeros(1, np.float32), {"evaluations": 0}

    @property
    def instance_id(self) -> str:
        return f"{self.split}-{self.instance}"

    def step(self, action: np.ndarray) -> Any:
        if action[0] == 0 and action[1] == SIZES[1] - 1:
            raise InvalidValueError("action", action.tolist(), "not both knobs at these ends")
        self.taken += 1
        self.simulations += 1
        if action[3] == SIZES[3] - 1:
            raise SimulationError("stuck")
        gaps = np.abs(action - self.target)[:-1] / (SIZES - 1)[:-1]
        metrics = {"energy_pj": 1.0 + 9.0 * float(gaps.sum()), "area": float("nan")}
        vector = (-metrics["energy_pj"], float(action[0]))
        info: dict[str, Any] = {"evaluations": 1, "metrics": metrics}
        if self.vectors:
            info["reward_vector"] = np.array(vector)
        info["design_key"] = "-".join(map(str, action[:-1]))
        ended = self.taken == self.steps
        return np.zeros(1, np.float32), -metrics["energy_pj"] / 10.0, ended, False, info


class SafeDesignEnv(DesignEnv):
    """Every design can be simulated; of the `steps` designs of an episode the best counts."""

    def step(self, action: np.ndarray) -> Any:
        best = self.best if self.taken else np.inf
        safe = np.minimum(action, [3, 3, 5, 2, 7, 2])
        observation, reward, ended, truncated, info = super().step(safe)
        self.best = min(best, info["metrics"]["energy_pj"])
        info["metrics"]["energy_pj"] = self.best
        info["evaluations"] = self.taken
        return observation, reward, ended, truncated, info


for name, entry in (("fakes/Design-v0", DesignEnv), ("fakes/SafeDesign-v0", SafeDesignEnv)):
    if name not in gymnasium.registry:
        gymnasium.register(name, entry_point=entry, disable_env_checker=True)
