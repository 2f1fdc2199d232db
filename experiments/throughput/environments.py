"""Steps per second of any environment under random legal actions."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from chipgym.experiments.throughput.timing import measure_rate

__all__ = ["scalar_rate", "vector_rate"]


def scalar_rate(env_id: str, steps: int, repeats: int, **kwargs: Any) -> dict[str, float]:
    """Steps per second of one environment; episodes are reset as they end.

    Parameters
    ----------
    env_id : str
    steps : int
        Steps of a repeat.
    repeats : int
    **kwargs
        Arguments of the environment.
    """
    env = gym.make(env_id, disable_env_checker=True, **kwargs)
    env.reset(seed=0)
    env.action_space.seed(0)

    def play() -> int:
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        return steps

    try:
        return measure_rate(play, repeats).document()
    finally:
        env.close()


def vector_rate(
    env_id: str, num_envs: int, steps: int, repeats: int, **kwargs: Any
) -> dict[str, float]:
    """Steps per second, of all rows together, of the native vector environment."""
    envs = gym.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **kwargs,
    )
    envs.reset(seed=0)
    envs.action_space.seed(0)
    rounds = max(1, steps // num_envs)

    def play() -> int:
        for _ in range(rounds):
            envs.step(envs.action_space.sample())
        return rounds * num_envs

    try:
        return measure_rate(play, repeats).document()
    finally:
        envs.close()
