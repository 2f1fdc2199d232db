"""The protocol of executors, and the table of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol, cast, runtime_checkable

from chipgym.experiments.jobs import Job, JobOutcome, ProgressCallback
from chipgym.simulators.core.errors import InvalidValueError, lookup_error

__all__ = ["Executor", "executor_names", "make_executor"]

EXECUTORS = {
    "serial": "chipgym.experiments.executors.serial:SerialExecutor",
    "processes": "chipgym.experiments.executors.processes:ProcessExecutor",
}


@runtime_checkable
class Executor(Protocol):
    """Runs idempotent jobs, each by `chipgym.experiments.jobs.execute_job`.

    A job is plain data and all its results are in its folder, so an executor only has to carry the
    job to some process that sees the folder, and the outcome back. A job whose process dies is
    given to another one; its folder holds what was done.
    """

    def submit(self, job: Job) -> None:
        """Queue a job."""
        ...

    def outcomes(self, on_progress: ProgressCallback) -> Iterator[JobOutcome]:
        """Yield the outcome of every job submitted so far, as they end."""
        ...

    def close(self) -> None:
        """Stop whatever still runs and release the processes."""
        ...


def executor_names() -> list[str]:
    """Names of the executors."""
    return list(EXECUTORS)


def make_executor(name: str, workers: int) -> Executor:
    """Make an executor by name.

    Parameters
    ----------
    name : str
        One of `executor_names`.
    workers : int
        Number of jobs at a time (the serial executor ignores it).
    """
    if name not in EXECUTORS:
        raise lookup_error("executor", name, EXECUTORS)
    if workers < 1:
        raise InvalidValueError("workers", workers, ">= 1")
    module, _, attribute = EXECUTORS[name].partition(":")
    return cast(Executor, getattr(importlib.import_module(module), attribute)(workers))
