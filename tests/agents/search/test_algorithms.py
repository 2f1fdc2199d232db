"""What each algorithm does that random search does not."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from problems import CUBE, KNOBS, TARGET, coupled, distance, run, sphere

from chipgym.agents.search.codec import SpaceCodec
from chipgym.agents.search.errors import SearchExhaustedError
from chipgym.agents.search.moves import CROSSOVERS, cross, neighbour, neighbours
from chipgym.agents.search.registry import make_searcher

SEEDS = range(12)
PROBLEMS = {"distance": (KNOBS, distance), "coupled": (KNOBS, coupled), "sphere": (CUBE, sphere)}


def scores(name: str, problem: str, budget: int, seeds: Any, **kwargs: Any) -> Any:
    space, objective = PROBLEMS[problem]
    return np.array(
        [run(make_searcher(name, space, seed, **kwargs), objective, budget) for seed in seeds]
    )


@pytest.mark.parametrize(
    ("name", "problem", "budget", "seeds"),
    [
        *itertools.product(
            (
                "hill-climbing",
                "simulated-annealing",
                "genetic",
                "regularised-evolution",
                "ant-colony",
                "cma-es",
                "nsga2",
            ),
            ("distance", "coupled", "sphere"),
            (150,),
            (SEEDS,),
        ),
        *itertools.product(("tpe",), ("distance", "coupled", "sphere"), (80,), (range(4),)),
        ("bayesian", "distance", 20, range(3)),
        ("bayesian", "sphere", 18, range(2)),
    ],
)
def test_it_beats_random_search(name: str, problem: str, budget: int, seeds: Any) -> None:
    """By more than twice the standard error of the difference of means."""
    ours, random = (
        scores(name, problem, budget, seeds),
        scores("random-search", problem, budget, SEEDS),
    )
    error = np.sqrt(ours.var(ddof=1) / len(ours) + random.var(ddof=1) / len(random))
    assert ours.mean() - random.mean() > 2.0 * error


@pytest.mark.parametrize("move", ["any", "adjacent"])
def test_hill_climbing_ends_in_a_local_optimum_and_restarts(move: str) -> None:
    space = spaces.MultiDiscrete([5, 6])
    codec = SpaceCodec(space)
    searcher: Any = make_searcher("hill-climbing", space, 0, move=move)
    designs = []
    for _ in range(80):
        designs.append(searcher.ask())
        searcher.tell(designs[-1], -float(np.abs(designs[-1] - [3, 4]).sum()))
    climbs = [i for i, d in enumerate(designs) if d.tolist() == [3, 4]]
    assert len(climbs) > 1
    around = neighbours(codec, codec.encode([3, 4]), move, 100)
    tried = {tuple(d) for d in designs[climbs[0] + 1 : climbs[0] + 1 + len(around)]}
    assert tried == {(int(choice), 4) if knob == 0 else (3, int(choice)) for knob, choice in around}


def test_drawing_without_replacement_gives_each_design_once_in_random_order() -> None:
    space = spaces.MultiDiscrete([3, 4, 2])
    orders = set()
    for seed in range(3):
        searcher = make_searcher("random-search", space, seed, replacement=False)
        designs = [tuple(searcher.ask().tolist()) for _ in range(24)]
        assert len(set(designs)) == 24
        orders.add(tuple(designs))
        with pytest.raises(SearchExhaustedError, match="24 designs"):
            searcher.ask()
    assert len(orders) == 3


def test_drawing_without_replacement_is_uniform() -> None:
    firsts = Counter(
        tuple(
            make_searcher("random-search", spaces.Discrete(4), seed, replacement=False).ask()
            for _ in (0,)
        )
        for seed in range(4000)
    )
    thirds: Counter[int] = Counter()
    for seed in range(2000):
        searcher = make_searcher("random-search", spaces.Discrete(4), seed, replacement=False)
        thirds[[int(searcher.ask()) for _ in range(3)][2]] += 1
    assert all(abs(count - 1000) < 5 * np.sqrt(1000 * 0.75) for count in firsts.values())
    assert all(abs(count - 500) < 5 * np.sqrt(500 * 0.75) for count in thirds.values())


def test_enumeration_is_lexicographic_and_ends() -> None:
    searcher = make_searcher("enumeration", spaces.MultiDiscrete([2, 3]), 0)
    found = [searcher.ask().tolist() for _ in range(6)]
    assert found == [[a, b] for a in range(2) for b in range(3)]
    with pytest.raises(SearchExhaustedError):
        searcher.ask()


def test_the_random_walk_changes_one_knob_a_step() -> None:
    searcher = make_searcher("random-walk", KNOBS, 0)
    designs = [searcher.ask() for _ in range(50)]
    assert all((a != b).sum() == 1 for a, b in itertools.pairwise(designs))
    searcher = make_searcher("random-walk", KNOBS, 0, move="adjacent", knobs=2, restart=10)
    designs = [searcher.ask() for _ in range(33)]
    steps = [np.abs(a - b) for a, b in itertools.pairwise(designs)]
    assert all(s.max() == 1 and s.sum() == 2 for i, s in enumerate(steps, 1) if i % 11)
    assert any(s.sum() > 2 for i, s in enumerate(steps, 1) if i % 11 == 0)


def test_annealing_takes_worse_designs_while_it_is_hot() -> None:
    def moves(**kwargs: Any) -> int:
        searcher: Any = make_searcher("simulated-annealing", KNOBS, 0, reheat=0, **kwargs)
        searcher.tell(TARGET, 0.0)
        left = 0
        for _ in range(60):
            design = searcher.ask()
            left += int((design != TARGET).sum() > 1)
            searcher.tell(design, distance(design))
        return left

    assert moves(temperature=100.0, cooling=1.0) > 50
    assert moves(temperature=1e-6) == 0


def test_the_genetic_algorithm_keeps_its_elite() -> None:
    searcher: Any = make_searcher(
        "genetic", KNOBS, 0, population=6, elites=1, crossover_rate=0.0, mutation_rate=0.0
    )
    searcher.tell(TARGET, 0.0)
    for _ in range(120):
        design = searcher.ask()
        searcher.tell(design, distance(design))
    # Without variation only selection is left: the best design takes the population over.
    assert all((searcher.ask() == TARGET).all() for _ in range(10))


def test_evolution_forgets_the_oldest_however_good() -> None:
    searcher: Any = make_searcher("regularised-evolution", KNOBS, 0, population=3, sample=3)
    searcher.tell(TARGET, 0.0)
    others = [np.zeros(10, dtype=int), np.ones(10, dtype=int), KNOBS.nvec - 1]
    for other in others[:2]:
        searcher.tell(other, -100.0)
    assert (searcher.ask() != TARGET).sum() == 1
    searcher.tell(others[2], -50.0)
    assert (searcher.ask() != others[2]).sum() == 1


def test_ants_follow_the_pheromone_and_leave_no_value_out_of_reach() -> None:
    greedy: Any = make_searcher(
        "ant-colony", KNOBS, 0, ants=1, evaporation=0.9, greediness=1.0, elites=1
    )
    greedy.tell(TARGET, 0.0)
    assert all((greedy.ask() == TARGET).all() for _ in range(5))
    drawn: Any = make_searcher(
        "ant-colony", spaces.Discrete(6), 0, ants=1, evaporation=1.0, greediness=0.0
    )
    drawn.tell(3, 1.0)
    found = Counter(int(drawn.ask()) for _ in range(2000))
    assert set(found) == set(range(6))
    assert found[3] > 1500


def test_an_ant_of_limited_depth_copies_the_rest() -> None:
    searcher: Any = make_searcher("ant-colony", KNOBS, 0, ants=1, depth=2, greediness=0.0)
    searcher.tell(TARGET, 0.0)
    assert all((searcher.ask() != TARGET).sum() <= 2 for _ in range(20))


def test_knobs_with_very_many_choices() -> None:
    space = spaces.MultiDiscrete([2**40, 100_000])
    for name in ("ant-colony", "hill-climbing", "cma-es", "tpe", "genetic"):
        searcher = make_searcher(name, space, 0)
        best = run(searcher, lambda d: -abs(float(d[0]) / 2**40 - 0.5), 40)
        assert best > -0.1


def test_cma_converges_and_restarts_with_a_larger_population() -> None:
    searcher: Any = make_searcher("cma-es", spaces.MultiDiscrete([3, 3]), 0, population=4)
    run(searcher, lambda d: -float(((d - [1, 2]) ** 2).sum()), 400)
    assert searcher.best[1] == 0.0
    assert searcher._run > 1
    assert searcher._cma.population_size > 4


@pytest.mark.parametrize("kind", CROSSOVERS)
def test_crossover_mixes_the_parents_knob_by_knob(kind: str) -> None:
    rng = np.random.default_rng(0)
    first, second = np.zeros(8), np.ones(8)
    children = np.array([cross(kind, first, second, rng) for _ in range(300)])
    assert set(np.unique(children)) == {0.0, 1.0}
    cuts = np.abs(np.diff(children, axis=1)).sum(axis=1).max()
    assert cuts == {"one-point": 1, "two-point": 2}.get(kind, cuts)
    assert kind != "uniform" or cuts > 2


def test_neighbours_of_continuous_knobs_stay_inside() -> None:
    codec = SpaceCodec(CUBE)
    rng = np.random.default_rng(0)
    point = np.array([0.0, 1.0, 0.5, 0.01])
    for _ in range(300):
        for move in ("any", "adjacent"):
            other = neighbour(codec, point, rng, move, 2)
            assert ((other >= 0) & (other <= 1)).all()
            assert (other != point).sum() == 2
    assert neighbours(codec, point, "any", 1000) == []
