"""Numbers from raw records, on records made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chipgym.experiments.papers.abc_rl.analysis import Results, reduction_percent
from chipgym.experiments.papers.abc_rl.figures import curves_figure, ends_figure
from chipgym.experiments.papers.abc_rl.methods import METHODS, TRAINED, find_method
from chipgym.experiments.papers.abc_rl.simulation import quality
from chipgym.experiments.papers.abc_rl.study import (
    FULL,
    QUICK,
    circuits_table,
    methods_table,
    search_tasks,
    training_tasks,
)
from chipgym.simulators.core.errors import UnknownNameError

BUDGET = 8


def record(method: str, circuit: str, seed: int, *curve: tuple[int, float, float]) -> Any:
    return {
        "method": method,
        "circuit": circuit,
        "seed": seed,
        "score": curve[-1][1],
        "evaluations": BUDGET,
        "commands": 80,
        "seconds": 4.0,
        "curve": [list(point) for point in curve],
    }


@pytest.fixture
def results() -> Results:
    records = [
        record("random", "x", 0, (1, -0.2, 0.5), (4, 0.1, 2.0)),
        record("random", "x", 1, (1, 0.05, 0.5), (8, 0.3, 4.0)),
        record("random", "y", 0, (2, 0.0, 1.0)),
        record("random", "y", 1, (2, 0.0, 1.0)),
        record("mcts", "x", 0, (1, 0.2, 0.5), (2, 0.5, 1.0)),
        record("mcts", "x", 1, (1, 0.0, 0.5)),
        record("mcts", "y", 0, (1, 0.0, 2.0)),
        record("mcts", "y", 1, (3, 0.5, 2.0)),
        record("resyn2", "x", 0, (1, 0.0, 0.1)),
        record("resyn2", "y", 0, (1, 0.0, 0.1)),
    ]
    return Results(records, BUDGET)


def test_the_reduction_is_that_of_the_geometric_mean(results: Results) -> None:
    expected = 100 * (1 - (0.9 * 0.7) ** 0.25)
    outcome = results.outcome("random")
    assert outcome.reduction.value == pytest.approx(expected)
    assert outcome.reduction.low <= expected <= outcome.reduction.high
    assert results.outcome("resyn2").reduction.value == 0.0
    assert reduction_percent(math.log(0.752)) == pytest.approx(24.8)


def test_curves_never_fall_and_end_at_the_final_reduction(results: Results) -> None:
    for method in results.methods:
        curve = results.curve(method)
        assert len(curve) == BUDGET
        assert (np.diff(curve) >= -1e-9).all()
        assert curve[-1] == pytest.approx(results.outcome(method).reduction.value)
    first = results.curve("random")[0]
    assert first == pytest.approx(100 * (1 - (1.2 * 0.95) ** 0.25))


def test_cost_of_equal_quality(results: Results) -> None:
    # Random search ends with 0.2 on x on average, and with 0 on y.
    assert results.marks() == {"x": pytest.approx(0.2), "y": 0.0}
    outcome = results.outcome("mcts")
    assert outcome.reached == 0.75
    assert outcome.evaluations_to_reach == pytest.approx((1 * BUDGET * 1 * 3) ** 0.25)
    assert outcome.speed_up == pytest.approx((8.0 * 2.0 * 2.0) ** (1 / 3))


def test_a_method_that_never_gets_there_has_no_speed_up() -> None:
    records = [
        record("random", "x", 0, (1, 0.5, 1.0)),
        record("greedy", "x", 0, (1, 0.1, 1.0)),
    ]
    outcome = Results(records, BUDGET).outcome("greedy")
    assert outcome.reached == 0.0
    assert math.isnan(outcome.speed_up)
    assert outcome.document()["speed_up"] is None


def test_tables_and_figures_name_every_method(results: Results) -> None:
    outcomes = [results.outcome(method) for method in results.methods]
    for text in (
        methods_table(outcomes, QUICK).markdown(),
        circuits_table(results).markdown(),
        ends_figure(outcomes),
    ):
        for method in results.methods:
            assert METHODS[method].title in text
    assert METHODS["mcts"].title in curves_figure(results)


def test_every_method_meets_every_circuit_with_every_seed() -> None:
    for plan in (QUICK, FULL):
        training = training_tasks(plan)
        assert len(training) == len(TRAINED) * plan.seeds
        tasks = search_tasks(plan, {task.key: "" for task in training})
        assert len({task.key for task in tasks}) == len(tasks)
        assert {task.arguments["method"] for task in tasks} == set(METHODS)
        assert not set(plan.train) & set(plan.test)
        budgets = {task.arguments["budget"] for task in tasks}
        assert budgets == {plan.budget}


def test_names_and_scores() -> None:
    assert find_method("mcts").kind == "planner"
    with pytest.raises(UnknownNameError, match="random"):
        find_method("randon")
    assert quality(1.0) == 0.0
    assert quality(0.752) == pytest.approx(0.248)
    assert quality(3.0) == -1.0
