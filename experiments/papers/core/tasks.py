"""Parts of a study: pure functions of plain arguments, run in processes, each finished once.

The result of a part is one JSON file, named by the part, beside a hash of its arguments. A study
that was interrupted goes on with the parts that are missing; a part whose arguments have changed is
done again.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipgym.experiments.executors.processes import one_thread
from chipgym.experiments.papers.core.registry import Report
from chipgym.simulators.core.errors import check_range
from chipgym.simulators.core.files import read_json, remove_unfinished, write_json
from chipgym.simulators.core.hashing import content_hash

__all__ = ["Task", "run_tasks"]


@dataclass(frozen=True)
class Task:
    """One part of a study.

    Attributes
    ----------
    key : str
        Name of the part and of its file.
    function : str
        ``module:name`` of a pure function of `arguments` that returns what JSON can hold.
    arguments : dict
        Plain values.
    """

    key: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of what determines the result."""
        return content_hash({"function": self.function, "arguments": self.arguments})

    def __call__(self) -> Any:
        """Do it."""
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module), name)(**self.arguments)


def run_tasks(
    tasks: Sequence[Task], folder: Path, workers: int, report: Report, what: str
) -> dict[str, Any]:
    """Do the tasks that are not done yet, and return the results of all by key.

    Parameters
    ----------
    tasks : sequence of Task
    folder : path
        One file a task, written whole or not at all.
    workers : int
        Processes; with 1 the tasks run in this one. The results do not depend on it.
    report : callable
    what : str
        What `report` calls the work.
    """
    check_range("workers", workers, 1, 4096)
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    results = {task.key: _stored(folder, task) for task in tasks}
    missing = [task for task in tasks if results[task.key] is None]
    report(what, len(tasks) - len(missing), len(tasks))
    for count, (task, result) in enumerate(_completed(missing, workers), len(tasks) - len(missing)):
        write_json(_place(folder, task), {"digest": task.digest, "result": result})
        results[task.key] = {"result": result}
        report(what, count + 1, len(tasks))
    return {key: entry["result"] for key, entry in results.items() if entry is not None}


def _place(folder: Path, task: Task) -> Path:
    return folder / f"{task.key}.json"


def _stored(folder: Path, task: Task) -> dict[str, Any] | None:
    path = _place(folder, task)
    if not path.is_file():
        return None
    document: dict[str, Any] = read_json(path)
    return document if document.get("digest") == task.digest else None


def _completed(tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Any]]:
    """Yield tasks with their results as they end."""
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, task()
        return
    context = multiprocessing.get_context("spawn")
    with one_thread(), _pool(min(workers, len(tasks)), context) as pool:
        futures: dict[Future[Any], Task] = {pool.submit(_call, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()


@contextlib.contextmanager
def _pool(workers: int, context: Any) -> Iterator[ProcessPoolExecutor]:
    """A pool that drops what is queued when the study is interrupted."""
    pool = ProcessPoolExecutor(workers, mp_context=context)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _call(task: Task) -> Any:
    return task()
