"""The clean event order: an event-driven engine that stops wherever a scheduler has to decide.

At each distinct event time the engine repeats, until nothing more happens: completions (in order of
finish, then of start), data copied to the shared memory, failures and repairs, injections, one
scheduling pass over the ready list, starts. `advance` runs up to the next pass; `commit` assigns a
ready task, `defer` leaves the rest for later, and the next `advance` goes on from there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.core.random import keyed_exponential
from chipgym.simulators.soc.completions import complete, next_due, next_pending
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    EXEC,
    F_AREA,
    F_NEXT_INJECTION,
    F_NEXT_SAMPLE,
    F_NEXT_THERMAL,
    F_NOW,
    FAILED,
    FAILURE_COUNT,
    FAILURE_TIME,
    FREE_SLOTS,
    HOTSPOT,
    INITIAL_OPP,
    K_CAP,
    K_CLUSTERS,
    K_ONDEMAND,
    K_PES,
    K_THERMAL,
    KF_AMBIENT,
    KF_DVFS_PERIOD,
    KF_HORIZON,
    KF_MTBF,
    KF_THERMAL_STEP,
    LAST_CHANGE,
    NUM_OPPS,
    OPP,
    OPP_LIMIT,
    PENDING,
    QUEUE_HEAD,
    QUEUE_LENGTH,
    QUEUE_TAIL,
    READY,
    REQUESTED_OPP,
    RUNNING,
    S_COMPLETED,
    S_DEFERRED,
    S_FAILED,
    S_FREE,
    S_IN_FLIGHT,
    S_INJECTED,
    S_KEY,
    S_PASSES,
    S_PENDING,
    S_PHASE,
    S_RANDOM,
    S_READY,
    S_SLOTS,
    S_STATUS,
    S_WAITS,
    SLOT_JOB,
    TASK_DATA,
    TASK_PE,
    TASK_READY,
    WAKE,
)
from chipgym.simulators.soc.power import (
    account,
    apply_operating_point,
    sample_governor,
    step_thermal,
    update_leakage,
)
from chipgym.simulators.soc.queues import FAILURE_STREAM, enqueue, fail, start_all
from chipgym.simulators.soc.tasks import data_time, inject, make_ready, task_row

__all__ = [
    "DECISION",
    "DONE",
    "FULL",
    "STUCK",
    "advance",
    "assign",
    "commit",
    "defer",
    "initialise",
    "set_operating_point",
    "wait_allowed",
]

# Status of an engine.
DECISION, DONE, FULL, STUCK = range(4)
# Ready tasks wait for the next event; likewise, and a task of length zero has completed meanwhile.
DEFERRED, OUTLIVED = 1, 2
# Where `advance` resumes within an instant.
EVENTS, STARTS = range(2)


@kernel
def initialise(ki: Any, kf: Any, si: Any, sf: Any, key: int) -> None:
    """Prepare zeroed state buffers for a run."""
    slots = si[S_SLOTS]
    for slot in range(slots):
        si[si[SLOT_JOB] + slot] = -1
        si[si[FREE_SLOTS] + slot] = slots - 1 - slot
    si[S_FREE] = slots
    si[S_KEY] = key
    si[S_RANDOM] = key
    si[S_STATUS] = DECISION
    for p in range(ki[K_PES]):
        si[si[RUNNING] + p] = -1
        si[si[QUEUE_HEAD] + p] = -1
        si[si[QUEUE_TAIL] + p] = -1
        sf[si[WAKE] + p] = np.inf
        sf[si[FAILURE_TIME] + p] = np.inf
    if kf[KF_MTBF] > 0:
        for p in range(ki[K_PES]):
            sf[si[FAILURE_TIME] + p] = kf[KF_MTBF] * keyed_exponential(key, FAILURE_STREAM, p)
            si[si[FAILURE_COUNT] + p] = 1
    for c in range(ki[K_CLUSTERS]):
        si[si[OPP] + c] = ki[ki[INITIAL_OPP] + c]
        si[si[REQUESTED_OPP] + c] = ki[ki[INITIAL_OPP] + c]
        si[si[OPP_LIMIT] + c] = ki[ki[NUM_OPPS] + c] - 1
        sf[si[LAST_CHANGE] + c] = -1.0
    for i in range(5):
        sf[si[HOTSPOT] + i] = kf[KF_AMBIENT]
    sf[F_NEXT_SAMPLE] = kf[KF_DVFS_PERIOD] if ki[K_ONDEMAND] else np.inf
    sf[F_NEXT_THERMAL] = kf[KF_THERMAL_STEP] if ki[K_THERMAL] else np.inf
    update_leakage(ki, kf, si, sf)


@merged
def _assignable(ki: Any, kf: Any, si: Any, sf: Any) -> bool:
    """Whether some ready task has a PE that works; without failures every task has one."""
    if si[S_READY] == 0 or si[S_FAILED] == 0:
        return si[S_READY] > 0
    for i in range(si[S_READY]):
        row = task_row(ki, si, si[si[READY] + i])
        for p in range(ki[K_PES]):
            if not si[si[FAILED] + p] and kf[ki[EXEC] + row * ki[K_PES] + p] < np.inf:
                return True
    return False


@kernel
def wait_allowed(ki: Any, kf: Any, si: Any, sf: Any, total: int) -> bool:
    """Whether something will happen by itself if the ready tasks are left where they are."""
    if si[S_PENDING] > 0 or si[S_FAILED] > 0:
        return True
    if si[S_INJECTED] < total and si[S_IN_FLIGHT] < ki[K_CAP]:
        return True
    for p in range(ki[K_PES]):  # noqa: SIM110 (Numba knows no generators)
        if si[si[RUNNING] + p] >= 0 or si[si[QUEUE_LENGTH] + p] > 0:
            return True
    return False


@merged
def _next_event(ki: Any, kf: Any, si: Any, sf: Any, total: int) -> float:
    """Time of the next event, governor samples and thermal steps not counted."""
    time = np.inf
    for p in range(ki[K_PES]):
        time = min(time, sf[si[WAKE] + p])
    for i in range(si[S_PENDING]):
        time = min(time, sf[si[TASK_READY] + si[si[PENDING] + i]])
    if si[S_INJECTED] < total and si[S_IN_FLIGHT] < ki[K_CAP]:
        time = min(time, sf[F_NEXT_INJECTION])
    if kf[KF_MTBF] > 0:
        for p in range(ki[K_PES]):
            time = min(time, sf[si[FAILURE_TIME] + p])
    return time


@merged
def _move_clock(ki: Any, kf: Any, si: Any, sf: Any, until: float) -> None:
    account(ki, kf, si, sf, until)
    sf[F_AREA] += si[S_IN_FLIGHT] * (until - sf[F_NOW])
    sf[F_NOW] = until


@merged
def _events_of_instant(
    ki: Any, kf: Any, si: Any, sf: Any, apps: Any, gaps: Any, jobs: Any, trace_i: Any, trace_f: Any
) -> bool:
    """Completions, copies to memory, failures and injections due now; False: out of job slots."""
    p = next_due(si, sf)
    while p >= 0:
        complete(ki, kf, si, sf, p, jobs, trace_i, trace_f)
        p = next_due(si, sf)
    i = next_pending(si, sf) if si[S_PENDING] > 0 else -1
    while i >= 0:
        task = si[si[PENDING] + i]
        si[S_PENDING] -= 1
        for j in range(i, si[S_PENDING]):
            si[si[PENDING] + j] = si[si[PENDING] + j + 1]
        make_ready(si, sf, task)
        i = next_pending(si, sf)
    if kf[KF_MTBF] > 0:
        for q in range(ki[K_PES]):
            if sf[si[FAILURE_TIME] + q] <= sf[F_NOW]:
                fail(ki, kf, si, sf, q)
    while (
        si[S_INJECTED] < len(apps)
        and sf[F_NEXT_INJECTION] <= sf[F_NOW]
        and si[S_IN_FLIGHT] < ki[K_CAP]
    ):
        if si[S_FREE] == 0:
            return False
        inject(ki, kf, si, sf, apps, gaps, jobs)
    return True


@kernel
def advance(
    ki: Any, kf: Any, si: Any, sf: Any, apps: Any, gaps: Any, jobs: Any, trace_i: Any, trace_f: Any
) -> int:
    """Run until a scheduling pass is due or the run ends, and return the status.

    Parameters
    ----------
    ki, kf, si, sf : arrays
        Static and state buffers (`layout`).
    apps, gaps : int64 and float64, shape (jobs,)
        The workload.
    jobs : float64, shape (jobs, 2)
        Receives arrival and finish of each job, µs.
    trace_i, trace_f : int64 (rows, 4), float64 (rows, 5)
        Receive one row a completed task while there is room: job, application, task, PE; ready,
        data ready, start, finish (µs), energy (J).

    Returns
    -------
    int
        DECISION, DONE, FULL (no free job slot: grow the state and call again) or STUCK.
    """
    while si[S_STATUS] != DONE:
        if si[S_PHASE] == EVENTS:
            if not _events_of_instant(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f):
                si[S_STATUS] = FULL
                return FULL
            if si[S_COMPLETED] == len(apps):
                si[S_STATUS] = DONE
                return DONE
            si[S_PHASE] = STARTS
            if si[S_DEFERRED] == 0 and _assignable(ki, kf, si, sf):
                si[S_PASSES] += 1
                si[S_STATUS] = DECISION
                return DECISION
        start_all(ki, kf, si, sf)
        si[S_PHASE] = EVENTS
        event = _next_event(ki, kf, si, sf, len(apps))
        if event <= sf[F_NOW]:
            # A task of length zero has started: it completes within the same instant.
            if si[S_DEFERRED] == DEFERRED:
                si[S_DEFERRED] = OUTLIVED
            continue
        if event == np.inf:
            # What was waited for has happened within the instant and nothing else is coming: the
            # ready tasks are asked for again.
            if si[S_DEFERRED] == OUTLIVED and _assignable(ki, kf, si, sf):
                si[S_DEFERRED] = 0
                continue
            si[S_STATUS] = STUCK
            return STUCK
        time = min(event, sf[F_NEXT_SAMPLE], sf[F_NEXT_THERMAL])
        if time >= kf[KF_HORIZON]:
            _move_clock(ki, kf, si, sf, kf[KF_HORIZON])
            si[S_STATUS] = DONE
            return DONE
        _move_clock(ki, kf, si, sf, time)
        if time == sf[F_NEXT_SAMPLE]:
            sample_governor(ki, kf, si, sf)
        if time == sf[F_NEXT_THERMAL]:
            step_thermal(ki, kf, si, sf)
        if time == event:
            si[S_DEFERRED] = 0
    return DONE


@merged
def assign(ki: Any, kf: Any, si: Any, sf: Any, task: int, pe: int) -> None:
    """Put a ready task (taken off the ready list by the caller) into a PE's queue."""
    si[si[TASK_PE] + task] = pe
    sf[si[TASK_DATA] + task] = data_time(ki, kf, si, sf, task, pe)
    enqueue(si, sf, pe, task)
    if si[si[RUNNING] + pe] < 0:
        sf[si[WAKE] + pe] = min(sf[si[WAKE] + pe], sf[si[TASK_DATA] + task])


@kernel
def commit(ki: Any, kf: Any, si: Any, sf: Any, position: int, pe: int, estimate_us: float) -> None:
    """Assign the ready task at a position of the ready list.

    `estimate_us` is its estimated finish on the PE, a duration from now.
    """
    task = si[si[READY] + position]
    si[S_READY] -= 1
    for i in range(position, si[S_READY]):
        si[si[READY] + i] = si[si[READY] + i + 1]
    sf[si[AVAILABLE] + pe] = sf[F_NOW] + estimate_us
    assign(ki, kf, si, sf, task, pe)


@kernel
def defer(si: Any, sf: Any) -> None:
    """Leave the remaining ready tasks until the next event."""
    si[S_DEFERRED] = DEFERRED
    si[S_WAITS] += 1


@kernel
def set_operating_point(ki: Any, kf: Any, si: Any, sf: Any, cluster: int, opp: int) -> None:
    """Request an operating point for a cluster, at once."""
    si[si[REQUESTED_OPP] + cluster] = opp
    sf[si[LAST_CHANGE] + cluster] = sf[F_NOW]
    apply_operating_point(ki, kf, si, sf, cluster)
