"""NASAIC's controller: what it decides, what it learns from, and that seeds decide everything."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from chipgym.agents.papers.nasaic.controller import Controller
from chipgym.agents.papers.nasaic.episode import MovingBaseline
from chipgym.agents.papers.nasaic.searcher import NasaicSearcher
from chipgym.agents.search.registry import make_searcher
from chipgym.envs.core.spaces import FeasibleMultiDiscrete

COUNTS = (3, 4, 2, 5, 3, 5)
FIRST_HARDWARE = 3


def within_budget(prefix: Any) -> list[bool]:
    """Two units of hardware: the second may not be larger than what the first leaves."""
    place = len(prefix)
    if place != 5:
        return [True] * COUNTS[place]
    return [choice + prefix[3] <= 5 for choice in range(5)]


def space() -> FeasibleMultiDiscrete:
    made: FeasibleMultiDiscrete = FeasibleMultiDiscrete(list(COUNTS))
    made.options = within_budget
    made.segments = (("network", 2), ("network", 1), ("hardware", 1), ("hardware", 2))
    return made


def score(design: Any) -> float:
    """A made-up chip: it must be large enough, and then the networks count."""
    need, size = int(design[0] + design[1]), int(design[3] + design[5])
    return -0.5 * (need - size) if size < need else (design[0] + design[1] + design[2]) / 10.0


def run(searcher: Any, count: int) -> list[tuple[tuple[int, ...], float]]:
    found = []
    for _ in range(count):
        design = searcher.ask()
        found.append((tuple(int(number) for number in design), float(score(design))))
        searcher.tell(design, found[-1][1])
    return found


def make(seed: int = 0, **kwargs: Any) -> NasaicSearcher:
    searcher = make_searcher("nasaic", space(), seed, **kwargs)
    assert isinstance(searcher, NasaicSearcher)
    return searcher


def test_stepping_gives_the_policy_that_is_trained() -> None:
    torch.manual_seed(3)
    controller = Controller(COUNTS, (0, 0, 1, 2, 3, 3), hidden=8)
    choices = np.array([[2, 1, 0, 4, 2, 1]])
    legal = np.zeros((1, 6, 5), dtype=bool)
    for place, count in enumerate(COUNTS):
        legal[0, place, :count] = True
    legal[0, 5, 2:] = False
    with torch.no_grad():
        logs, entropy = controller(choices, legal)
    state = controller.start
    for place in range(6):
        chances, state = controller.step(place, int(choices[0, place - 1]), legal[0, place], state)
        assert chances[~legal[0, place]].sum() == 0
        assert np.log(chances[choices[0, place]]) == pytest.approx(float(logs[0, place]), abs=1e-5)
        some = chances[chances > 0]
        assert -(some * np.log(some)).sum() == pytest.approx(float(entropy[0, place]), abs=1e-5)


def test_an_episode_keeps_its_networks_and_changes_its_chips() -> None:
    designs = [design for design, _ in run(make(hardware_steps=4), 15)]
    for start in (0, 5, 10):
        episode = designs[start : start + 5]
        assert len({design[:FIRST_HARDWARE] for design in episode}) == 1
        assert len({design[FIRST_HARDWARE:] for design in episode}) > 1
    assert all(design[3] + design[5] <= 5 for design in designs)


def test_without_hardware_steps_every_design_is_an_episode() -> None:
    searcher = make(hardware_steps=0)
    run(searcher, 7)
    assert searcher.updates == 7
    searcher = make(hardware_steps=6)
    run(searcher, 20)
    assert searcher.updates == 2


def test_the_seed_decides() -> None:
    assert run(make(1), 60) == run(make(1), 60)
    assert run(make(1), 60) != run(make(2), 60)


@pytest.mark.parametrize("steps", [3, 25])
def test_a_pickled_copy_goes_on_identically(steps: int) -> None:
    searcher = make(4, hardware_steps=3)
    run(searcher, steps)
    copy = pickle.loads(pickle.dumps(searcher))
    assert run(copy, 30) == run(searcher, 30)


def test_it_learns() -> None:
    gains = []
    for seed in range(3):
        found = [value for _, value in run(make(seed, hardware_steps=3), 400)]
        gains.append(np.mean(found[-100:]) - np.mean(found[:100]))
    assert min(gains) > 0.1


def test_episodes_without_scores_teach_nothing() -> None:
    searcher = make(hardware_steps=1)
    for _ in range(4):
        searcher.tell(searcher.ask(), math.nan)
    assert searcher.updates == 0
    assert searcher.best is None
    run(searcher, 2)
    assert searcher.updates == 1


def test_batches_are_learnt_from_when_all_scores_are_there() -> None:
    searcher = make(hardware_steps=2)
    batch = [searcher.ask() for _ in range(7)]
    for design in batch[:2]:
        searcher.tell(design, score(design))
    assert searcher.updates == 0
    for design in batch[2:]:
        searcher.tell(design, score(design))
    assert searcher.updates == 2


def test_a_space_that_says_nothing_is_one_segment() -> None:
    searcher = make_searcher("nasaic", spaces.MultiDiscrete([3, 4]), 0)
    for _ in range(5):
        design = searcher.ask()
        searcher.tell(design, float(design.sum()))
    assert isinstance(searcher, NasaicSearcher)
    assert searcher.updates == 5


def test_the_baseline_moves_towards_rewards() -> None:
    baseline = MovingBaseline(0.5)
    assert baseline.advantage(-3.0, normalise=True) == 0.0
    baseline.add(-3.0)
    assert baseline.advantage(-1.0, normalise=False) == 2.0
    baseline.add(-1.0)
    assert baseline.mean == -2.0
    assert baseline.advantage(0.0, normalise=True) == pytest.approx(1.0)
    for _ in range(200):
        baseline.add(0.5)
    # Equal rewards leave no deviation, and small differences are not blown up.
    assert baseline.advantage(0.5 + 0.03, normalise=True) == pytest.approx(1.0, rel=1e-3)
