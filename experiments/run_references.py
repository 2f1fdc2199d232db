"""References that a finished run has measured, to be stored without measuring them again.

A run makes the references of those of its tasks that have none stored, with the same policies and
seeds as `chipgym.experiments.references.measure_references`, so the numbers are the same.
"""

from __future__ import annotations

from chipgym.experiments.environments import instance_hash, make_env, probe
from chipgym.experiments.evaluation import start_episode
from chipgym.experiments.references import TaskReferences, reference_path, stored_references
from chipgym.experiments.runner import Run
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["references_of_run"]

METHOD = ("metric", "reference_policy", "random_seeds", "reference_seeds", "simulator_version")
"""What references must agree in to stand in one file."""


def references_of_run(run: Run, task: TaskSpec, command: str) -> TaskReferences | None:
    """A task's references as a run has measured them; None where they are stored already.

    References of other instances that are stored for the task stay beside them.

    Parameters
    ----------
    run : Run
    task : TaskSpec
    command : str
        Command that takes them from the run, to be stored with them.

    Raises
    ------
    InvalidValueError
        The run has not the task with all its instances, or was made with another version of the
        simulator or on other instances than are installed.
    """
    version = probe(task).simulator_version
    if stored_references(task, version) is not None:
        return None
    found = run.references.get(task.label)
    if found is None or any(getattr(found, k) != v for k, v in task.identity().items()):
        raise InvalidValueError("run", str(run.folder), f"a run with the task {task.label!r}")
    if found.simulator_version != version:
        raise InvalidValueError(
            f"simulator version of {task.label!r} in the run", found.simulator_version, version
        )
    _check_instances(found, task)
    made = found.model_copy(update={"command": command})
    path = reference_path(task)
    if path.is_file():
        made = _beside(made, TaskReferences.load(path))
    return made


def _check_instances(found: TaskReferences, task: TaskSpec) -> None:
    """The references must be of all instances of the task, as they are here."""
    env = make_env(task)
    try:
        for instance in task.instance_indexes:
            entry = found.of(instance)
            start_episode(env, instance)
            if entry is None or entry.instance_hash != instance_hash(env):
                raise InvalidValueError(
                    f"references of {task.label!r} in the run",
                    None if entry is None else entry.instance_hash,
                    f"made on instance {instance} as it is here",
                )
    finally:
        env.close()


def _beside(made: TaskReferences, stored: TaskReferences) -> TaskReferences:
    """Add the stored references of other instances, where they were made in the same way."""
    if any(getattr(made, name) != getattr(stored, name) for name in METHOD):
        return made
    known = {entry.instance for entry in made.instances}
    others = [entry for entry in stored.instances if entry.instance not in known]
    entries = sorted([*made.instances, *others], key=lambda entry: entry.instance)
    return made.model_copy(update={"instances": tuple(entries)})
