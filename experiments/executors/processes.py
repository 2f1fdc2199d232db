"""Jobs in worker processes, which are started afresh (spawn), kept, and replaced when they die."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from chipgym.experiments.executors.base import DEFAULT_RETRIES, is_transient
from chipgym.experiments.jobs import Job, JobOutcome, Progress, ProgressCallback, execute_job
from chipgym.experiments.time_limit import GRACE_S

__all__ = ["ProcessExecutor", "one_thread"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: Job | None = None
    begun: float = 0.0


class ProcessExecutor:
    """Runs jobs on up to `workers` cores at a time, each worker with one compute thread.

    A worker that dies (killed, out of memory) is replaced and its job given to another worker, as
    often as `retries` says; the other workers do not notice. A job that needs more cores than there
    are runs alone.
    """

    def __init__(self, workers: int = 2, retries: int = DEFAULT_RETRIES) -> None:
        self._limit = workers
        self._retries = retries
        self._queue: deque[Job] = deque()
        self._workers: list[_Worker] = []
        self._attempts: Counter[str] = Counter()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue.append(job)

    def outcomes(self, on_progress: ProgressCallback) -> Iterator[JobOutcome]:
        """Yield outcomes as jobs end."""
        while True:
            self._hand_out()
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return
            sources = [w.connection for w in busy] + [w.process.sentinel for w in busy]
            ready = set(wait(sources))
            for worker in busy:
                if worker.connection in ready or worker.process.sentinel in ready:
                    outcome = self._listen(worker, on_progress)
                    if outcome is not None:
                        yield outcome

    def close(self) -> None:
        """Stop idle workers politely and busy ones at once."""
        for worker in self._workers:
            if worker.job is not None:
                worker.process.terminate()
            worker.connection.close()
        for worker in self._workers:
            worker.process.join(5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()
        self._queue.clear()

    def _hand_out(self) -> None:
        """Give queued jobs to idle workers, starting workers up to the limit."""
        while self._queue:
            taken = sum(worker.job.limits.cpus for worker in self._workers if worker.job)
            if taken and taken + self._queue[0].limits.cpus > self._limit:
                return
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self._limit:
                    return
                idle = _start_worker()
                self._workers.append(idle)
            job = self._queue.popleft()
            idle.job, idle.begun = job, time.monotonic()
            self._attempts[job.key] += 1
            # Where the worker died while idle the send fails; its sentinel tells in the next wait.
            with contextlib.suppress(OSError):
                idle.connection.send(job)

    def _listen(self, worker: _Worker, on_progress: ProgressCallback) -> JobOutcome | None:
        """Read what a worker has to say; its death is what it says last."""
        try:
            while worker.connection.poll():
                message = worker.connection.recv()
                if isinstance(message, Progress):
                    on_progress(message)
                else:
                    job, worker.job = worker.job, None
                    again = isinstance(message, JobOutcome) and is_transient(message)
                    if again and job is not None and self._attempts[job.key] <= self._retries:
                        self._queue.append(job)
                        return None
                    return message if isinstance(message, JobOutcome) else None
        except (EOFError, OSError):
            return self._bury(worker)
        return None if worker.process.is_alive() else self._bury(worker)

    def _bury(self, worker: _Worker) -> JobOutcome | None:
        """Remove a dead worker; queue its job again, or give up on it."""
        worker.process.join(5)
        self._workers.remove(worker)
        worker.connection.close()
        job = worker.job
        if job is None:
            return None
        limit_s = job.limits.time_s
        if limit_s is not None and time.monotonic() - worker.begun >= limit_s + GRACE_S:
            error = f"the time limit of {limit_s:g} s is over, and its process had to be ended"
            return JobOutcome(job.key, "failed", error=error, error_type="TimeLimitError")
        if self._attempts[job.key] <= self._retries:
            self._queue.appendleft(job)
            return None
        code, attempts = worker.process.exitcode, self._attempts[job.key]
        error = f"its process died {attempts} times (exit code {code}); out of memory?"
        return JobOutcome(job.key, "failed", error=error, error_type="WorkerDied")


def _start_worker() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=False)
    with one_thread():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let a process that starts now compute in one thread: workers share the cores between them."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection) -> None:
    """Main loop of a worker: jobs in, progress and outcomes out, until the pipe closes."""
    # Ctrl-C reaches the whole process group; the parent decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            connection.send(execute_job(job, connection.send))


def _die_with_parent() -> None:
    """End this process when its parent ends, even by a kill: nobody would collect the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
