"""Fixtures: the fake environment of the harness tests, and a submission made from a run on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

FAKES = str(Path(__file__).parents[1] / "experiments" / "fakes")
if FAKES not in sys.path:
    sys.path.insert(0, FAKES)
if FAKES not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [FAKES, str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    ).rstrip(os.pathsep)

ENV = "fake_scheduling:fakes/Queue-v0"
SUITE = {
    "name": "fakes",
    "tasks": [
        {"env": ENV, "scenario": "heavy", "instances": 4},
        {"env": ENV, "scenario": "light", "instances": 3},
    ],
    "agents": [
        {"name": "random", "policy": "random", "seeds": 2},
        {"name": "greedy", "policy": "fake_scheduling:Greedy"},
        {"name": "biased", "policy": "fake_scheduling:Biased", "kwargs": {"penalty_us": 3}},
    ],
    "seeds": [0, 1],
}


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """YAML file of the suite."""
    path = tmp_path_factory.mktemp("suite") / "fakes.yaml"
    path.write_text(yaml.safe_dump(SUITE))
    return str(path)


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run of the suite."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import plan_suite, run_suite
    from chipgym.experiments.suite import Suite

    folder = tmp_path_factory.mktemp("run")
    return run_suite(plan_suite(Suite.parse(SUITE), folder), make_executor("serial", 1))


@pytest.fixture
def submission(tmp_path: Path, fake_run: Any, suite_file: str) -> Callable[[str], Path]:
    """Submit an agent of the run; returns the folder."""
    from chipgym.experiments.submission import submit

    def make(agent: str) -> Path:
        out = tmp_path / "submissions" / agent
        options: dict[str, Any] = {"suite": suite_file, "imports": ["fake_scheduling"]}
        outcome = submit(fake_run, agent, out, authors=["A. Tester"], **options)
        assert outcome.passed, outcome.reasons
        return out

    return make
