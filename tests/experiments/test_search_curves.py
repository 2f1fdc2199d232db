"""Curves of the searches of a run: best score so far against evaluations."""

from __future__ import annotations

from pathlib import Path

from chipgym.experiments.curves import learning_curves
from chipgym.experiments.executors import make_executor
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.suite import Suite


def test_searches_have_a_curve_at_the_points_that_all_seeds_share(tmp_path: Path) -> None:
    document = {
        "name": "designs",
        "tasks": [{"env": "fake_design:fakes/SafeDesign-v0", "instances": 2, "name": "designs"}],
        "agents": [
            {"name": "random", "policy": "random-search-1", "seeds": 2},
            {"name": "genetic", "searcher": "genetic", "budget": 20},
        ],
        "seeds": [0, 1, 2],
        "curve": {"points": 4, "instances": 2},
    }
    run = run_suite(plan_suite(Suite.parse(document), tmp_path), make_executor("serial", 1))
    curves = learning_curves(run)
    assert set(curves["designs"]) == {"genetic"}
    points = curves["designs"]["genetic"]
    spent = [point.evaluations for point in points]
    seeds = [r.curve for r in run.results if r.agent == "genetic"]
    shared = set.intersection(*({point.evaluations for point in curve} for curve in seeds))
    assert spent == sorted(shared)
    assert spent[-1] == 20
    scores = [point.score.value for point in points]
    assert scores == sorted(scores)
    assert all(point.score.low <= point.score.value <= point.score.high for point in points)
