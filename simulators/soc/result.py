"""What a simulation returns: the schedule, job by job and task by task, and its totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["SocResult", "TaskTrace"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TaskTrace:
    """The executed tasks in completion order, N of them.

    Attributes
    ----------
    job, app, task, pe : int64 array, shape (N,)
        Job number, application index, task number within the application, processing element.
    ready_us, data_ready_us, start_us, finish_us : float64 array, shape (N,)
        When the task became ready, when its data were on its PE, when it started and finished. The
        tick orders record finishes truncated to whole µs, as DS3 does.
    energy_j : float64 array, shape (N,)
        Energy of the task's own execution (dynamic and leakage, without base power).
    """

    job: Ints
    app: Ints
    task: Ints
    pe: Ints
    ready_us: Floats
    data_ready_us: Floats
    start_us: Floats
    finish_us: Floats
    energy_j: Floats

    def __len__(self) -> int:
        return len(self.job)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class SocResult:
    """Result of one simulation.

    Attributes
    ----------
    job_app : int64 array, shape (J,)
        Application of each job.
    arrival_us, finish_us : float64 array, shape (J,)
        Injection (after any blocking by the cap) and completion of each job; nan: did not happen
        before the horizon.
    trace : TaskTrace or None
        Task by task, where it was asked for.
    makespan_us : float
        Completion of the last job.
    mean_latency_us, p95_latency_us : float
        Of the jobs completed after the warm-up: completion minus injection (nan: no such job).
    energy_j : float
        Energy of the whole chip: over the whole run in the clean order, from the end of the warm-up
        on in the tick orders.
    completed, injected, tasks : int
        Jobs completed, jobs injected, tasks executed.
    mean_in_flight : float
        Mean over injections of the jobs in the system, the new one included.
    scheduler_passes : int
        Scheduler calls with at least one ready task.
    peak_temperature_c : float
        Hottest spot over the run.
    mean_latency_ds3_us : float or None
        DS3's own mean latency, which skips jobs whose first record its purge has dropped and does
        not truncate completion times (tick orders only).
    """

    job_app: Ints
    arrival_us: Floats
    finish_us: Floats
    trace: TaskTrace | None
    makespan_us: float
    mean_latency_us: float
    p95_latency_us: float
    energy_j: float
    completed: int
    injected: int
    mean_in_flight: float
    scheduler_passes: int
    tasks: int
    peak_temperature_c: float
    mean_latency_ds3_us: float | None = None

    @property
    def latency_us(self) -> Floats:
        """Latency of each job, shape (J,); nan: not completed."""
        return self.finish_us - self.arrival_us
