"""Static HEFT for a stream: each job is planned when it arrives, and the plan is never changed.

A job is placed by HEFT (Topcuoglu, Hariri and Wu, IEEE TPDS 2002) into the gaps that the plans of
the jobs before it leave, with the table's execution times. The plan fixes the PE of each task and
the order of the tasks on each PE. Execution keeps both: a task is bound to its PE when it is ready,
the PE is idle and all tasks planned before it there, of jobs that have arrived, have started. So
whatever takes longer than planned delays what comes after it, even where others could go first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.engine import Run
from chipgym.simulators.soc.kernel import DECISION, DONE, FULL, advance, commit
from chipgym.simulators.soc.layout import (
    COMM,
    COMM_SAME,
    EXEC,
    F_NOW,
    K_APP_TASKS,
    K_CLUSTERS,
    K_PES,
    K_SHARED_MEMORY,
    KF_MTBF,
    NEXT_TASK,
    PE_CLUSTER,
    PRED_PTR,
    PRED_TASK,
    QUEUE_HEAD,
    RANK,
    READY,
    RUNNING,
    S_APP_TASKS,
    S_READY,
    S_SLOTS,
    S_STATUS,
    SLOT_APP,
    SLOT_JOB,
    TASK_DATA,
    TASK_PE,
    TASK_PTR,
    TASK_SLOT,
)
from chipgym.simulators.soc.workload import Workload

__all__ = ["StreamPlan", "plan_stream", "run_plan"]

# Ranks that are equal on paper differ in their last bits.
SAME_RANK = 1e-9
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StreamPlan:
    """Plan of J jobs of at most M tasks; rows of shorter jobs end with -1.

    Attributes
    ----------
    pe : int64, shape (J, M)
        Processing element of each task.
    place : int64, shape (J, M)
        Rank of each task among all by planned start.
    start_us, finish_us : float64, shape (J, M)
        Planned times; nan beyond the end of a job.
    """

    pe: Ints
    place: Ints
    start_us: Floats
    finish_us: Floats


def plan_stream(ki: Ints, kf: Floats, workload: Workload) -> StreamPlan:
    """Plan all jobs of a workload, each at its arrival; the cap on jobs in flight is ignored.

    Parameters
    ----------
    ki, kf : arrays
        Static buffers (`chipgym.simulators.soc.engine.build_static`).
    workload : Workload

    Raises
    ------
    InvalidValueError
        Data go through the shared memory, or PEs can fail: such plans are not made here.
    """
    if ki[K_SHARED_MEMORY]:
        raise InvalidValueError("communication", "shared_memory", "pe_to_pe")
    if kf[KF_MTBF] > 0:
        raise InvalidValueError("mtbf_us", float(kf[KF_MTBF]), "None: PEs that do not fail")
    shape = len(workload), int(ki[K_APP_TASKS])
    pe = np.full(shape, -1, dtype=np.int64)
    order = np.zeros(shape, dtype=np.int64)
    start_us, finish_us = np.full(shape, np.nan), np.full(shape, np.nan)
    _plan(ki, kf, workload.app_index, workload.gap_us, pe, order, start_us, finish_us)
    place = np.full(shape, -1, dtype=np.int64)
    planned = np.flatnonzero(pe.ravel() >= 0)
    # Of tasks that start together those of length zero go first, then in the order of planning.
    keys = [array.ravel()[planned] for array in (order, finish_us, start_us)]
    by_start = np.lexsort(keys)
    place.ravel()[planned[by_start]] = np.arange(len(planned))
    return StreamPlan(pe, place, start_us, finish_us)


def run_plan(run: Run, plan: StreamPlan) -> None:
    """Execute a plan to the end of a run.

    Raises
    ------
    SimulationError
        Jobs are left and nothing can ever happen again.
    """
    while True:
        apps, gaps = run.workload.app_index, run.workload.gap_us
        records = run.jobs, run.trace_i, run.trace_f
        status = _execute(plan.pe, plan.place, run.ki, run.kf, run.si, run.sf, apps, gaps, *records)
        if status == FULL:
            run.grow()
        elif status == DONE:
            return
        else:
            raise SimulationError(f"no progress possible (status {status})")


@merged
def _data_ready(
    ki: Any, kf: Any, row: int, pe: int, release: float, pe_of: Any, finish_us: Any
) -> float:
    """When the data of a task's predecessors are on a PE."""
    latest = release
    clusters = ki[K_CLUSTERS]
    for e in range(ki[ki[PRED_PTR] + row], ki[ki[PRED_PTR] + row + 1]):
        source = ki[ki[PRED_TASK] + e]
        producer = pe_of[source]
        if producer == pe:
            delay = kf[ki[COMM_SAME] + e]
        else:
            between = ki[ki[PE_CLUSTER] + producer] * clusters + ki[ki[PE_CLUSTER] + pe]
            delay = kf[ki[COMM] + e * clusters * clusters + between]
        latest = max(latest, finish_us[source] + delay)
    return latest


