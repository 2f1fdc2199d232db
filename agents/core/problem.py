"""What a scheduling environment publishes at each decision, as heuristics see it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "FloatArray", "IntArray", "JobGraphsView", "JobsView", "ProblemView"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class ProblemView(Protocol):
    """One decision of a scheduling problem: n ready tasks (FIFO order) and P processing elements.

    Times are µs; "from now" means relative to `time_us`. The arrays are read, never written.
    """

    @property
    def time_us(self) -> float:
        """Present time."""
        ...

    @property
    def pass_index(self) -> int:
        """Number of the scheduling pass; it grows by one at each new decision instant."""
        ...

    @property
    def num_slots(self) -> int:
        """Most ready tasks R that can be visible at once."""
        ...

    @property
    def num_pes(self) -> int:
        """Processing elements P."""
        ...

    @property
    def num_ready(self) -> int:
        """Visible ready tasks n."""
        ...

    @property
    def wait_action(self) -> int:
        """Action that defers to the next event (-1: the environment has none)."""
        ...

    @property
    def wait_allowed(self) -> bool:
        """Whether waiting is valid now."""
        ...

    @property
    def ready_job(self) -> IntArray:
        """Job number of each ready task, shape (n,)."""
        ...

    @property
    def ready_app(self) -> IntArray:
        """Application of each ready task, shape (n,)."""
        ...

    @property
    def ready_task(self) -> IntArray:
        """Task number within its application, shape (n,)."""
        ...

    @property
    def exec_us(self) -> FloatArray:
        """Table execution time, shape (n, P); inf where unsupported or where the PE has failed."""
        ...

    @property
    def estimated_finish_us(self) -> FloatArray:
        """Estimated finish from now at the present frequencies, shape (n, P); inf as above."""
        ...

    @property
    def delay_us(self) -> FloatArray:
        """Time from now until the task's data would be on the PE, shape (n, P), >= 0."""
        ...

    @property
    def pe_available_us(self) -> FloatArray:
        """Time from now until the PE is estimated to be free, shape (P,), >= 0."""
        ...

    @property
    def pe_busy(self) -> BoolArray:
        """Whether the PE executes at this instant, shape (P,)."""
        ...

    @property
    def slowdown(self) -> FloatArray:
        """Highest over present frequency, shape (P,), >= 1."""
        ...

    @property
    def upward_rank_us(self) -> FloatArray:
        """HEFT's upward rank of each ready task, shape (n,)."""
        ...

    @property
    def mean_exec_us(self) -> FloatArray:
        """Mean execution time over the supporting PEs, shape (n,)."""
        ...

    @property
    def oct_us(self) -> FloatArray:
        """PEFT's optimistic cost table, shape (n, P)."""
        ...

    @property
    def table_pe(self) -> IntArray:
        """PE that static HEFT gives the task, shape (n,); -1 for none."""
        ...

    def encode(self, slot: int, pe: int) -> int:
        """Return the action that assigns ready task `slot` to `pe`, as far as it can say both."""
        ...


class JobGraphsView(Protocol):
    """J jobs in flight in the order of their arrival, as one graph of N tasks and E edges.

    Times are µs. The arrays are read, never written.
    """

    @property
    def max_jobs(self) -> int:
        """Most jobs in flight that the environment admits."""
        ...

    @property
    def max_tasks(self) -> int:
        """Tasks of the largest application."""
        ...

    @property
    def num_completed(self) -> int:
        """Jobs completed so far."""
        ...

    @property
    def job(self) -> IntArray:
        """Job numbers, shape (J,)."""
        ...

    @property
    def job_app(self) -> IntArray:
        """Application of each job, shape (J,)."""
        ...

    @property
    def job_age_us(self) -> FloatArray:
        """Time since the arrival, shape (J,)."""
        ...

    @property
    def job_started_us(self) -> FloatArray:
        """Time since the job's first task began, shape (J,); -1: none has."""
        ...

    @property
    def task_job(self) -> IntArray:
        """Position in `job` of each task's job, shape (N,)."""
        ...

    @property
    def task(self) -> IntArray:
        """Task number within the application, shape (N,)."""
        ...

    @property
    def state(self) -> IntArray:
        """0 outstanding, 1 ready, 2 assigned, 3 executing, 4 completed; shape (N,)."""
        ...

    @property
    def pe(self) -> IntArray:
        """Processing element of each task, shape (N,); -1: none yet."""
        ...

    @property
    def missing(self) -> IntArray:
        """Predecessors that are not completed, shape (N,)."""
        ...

    @property
    def height(self) -> IntArray:
        """Edges of the longest path from each task to the end of its job, shape (N,)."""
        ...

    @property
    def waiting_us(self) -> FloatArray:
        """Time since the task became ready, shape (N,); 0 before."""
        ...

    @property
    def remaining_us(self) -> FloatArray:
        """Expected rest of the task, shape (N,); without a PE the mean over the supporting ones."""
        ...

    @property
    def mean_exec_us(self) -> FloatArray:
        """Mean execution time over the supporting PEs, shape (N,)."""
        ...

    @property
    def upward_rank_us(self) -> FloatArray:
        """HEFT's upward rank, shape (N,)."""
        ...

    @property
    def edge_source(self) -> IntArray:
        """Task that each edge leads from, shape (E,)."""
        ...

    @property
    def edge_target(self) -> IntArray:
        """Task that each edge leads to, shape (E,)."""
        ...

    @property
    def ready_node(self) -> IntArray:
        """Task (0 to N - 1) of each ready task of the decision, shape (n,)."""
        ...


class JobsView(ProblemView, Protocol):
    """A decision that also shows the graphs of the jobs in flight."""

    @property
    def jobs(self) -> JobGraphsView:
        """The graphs; built when first asked for."""
        ...
