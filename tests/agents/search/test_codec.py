"""Spaces as points and unit cubes: every value reachable, nothing rounded away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from chipgym.agents.search.codec import SpaceCodec
from chipgym.simulators.core.errors import InvalidValueError

NESTED = spaces.Dict(
    {
        "policy": spaces.Discrete(3, start=-1),
        "sizes": spaces.MultiDiscrete([[2, 5], [1, 7]], start=[[0, 3], [4, -2]]),
        "flags": spaces.MultiBinary([2, 2]),
        "rest": spaces.Tuple(
            [
                spaces.Box(-1.0, 3.0, (2,), np.float32),
                spaces.Box(np.array([2, -5]), np.array([4, 5]), dtype=np.int16),
            ]
        ),
    }
)


def leaves(design: Any) -> list[Any]:
    if isinstance(design, dict):
        return [leaf for part in design.values() for leaf in leaves(part)]
    if isinstance(design, tuple):
        return [leaf for part in design for leaf in leaves(part)]
    return [design]


@given(st.integers(0, 2**32 - 1))
def test_designs_survive_the_way_there_and_back(seed: int) -> None:
    space = NESTED
    space.seed(seed)
    codec = SpaceCodec(space)
    design = space.sample()
    point = codec.encode(design)
    back = codec.decode(point)
    assert space.contains(back)
    for before, after in zip(leaves(design), leaves(back), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6)
        assert np.asarray(after).dtype == np.asarray(before).dtype
    np.testing.assert_allclose(codec.from_unit(codec.to_unit(point)), point, atol=1e-15)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(5, start=2),
        spaces.MultiDiscrete([4, 1, 3]),
        spaces.MultiBinary(4),
        spaces.Box(0, 3, (2,), np.int8),
        spaces.Tuple([spaces.Discrete(2), spaces.Dict({"a": spaces.Discrete(3)})]),
    ],
)
def test_every_design_is_reached_once_by_its_number(space: spaces.Space[Any]) -> None:
    codec = SpaceCodec(space)
    total = codec.num_designs
    assert total is not None
    points = [codec.point_of(index) for index in range(total)]
    assert len({codec.key(point) for point in points}) == total
    assert [point.tolist() for point in points] == sorted(point.tolist() for point in points)
    assert all(space.contains(codec.decode(point)) for point in points)
    with pytest.raises(InvalidValueError, match="index"):
        codec.point_of(total)


def test_uniform_numbers_give_uniform_choices_the_outermost_included() -> None:
    codec = SpaceCodec(spaces.MultiDiscrete([3, 8, 128]))
    grid = (np.arange(3 * 8 * 128) + 0.5) / (3 * 8 * 128)
    points = np.array([codec.from_unit(np.full(3, place)) for place in grid])
    for knob, count in enumerate([3, 8, 128]):
        found = np.bincount(points[:, knob].astype(int), minlength=count)
        np.testing.assert_array_equal(found, len(grid) // count)
    np.testing.assert_array_equal(codec.from_unit(np.array([-1.0, 1.0, 2.0])), [0, 7, 127])


@pytest.mark.parametrize(
    ("space", "design"),
    [
        (spaces.Discrete(4), 4),
        (spaces.Discrete(4), 1.5),
        (spaces.Discrete(4), "two"),
        (spaces.Discrete(4), [1]),
        (spaces.MultiDiscrete([3, 3]), [0, 3]),
        (spaces.MultiDiscrete([3, 3]), [0]),
        (spaces.MultiDiscrete([3, 3]), [0, float("nan")]),
        (spaces.Box(0.0, 1.0, (1,)), [1.5]),
        (spaces.Tuple([spaces.Discrete(2), spaces.Discrete(2)]), (1,)),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"b": 1}),
    ],
)
def test_designs_outside_the_space_are_refused(space: spaces.Space[Any], design: Any) -> None:
    with pytest.raises(InvalidValueError, match="design"):
        SpaceCodec(space).encode(design)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(3), "Discrete, MultiDiscrete"),
        (spaces.Box(0.0, np.inf, (2,)), "bounded"),
        (spaces.Box(np.iinfo(np.int64).min, np.iinfo(np.int64).max, (1,), np.int64), "at most"),
        (spaces.Tuple([]), "at least one knob"),
    ],
)
def test_spaces_that_cannot_be_searched_are_named(space: spaces.Space[Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        SpaceCodec(space)


def test_plain_numbers_are_designs_too() -> None:
    codec = SpaceCodec(NESTED)
    design = {
        "policy": 1,
        "sizes": [[1, 7], [4, 4]],
        "flags": [[1, 0], [0, 1]],
        "rest": [[-1, 3.0], [4, -5]],
    }
    assert codec.encode(design).tolist() == [1, 0, 0, 1, 2, 0, 1, 2, 0, 1, 4, 0, 6]
    assert codec.num_designs is None
    assert codec.free.tolist() == [*range(11), 12]
