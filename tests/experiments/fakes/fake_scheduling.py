"""A two-machine scheduling environment, policies and a trainer: small, but they keep the contract.

Jobs arrive one after the other; each is placed on one of two machines of different speed, some on
one of them only. The metric is the mean latency in µs.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

SCENARIOS = {"light": 9.0, "heavy": 5.0, "noisy": 6.0}
MACHINES = 2


class QueueEnv(gymnasium.Env[np.ndarray, int]):
    """One decision a job: which machine."""

    metadata = {"render_modes": []}
    primary_metric = "mean_latency_us"
    lower_is_better = True
    reference_policy = "fake_scheduling:Greedy"
    simulator_version = "fake-1"
    num_instances = 50

    def __init__(
        self,
        scenario: str = "heavy",
        split: str = "train",
        objective: str = "latency",
        num_jobs: int = 12,
        step_s: float = 0.0,
    ) -> None:
        if scenario not in SCENARIOS:
            raise UnknownNameError("scenario", scenario, SCENARIOS)
        self.gap_us, self.split, self.num_jobs, self.step_s = (
            SCENARIOS[scenario],
            split,
            num_jobs,
            step_s,
        )
        self.observation_space = gymnasium.spaces.Box(0.0, np.inf, (2 * MACHINES,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(MACHINES)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        if options and "instance" in options:
            self.instance = int(options["instance"])
        else:
            self.instance = int(self.np_random.integers(self.num_instances))
        rng = np.random.default_rng([self.split == "test", self.instance])
        self.arrival = np.cumsum(np.round(rng.exponential(self.gap_us, self.num_jobs), 3))
        self.duration = np.round(rng.uniform(4, 14, (self.num_jobs, MACHINES)), 3)
        self.valid = rng.random((self.num_jobs, MACHINES)) < 0.8
        self.valid[~self.valid.any(axis=1), 0] = True
        self.free = np.zeros(MACHINES)
        self.actions: list[int] = []
        self.rows: list[dict[str, float]] = []
        return self._observation(), {"action_mask": self.action_masks()}

    @property
    def instance_id(self) -> str:
        return f"{self.split}-{self.instance}"

    @property
    def problem(self) -> SimpleNamespace:
        k = min(len(self.actions), self.num_jobs - 1)
        start = np.maximum(self.free, self.arrival[k])
        finish = np.where(self.valid[k], start + self.duration[k] - self.arrival[k], np.inf)
        return SimpleNamespace(finish_us=finish)

    def action_masks(self) -> np.ndarray:
        return self.valid[min(len(self.actions), self.num_jobs - 1)].copy()

    def step(self, action: int) -> Any:
        time.sleep(self.step_s)
        if not self.action_masks()[action]:
            raise InvalidValueError("action", int(action), "an action that is not masked")
        job = len(self.actions)
        start = max(self.free[action], self.arrival[job])
        finish = start + self.duration[job, action]
        self.free[action] = finish
        self.actions.append(int(action))
        self.rows.append(
            {
                "job": job,
                "app": 0,
                "task": 0,
                "pe": int(action),
                "ready_us": float(self.arrival[job]),
                "start_us": float(start),
                "finish_us": float(finish),
            }
        )
        latency = float(finish - self.arrival[job])
        done = len(self.actions) == self.num_jobs
        info: dict[str, Any] = {
            "action_mask": self.action_masks(),
            "reward_terms": {"latency": -latency / 100},
            "evaluations": int(done),
        }
        if done:
            latencies = [row["finish_us"] - row["ready_us"] for row in self.rows]
            info["metrics"] = {
                "mean_latency_us": float(np.mean(latencies)),
                "makespan_us": float(self.free.max()),
                "energy_j": float(self.duration.sum() * 1e-6 / 3),
                "completed_jobs": float(self.num_jobs),
            }
        return self._observation(), -latency / 100, done, False, info

    def schedule(self) -> dict[str, list[float]]:
        return {name: [row[name] for row in self.rows] for name in self.rows[0]}

    def _observation(self) -> np.ndarray:
        k = min(len(self.actions), self.num_jobs - 1)
        backlog = np.maximum(self.free - self.arrival[k], 0)
        return np.concatenate([self.duration[k], backlog]).astype(np.float32)


class Greedy:
    """Earliest finish."""

    name = "greedy"

    def reset(self, num_envs: int, seed: int) -> None:
        self.num_envs = num_envs

    def act(self, observations: Any, masks: Any, problems: Any) -> np.ndarray:
        return np.array([int(problem.finish_us.argmin()) for problem in problems])


class Biased(Greedy):
    """Earliest finish, after adding a fixed penalty to the second machine."""

    name = "biased"

    def __init__(self, penalty_us: float = 0.0) -> None:
        self.penalty_us = penalty_us

    def act(self, observations: Any, masks: Any, problems: Any) -> np.ndarray:
        penalty = np.array([0.0, self.penalty_us])
        return np.array([int((problem.finish_us + penalty).argmin()) for problem in problems])

    def save(self, path: str | os.PathLike[str]) -> None:
        Path(path).write_text(json.dumps({"penalty_us": self.penalty_us}))


class KilledOnce(Greedy):
    """Kills its own process at the third episode, the first time; then behaves."""

    def __init__(self, marker: str) -> None:
        self.marker, self.episodes = Path(marker), 0

    def reset(self, num_envs: int, seed: int) -> None:
        self.episodes += 1
        if self.episodes == 3 and not self.marker.exists():
            self.marker.write_text("died")
            os.kill(os.getpid(), signal.SIGKILL)


class AlwaysKilled(Greedy):
    """Kills its own process at once."""

    def reset(self, num_envs: int, seed: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Failing(Greedy):
    """Raises in its first episode, as the given exception."""

    def __init__(self, kind: str = "RuntimeError") -> None:
        self.kind = kind

    def reset(self, num_envs: int, seed: int) -> None:
        if self.kind == "full-disk":
            raise OSError(28, "No space left on device")
        raise RuntimeError("this policy always fails")


class Broken(Greedy):
    """Has a defect."""

    def act(self, observations: Any, masks: Any, problems: Any) -> Any:
        raise ZeroDivisionError("a defect")


gymnasium.register("fakes/Queue-v0", entry_point=QueueEnv)


def train_biased(
    env_factory: Any,
    total_steps: int,
    seed: int,
    hyperparams: Any = None,
    callback: Any = None,
    evaluate: Any = None,
    record_every: int = 1,
) -> SimpleNamespace:
    """A trainer with the signature that the harness asks for: the penalty shrinks with steps."""
    if "log" in (hyperparams or {}):
        with Path(hyperparams["log"]).open("a") as log:
            log.write(f"{seed}\n")
    env_factory(2).close()
    policy = Biased()
    for steps in range(record_every, total_steps + 1, record_every):
        policy.penalty_us = (seed + 1) * 40.0 / steps
        record = {"steps": float(steps), "episodes": 1.0}
        found = evaluate(policy)
        callback({**record, **{f"evaluation/{name}": value for name, value in found.items()}})

    def save(folder: str | os.PathLike[str]) -> None:
        policy.__class__.save(policy, Path(folder) / "policy.json")

    return SimpleNamespace(policy=SimpleNamespace(save=save), steps=total_steps)


def train_counting(env_factory: Any, total_steps: int, seed: int, **rest: Any) -> SimpleNamespace:
    """Like `train_biased`, five evaluations an episode; seven more chose the policy."""
    tell, spent = rest.pop("callback"), 0

    def callback(record: dict[str, float]) -> None:
        nonlocal spent
        spent += 5
        tell({**record, "evaluations": float(spent)})

    result = train_biased(env_factory, total_steps, seed, callback=callback, **rest)
    result.evaluations = spent + 7
    return result


def load_policy(folder: str | os.PathLike[str]) -> Biased:
    """Load what `train_biased` saved."""
    return Biased(**json.loads((Path(folder) / "policy.json").read_text()))
