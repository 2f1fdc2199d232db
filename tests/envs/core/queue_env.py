"""A small contract-following environment to hold the conformance suite against.

One machine, a handful of jobs: choose which job runs next; the metric is the mean flow time.
"""

from __future__ import annotations

import json
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from pettingzoo import ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec

from chipgym.envs.core.fields import Field, ObservationLayout
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

JOBS = 6
LONGEST_US = 20


class QueueEnv(gym.Env[Any, Any]):
    """Single-machine scheduling with `JOBS` jobs."""

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}
    primary_metric = "mean_flow_time_us"
    num_instances = 5

    def __init__(self, render_mode: str | None = None, scenario: str = "plain") -> None:
        if scenario not in ("plain", "slow"):
            raise UnknownNameError("scenario", scenario, ["plain", "slow"])
        self.render_mode = render_mode
        self.factor = 2 if scenario == "slow" else 1
        self.observation_layout = ObservationLayout(
            [
                Field("durations", (JOBS,), "us", 0, 2 * LONGEST_US, "Duration of each job."),
                Field("waiting", (JOBS,), "1", 0, 1, "1 while a job waits."),
                Field("now", (), "us", 0, 2 * JOBS * LONGEST_US, "Time."),
            ]
        )
        self.observation_space = self.observation_layout.space()
        self.action_space = spaces.Discrete(JOBS)
        self._durations = np.zeros(JOBS, dtype=np.int64)
        self._waiting = np.zeros(JOBS, dtype=bool)
        self._now = 0
        self.instance_id = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        instance = self._chosen(options or {})
        super().reset(seed=seed)
        rng = self.np_random if instance is None else np.random.default_rng(instance)
        self.instance_id = "random" if instance is None else f"fixed-{instance}"
        self._durations = self.factor * rng.integers(1, LONGEST_US, JOBS)
        self._waiting = np.ones(JOBS, dtype=bool)
        self._now = 0
        self._total = 0
        return self._observation(), {"action_mask": self.action_masks(), "evaluations": 0}

    def _chosen(self, options: dict[str, Any]) -> int | None:
        for name in options:
            if name != "instance":
                raise UnknownNameError("option", name, ["instance"])
        instance = options.get("instance")
        valid = isinstance(instance, int) and 0 <= instance < self.num_instances
        if instance is not None and not valid:
            raise InvalidValueError("instance", instance, f">= 0 and < {self.num_instances}")
        return instance

    def step(self, action: Any) -> Any:
        if not 0 <= action < JOBS or not self._waiting[action]:
            raise InvalidValueError("action", action, "a waiting job")
        jobs_left = int(self._waiting.sum())
        duration = int(self._durations[action])
        self._now += duration
        self._waiting[action] = False
        self._total += duration * jobs_left
        reward = -duration * jobs_left / (JOBS * LONGEST_US)
        ended = not self._waiting.any()
        info: dict[str, Any] = {
            "action_mask": self.action_masks(),
            "reward_terms": {"flow_time": reward},
            "evaluations": int(ended),
        }
        if ended:
            info["metrics"] = {"mean_flow_time_us": self._total / JOBS}
        return self._observation(), reward, ended, False, info

    def action_masks(self) -> Any:
        return self._waiting.copy()

    def _observation(self) -> Any:
        observation = self.observation_layout.empty()
        blocks = self.observation_layout.split(observation)
        blocks["durations"][:] = self._durations
        blocks["waiting"][:] = self._waiting
        blocks["now"][...] = self._now
        return observation

    def get_state(self) -> bytes:
        state = {
            "durations": self._durations.tolist(),
            "waiting": self._waiting.tolist(),
            "now": self._now,
            "total": self._total,
            "instance_id": self.instance_id,
            "random": self.np_random.bit_generator.state,
        }
        return json.dumps(state).encode()

    def set_state(self, state: bytes) -> None:
        try:
            fields = json.loads(state)
        except (ValueError, UnicodeDecodeError) as error:
            raise FileFormatError("state", str(error)) from error
        self._durations = np.array(fields["durations"])
        self._waiting = np.array(fields["waiting"])
        self._now, self._total = fields["now"], fields["total"]
        self.instance_id = fields["instance_id"]
        self.np_random.bit_generator.state = fields["random"]

    def render(self) -> Any:
        if self.render_mode == "ansi":
            return f"{self._now} us, waiting: {np.flatnonzero(self._waiting)}"
        image = np.full((10, 10 * JOBS, 3), 255, dtype=np.uint8)
        image[:, ::10] = 0
        return image


