"""Frames per second of training, and how much of the time the environment takes."""

from __future__ import annotations

import time
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from chipgym.experiments.throughput.decisions import ENV_ID

__all__ = ["measure_training"]

ALGORITHM = "maskable_ppo"


class StopwatchVectorEnv(VectorWrapper[Any, Any, Any, Any, Any]):
    """Adds up the CPU time that a vector environment takes."""

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        self.cpu_s = 0.0

    def __getattr__(self, name: str) -> Any:
        """Pass on what the interface does not have: masks, problems, the observation's layout."""
        return getattr(self.env, name)

    def step(self, actions: Any) -> Any:
        """Step, and add the time."""
        begin = time.process_time()
        result = self.env.step(actions)
        self.cpu_s += time.process_time() - begin
        return result

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        """Reset, and add the time."""
        begin = time.process_time()
        result = self.env.reset(seed=seed, options=options)
        self.cpu_s += time.process_time() - begin
        return result


def measure_training(scenario: str, steps: int) -> dict[str, Any]:
    """Train the suite's MaskablePPO with its default hyperparameters, and time it.

    Parameters
    ----------
    scenario : str
    steps : int
        Environment steps, all copies together.

    Returns
    -------
    dict
        ``frames_per_s`` and ``frames_per_cpu_s`` (environment steps per second of wall and of CPU
        time; PyTorch has one thread), and ``environment_share`` (of the CPU time).
    """
    from chipgym.agents.sb3.train import train_agent

    stopwatches: list[StopwatchVectorEnv] = []

    def make(num_envs: int) -> VectorEnv[Any, Any, Any]:
        envs = gym.make_vec(
            ENV_ID,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            scenario=scenario,
            split="train",
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        stopwatches.append(StopwatchVectorEnv(envs))
        return stopwatches[-1]

    begin, cpu_begin = time.perf_counter(), time.process_time()
    result = train_agent(ALGORITHM, make, steps, seed=0)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    return {
        "algorithm": ALGORITHM,
        "steps": result.steps,
        "num_envs": stopwatches[-1].num_envs,
        "frames_per_s": round(result.steps / wall_s, 1),
        "frames_per_cpu_s": round(result.steps / cpu_s, 1),
        "environment_share": round(stopwatches[-1].cpu_s / cpu_s, 4),
    }