@merged
def _next_task(ki: Any, kf: Any, first: int, size: int, pe_of: Any) -> int:
    """Unplanned task of highest rank whose predecessors are planned; the first one on ties."""
    best = -1
    for t in range(size):
        if pe_of[t] >= 0:
            continue
        row = first + t
        open_now = True
        for e in range(ki[ki[PRED_PTR] + row], ki[ki[PRED_PTR] + row + 1]):
            open_now = open_now and pe_of[ki[ki[PRED_TASK] + e]] >= 0
        if open_now and (best < 0 or kf[ki[RANK] + row] > kf[ki[RANK] + first + best] + SAME_RANK):
            best = t
    return best


@kernel
def _plan(
    ki: Any, kf: Any, apps: Any, gaps: Any, pe_of: Any, order: Any, start_us: Any, finish_us: Any
) -> None:
    """Fill the plan, shape (J, M) each; `order` numbers the tasks as they are placed."""
    pes = ki[K_PES]
    room = len(apps) * ki[K_APP_TASKS]
    # What each PE does so far, by start: (begin, end) of `count` tasks.
    busy = np.empty((pes, room, 2))
    count = np.zeros(pes, np.int64)
    release = 0.0
    made = 0
    for job in range(len(apps)):
        first = ki[ki[TASK_PTR] + apps[job]]
        size = ki[ki[TASK_PTR] + apps[job] + 1] - first
        for _ in range(size):
            t = _next_task(ki, kf, first, size, pe_of[job])
            best = -1
            best_us = np.inf
            best_start = 0.0
            for p in range(pes):
                exec_us = kf[ki[EXEC] + (first + t) * pes + p]
                if exec_us == np.inf:
                    continue
                ready = _data_ready(ki, kf, first + t, p, release, pe_of[job], finish_us[job])
                end = release
                for k in range(count[p]):
                    if max(end, ready) + exec_us <= busy[p, k, 0]:
                        break
                    end = max(end, busy[p, k, 1])
                start = max(end, ready)
                if start + exec_us < best_us:
                    best, best_us, best_start = p, start + exec_us, start
            pe_of[job, t] = best
            order[job, t] = made
            start_us[job, t] = best_start
            finish_us[job, t] = best_us
            k = count[best]
            while k > 0 and (
                busy[best, k - 1, 0] > best_start
                or (busy[best, k - 1, 0] == best_start and busy[best, k - 1, 1] > best_us)
            ):
                busy[best, k] = busy[best, k - 1]
                k -= 1
            busy[best, k, 0] = best_start
            busy[best, k, 1] = best_us
            count[best] += 1
            made += 1
        release += gaps[job]


@merged
def _open_to(si: Any, sf: Any, pe: int, place: Any, mine: int) -> bool:
    """Whether a PE executes nothing, and what waits there for data was planned after `mine`."""
    if si[si[RUNNING] + pe] >= 0:
        return False
    task = si[si[QUEUE_HEAD] + pe]
    while task >= 0:
        slot = si[si[TASK_SLOT] + task]
        waiting = sf[si[TASK_DATA] + task] > sf[F_NOW]
        if not waiting or place[si[si[SLOT_JOB] + slot], task - slot * si[S_APP_TASKS]] < mine:
            return False
        task = si[si[NEXT_TASK] + task]
    return True


@merged
def _first_there(ki: Any, si: Any, pe_of: Any, place: Any, job: int, t: int) -> bool:
    """Whether all tasks planned earlier on the same PE, of jobs that are here, are assigned."""
    pe = pe_of[job, t]
    for slot in range(si[S_SLOTS]):
        other = si[si[SLOT_JOB] + slot]
        if other < 0:
            continue
        app = si[si[SLOT_APP] + slot]
        size = ki[ki[TASK_PTR] + app + 1] - ki[ki[TASK_PTR] + app]
        base = slot * si[S_APP_TASKS]
        for u in range(size):
            if (
                pe_of[other, u] == pe
                and place[other, u] < place[job, t]
                and si[si[TASK_PE] + base + u] < 0
            ):
                return False
    return True


@kernel
def _execute(
    pe_of: Any,
    place: Any,
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    apps: Any,
    gaps: Any,
    jobs: Any,
    trace_i: Any,
    trace_f: Any,
) -> int:
    """Advance a state to its end by a plan, and return the engine's status.

    Tasks that are not due stay in the ready list without being deferred: a task of length zero may
    make way for them within the same instant.
    """
    while advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f) == DECISION:
        i = 0
        while i < si[S_READY]:
            task = si[si[READY] + i]
            slot = si[si[TASK_SLOT] + task]
            job = si[si[SLOT_JOB] + slot]
            t = task - slot * si[S_APP_TASKS]
            pe = pe_of[job, t]
            free = _open_to(si, sf, pe, place, place[job, t])
            if free and _first_there(ki, si, pe_of, place, job, t):
                # The estimate is for schedulers that ask for it; a plan does not.
                commit(ki, kf, si, sf, i, pe, 0.0)
                i = 0
            else:
                i += 1
    status: int = si[S_STATUS]
    return status
