"""An environment of your own, held to the contract: ways of a cache for three applications.

Run it: ``python examples/own/own_environment.py`` checks it with the conformance suite, one call.
"""

import json

import gymnasium as gym
import numpy as np

from chipgym.envs.core.fields import Field, ObservationLayout
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.envs.core.testing import check_environment
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

APPS, WAYS, MOST = 3, 8, 5


class CachePartitionEnv(gym.Env):
    """Give eight cache ways, one a step, to three applications; each takes five at most."""

    metadata = {"render_modes": []}
    primary_metric = "misses_per_kilo_instruction"
    num_instances = 10
    simulator_version = "1"
    reference_policy = "random-search-100"

    def __init__(self, split="train"):
        self.split, self.instance_id = split, ""
        self.observation_layout = ObservationLayout(
            [
                Field("misses", (APPS,), "1/kilo-instruction", 0, 100, "With one way each"),
                Field("ways", (APPS,), "ways", 0, MOST, "Given so far"),
            ]
        )
        self.observation_space = self.observation_layout.space()
        self.action_space = LegalDiscrete(APPS)
        self.misses, self.ways = np.zeros(APPS), np.full(APPS, MOST)

    def reset(self, *, seed=None, options=None):
        """Draw the miss curves, or take those of test instance ``options["instance"]``."""
        index = (options or {}).get("instance")
        unknown = set(options or {}) - {"instance"}
        if unknown or not (index is None or index in range(self.num_instances)):
            raise InvalidValueError(
                "options", options, f"instance from 0 to {self.num_instances - 1}"
            )
        super().reset(seed=seed)
        rng = self.np_random if index is None else np.random.default_rng(index)
        self.instance_id = self.split if index is None else f"{self.split}-{index}"
        self.misses, self.ways = rng.uniform(5, 100, APPS), np.zeros(APPS, dtype=np.int64)
        return self._observe(), {"action_mask": self.action_masks(), "evaluations": 0}

    def step(self, action):
        """Give one way to an application."""
        if not (self.action_space.contains(action) and self.action_masks()[action]):
            raise InvalidValueError("action", action, "an application that may have another way")
        self.ways[action] += 1
        ended = bool(self.ways.sum() == WAYS)
        # The model: misses fall as one over the root of the ways, and no way costs the double.
        total = float((self.misses / np.sqrt(np.maximum(self.ways, 0.25))).sum())
        reward = -total / 100 if ended else 0.0
        info = {"reward_terms": {"misses": reward}, "evaluations": int(ended)}
        if ended:
            info["metrics"] = {self.primary_metric: total}
        return self._observe(), reward, ended, False, info | {"action_mask": self.action_masks()}

    def action_masks(self):
        """Which applications may have another way; nothing once all are given."""
        legal = (self.ways < MOST) & (self.ways.sum() < WAYS)
        self.action_space.legal = legal
        return legal

    def _observe(self):
        return np.concatenate([self.misses, self.ways]).astype(np.float32)

    def get_state(self):
        """Everything that decides the future."""
        random = self.np_random.bit_generator.state
        return json.dumps(
            [self.misses.tolist(), self.ways.tolist(), self.instance_id, random]
        ).encode()

    def set_state(self, state):
        """Continue from there."""
        try:
            misses, ways, self.instance_id, random = json.loads(state)
            self.misses, self.ways = np.array(misses), np.array(ways, dtype=np.int64)
            self.np_random.bit_generator.state = random
        except (ValueError, TypeError, KeyError) as error:
            raise FileFormatError("state", str(error)) from error


gym.register("own/CachePartition-v0", entry_point=CachePartitionEnv)

if __name__ == "__main__":
    check_environment(CachePartitionEnv, skip=["rendering", "processes"])
    print("the environment keeps the contract")
