"""Random search over Gymnasium spaces."""

from __future__ import annotations

import math

import numpy as np
from gymnasium import spaces

from chipgym.agents.core.searcher import Searcher
from chipgym.agents.search.random_search import RandomSearch


def test_the_same_seed_gives_the_same_designs_and_leaves_the_space_alone() -> None:
    space = spaces.Dict({"knob": spaces.Discrete(7), "sizes": spaces.MultiDiscrete([4, 4, 4])})
    space.seed(3)
    untouched = space.sample()
    space.seed(3)
    first, second = RandomSearch(space, seed=1), RandomSearch(space, seed=1)
    for _ in range(20):
        one, two = first.ask(), second.ask()
        assert space.contains(one)
        assert one["knob"] == two["knob"]
        np.testing.assert_array_equal(one["sizes"], two["sizes"])
    assert space.sample()["knob"] == untouched["knob"]
    assert RandomSearch(space, seed=2).ask()["sizes"].tolist() != first.ask()["sizes"].tolist()


def test_it_finds_the_best_of_a_small_space() -> None:
    searcher = RandomSearch(spaces.MultiDiscrete([5, 5]), seed=0)
    assert isinstance(searcher, Searcher)
    assert searcher.best is None
    for _ in range(300):
        design = searcher.ask()
        searcher.tell(design, -float(((design - [3, 1]) ** 2).sum()))
    assert searcher.best is not None
    assert searcher.best[0].tolist() == [3, 1]
    assert searcher.best[1] == 0.0
    assert searcher.evaluations == 300


def test_failed_evaluations_and_later_changes_do_not_disturb_the_best() -> None:
    searcher = RandomSearch(spaces.MultiDiscrete([5]), seed=0)
    design = np.array([2])
    searcher.tell(design, math.nan)
    assert searcher.best is None
    searcher.tell(design, 1.0)
    searcher.tell(np.array([4]), 1.0)
    design[0] = 9
    assert searcher.best is not None
    assert searcher.best[0].tolist() == [2]
