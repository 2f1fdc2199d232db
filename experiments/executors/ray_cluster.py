"""Jobs on Ray: on this machine, or on a cluster whose nodes share the run's folder.

Nothing but the job goes out and nothing but its outcome comes back: results are written by the
worker into the run's folder as they come, line by line, so Ray's memory holds none of them and a
node that is lost takes none with it.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chipgym.experiments.executors.base import DEFAULT_RETRIES, is_transient
from chipgym.experiments.executors.processes import one_thread
from chipgym.experiments.jobs import Job, JobOutcome, ProgressCallback, execute_job
from chipgym.experiments.results import is_finished
from chipgym.simulators.core.errors import MissingLibraryError, SimulationError

__all__ = ["RayExecutor"]

POLL_S = 1.0
VISIBLE_S = 10.0
"""Seconds that a shared file system may take to show what a worker has written."""

CONNECT_S, HEALTH_S = 5.0, 120.0
"""Seconds for a connection to a cluster, and for its answer."""

MIB = 2**20


class RayExecutor:
    """Runs jobs as Ray tasks, each with the cores, accelerators and memory of its limits.

    Ray's own retries are off: a job whose worker or node dies is submitted again here, as often as
    with the other executors. Progress within a job is not shown.

    Parameters
    ----------
    workers : int
        Cores that Ray may use on this machine; without meaning on a cluster.
    retries : int
        How often a job is tried again after its process died.
    address : str, optional
        Address of a cluster, as ``ray.init`` takes it. The run's folder must be on storage that
        all nodes see under the same path, and ChipGym be installed on all.
    """

    def __init__(
        self, workers: int = 2, retries: int = DEFAULT_RETRIES, address: str | None = None
    ) -> None:
        self._ray = _import_ray()
        self._retries = retries
        self._queue: deque[Job] = deque()
        self._running: dict[Any, Job] = {}
        self._attempts: Counter[str] = Counter()
        self._own = not self._ray.is_initialized()
        if self._own:
            _start(self._ray, workers, address)
        self._cores = None if address else int(self._ray.cluster_resources().get("CPU", workers))
        self._run = self._ray.remote(_run)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        # A worker has another working directory.
        self._queue.append(dataclasses.replace(job, folder=str(Path(job.folder).resolve())))

    def outcomes(self, on_progress: ProgressCallback) -> Iterator[JobOutcome]:
        """Hand the queued jobs to Ray and yield their outcomes as they end."""
        while self._queue or self._running:
            while self._queue:
                self._hand_out(self._queue.popleft())
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=POLL_S)
            for reference in ready:
                outcome = self._collect(reference, self._running.pop(reference))
                if outcome is not None:
                    yield outcome

    def close(self) -> None:
        """Stop what runs, and Ray itself if it was started here."""
        if not self._own:  # otherwise Ray ends the workers together with itself
            for reference in self._running:
                self._ray.cancel(reference, force=True)
        self._running.clear()
        self._queue.clear()
        if self._own and self._ray.is_initialized():
            self._ray.shutdown()

    def _hand_out(self, job: Job) -> None:
        self._attempts[job.key] += 1
        limits = job.limits
        cores = limits.cpus if self._cores is None else min(limits.cpus, self._cores)
        options: dict[str, Any] = {"num_cpus": cores, "max_retries": 0, "name": job.key}
        if limits.gpus:
            options["num_gpus"] = limits.gpus
        if limits.memory_mib is not None:
            options["memory"] = limits.memory_mib * MIB
        self._running[self._run.options(**options).remote(job)] = job

    def _collect(self, reference: Any, job: Job) -> JobOutcome | None:
        """Return how a job ended; None if it is tried again."""
        try:
            outcome: JobOutcome = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return self._died(job, error)
        if is_transient(outcome) and self._attempts[job.key] <= self._retries:
            self._queue.append(job)
            return None
        if outcome.status != "failed" and not _visible(job):
            text = f"a worker wrote its results, but {job.folder} is not seen here"
            advice = "put --out on storage that all nodes share"
            return JobOutcome(
                job.key, "failed", error=f"{text}; {advice}", error_type="NotSharedError"
            )
        return outcome

    def _died(self, job: Job, error: Exception) -> JobOutcome | None:
        attempts = self._attempts[job.key]
        if attempts <= self._retries:
            self._queue.append(job)
            return None
        cause = " ".join(str(error).split())[:300]
        text = f"its process died {attempts} times ({type(error).__name__}: {cause})"
        return JobOutcome(job.key, "failed", error=text, error_type="WorkerDied")


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingLibraryError("the executor 'ray'", "ray", "distributed") from error
    return ray


def _start(ray: Any, workers: int, address: str | None) -> None:
    """Start Ray here, or connect to a cluster; the handlers of signals stay ours.

    Raises
    ------
    SimulationError
        There is no cluster at the address, or Ray does not start.
    """
    if address is not None:
        _check_address(address)
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where: dict[str, Any] = {"address": address}
    if address is None:
        where = {"num_cpus": workers, "include_dashboard": False, "address": "local"}
    main = threading.current_thread() is threading.main_thread()
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with one_thread():
            ray.init(**where, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # Ray raises many kinds, bare ones among them
        ray.shutdown()
        raise SimulationError(f"Ray does not start at {address or 'this machine'}: {error}") from (
            error
        )
    finally:
        for number, handler in kept.items() if main else ():
            signal.signal(number, handler)


def _check_address(address: str) -> None:
    """Ask whether a cluster is at an address, in a process of its own and with a limit of time.

    Where nobody or somebody else listens, Ray tries for a minute, and then ends the whole process
    instead of raising an error.
    """
    if "://" in address or ":" not in address:  # Ray's client, or a name such as "auto"
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        command = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
        asked = subprocess.run(
            [*command, "--address", address],
            capture_output=True,
            check=False,
            timeout=HEALTH_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, ValueError, OverflowError, subprocess.TimeoutExpired) as error:
        raise SimulationError(f"no Ray cluster at {address}: {error}") from error
    if asked.returncode:
        raise SimulationError(f"no healthy Ray cluster at {address}: what listens there is not Ray")


def _run(job: Job) -> JobOutcome:
    """Run a job in a worker of Ray."""
    return execute_job(job, own_process=True)


def _visible(job: Job) -> bool:
    """Whether the results of a finished job are seen from here, at least after a while."""
    deadline = time.monotonic() + VISIBLE_S
    while not is_finished(Path(job.folder)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
