"""ArchGym's space enumerated: the space, the shipped tables, the analysis and the study."""

import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.envs.dram_tuning.metrics import result_metrics
from chipgym.experiments.papers.dram_exhaustive import analysis, study
from chipgym.experiments.papers.dram_exhaustive.evaluate import archgym_workload
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import (
    METRICS,
    RESULTS,
    WORKLOADS,
    OutcomeTable,
    load_table,
)
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION, simulate

designs = st.integers(0, 442_367)


def test_size_of_the_space() -> None:
    space = archgym_space()
    assert len(space.canonical) == 442_368
    assert len(space.configs) == len(set(space.configs)) == 73_984


@settings(max_examples=200, deadline=None)
@given(designs)
def test_a_designs_controller_is_its_canonical_form(number: int) -> None:
    space = archgym_space()
    design = space.design(number)
    assert space.number(design) == number
    config, _ = space.designs.config(tuple(design.tolist()))
    assert space.configs[space.canonical[number]] == config.canonical(reads_only=True)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_shipped_tables_are_what_the_simulator_gives(workload: str) -> None:
    table, decoded = load_table(workload), archgym_workload(workload)
    rng = np.random.default_rng(1)
    for controller in rng.integers(0, len(table.outcome_of), 12):
        config = archgym_space().configs[controller]
        expected = result_metrics(simulate(decoded, config))
        assert table.metrics(int(controller)) == {name: expected[name] for name in METRICS}


@pytest.mark.parametrize("objective", ["low-latency", "edp", "power-under-time"])
def test_the_table_answers_as_the_environment(objective: str) -> None:
    problem = tabulated_problem("cloud-2", objective)
    env = gym.make(
        "chipgym/DramDesign-v0", scenario="archgym-cloud-2", objective=objective, split="test"
    )
    env.reset(seed=3)
    env.action_space.seed(3)
    for _ in range(8):
        design = env.action_space.sample()
        _, reward, _, _, info = env.step(design)
        outcome = problem.outcome(design)
        assert outcome.score == reward
        assert {name: info["metrics"][name] for name in METRICS} == {
            name: outcome.metrics[name] for name in METRICS
        }
        env.reset()
    assert problem.optimum == problem.scores.max() >= reward


def test_shipped_optima_follow_from_the_tables() -> None:
    document = json.loads((RESULTS / "optima.json").read_text())
    assert document["simulator_version"] == SIMULATOR_VERSION
    space = archgym_space()
    keeps_data = analysis.refreshed(space)
    for workload in WORKLOADS:
        best = document["workloads"][workload]["refresh"]["optima"]
        for cost in analysis.COSTS:
            values = analysis.costs(load_table(workload), cost)
            assert best[cost] == analysis.optimum(space, values, keeps_data)


def test_front_keeps_what_nothing_dominates() -> None:
    values = np.array([[1.0, 5.0], [2.0, 2.0], [3.0, 2.0], [5.0, 1.0], [0.0, 9.0], [2.0, 2.0]])
    allowed = np.array([True, True, True, True, False, True])
    assert analysis.front(values, allowed).tolist() == [0, 1, 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=30))
def test_front_is_that_of_the_definition(points: list[tuple[int, int, int]]) -> None:
    values = np.array(points, dtype=float)
    members = analysis.front(values, np.ones(len(values), dtype=bool))
    expected = {
        p
        for p in points
        if not any(all(a <= b for a, b in zip(q, p, strict=True)) and q != p for q in points)
    }
    assert {tuple(point) for point in values[members].astype(int).tolist()} == expected


def test_tables_round_trip(tmp_path: Path) -> None:
    table = load_table("stream")
    path = table.save(tmp_path)
    assert path.read_bytes() == table.save(tmp_path).read_bytes()
    again = OutcomeTable.load(tmp_path, "stream")
    assert np.array_equal(again.outcomes, table.outcomes)
    assert np.array_equal(again.outcome_of, table.outcome_of)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "stream.npz").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match=r"stream\.npz.*chipgym reproduce dram-exhaustive"):
        OutcomeTable.load(tmp_path, "stream")
    with pytest.raises(UnknownNameError, match="did you mean 'stream'"):
        OutcomeTable.load(tmp_path, "streem")


def test_quick_study(tmp_path: Path) -> None:
    summary = study.run(tmp_path, quick=True, workers=1, report=lambda *_: None)
    assert summary["space"]["designs"] == 442_368
    optimum = tabulated_problem("stream", "low-time").table.column("total_time_ns").min()
    assert summary["optima"]["stream"]["total_time_ns"] >= optimum
    assert {path.name for path in tmp_path.iterdir()} == {
        "raw",
        "optima.json",
        "optima.md",
        "optima.csv",
        "optima.tex",
        "distribution.svg",
        "summary.json",
    }