class QueueVectorEnv(VectorEnv[Any, Any, Any]):
    """The same, a batch at a time."""

    scalar_class: type[QueueEnv] = QueueEnv

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        **kwargs: Any,
    ) -> None:
        self.num_envs = num_envs
        self.envs = [self.scalar_class(**kwargs) for _ in range(num_envs)]
        self.metadata = {**QueueEnv.metadata, "autoreset_mode": autoreset_mode}
        self.mode = autoreset_mode
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.ended = np.zeros(num_envs, dtype=bool)
        self.observations = np.zeros((num_envs, *self.single_observation_space.shape), np.float32)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        rest = dict(options or {})
        chosen = rest.pop("reset_mask", np.ones(self.num_envs, dtype=bool))
        infos: dict[str, Any] = {}
        for index in np.flatnonzero(chosen):
            own = None if seed is None else int(seed) + int(index)
            self.observations[index], info = self.envs[index].reset(seed=own, options=rest)
            infos = self._add_info(infos, info, index)
            self.ended[index] = False
        return self.observations.copy(), infos

    def step(self, actions: Any) -> Any:
        infos: dict[str, Any] = {}
        rewards = np.zeros(self.num_envs)
        ends = np.zeros(self.num_envs, dtype=bool)
        for index, env in enumerate(self.envs):
            if self.ended[index] and self.mode == AutoresetMode.NEXT_STEP:
                self.observations[index], info = env.reset()
            else:
                out = env.step(actions[index])
                self.observations[index], rewards[index], ends[index], _, info = out
                if ends[index] and self.mode == AutoresetMode.SAME_STEP:
                    final = {"final_obs": out[0], "final_info": info}
                    infos = self._add_info(infos, final, index)
                    self.observations[index], info = env.reset()
            infos = self._add_info(infos, info, index)
        self.ended = ends.copy()
        return self.observations.copy(), rewards, ends, np.zeros_like(ends), infos

    def action_masks(self) -> Any:
        return np.stack([env.action_masks() for env in self.envs])


class QueueParallelEnv(ParallelEnv[str, Any, int]):
    """Two agents own half of the jobs each and offer one or pass; the lower offer runs."""

    metadata = {"render_modes": ["ansi", "rgb_array"], "name": "queue_v0"}
    env_class: type[QueueEnv] = QueueEnv

    def __init__(self, **kwargs: Any) -> None:
        self.core = self.env_class(**kwargs)
        self.render_mode = kwargs.get("render_mode")
        self.possible_agents = ["half_0", "half_1"]
        self.agents: list[str] = []
        width = JOBS // 2 + 1
        flat = self.core.observation_space
        self._actions = {agent: spaces.Discrete(width) for agent in self.possible_agents}
        self._spaces = {
            agent: spaces.Dict({"observation": flat, "action_mask": spaces.MultiBinary(width)})
            for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> Any:
        return self._spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self._actions[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        observation, _ = self.core.reset(seed=seed, options=options)
        self.agents = list(self.possible_agents)
        return self._observe(observation), {agent: {} for agent in self.agents}

    def _masks(self) -> dict[str, Any]:
        waiting = self.core.action_masks().reshape(2, -1)
        # Who owns the first waiting job must offer, so that something runs in every cycle.
        first = 0 if waiting[0].any() else 1
        return {
            agent: np.append(waiting[index], index != first).astype(np.int8)
            for index, agent in enumerate(self.possible_agents)
        }

    def _observe(self, observation: Any) -> dict[str, Any]:
        masks = self._masks()
        return {
            agent: {"observation": observation.copy(), "action_mask": masks[agent]}
            for agent in self.agents
        }

    def step(self, actions: Any) -> Any:
        masks = self._masks()
        for agent, action in actions.items():
            if not masks[agent][action]:
                raise InvalidValueError(agent, action, "an action that the mask allows")
        half = JOBS // 2
        offers = [
            i * half + int(actions[a]) for i, a in enumerate(self.agents) if actions[a] < half
        ]
        observation, reward, ended, _, info = self.core.step(min(offers))
        names = list(self.agents)
        observations = self._observe(observation)
        if ended:
            self.agents = []
        return (
            observations,
            dict.fromkeys(names, reward),
            dict.fromkeys(names, ended),
            dict.fromkeys(names, False),
            {name: {"metrics": info.get("metrics", {})} for name in names},
        )

    def render(self) -> Any:
        return self.core.render()

    def close(self) -> None:
        pass


def parallel_env(**kwargs: Any) -> QueueParallelEnv:
    return QueueParallelEnv(**kwargs)


def env(**kwargs: Any) -> Any:
    return parallel_to_aec(QueueParallelEnv(**kwargs))


if "chipgym-tests/Queue-v0" not in gym.registry:
    gym.register(
        "chipgym-tests/Queue-v0",
        entry_point="queue_env:QueueEnv",
        vector_entry_point="queue_env:QueueVectorEnv",
    )
