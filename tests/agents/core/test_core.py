"""Random policy, registry, repair of masked actions, random search."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from gymnasium import spaces

from chipgym.agents.core.masks import repair_actions
from chipgym.agents.core.policy import Policy
from chipgym.agents.core.random_policy import RandomPolicy
from chipgym.agents.core.registry import make_policy, policy_names, register_policy
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError


def draws(policy: RandomPolicy, masks: np.ndarray, count: int) -> np.ndarray:
    observations = np.zeros((len(masks), 1))
    return np.stack([policy.act(observations, masks, None) for _ in range(count)])


def test_random_is_uniform_over_valid_actions() -> None:
    policy = RandomPolicy()
    policy.reset(2, 7)
    masks = np.array([[True, False, True, True], [False, True, False, False]])
    actions = draws(policy, masks, 6000)
    counts = np.bincount(actions[:, 0], minlength=4)
    assert counts[1] == 0
    # Five standard deviations around 2000.
    assert np.abs(counts[[0, 2, 3]] - 2000).max() < 5 * np.sqrt(6000 * (1 / 3) * (2 / 3))
    assert (actions[:, 1] == 1).all()


def test_random_repeats_with_its_seed_whatever_the_number_of_environments() -> None:
    policy = RandomPolicy()
    masks = np.ones((3, 9), dtype=bool)
    policy.reset(3, 5)
    three = draws(policy, masks, 700)
    policy.reset(1, 5)
    np.testing.assert_array_equal(draws(policy, masks[:1], 700)[:, 0], three[:, 0])
    policy.reset(3, 6)
    assert (draws(policy, masks, 700) != three).any()
    assert (three[:, 0] != three[:, 1]).any()


def test_random_without_masks_or_valid_actions() -> None:
    policy = RandomPolicy(num_actions=3)
    actions = [int(policy.act(np.zeros((1, 1)), None, None)[0]) for _ in range(50)]
    assert set(actions) == {0, 1, 2}
    with pytest.raises(InvalidValueError, match="masks"):
        RandomPolicy().act(np.zeros((1, 1)), None, None)
    with pytest.raises(InvalidValueError, match="no valid action"):
        policy.act(np.zeros((1, 1)), np.zeros((1, 3), dtype=bool), None)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=2),
        spaces.MultiDiscrete([4, 2, 3]),
        spaces.Box(np.array([-1.0, 5.0], np.float32), np.array([2.0, 6.0], np.float32)),
    ],
)
def test_random_draws_from_any_action_space_without_masks(space: spaces.Space) -> None:
    observations = np.zeros((2, 1))
    policy = RandomPolicy(action_space=space)
    policy.reset(2, 4)
    drawn = [policy.act(observations, None, None) for _ in range(40)]
    assert all(space.contains(row.astype(space.dtype)) for rows in drawn for row in rows)
    assert len({rows[0].tobytes() for rows in drawn}) > 2
    assert any((rows[0] != rows[1]).any() for rows in drawn)
    policy.reset(1, 4)
    again = [policy.act(observations[:1], None, None)[0] for _ in range(40)]
    np.testing.assert_array_equal(again, [rows[0] for rows in drawn])


def test_random_keeps_the_masks_of_several_choices() -> None:
    policy = RandomPolicy(action_space=spaces.MultiDiscrete([2, 3]))
    masks = np.array([[True, False, True, False, True]])
    drawn = {tuple(policy.act(np.zeros((1, 1)), masks, None)[0]) for _ in range(60)}
    assert drawn == {(0, 0), (0, 2)}


def test_registry_makes_every_policy_under_its_name() -> None:
    assert policy_names()[:4] == ["MET", "EFT", "ETF", "ETF_LB"]
    for name in policy_names():
        policy = make_policy(name)
        assert isinstance(policy, Policy)
        assert policy.name == name
        assert make_policy(name) is not policy


def test_registry_suggests_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'HEFT_RT'"):
        make_policy("HEFT-RT")
    with pytest.raises(InvalidValueError, match="not taken"):
        register_policy("ETF", RandomPolicy)


def test_repair_takes_the_next_valid_action_around() -> None:
    masks = np.array(
        [
            [True, False, True, False],
            [True, False, False, False],
            [False, True, True, True],
            [False, False, False, True],
        ]
    )
    actions = np.array([1, 3, 0, 3])
    np.testing.assert_array_equal(repair_actions(actions, masks), [2, 0, 1, 3])
    np.testing.assert_array_equal(actions, [1, 3, 0, 3])


def test_policies_import_no_torch() -> None:
    code = (
        "import sys, chipgym.agents.core.registry, chipgym.agents.search.random_search;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'stable_baselines3', 'numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
