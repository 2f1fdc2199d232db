"""Hypervolumes against hand-worked ones and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.envs.core.hypervolume import contribution, hypervolume, pareto_front

GRID = 6


def count(points: np.ndarray) -> float:
    """Share of the cells of a grid that some point dominates; exact for points on the grid."""
    cells = np.stack(np.meshgrid(*[np.arange(GRID)] * points.shape[1]), axis=-1)
    cells = cells.reshape(-1, points.shape[1])
    return float((points[:, None] > cells).all(axis=2).any(axis=0).sum())


@given(
    st.integers(1, 4).flatmap(
        lambda d: st.lists(
            st.lists(st.integers(0, GRID), min_size=d, max_size=d), min_size=1, max_size=8
        )
    )
)
@settings(max_examples=60, deadline=None)
def test_the_volume_is_that_of_the_cells_dominated(points: list[list[int]]) -> None:
    array = np.array(points, dtype=float)
    assert hypervolume(array) == pytest.approx(count(array))
    assert contribution(array[0], array[1:]) == pytest.approx(
        hypervolume(array) - hypervolume(array[1:])
    )


def test_by_hand() -> None:
    points = np.array([[3.0, 1.0], [1.0, 2.0], [1.0, 1.0]])
    assert hypervolume(points) == 4
    assert pareto_front(points).tolist() == [[3, 1], [1, 2]]
    assert contribution(np.array([2.0, 2.0]), points) == 1
    assert hypervolume(np.zeros((0, 3))) == 0
