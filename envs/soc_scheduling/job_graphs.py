"""The graphs of the jobs in flight, for agents that look beyond the ready tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.observation import ready_position, slowdown_of
from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.layout import (
    EXEC,
    F_NOW,
    K_PES,
    MEAN_EXEC,
    MISSING,
    NEXT_TASK,
    QUEUE_HEAD,
    RANK,
    READY,
    RUNNING,
    S_APP_TASKS,
    S_COMPLETED,
    S_PES,
    S_READY,
    S_SLOTS,
    SLOT_APP,
    SLOT_ARRIVAL,
    SLOT_JOB,
    SUCC_PTR,
    SUCC_TASK,
    TASK_PE,
    TASK_PTR,
    TASK_READY,
    TASK_START,
)
from chipgym.simulators.soc.tasks import task_row

__all__ = ["JobGraphs", "view_jobs"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# States of a task.
OUTSTANDING, WAITING, ASSIGNED, EXECUTING, COMPLETED = range(5)


@dataclass(frozen=True, eq=False)
class JobGraphs:
    """J jobs in flight in the order of their arrival, as one graph of N tasks and E edges.

    Nothing that a scheduler could not know is in it: noisy execution times appear as their table
    times. Times are in µs.

    Attributes
    ----------
    max_jobs, max_tasks : int
        Most jobs in flight, and tasks of the largest application, that the environment admits.
    num_completed : int
        Jobs completed so far.
    job : int64, shape (J,)
        Job numbers.
    job_app : int64, shape (J,)
        Application of each job.
    job_age_us : float64, shape (J,)
        Time since the arrival.
    job_started_us : float64, shape (J,)
        Time since the first task of the job began; -1: none has.
    task_job : int64, shape (N,)
        Position in `job` of each task's job.
    task : int64, shape (N,)
        Task number within the application.
    state : int64, shape (N,)
        0 outstanding, 1 ready, 2 assigned, 3 executing, 4 completed.
    pe : int64, shape (N,)
        Processing element of the task; -1: none yet.
    missing : int64, shape (N,)
        Predecessors that are not completed.
    waiting_us : float64, shape (N,)
        Time since the task became ready; 0 before.
    remaining_us : float64, shape (N,)
        Expected rest of an executing task, time on its PE of an assigned one, mean over the PEs
        that support it of one without a PE; 0 if completed.
    height : int64, shape (N,)
        Edges of the longest path from the task to the end of its job.
    mean_exec_us, upward_rank_us : float64, shape (N,)
        Mean execution time over the supporting PEs, and HEFT's upward rank.
    edge_source, edge_target : int64, shape (E,)
        Tasks (0 to N - 1) that each edge leads from and to.
    ready_node : int64, shape (n,)
        Task (0 to N - 1) of each visible ready task.
    """

    max_jobs: int
    max_tasks: int
    num_completed: int
    job: Ints
    job_app: Ints
    job_age_us: Floats
    job_started_us: Floats
    task_job: Ints
    task: Ints
    state: Ints
    pe: Ints
    missing: Ints
    height: Ints
    waiting_us: Floats
    remaining_us: Floats
    mean_exec_us: Floats
    upward_rank_us: Floats
    edge_source: Ints
    edge_target: Ints
    ready_node: Ints


@kernel
def _order_jobs(ki: Any, si: Any, slots: Any, sizes: Any) -> None:
    """Write the slots in use in the order of their jobs; `sizes` counts jobs, tasks, edges."""
    sizes[:] = 0
    for slot in range(si[S_SLOTS]):
        job = si[si[SLOT_JOB] + slot]
        if job < 0:
            continue
        at = sizes[0]
        while at > 0 and si[si[SLOT_JOB] + slots[at - 1]] > job:
            slots[at] = slots[at - 1]
            at -= 1
        slots[at] = slot
        app = si[si[SLOT_APP] + slot]
        first, last = ki[ki[TASK_PTR] + app], ki[ki[TASK_PTR] + app + 1]
        sizes[0] += 1
        sizes[1] += last - first
        sizes[2] += ki[ki[SUCC_PTR] + last] - ki[ki[SUCC_PTR] + first]


@kernel
def _fill_jobs(
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    slots: Any,
    num_jobs: int,
    node_of: Any,
    job_ints: Any,
    job_floats: Any,
    task_ints: Any,
    task_floats: Any,
    edges: Any,
) -> None:
    """Fill the arrays of all jobs; `node_of` maps task instances to positions."""
    size = si[S_APP_TASKS]
    now = sf[F_NOW]
    node = 0
    edge = 0
    for j in range(num_jobs):
        slot = slots[j]
        app = si[si[SLOT_APP] + slot]
        first, last = ki[ki[TASK_PTR] + app], ki[ki[TASK_PTR] + app + 1]
        base = node
        job_ints[0, j] = si[si[SLOT_JOB] + slot]
        job_ints[1, j] = app
        job_floats[0, j] = now - sf[si[SLOT_ARRIVAL] + slot]
        job_floats[1, j] = -1.0
        for t in range(last - first):
            task = slot * size + t
            node_of[task] = node
            pe = si[si[TASK_PE] + task]
            task_ints[0, node] = j
            task_ints[1, node] = t
            task_ints[2, node] = OUTSTANDING if pe < 0 else COMPLETED
            task_ints[3, node] = pe
            task_ints[4, node] = si[si[MISSING] + task]
            task_ints[5, node] = 0
            task_floats[0, node] = 0.0
            task_floats[1, node] = kf[ki[MEAN_EXEC] + first + t] if pe < 0 else 0.0
            task_floats[2, node] = kf[ki[MEAN_EXEC] + first + t]
            task_floats[3, node] = kf[ki[RANK] + first + t]
            for e in range(ki[ki[SUCC_PTR] + first + t], ki[ki[SUCC_PTR] + first + t + 1]):
                edges[0, edge] = node
                edges[1, edge] = base + ki[ki[SUCC_TASK] + e]
                edge += 1
            node += 1
    for p in range(si[S_PES]):
        slow = slowdown_of(ki, kf, si, p)
        task = si[si[RUNNING] + p]
        if task >= 0:
            node = node_of[task]
            task_ints[2, node] = EXECUTING
            time = kf[ki[EXEC] + task_row(ki, si, task) * ki[K_PES] + p] * slow
            task_floats[1, node] = max(sf[si[TASK_START] + task] + time - now, 0.0)
        task = si[si[QUEUE_HEAD] + p]
        while task >= 0:
            node = node_of[task]
            task_ints[2, node] = ASSIGNED
            task_floats[1, node] = kf[ki[EXEC] + task_row(ki, si, task) * ki[K_PES] + p] * slow
            task = si[si[NEXT_TASK] + task]
    for i in range(si[S_READY]):
        task_ints[2, node_of[si[si[READY] + i]]] = WAITING
    for j in range(num_jobs):
        app = si[si[SLOT_APP] + slots[j]]
        for t in range(ki[ki[TASK_PTR] + app + 1] - ki[ki[TASK_PTR] + app]):
            task = slots[j] * size + t
            node = node_of[task]
            state = task_ints[2, node]
            if state != OUTSTANDING:
                task_floats[0, node] = now - sf[si[TASK_READY] + task]
            if state >= EXECUTING:
                started = now - sf[si[TASK_START] + task]
                job_floats[1, j] = max(job_floats[1, j], started)
    # Tasks are mostly numbered from the front to the back, so one pass backwards does most of it.
    changed = True
    while changed:
        changed = False
        for e in range(edge - 1, -1, -1):
            source, above = edges[0, e], task_ints[5, edges[1, e]] + 1
            if task_ints[5, source] < above:
                task_ints[5, source] = above
                changed = True


@kernel
def _find_ready(ki: Any, kf: Any, si: Any, num_ready: int, node_of: Any, ready_node: Any) -> None:
    """Write the position of each visible ready task."""
    for r in range(num_ready):
        ready_node[r] = node_of[si[si[READY] + ready_position(ki, kf, si, r)]]


def view_jobs(ki: Ints, kf: Floats, si: Ints, sf: Floats, num_ready: int) -> JobGraphs:
    """Return the graphs of the jobs in flight in a state.

    Parameters
    ----------
    ki, kf, si, sf : arrays
        Static buffers and state (`chipgym.simulators.soc.layout`).
    num_ready : int
        Visible ready tasks n.
    """
    slots = np.empty(int(si[S_SLOTS]), dtype=np.int64)
    sizes = np.empty(3, dtype=np.int64)
    _order_jobs(ki, si, slots, sizes)
    jobs, tasks, edges = (int(count) for count in sizes)
    node_of = np.empty(len(slots) * int(si[S_APP_TASKS]), dtype=np.int64)
    job_ints, job_floats = np.empty((2, jobs), dtype=np.int64), np.empty((2, jobs))
    task_ints, task_floats = np.empty((6, tasks), dtype=np.int64), np.empty((4, tasks))
    ends = np.empty((2, edges), dtype=np.int64)
    _fill_jobs(
        ki, kf, si, sf, slots, jobs, node_of, job_ints, job_floats, task_ints, task_floats, ends
    )
    ready_node = np.empty(num_ready, dtype=np.int64)
    _find_ready(ki, kf, si, num_ready, node_of, ready_node)
    return JobGraphs(
        max_jobs=len(slots),
        max_tasks=int(si[S_APP_TASKS]),
        num_completed=int(si[S_COMPLETED]),
        job=job_ints[0],
        job_app=job_ints[1],
        job_age_us=job_floats[0],
        job_started_us=job_floats[1],
        task_job=task_ints[0],
        task=task_ints[1],
        state=task_ints[2],
        pe=task_ints[3],
        missing=task_ints[4],
        height=task_ints[5],
        waiting_us=task_floats[0],
        remaining_us=task_floats[1],
        mean_exec_us=task_floats[2],
        upward_rank_us=task_floats[3],
        edge_source=ends[0],
        edge_target=ends[1],
        ready_node=ready_node,
    )
