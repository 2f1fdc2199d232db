"""Several objectives: dominance, crowding, and the front that NSGA-II finds."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from chipgym.agents.search.nsga2 import Nsga2, crowding, dominance_ranks
from chipgym.agents.search.registry import make_searcher
from chipgym.simulators.core.errors import InvalidValueError

KNOBS = spaces.MultiDiscrete([21, 5, 5, 5, 5])


def trade_off(design: Any) -> tuple[float, float]:
    """Two parabolas over the first knob; the others only cost. Front: knob one in 5..15, rest 0."""
    x, waste = float(design[0]), float(design[1:].sum())
    return -((x - 5) ** 2) - waste, -((x - 15) ** 2) - waste


def front(name: str, seed: int, budget: int) -> set[int]:
    """First knobs of the optimal designs among those that a searcher evaluated."""
    searcher: Any = make_searcher(name, KNOBS, seed)
    found = set()
    for _ in range(budget):
        design = searcher.ask()
        scores = trade_off(design)
        searcher.tell(design, scores if name == "nsga2" else scores[0])
        if not design[1:].any() and 5 <= design[0] <= 15:
            found.add(int(design[0]))
    return found


def test_ranks_and_crowding_of_a_known_case() -> None:
    scores = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    assert dominance_ranks(scores).tolist() == [0, 0, 0, 1, 0, 2]
    line = np.array([[0.0, 4.0], [1.0, 3.0], [3.0, 1.0], [4.0, 0.0]])
    assert crowding(line).tolist() == [math.inf, 1.5, 1.5, math.inf]
    assert crowding(line[:1]).tolist() == [math.inf]


def test_it_finds_more_of_the_front_than_random_search() -> None:
    ours = [len(front("nsga2", seed, 600)) for seed in range(6)]
    random = [len(front("random-search", seed, 600)) for seed in range(6)]
    assert min(ours) > max(random)
    assert np.mean(ours) > 8


def test_the_front_holds_what_none_dominates() -> None:
    searcher = Nsga2(KNOBS, seed=0)
    told = []
    for _ in range(100):
        design = searcher.ask()
        told.append(trade_off(design))
        searcher.tell(design, told[-1])
    kept = {scores for _, scores in searcher.front}
    ranks = dominance_ranks(np.array(told))
    assert kept == {scores for scores, rank in zip(told, ranks, strict=True) if rank == 0}
    assert all(trade_off(design) == scores for design, scores in searcher.front)
    assert searcher.best is not None
    assert searcher.best[1] == max(scores[0] for scores in told)
    copy = pickle.loads(pickle.dumps(searcher))
    assert copy.front[0][1] == searcher.front[0][1]
    assert copy.ask().tolist() == searcher.ask().tolist()


def test_failures_and_wrong_scores() -> None:
    searcher = Nsga2(KNOBS, seed=0, population=2)
    design = searcher.ask()
    searcher.tell(design, (1.0, math.nan))
    searcher.tell(design, math.nan)
    assert searcher.front == []
    searcher.tell(design, (1.0, 2.0))
    searcher.tell(design, math.nan)
    for wrong in (3.0, (1.0, 2.0, 3.0), (1.0, math.inf), (), [[1.0, 2.0]], "good"):
        with pytest.raises(InvalidValueError, match="score"):
            searcher.tell(design, wrong)  # type: ignore[arg-type]
    assert searcher.evaluations == 4
