"""One job after the other, in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from chipgym.experiments.executors.base import DEFAULT_RETRIES, is_transient
from chipgym.experiments.jobs import Job, JobOutcome, ProgressCallback, execute_job

__all__ = ["SerialExecutor"]


class SerialExecutor:
    """Runs jobs in the calling process, in the order of submission."""

    def __init__(self, workers: int = 1, retries: int = DEFAULT_RETRIES) -> None:
        self._retries = retries
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.append(job)

    def outcomes(self, on_progress: ProgressCallback) -> Iterator[JobOutcome]:
        """Run the queued jobs and yield their outcomes."""
        while self._jobs:
            job = self._jobs.popleft()
            outcome = execute_job(job, on_progress)
            for _ in range(self._retries if is_transient(outcome) else 0):
                outcome = execute_job(job, on_progress)
                if not is_transient(outcome):
                    break
            yield outcome

    def close(self) -> None:
        """Forget the queued jobs."""
        self._jobs.clear()
