"""The adapter gives Stable-Baselines3 exactly what separate environments would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.vec_env import DummyVecEnv

from chipgym.agents.core.random_policy import RandomPolicy
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.simulators.core.errors import InvalidValueError

MODES = [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]


@pytest.mark.parametrize("mode", MODES)
def test_transitions_equal_those_of_sb3s_own_wrapper(
    make_env: Any, make_envs: Any, mode: AutoresetMode
) -> None:
    ours, theirs = VectorEnvAdapter(make_envs(3, mode)), DummyVecEnv([make_env] * 3)
    ours.seed(11)
    theirs.seed(11)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    policy = RandomPolicy()
    policy.reset(3, 0)
    ended = truncated = 0
    for _ in range(400):
        masks = get_action_masks(ours)
        np.testing.assert_array_equal(masks, get_action_masks(theirs))
        actions = policy.act(np.zeros((3, 1)), masks, None)
        one, two = ours.step(actions), theirs.step(actions)
        for a, b in zip(one[:3], two[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(one[3], two[3], strict=True):
            assert ("terminal_observation" in a) == ("terminal_observation" in b)
            if "terminal_observation" in a:
                ended += 1
                truncated += a["TimeLimit.truncated"]
                np.testing.assert_array_equal(a["terminal_observation"], b["terminal_observation"])
                assert a["TimeLimit.truncated"] == b["TimeLimit.truncated"]
                assert a["metrics"] == b["metrics"]
    assert ended > 20


@pytest.mark.parametrize("mode", MODES)
def test_truncated_episodes_are_marked(make_envs: Any, mode: AutoresetMode) -> None:
    envs = VectorEnvAdapter(make_envs(2, mode))
    envs.reset()
    for _ in range(31):
        _, _, dones, infos = envs.step(np.array([6, 6]))
    assert dones.all()
    assert all(info["TimeLimit.truncated"] for info in infos)


def test_episode_statistics(make_envs: Any) -> None:
    envs = VectorEnvAdapter(make_envs(2))
    policy = RandomPolicy()
    policy.reset(2, 0)
    envs.reset()
    sums, counts, seen = np.zeros(2), np.zeros(2, dtype=int), 0
    for _ in range(200):
        _, rewards, dones, infos = envs.step(policy.act(np.zeros(2), envs.action_masks(), None))
        sums += rewards
        counts += 1
        for i in np.flatnonzero(dones):
            assert infos[i]["episode"]["r"] == pytest.approx(sums[i], rel=1e-5)
            assert infos[i]["episode"]["l"] == counts[i]
            assert infos[i]["metrics"]["total_cost"] == pytest.approx(-20 * sums[i], rel=1e-5)
            sums[i], counts[i], seen = 0.0, 0, seen + 1
    assert seen > 5


def test_scaled_rewards_leave_reported_returns_alone(make_envs: Any) -> None:
    plain, scaled = VectorEnvAdapter(make_envs(2)), VectorEnvAdapter(make_envs(2), reward_scale=8.0)
    for envs in (plain, scaled):
        envs.seed(4)
        envs.reset()
    for _ in range(31):
        one, two = plain.step(np.array([6, 6])), scaled.step(np.array([6, 6]))
        np.testing.assert_array_equal(8 * one[1], two[1])
    assert one[3][0]["episode"]["r"] == two[3][0]["episode"]["r"]


def test_next_step_autoreset_is_refused(make_envs: Any) -> None:
    with pytest.raises(InvalidValueError, match="autoreset_mode"):
        VectorEnvAdapter(make_envs(2, AutoresetMode.NEXT_STEP))


def test_repair_makes_any_action_valid(make_envs: Any) -> None:
    envs = VectorEnvAdapter(make_envs(2), repair=True)
    envs.reset()
    for action in list(range(7)) * 20:
        envs.step(np.array([action, 6 - action]))
    unrepaired = VectorEnvAdapter(make_envs(2))
    unrepaired.reset()
    with pytest.raises(ValueError, match="masked action 1"):
        unrepaired.step(np.array([1, 6]))


def test_masks_are_found_by_sb3_contrib(make_envs: Any) -> None:
    envs = VectorEnvAdapter(make_envs(4))
    envs.reset()
    assert is_masking_supported(envs)
    assert get_action_masks(envs).shape == (4, 7)
    assert len(envs.env_method("action_masks", indices=[1])) == 1
    with pytest.raises(AttributeError):
        envs.get_attr("no_such_thing")
