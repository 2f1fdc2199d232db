"""Stored references: they are what the command that they name makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipgym.experiments.environments import probe
from chipgym.experiments.references import (
    STORE,
    TaskReferences,
    measure_references,
    reference_path,
    stored_references,
)
from chipgym.experiments.suite import TaskSpec, load_suite
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
    assert references.excluded == ()
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
