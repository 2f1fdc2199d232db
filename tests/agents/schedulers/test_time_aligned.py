"""Advantages against other runs of the same stream."""

from __future__ import annotations

import numpy as np
import pytest

from chipgym.agents.schedulers.time_aligned import advantages, cost_to_go


def integral(times, costs, start, horizon, steps=200_000):
    """Discounted cost from `start` on, by the midpoint rule."""
    end = times[-1]
    if start >= end:
        return 0.0
    edges = np.linspace(start, end, steps + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    gaps = np.diff(times)
    segment = np.searchsorted(times, middle, side="right") - 1
    rate = costs[segment] / gaps[segment]
    return float((rate * np.exp(-(middle - start) / horizon)).sum() * (end - start) / steps)


@pytest.fixture
def runs():
    times = np.array([[0.0, 0.0], [10.0, 4.0], [15.0, 30.0], [40.0, 50.0]])
    costs = np.array([[3.0, 1.0], [2.0, 6.0], [5.0, 2.0]])
    return times, costs


def test_cost_to_go_is_the_discounted_integral(runs):
    times, costs = runs
    found = cost_to_go(times, costs, 20.0)
    for run in range(2):
        for step in range(3):
            expected = integral(times[:, run], costs[:, run], times[step, run], 20.0)
            assert found[step, run] == pytest.approx(expected, rel=1e-4)
    assert (found[-1] == 0).all()


def test_advantage_is_the_difference_at_the_same_time(runs):
    times, costs = runs
    alive = np.ones((3, 2), dtype=bool)
    found = advantages(times, costs, alive, 2, 20.0)
    for run in range(2):
        for step in range(3):
            start = times[step, run]
            mine = integral(times[:, run], costs[:, run], start, 20.0)
            other = integral(times[:, 1 - run], costs[:, 1 - run], start, 20.0)
            assert found[step, run] == pytest.approx(other - mine, rel=1e-3, abs=1e-4)


def test_equal_runs_have_no_advantage():
    times = np.tile(np.array([[0.0], [5.0], [9.0]]), (1, 4))
    costs = np.tile(np.array([[2.0], [1.0]]), (1, 4))
    alive = np.ones((2, 4), dtype=bool)
    alive[1, 0] = False
    assert advantages(times, costs, alive, 2, 7.0) == pytest.approx(0.0, abs=1e-12)


def test_costs_at_one_moment_count_in_full():
    times = np.array([[3.0], [3.0], [3.0]])
    costs = np.array([[2.0], [1.0]])
    assert cost_to_go(times, costs, 5.0)[:, 0].tolist() == [3.0, 1.0, 0.0]
