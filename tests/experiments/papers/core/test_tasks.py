"""Tasks of a study: done once, resumed, the same in any number of processes."""

import json
from pathlib import Path

import pytest

from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.simulators.core.errors import InvalidValueError


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total


def power_task(base: int) -> Task:
    return Task(f"base-{base}", "fake_tasks:power", {"base": base})


def test_results_come_by_key(tmp_path: Path) -> None:
    tasks = [power_task(base) for base in range(4)]
    assert run_tasks(tasks, tmp_path, 1, quiet, "powers") == {
        "base-0": 0,
        "base-1": 1,
        "base-2": 4,
        "base-3": 9,
    }


def test_processes_give_the_same(tmp_path: Path) -> None:
    tasks = [power_task(base) for base in range(5)]
    alone = run_tasks(tasks, tmp_path / "one", 1, quiet, "powers")
    assert run_tasks(tasks, tmp_path / "two", 2, quiet, "powers") == alone
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()


def test_finished_tasks_are_not_done_again(tmp_path: Path) -> None:
    task = power_task(3)
    run_tasks([task], tmp_path, 1, quiet, "powers")
    document = json.loads((tmp_path / "base-3.json").read_text())
    (tmp_path / "base-3.json").write_text(json.dumps({**document, "result": 123}))
    assert run_tasks([task], tmp_path, 1, quiet, "powers") == {"base-3": 123}


def test_changed_arguments_are_done_again(tmp_path: Path) -> None:
    run_tasks([power_task(3)], tmp_path, 1, quiet, "powers")
    changed = Task("base-3", "fake_tasks:power", {"base": 5})
    assert run_tasks([changed], tmp_path, 1, quiet, "powers") == {"base-3": 25}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_keeps_what_is_done(tmp_path: Path, workers: int) -> None:
    bad = Task("bad", "fake_tasks:fail", {})
    with pytest.raises(ZeroDivisionError):
        run_tasks([power_task(2), bad], tmp_path, workers, quiet, "powers")
    kept = {path.name for path in tmp_path.iterdir()}
    assert "bad.json" not in kept
    assert kept <= {"base-2.json"}
    if workers == 1:
        assert kept


def test_workers_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="workers"):
        run_tasks([], tmp_path, 0, quiet, "powers")
