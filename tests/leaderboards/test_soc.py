"""The leaderboard on the real SoC environments: stored references, replay and feasibility."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chipgym.experiments.environments import probe
from chipgym.experiments.executors import make_executor
from chipgym.experiments.references import (
    measure_references,
    reference_path,
    stored_references,
)
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.submission import submit
from chipgym.experiments.suite import Suite, TaskSpec
from chipgym.leaderboards.feasibility import Violation
from chipgym.leaderboards.verify import verify_submission


def test_references_of_other_instances_or_versions_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipgym.experiments.references.STORE", tmp_path)
    task = TaskSpec(
        env="chipgym/SocScheduling-v0",
        scenario="canonical",
        instances=2,
        kwargs={"num_jobs": 2},
    )
    facts = probe(task)
    made = measure_references(task, facts, "chipgym leaderboard references")
    assert stored_references(task, facts.simulator_version) is None
    made.save(reference_path(task))
    assert stored_references(task, facts.simulator_version) == made
    assert stored_references(task, "0.0.1") is None
    more = task.model_copy(update={"instances": 3})
    assert stored_references(more, facts.simulator_version) is None
    entry = made.instances[0].model_copy(update={"instance_hash": "0" * 16})
    changed = made.model_copy(update={"instances": (entry, *made.instances[1:])})
    changed.save(reference_path(task))
    assert stored_references(task, facts.simulator_version) is None


@pytest.fixture(scope="module")
def soc_submission(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[Path, str]]:
    """A verified submission of a heuristic on small SoC tasks, and the file of their suite."""
    suite = {
        "name": "small",
        "tasks": [
            {
                "env": f"chipgym/{name}",
                "name": name,
                "scenario": scenario,
                "instances": 2,
                "kwargs": {"num_jobs": 3},
            }
            for name, scenario in [
                ("SocScheduling-v0", "six-app-high"),
                ("SocTaskMapping-v0", "noise-30"),
                ("SocTaskOrdering-v0", "shared-memory"),
            ]
        ],
        "agents": [{"name": "EFT", "policy": "EFT"}],
    }
    root = tmp_path_factory.mktemp("soc")
    path = root / "small.yaml"
    path.write_text(yaml.safe_dump(suite))
    plan = plan_suite(Suite.parse(suite), root / "run")
    run = run_suite(plan, make_executor("serial", 1))
    outcome = submit(run, "EFT", root / "submission", suite=str(path))
    assert outcome.passed, outcome.reasons
    assert {task.feasibility for task in outcome.tasks} == {"checked"}
    return lambda: (root / "submission", str(path))


def test_soc_schedules_replay_and_are_feasible(
    soc_submission: Callable[[], tuple[Path, str]],
) -> None:
    folder, suite = soc_submission()
    outcome = verify_submission(folder, suite=suite)
    assert outcome.passed
    assert outcome.records == 6


def test_an_infeasible_schedule_is_rejected_even_if_it_replays(
    soc_submission: Callable[[], tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, suite = soc_submission()
    seen: list[Any] = []

    def suspicious(*arguments: Any, **options: Any) -> list[Violation]:
        seen.append(arguments)
        return [Violation("capacity", "two tasks on PE 3", 0, 1)]

    monkeypatch.setattr("chipgym.leaderboards.feasibility.check_schedule", suspicious)
    outcome = verify_submission(folder, suite=suite)
    assert not outcome.passed
    assert "infeasible schedule (capacity): two tasks on PE 3" in outcome.reasons[0]
    assert len(seen) == 6
