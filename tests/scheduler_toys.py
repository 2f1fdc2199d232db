"""What the tests of learned schedulers share: environments, views and small agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode

from chipgym.agents.core.policy import Policy
from chipgym.agents.core.settings import make_settings
from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent
from chipgym.agents.papers.scarl.agent import ScarlAgent
from chipgym.agents.papers.scheduling.names import (
    ALGORITHMS,
)
from chipgym.agents.papers.socrates.agent import SocratesAgent, SocratesSizes

ORDERING, MAPPING = "chipgym/SocTaskOrdering-v0", "chipgym/SocTaskMapping-v0"
FORMS = {"deepsocs": ORDERING, "socrates": MAPPING, "scarl": MAPPING}
SMALL: dict[str, dict[str, Any]] = {
    "deepsocs": {"num_envs": 4},
    "socrates": {"hidden": (16,), "estimates": True, "learning": {"num_envs": 4}},
    "scarl": {"width": 8, "learning": {"num_envs": 4}},
}


def factory(env_id: str, scenario: str = "canonical", **kwargs: Any) -> Callable[[int], Any]:
    def make(num_envs: int) -> Any:
        return gym.make_vec(
            env_id,
            num_envs=num_envs,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.SAME_STEP,
            scenario=scenario,
            **kwargs,
        )

    return make


def scalar(env_id: str, scenario: str = "canonical", **kwargs: Any) -> Any:
    return gym.make(env_id, scenario=scenario, **kwargs).unwrapped


def views(env_id: str, count: int, scenario: str = "canonical") -> list[Any]:
    """Views of the decisions of an episode played at random."""
    env = scalar(env_id, scenario)
    env.reset(seed=1)
    env.action_space.seed(0)
    seen = []
    for _ in range(count):
        seen.append(env.problem)
        env.step(env.action_space.sample())
    return seen


def build(algorithm: str, problem: Any, **changes: Any) -> Any:
    settings = make_settings(ALGORITHMS[algorithm], {**SMALL[algorithm], **changes})
    if algorithm == "deepsocs":
        return DeepSocsAgent(settings, 3)
    if algorithm == "scarl":
        return ScarlAgent(settings, 3)
    return SocratesAgent(SocratesSizes.of(problem, settings), settings, 3)


def scores(agent: Any, problems: list[Any]) -> torch.Tensor:
    with torch.no_grad():
        logs: torch.Tensor = agent.evaluate([agent.observe(view) for view in problems])[0]
    return logs


def mean_cost(policy: Policy, env_id: str, num_jobs: int, instances: int = 25) -> float:
    """Mean cost in units of ETF's on test instances."""
    env, costs = scalar(env_id, split="test", num_jobs=num_jobs), []
    for instance in range(instances):
        policy.reset(1, instance)
        observation, info = env.reset(options={"instance": instance})
        done = False
        while not done:
            action = policy.act(observation[None], info["action_mask"][None], [env.problem])[0]
            observation, _, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        costs.append(info["metrics"]["cost_vs_etf"])
    return float(np.mean(costs))
