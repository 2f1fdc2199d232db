"""Stored references: they are what the command that they name makes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from chipgym.experiments.cli.leaderboard import app
from chipgym.experiments.environments import probe
from chipgym.experiments.executors import make_executor
from chipgym.experiments.references import (
    STORE,
    TaskReferences,
    measure_references,
    reference_path,
    stored_references,
)
from chipgym.experiments.runner import plan_suite, run_suite
from chipgym.experiments.suite import Suite, TaskSpec, load_suite
from chipgym.simulators.logic.errors import AbcNotFoundError

FILES = sorted(STORE.glob("*.json"))
MAKE_AGAIN = "make them again with the command that they name"
CHEAP = ("chipgym/Soc", "chipgym/CoDesignOneShot")
"""What is measured again here; a random search over the others takes minutes."""


def task_of(references: TaskReferences, *instances: int) -> TaskSpec:
    """The task of some references."""
    fields = references.model_dump(include={"env", "scenario", "objective", "split", "kwargs"})
    return TaskSpec.parse({**fields, "instances": sorted(set(instances))})


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_stored_references_are_what_their_command_makes(path: Path) -> None:
    references = TaskReferences.load(path)
    task = task_of(references, 0, references.instances[-1].instance)
    try:
        facts = probe(task)
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")
    assert reference_path(task) == path
    assert references.command.startswith("chipgym leaderboard references")
    if "ABC" in facts.simulator_version and facts.simulator_version != references.simulator_version:
        pytest.skip("another ABC than the references'")
    assert references.simulator_version == facts.simulator_version, MAKE_AGAIN
    assert stored_references(task, facts.simulator_version) == references, MAKE_AGAIN
    assert len(references.excluded) < len(references.instances)
    if task.env.startswith(CHEAP):
        made = measure_references(task, facts, references.command)
        for entry in made.instances:
            assert references.of(entry.instance) == entry, MAKE_AGAIN


def test_every_family_has_references() -> None:
    stored = {path.name[:3] for path in FILES}
    assert {"soc", "dra", "log", "cod"} <= stored


def test_the_demo_has_stored_references_that_tell_methods_apart() -> None:
    for task in load_suite("quick").tasks:
        references = stored_references(task, probe(task).simulator_version)
        assert references is not None, MAKE_AGAIN
        assert not set(task.instance_indexes) & set(references.excluded)


def test_references_of_a_run_are_those_that_would_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipgym.experiments.references.STORE", tmp_path / "store")
    document = {
        "name": "small",
        "tasks": [
            {"env": "chipgym/SocScheduling-v0", "kwargs": {"num_jobs": 2}, "instances": [1, 3]},
            {"env": "chipgym/CoDesignOneShot-v0", "scenario": "digits-tiny", "instances": 1},
        ],
        "agents": [{"name": "random", "policy": "random"}],
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(document))
    suite = Suite.parse(document)
    run_suite(plan_suite(suite, tmp_path / "runs" / "small"), make_executor("serial", 1))
    # References of another instance are stored already; they stay.
    facts = probe(suite.tasks[0])
    other = suite.tasks[0].model_copy(update={"instances": 1})
    before = measure_references(other, facts, "chipgym leaderboard references")
    before.save(reference_path(other))

    arguments = ["references", str(path), "--run", str(tmp_path / "runs" / "small")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for task in suite.tasks:
        found = stored_references(task, probe(task).simulator_version)
        assert found is not None
        assert found.command.endswith("--run small")
        made = measure_references(task, probe(task), "")
        assert tuple(found.of(i) for i in task.instance_indexes) == made.instances
    assert stored_references(other, facts.simulator_version) is not None

    files = {p: p.read_bytes() for p in (tmp_path / "store").iterdir()}
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert {p: p.read_bytes() for p in (tmp_path / "store").iterdir()} == files

    document["tasks"] = [{"env": "chipgym/SocScheduling-v0", "instances": 1}]
    path.write_text(yaml.safe_dump(document))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code != 0
    assert "a run with the task" in " ".join(f"{done.output} {done.exception}".split())
