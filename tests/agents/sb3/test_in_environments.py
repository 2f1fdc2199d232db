"""The pair policy and the adapter on the real environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.registry import make_policy
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.policy import load_policy
from chipgym.agents.sb3.train import train_agent

IDS = ["chipgym/SocScheduling-v0", "chipgym/SocTaskMapping-v0", "chipgym/SocTaskOrdering-v0"]
SMALL = {"n_steps": 64, "batch_size": 64, "n_epochs": 1, "keep_best": 2}


def make_envs(
    env_id: str,
    num_envs: int,
    mode: AutoresetMode = AutoresetMode.SAME_STEP,
    scenario: str = "canonical",
) -> Any:
    return gym.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        scenario=scenario,
        num_jobs=5,
        autoreset_mode=mode,
    )


@pytest.mark.parametrize("env_id", IDS)
def test_both_autoreset_modes_give_the_same_transitions(env_id: str) -> None:
    modes = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
    pair = [VectorEnvAdapter(make_envs(env_id, 3, mode)) for mode in modes]
    for envs in pair:
        envs.seed(2)
    np.testing.assert_array_equal(pair[0].reset(), pair[1].reset())
    policy = make_policy("random")
    policy.reset(3, 0)
    ended = 0
    for _ in range(200):
        actions = policy.act(np.zeros((3, 1)), pair[0].action_masks(), None)
        one, two = (envs.step(actions) for envs in pair)
        for a, b in zip(one[:3], two[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(one[3], two[3], strict=True):
            assert a.get("metrics") == b.get("metrics")
            assert a.get("evaluations") == b.get("evaluations")
            np.testing.assert_array_equal(
                a.get("terminal_observation"), b.get("terminal_observation")
            )
            ended += "metrics" in a
    assert ended >= 6


@pytest.mark.parametrize("env_id", IDS)
def test_the_shipped_settings_train_save_and_replay(tmp_path: Path, env_id: str) -> None:
    values = load_hyperparameters("maskable_ppo", env_id, "canonical").values | SMALL
    assert values["policy"] == "pair"
    result = train_agent("maskable_ppo", lambda n: make_envs(env_id, n), 500, 0, values, num_envs=4)
    assert any(record.get("mean_latency_us", 0) > 0 for record in result.curve)
    result.policy.save(tmp_path)
    loaded = load_policy(tmp_path)
    env: Any = gym.make(env_id, scenario="canonical", split="test", num_jobs=5)
    played = []
    for policy in (result.policy, loaded):
        observation, info = env.reset(seed=0, options={"instance": 1})
        policy.reset(1, 0)
        done = False
        while not done:
            action = policy.act(observation[None], info["action_mask"][None], None)[0]
            observation, _, done, _, info = env.step(action)
        played.append((list(env.unwrapped.actions), info["metrics"]))
    assert played[0] == played[1]


@pytest.mark.parametrize("algorithm", ["ppo", "a2c", "dqn"])
def test_algorithms_without_masks_train_too(algorithm: str) -> None:
    values = load_hyperparameters(algorithm, IDS[0], "canonical").values
    result = train_agent(algorithm, lambda n: make_envs(IDS[0], n), 300, 0, values, num_envs=2)
    env: Any = gym.make(IDS[0], scenario="canonical", num_jobs=5)
    observation, info = env.reset(seed=0)
    done = False
    while not done:
        action = result.policy.act(observation[None], info["action_mask"][None], None)[0]
        observation, _, done, _, info = env.step(action)
    assert info["metrics"]["completed_jobs"] == 5


def test_a_strong_prior_starts_as_earliest_task_first() -> None:
    """The untrained network takes a pair of least estimated finish, to float32's accuracy."""
    settings = {"policy": "pair", "policy_kwargs": {"eft_prior": 1e5, "other_logit": None}}
    settings |= {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "learning_rate": 0.0}
    policy = train_agent(
        "maskable_ppo",
        lambda n: make_envs(IDS[0], n, scenario="six-app-mid"),
        1,
        0,
        settings,
        num_envs=1,
    ).policy
    env: Any = gym.make(IDS[0], scenario="six-app-mid", num_jobs=5)
    observation, info = env.reset(seed=1)
    done = False
    while not done:
        action = int(policy.act(observation[None], info["action_mask"][None], None)[0])
        finish = env.unwrapped.problem.estimated_finish_us.ravel()
        assert finish[action] <= finish.min() * (1 + 1e-4) + 1e-3
        observation, _, done, _, info = env.step(action)
