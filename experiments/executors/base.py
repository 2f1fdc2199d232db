"""The protocol of executors, the table of them, and what they do about failures."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Iterator
from typing import Protocol, cast, runtime_checkable

from chipgym.experiments.jobs import Job, JobOutcome, ProgressCallback
from chipgym.simulators.core.errors import InvalidValueError, check_range, lookup_error

__all__ = ["DEFAULT_RETRIES", "Executor", "executor_names", "is_transient", "make_executor"]

EXECUTORS = {
    "serial": "chipgym.experiments.executors.serial:SerialExecutor",
    "processes": "chipgym.experiments.executors.processes:ProcessExecutor",
    "ray": "chipgym.experiments.executors.ray_cluster:RayExecutor",
}
DEFAULT_RETRIES = 2
TRANSIENT = frozenset(
    {errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ECONNRESET}
)
"""Error numbers of file systems over a network that may be gone the next time."""


@runtime_checkable
class Executor(Protocol):
    """Runs idempotent jobs, each by `chipgym.experiments.jobs.execute_job`.

    A job is plain data and all its results are in its folder, so an executor only has to carry the
    job to some process that sees the folder, and the outcome back. A job whose process dies, or
    whose file system fails for a moment, is tried again; its folder holds what was done.
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


def is_transient(outcome: JobOutcome) -> bool:
    """Whether a failure is of a kind that may be gone the next time."""
    return outcome.status == "failed" and outcome.errno in TRANSIENT


def make_executor(
    name: str, workers: int, *, retries: int = DEFAULT_RETRIES, address: str | None = None
) -> Executor:
    """Make an executor by name.

    Parameters
    ----------
    name : str
        One of `executor_names`.
    workers : int
        Number of cores that jobs may take at a time (the serial executor ignores it, and a Ray
        cluster has its own).
    retries : int
        How often a job is tried again after its process died.
    address : str, optional
        Address of a Ray cluster; by default Ray is started on this machine.

    Raises
    ------
    UnknownNameError
        No such executor.
    InvalidValueError
        `workers` or `retries` is out of range, or an address is given to another executor than Ray.
    MissingLibraryError
        Ray is not installed.
    """
    if name not in EXECUTORS:
        raise lookup_error("executor", name, EXECUTORS)
    if workers < 1:
        raise InvalidValueError("workers", workers, ">= 1")
    check_range("retries", retries, 0, 100)
    module, _, attribute = EXECUTORS[name].partition(":")
    options: dict[str, str] = {}
    if address is not None:
        if name != "ray":
            raise InvalidValueError("ray address", address, "only with the executor 'ray'")
        options["address"] = address
    kind = getattr(importlib.import_module(module), attribute)
    return cast(Executor, kind(workers, retries, **options))
