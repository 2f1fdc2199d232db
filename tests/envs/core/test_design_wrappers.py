"""Continuous and time-multiplexed forms of one-shot designs."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from queue_env import QueueEnv
from stable_baselines3.common.env_checker import check_env as sb3_check

import chipgym  # noqa: F401  # registers the ids
from chipgym.envs.core import testing
from chipgym.envs.core.design_wrappers import (
    ContinuousActions,
    ContinuousVectorActions,
    TimeMultiplexed,
    bin_index,
)
from chipgym.envs.core.wrappers import RepairMaskedActions
from chipgym.simulators.core.errors import InvalidValueError

KWARGS = {"scenario": "ddr4-mixed-rw", "num_requests": 100}


class Target(gym.Env):
    """One shot at a target design; the reward is minus the distance."""

    observation_space = spaces.Box(0, 1, (2,), dtype=np.float32)

    def __init__(self) -> None:
        self.action_space = spaces.MultiDiscrete([4, 2, 3])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.array([0.25, 0.5], dtype=np.float32), {"instance": "only"}

    def step(self, action):
        distance = float(np.abs(np.asarray(action) - [3, 0, 1]).sum())
        return np.array([1, 1], dtype=np.float32), -distance, True, False, {"evaluations": 1}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8, 128])
def test_bins_have_equal_width_and_all_are_reached(length: int) -> None:
    values = (np.arange(length * 10) + 0.5) / (length * 5) - 1
    indexes = bin_index(values[:, None], [length])[:, 0]
    assert np.bincount(indexes).tolist() == [10] * length
    ends = bin_index([[-1.0], [1.0], [7.0]], [length]).ravel()
    assert ends.tolist() == [0, length - 1, length - 1]


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_every_number_stands_for_a_value(numbers: list[float]) -> None:
    assert ContinuousActions(Target()).env.action_space.contains(bin_index(numbers, [4, 2, 3]))


@pytest.mark.parametrize("action", [[0.0, 0.0], [0.0, np.nan, 0.0]])
def test_what_is_no_design_is_refused(action: list[float]) -> None:
    env = ContinuousActions(Target())
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="3 numbers"):
        env.step(np.array(action))


def test_continuous_actions_reach_the_target() -> None:
    env = ContinuousActions(Target())
    env.reset(seed=0)
    assert env.step(np.array([0.9, -0.3, 0.0], dtype=np.float32))[1] == 0


def test_vector_form_does_what_the_scalar_form_does() -> None:
    scalar = gym.make_vec(
        "chipgym/DramDesign-v0",
        num_envs=3,
        vectorization_mode="sync",
        wrappers=[ContinuousActions],
        **KWARGS,
    )
    native = ContinuousVectorActions(gym.make_vec("chipgym/DramDesign-v0", num_envs=3, **KWARGS))
    assert native.action_space == scalar.action_space
    assert native.single_action_space == scalar.single_action_space
    scalar.reset(seed=0)
    native.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(6):
        actions = rng.uniform(-1, 1, native.action_space.shape).astype(np.float32)
        first, second = scalar.step(actions), native.step(actions)
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_knobs_are_set_in_order_and_evaluated_at_the_end() -> None:
    env = TimeMultiplexed(Target())
    observation, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [True] * 4
    assert observation.tolist() == [0.25, 0.5] + [0] * 9 + [1, 0, 0]
    observation, reward, terminated, _, info = env.step(3)
    assert (reward, terminated, info["evaluations"]) == (0, False, 0)
    assert info["action_mask"].tolist() == [True, True, False, False]
    assert env.action_masks().tolist() == info["action_mask"].tolist()
    assert observation.tolist() == [0.25, 0.5] + [0, 0, 0, 1] + [0] * 5 + [0, 1, 0]
    with pytest.raises(InvalidValueError, match="<= 1"):
        env.step(2)
    env.step(1)
    observation, reward, terminated, _, info = env.step(1)
    assert (reward, terminated, info["evaluations"]) == (-1, True, 1)
    assert observation.tolist()[:2] == [1, 1]


def test_the_multiplexed_episode_is_the_one_shot() -> None:
    plain = gym.make("chipgym/DramDesign-v0", **KWARGS)
    turns = TimeMultiplexed(gym.make("chipgym/DramDesign-v0", **KWARGS))
    plain.reset(seed=4)
    turns.reset(seed=4)
    plain.action_space.seed(0)
    design = plain.action_space.sample()
    _, reward, _, _, info = plain.step(design)
    for value in design:
        _, last, terminated, _, told = turns.step(value)
    assert terminated
    assert last == reward
    assert told["metrics"] == info["metrics"]


def test_declared_fields_follow_the_environments() -> None:
    env = TimeMultiplexed(gym.make("chipgym/DramDesign-v0", **KWARGS))
    names = [field.name for field in env.observation_layout]
    assert names == ["workload", "device", "objective", "default", "chosen", "position"]


@pytest.mark.parametrize("wrapper", [ContinuousActions, TimeMultiplexed])
def test_wrapped_environments_pass_the_checkers(wrapper) -> None:
    def made(**kwargs):
        return wrapper(gym.make("chipgym/DramDesign-v0", **KWARGS, **kwargs))

    if wrapper is TimeMultiplexed:
        sb3_check(RepairMaskedActions(made()))
    else:
        sb3_check(made())
        testing.check_determinism(made, steps=20)
        testing.check_bounds(made, steps=20)


def test_multiplexed_environments_run_in_vectors() -> None:
    envs = gym.make_vec(
        "chipgym/DramDesign-v0",
        num_envs=2,
        vectorization_mode="sync",
        wrappers=[TimeMultiplexed],
        **KWARGS,
    )
    _, infos = envs.reset(seed=0)
    ends = 0
    for _ in range(40):
        actions = np.array([np.flatnonzero(mask)[-1] for mask in infos["action_mask"]])
        observations, _, terminated, _, infos = envs.step(actions)
        assert envs.observation_space.contains(observations)
        ends += terminated.sum()
    assert ends == 2 * 2


@pytest.mark.parametrize("wrapper", [ContinuousActions, TimeMultiplexed])
def test_only_designs_can_be_wrapped(wrapper) -> None:
    with pytest.raises(InvalidValueError, match="MultiDiscrete"):
        wrapper(QueueEnv())
