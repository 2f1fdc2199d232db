"""Fixtures: a suite on the fake scheduling environment, which worker processes can import too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAKES = str(Path(__file__).parent / "fakes")
if FAKES not in sys.path:
    sys.path.insert(0, FAKES)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [FAKES, str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
).rstrip(os.pathsep)

ENV = "fake_scheduling:fakes/Queue-v0"


@pytest.fixture
def suite_document() -> dict[str, Any]:
    """A small suite: two tasks, four agents."""
    return {
        "name": "fakes",
        "tasks": [
            {"env": ENV, "scenario": "heavy", "instances": 5},
            {"env": ENV, "scenario": "light", "instances": 4},
        ],
        "agents": [
            {"name": "random", "policy": "random", "seeds": 2},
            {"name": "greedy", "policy": "fake_scheduling:Greedy"},
            {"name": "biased", "policy": "fake_scheduling:Biased", "kwargs": {"penalty_us": 3}},
        ],
        "seeds": [0, 1],
    }


@pytest.fixture
def run_fakes(suite_document: dict[str, Any]) -> Callable[..., Any]:
    """Run the small suite in a folder and return the run."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import plan_suite, run_suite
    from chipgym.experiments.suite import Suite

    def run(folder: Path, executor: str = "serial", **changes: Any) -> Any:
        suite = Suite.parse({**suite_document, **changes})
        return run_suite(plan_suite(suite, folder), make_executor(executor, 2))

    return run
