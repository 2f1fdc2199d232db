"""Mapping: the kernels against plain Python, the exact solvers, bounds and checks."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.accelerator import reference_mapping
from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.exact import map_by_cp_sat, map_exactly
from chipgym.simulators.accelerator.mapping import (
    MappingProblem,
    bounds,
    check_mapping,
    list_schedule,
    map_by_ratio,
    mapping_problem,
)
from chipgym.simulators.accelerator.networks import resnet9, unet
from chipgym.simulators.accelerator.workload import Workload
from chipgym.simulators.core.errors import InvalidValueError, SimulationError


def problem_of(cycles, energy, successors, network=None):
    """Build a problem from lists."""
    count = len(cycles)
    network = [0] * count if network is None else network
    indegree = [sum(i in after for after in successors) for i in range(count)]
    workload = Workload(
        tuple(f"layer{i}" for i in range(count)),
        np.ones((count, 9), dtype=np.int64),
        np.cumsum([0, *(len(after) for after in successors)]),
        np.array(list(itertools.chain(*successors)), dtype=np.int64),
        np.array(indegree, dtype=np.int64),
        np.array(network, dtype=np.int64),
    )
    return MappingProblem(workload, np.array(cycles, dtype=np.int64), np.array(energy, dtype=float))


@st.composite
def problems(draw, max_layers=7):
    """Two networks: random forward graphs, or chains; a few units that may not run a layer."""
    units = draw(st.integers(1, 3))
    sizes = draw(st.tuples(st.integers(1, max_layers), st.integers(0, max_layers)))
    sizes = (sizes[0], min(sizes[1], max_layers - 1))
    chain = draw(st.booleans())
    successors, network = [], []
    for number, size in enumerate(sizes):
        first = len(successors)
        for i in range(size):
            later = range(i + 1, size)
            if chain:
                after = list(later)[:1]
            else:
                after = [j for j in later if draw(st.integers(0, 2)) == 0]
            successors.append([first + j for j in after])
            network.append(number)
    count = len(successors)
    cycles = [[draw(st.integers(-1, 9)) for _ in range(units)] for _ in range(count)]
    for row in cycles:
        if max(row) < 0:
            row[draw(st.integers(0, units - 1))] = 4
    cycles = [[c if c != 0 else 1 for c in row] for row in cycles]
    energy = [[float(draw(st.integers(1, 6))) if c > 0 else np.inf for c in row] for row in cycles]
    return problem_of(cycles, energy, successors, network), successors


def lists(problem):
    return problem.cycles.tolist(), problem.energy_nj.tolist()


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 1_000_000))
def test_list_schedule_is_that_of_the_plain_model(case, seed):
    problem, successors = case
    rng = np.random.default_rng(seed)
    unit = [int(rng.choice(np.flatnonzero(row >= 0))) for row in problem.cycles]
    mapping = list_schedule(problem, unit)
    start, finish = reference_mapping.list_schedule(problem.cycles.tolist(), unit, successors)
    assert mapping.start_cycle.tolist() == start
    assert mapping.finish_cycle.tolist() == finish
    check_mapping(problem, mapping)


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 60))
def test_the_heuristic_is_that_of_the_plain_model(case, limit):
    problem, successors = case
    mapping = map_by_ratio(problem, limit)
    expected = reference_mapping.map_layers(*lists(problem), successors, limit)
    assert mapping.unit.tolist() == expected
    check_mapping(problem, mapping)
    least = bounds(problem)
    assert mapping.makespan_cycles >= least.makespan_cycles
    assert mapping.energy_nj >= least.energy_nj
    assert mapping.within_limit == (mapping.makespan_cycles <= limit)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_without_a_limit_the_heuristic_takes_the_least_energy(case):
    problem, _ = case
    mapping = map_by_ratio(problem)
    assert mapping.within_limit
    assert mapping.energy_nj == bounds(problem).energy_nj


def brute_force(problem, successors, limit):
    """Least energy over all assignments and all orders of appending layers."""
    count, units = problem.cycles.shape
    cycles, energy = lists(problem)
    best = np.inf

    def append(done, free, finish, spent):
        nonlocal best
        if len(done) == count:
            best = min(best, spent)
            return
        for i in range(count):
            before = [j for j in range(count) if i in successors[j]]
            if i in done or any(j not in done for j in before):
                continue
            for u in range(units):
                if cycles[i][u] < 0:
                    continue
                start = max([free[u], *(finish[j] for j in before)])
                end = start + cycles[i][u]
                if end <= limit:
                    append(
                        done | {i},
                        [end if v == u else t for v, t in enumerate(free)],
                        {**finish, i: end},
                        spent + energy[i][u],
                    )

    append(frozenset(), [0] * units, {}, 0.0)
    return best


@settings(max_examples=60, deadline=None)
@given(problems(max_layers=3), st.integers(3, 30))
def test_exact_mapping_is_the_optimum(case, limit):
    problem, successors = case
    exact = map_exactly(problem, limit)
    assert exact.proven
    check_mapping(problem, exact)
    best = brute_force(problem, successors, limit)
    assert exact.within_limit == (best < np.inf)
    if exact.within_limit:
        assert exact.energy_nj == best
        heuristic = map_by_ratio(problem, limit)
        assert not heuristic.within_limit or exact.energy_nj <= heuristic.energy_nj


def test_the_exact_solvers_agree_and_bound_the_heuristic():
    pytest.importorskip("ortools")
    rng = np.random.default_rng(3)
    only_exact = 0
    for _ in range(8):
        networks = [resnet9(16, (32, 64), (1, 1)), unet((8, 16), (3, 32, 32))]
        pes = rng.integers(4, 40, 2) * 32
        flows = rng.permutation(["dla", "shi", "rs"])[:2]
        problem = mapping_problem(
            networks, Chip.of(*zip(map(str, flows), map(int, pes), (24, 40), strict=True))
        )
        slow, fast = map_by_ratio(problem).makespan_cycles, bounds(problem).makespan_cycles
        limit = int(fast + 0.4 * (slow - fast))
        exact, solver = map_exactly(problem, limit), map_by_cp_sat(problem, limit)
        heuristic = map_by_ratio(problem, limit)
        for mapping in (exact, solver, heuristic):
            check_mapping(problem, mapping)
        assert exact.proven
        assert solver.proven
        assert exact.within_limit == solver.within_limit
        if exact.within_limit:
            assert exact.energy_nj == pytest.approx(solver.energy_nj, rel=1e-9)
        if heuristic.within_limit:
            assert exact.energy_nj <= heuristic.energy_nj <= 1.2 * exact.energy_nj
        only_exact += exact.within_limit and not heuristic.within_limit
    assert only_exact <= 2


def test_exact_mapping_of_a_long_chain():
    rng = np.random.default_rng(5)
    count = 40
    cycles, energy = rng.integers(1, 20, (count, 2)), rng.integers(1, 20, (count, 2))
    problem = problem_of(cycles, energy, [[i + 1] for i in range(count - 1)] + [[]])
    limit = int(cycles.min(axis=1).sum() * 1.2)
    # The optimum of the knapsack that a single chain is.
    least = np.full(limit + 1, np.inf)
    least[0] = 0.0
    for c, e in zip(cycles, energy, strict=True):
        following = np.full(limit + 1, np.inf)
        for u in range(2):
            following[c[u] :] = np.minimum(following[c[u] :], least[: limit + 1 - c[u]] + e[u])
        least = following
    assert map_exactly(problem, limit).energy_nj == least.min()


def test_exact_mapping_gives_up_loudly():
    rng = np.random.default_rng(5)
    problem = problem_of(
        rng.integers(5, 50, (14, 3)), rng.integers(1, 1000, (14, 3)), [[] for _ in range(14)]
    )
    limit = int(problem.cycles.min(axis=1).sum() / 2)
    with pytest.raises(SimulationError, match="raise max_labels or use map_by_cp_sat"):
        map_exactly(problem, limit, max_labels=50)


def test_impossible_limits_are_proven_impossible():
    problem = problem_of([[5, 9], [5, 9]], [[2.0, 1.0], [2.0, 1.0]], [[1], []])
    for solve in (map_exactly, map_by_cp_sat):
        mapping = solve(problem, 9)
        assert mapping.proven
        assert not mapping.within_limit
        assert mapping.makespan_cycles == 10
    exact = map_exactly(problem, 14)
    assert (exact.makespan_cycles, exact.energy_nj) == (14, 3.0)


def test_checks_find_what_is_wrong():
    problem = problem_of([[5, 9], [5, 9]], [[2.0, 1.0], [2.0, 1.0]], [[1], []])
    good = list_schedule(problem, [0, 1])
    check_mapping(problem, good)
    for change, message in (
        ({"start_cycle": np.array([0, 4]), "finish_cycle": np.array([5, 13])}, "before"),
        ({"finish_cycle": np.array([5, 15])}, "cycles"),
        ({"unit": np.array([0, 2])}, "unit 2"),
        ({"energy_nj": 2.0}, "energy"),
        ({"makespan_cycles": 13}, "makespan"),
    ):
        with pytest.raises(SimulationError, match=message):
            check_mapping(problem, dataclasses.replace(good, **change))
    apart = problem_of([[5], [5]], [[1.0], [1.0]], [[], []])
    overlapping = dataclasses.replace(
        list_schedule(apart, [0, 0]),
        start_cycle=np.array([0, 3]),
        finish_cycle=np.array([5, 8]),
        makespan_cycles=8,
    )
    with pytest.raises(SimulationError, match="at once"):
        check_mapping(apart, overlapping)


def test_bad_input():
    problem = problem_of([[5, -1]], [[2.0, np.inf]], [[]])
    for unit in ([1], [2], [-1]):
        with pytest.raises(InvalidValueError, match=r"unit\.0"):
            list_schedule(problem, unit)
    with pytest.raises(InvalidValueError, match="one unit for each"):
        list_schedule(problem, [0, 0])
    with pytest.raises(InvalidValueError, match="latency_limit_cycles"):
        map_by_ratio(problem, -1)
    with pytest.raises(SimulationError, match="no sub-accelerator can run layer 'layer0'"):
        problem_of([[-1]], [[np.inf]], [[]])
    with pytest.raises(InvalidValueError, match="energy_nj"):
        problem_of([[3]], [[np.inf]], [[]])
    # 32 PEs are half a cluster of an NVDLA-like array.
    with pytest.raises(SimulationError, match="0/stem"):
        mapping_problem([resnet9(8, (8,), (0,))], Chip.of(("dla", 32, 8), ("shi", 0, 0)))
