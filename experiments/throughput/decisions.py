"""Decisions per second through `gymnasium.make` and `make_vec`, the choice of actions included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from chipgym.agents.core.policy import Policy
from chipgym.experiments.throughput.timing import measure_rate

__all__ = ["ENV_ID", "policy_rate", "scalar_rates", "vector_rates"]

ENV_ID = "chipgym/SocScheduling-v0"
Mask = npt.NDArray[np.bool_]
Actions = npt.NDArray[np.int64]


def scalar_rates(
    scenario: str, decisions: int, repeats: int, env_id: str = ENV_ID
) -> dict[str, Any]:
    """Decisions per second of one environment, the default observation built at each.

    Parameters
    ----------
    scenario : str
    decisions : int
        Decisions of a repeat; episodes are reset as they end.
    repeats : int
    env_id : str

    Returns
    -------
    dict
        Rates for taking always the first valid action, and for random valid actions.
    """
    draws = np.random.default_rng(0).random(decisions)

    def first(mask: Mask, step: int) -> int:
        return int(mask.argmax())

    def random(mask: Mask, step: int) -> int:
        valid = mask.nonzero()[0]
        return int(valid[int(draws[step] * len(valid))])

    env = gym.make(env_id, scenario=scenario)

    def run(choose: Callable[[Mask, int], int]) -> int:
        _, info = env.reset(seed=0)
        for step in range(decisions):
            _, _, terminated, truncated, info = env.step(choose(info["action_mask"], step))
            if terminated or truncated:
                _, info = env.reset()
        return decisions

    rates = {
        "first_valid": measure_rate(lambda: run(first), repeats).document(),
        "random_valid": measure_rate(lambda: run(random), repeats).document(),
    }
    env.close()
    return rates


def vector_rates(
    scenario: str, num_envs: int, decisions: int, repeats: int, env_id: str = ENV_ID
) -> dict[str, Any]:
    """Decisions per second of the native vector environment; as `scalar_rates`."""
    steps = max(decisions // num_envs, 1)
    rng = np.random.default_rng(0)

    def first(masks: Mask) -> Actions:
        chosen: Actions = np.argmax(masks, axis=1)
        return chosen

    def random(masks: Mask) -> Actions:
        # A random rotation, then the first valid one: every valid action has its chance.
        start = int(rng.integers(masks.shape[1]))
        rotated = np.concatenate((masks[:, start:], masks[:, :start]), axis=1)
        chosen: Actions = (np.argmax(rotated, axis=1) + start) % masks.shape[1]
        return chosen

    envs = gym.make_vec(
        env_id, num_envs=num_envs, vectorization_mode="vector_entry_point", scenario=scenario
    )

    def run(choose: Callable[[Mask], Actions]) -> int:
        _, infos = envs.reset(seed=0)
        for _ in range(steps):
            _, _, _, _, infos = envs.step(choose(infos["action_mask"]))
        return steps * num_envs

    rates = {
        "first_valid": measure_rate(lambda: run(first), repeats).document(),
        "random_valid": measure_rate(lambda: run(random), repeats).document(),
    }
    envs.close()
    return rates


def policy_rate(
    policy: Policy, scenario: str, num_envs: int, decisions: int, repeats: int
) -> dict[str, Any]:
    """Decisions per second of a policy in the native vector environment, both together.

    Parameters
    ----------
    policy : Policy
        Needs no problem views.
    scenario : str
    num_envs : int
        Streams that are scheduled at once; 1: a single one.
    decisions, repeats : int
    """
    steps = max(decisions // num_envs, 1)
    envs: Any = gym.make_vec(
        ENV_ID, num_envs=num_envs, vectorization_mode="vector_entry_point", scenario=scenario
    )

    def run() -> int:
        observations, _ = envs.reset(seed=0)
        policy.reset(num_envs, 0)
        for _ in range(steps):
            actions = policy.act(observations, envs.unwrapped.action_masks(), None)
            observations, *_ = envs.step(actions)
        return steps * num_envs

    rate = measure_rate(run, repeats).document()
    envs.close()
    return rate
