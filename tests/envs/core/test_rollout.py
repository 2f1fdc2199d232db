import re

import numpy as np
import pytest
from gymnasium import spaces
from queue_env import QueueEnv

from chipgym.envs.core.conformance.rollout import difference, digest, play, sample_action


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"a": 1}, {"a": 2}, "a: "),
        ({"a": 1}, {"b": 1}, r"keys \['a', 'b'\] are on one side only"),
        ([1, 2], [1], "2 against 1 elements"),
        (np.zeros(2), np.zeros(3), r"shape \(2,\) against \(3,\)"),
        (np.array([0.0, 1.0]), np.array([0.0, 1.0 + 1e-16 * 4]), r"\[1\]"),
        ({"x": [np.array([True])]}, {"x": [np.array([False])]}, r"x\.0\[0\]"),
        ("a", "b", "against"),
    ],
)
def test_differences_are_described(first, second, message) -> None:
    found = difference(first, second)
    assert found is not None
    assert re.search(message, found), found


@pytest.mark.parametrize(
    "value", [1, None, "a", {"a": [np.nan]}, np.array([np.nan, 1.0]), [], (1, 2), np.bool_(True)]
)
def test_equal_values_have_no_difference(value) -> None:
    assert difference(value, value) is None


def test_digest_sees_every_bit_unless_told_to_round() -> None:
    record = play(QueueEnv(), seed=0, steps=20)
    other = play(QueueEnv(), seed=0, steps=20)
    assert digest(record) == digest(other)
    other[3].observation[0] += 1e-6
    assert digest(record) != digest(other)
    assert digest(record, decimals=3) == digest(other, decimals=3)
    assert digest(play(QueueEnv(), seed=1, steps=20), 3) != digest(record, 3)


def test_sampled_actions_respect_masks_and_spaces() -> None:
    rng = np.random.default_rng(0)
    mask = np.array([False, True, False, True])
    drawn = {sample_action(spaces.Discrete(4), mask, rng) for _ in range(50)}
    assert drawn == {1, 3}
    shifted = {sample_action(spaces.Discrete(4, start=5), mask, rng) for _ in range(50)}
    assert shifted == {6, 8}
    multi = spaces.MultiDiscrete([2, 3])
    flat = np.array([True, False, False, False, True])
    np.testing.assert_array_equal(sample_action(multi, flat, rng), [0, 2])
    for space in (multi, spaces.Box(-1, 1, (3,)), spaces.Dict({"a": spaces.Discrete(2)})):
        assert space.contains(sample_action(space, None, rng))


def test_play_goes_on_over_episodes() -> None:
    record = play(QueueEnv(), seed=0, steps=13)
    assert [step.action is None for step in record].count(True) == 3
    assert sum(step.ended for step in record) == 2
