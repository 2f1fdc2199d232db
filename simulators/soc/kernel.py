"""The clean event order: an event-driven engine that stops wherever a scheduler has to decide.

At each distinct event time the engine repeats, until nothing more happens: completions (in order of
finish, then of start), data copied to the shared memory, failures and repairs, injections, one
scheduling pass over the ready list, starts. `advance` runs up to the next pass; `commit` assigns a ready
task, `defer` leaves the rest for later, and the next `advance` goes on from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.core.random import keyed_exponential, keyed_normal
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    BUSY_PES,
    COMM,
    COMM_SAME,
    DEADLINE,
    EXEC,
    F_AREA,
    F_FLIGHT_SUM,
    F_LATENCY,
    F_MAKESPAN,
    F_NEXT_INJECTION,
    F_NEXT_SAMPLE,
    F_NEXT_THERMAL,
    F_NOW,
    FAILED,
    FAILURE_COUNT,
    FAILURE_TIME,
    FREE_SLOTS,
    FROM_MEMORY,
    HOTSPOT,
    INITIAL_OPP,
    K_CAP,
    K_CLUSTERS,
    K_FILL,
    K_ONDEMAND,
    K_OPPS,
    K_PES,
    K_SHARED_MEMORY,
    K_THERMAL,
    KF_AMBIENT,
    KF_DVFS_PERIOD,
    KF_HORIZON,
    KF_MTBF,
    KF_MTTR,
    KF_NOISE,
    KF_THERMAL_STEP,
    KF_WARMUP,
    LAST_CHANGE,
    MISSING,
    NEXT_TASK,
    NUM_OPPS,
    OPP,
    OPP_LIMIT,
    PE_CLUSTER,
    PENDING,
    PRED_PTR,
    PRED_TASK,
    PREVIOUS_TASK,
    QUEUE_HEAD,
    QUEUE_LENGTH,
    QUEUE_TAIL,
    READY,
    REQUESTED_OPP,
    RUNNING,
    S_APP_TASKS,
    S_COMPLETED,
    S_DEFERRED,
    S_FAILED,
    S_FAILURES,
    S_FREE,
    S_IN_FLIGHT,
    S_INJECTED,
    S_KEY,
    S_MAX_READY,
    S_MEASURED,
    S_MISSES,
    S_PASSES,
    S_PENDING,
    S_PES,
    S_PHASE,
    S_RANDOM,
    S_READY,
    S_SEQUENCE,
    S_SLOTS,
    S_STARTS,
    S_STATUS,
    S_TASKS,
    S_TRACED,
    S_WAITS,
    SHARE,
    SLOT_APP,
    SLOT_ARRIVAL,
    SLOT_JOB,
    SLOT_LEFT,
    SLOWDOWN,
    START_ORDER,
    SUCC_PTR,
    SUCC_TASK,
    TASK_DATA,
    TASK_ENERGY,
    TASK_FINISH,
    TASK_PE,
    TASK_PTR,
    TASK_READY,
    TASK_SEQUENCE,
    TASK_START,
    TO_MEMORY,
    WAKE,
)
from chipgym.simulators.soc.power import (
    account,
    apply_operating_point,
    sample_governor,
    step_thermal,
    update_leakage,
)

__all__ = [
    "advance",
    "assign",
    "commit",
    "defer",
    "delays",
    "initialise",
    "set_operating_point",
    "task_row",
    "wait_allowed",
]

# Status of an engine.
DECISION, DONE, FULL, STUCK = range(4)
# Where `advance` resumes within an instant.
EVENTS, STARTS = range(2)
# Keys of the failure times live beside those of the task times, which use job numbers from 0.
FAILURE_STREAM = -1


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


@kernel
def task_row(ki: Any, si: Any, task: int) -> int:
    """Row of a task instance in the static tables."""
    slot = task // si[S_APP_TASKS]
    return ki[ki[TASK_PTR] + si[si[SLOT_APP] + slot]] + task - slot * si[S_APP_TASKS]


@kernel
def _make_ready(si: Any, sf: Any, task: int) -> None:
    si[si[READY] + si[S_READY]] = task
    si[S_READY] += 1
    si[S_MAX_READY] = max(si[S_MAX_READY], si[S_READY])
    si[S_DEFERRED] = 0


@kernel
def _inject(ki: Any, kf: Any, si: Any, sf: Any, apps: Any, gaps: Any, jobs: Any) -> None:
    """Create the next job of the stream: its head tasks become ready."""
    job = si[S_INJECTED]
    now = sf[F_NOW]
    si[S_FREE] -= 1
    slot = si[si[FREE_SLOTS] + si[S_FREE]]
    app = apps[job]
    si[si[SLOT_JOB] + slot] = job
    si[si[SLOT_APP] + slot] = app
    sf[si[SLOT_ARRIVAL] + slot] = now
    jobs[job, 0] = now
    first = ki[ki[TASK_PTR] + app]
    size = ki[ki[TASK_PTR] + app + 1] - first
    si[si[SLOT_LEFT] + slot] = size
    base = slot * si[S_APP_TASKS]
    for t in range(size):
        si[si[MISSING] + base + t] = ki[ki[PRED_PTR] + first + t + 1] - ki[ki[PRED_PTR] + first + t]
        si[si[TASK_PE] + base + t] = -1
        if si[si[MISSING] + base + t] == 0:
            sf[si[TASK_READY] + base + t] = now
            _make_ready(si, sf, base + t)
    si[S_INJECTED] += 1
    si[S_IN_FLIGHT] += 1
    sf[F_FLIGHT_SUM] += si[S_IN_FLIGHT]
    filling = ki[K_FILL] != 0 and now == 0.0 and si[S_IN_FLIGHT] < ki[K_CAP]
    sf[F_NEXT_INJECTION] = now if filling else now + gaps[job]


@kernel
def _release(ki: Any, kf: Any, si: Any, sf: Any, task: int) -> None:
    """All predecessors of a task have completed: ready now, or when its data reach the memory."""
    if ki[K_SHARED_MEMORY] == 0:
        sf[si[TASK_READY] + task] = sf[F_NOW]
        _make_ready(si, sf, task)
        return
    size = si[S_APP_TASKS]
    base = (task // size) * size
    row = task_row(ki, si, task)
    latest = 0.0
    for e in range(ki[ki[PRED_PTR] + row], ki[ki[PRED_PTR] + row + 1]):
        u = base + ki[ki[PRED_TASK] + e]
        copied = (
            sf[si[TASK_FINISH] + u]
            + kf[ki[TO_MEMORY] + e * ki[K_CLUSTERS] + ki[ki[PE_CLUSTER] + si[si[TASK_PE] + u]]]
        )
        latest = max(latest, copied)
    sf[si[TASK_READY] + task] = latest
    si[si[PENDING] + si[S_PENDING]] = task
    si[S_PENDING] += 1


@kernel
def _refresh_wake(si: Any, sf: Any, p: int) -> None:
    """Next time at which an idle PE could start something: the earliest data in its queue."""
    earliest = np.inf
    task = si[si[QUEUE_HEAD] + p]
    while task >= 0:
        earliest = min(earliest, sf[si[TASK_DATA] + task])
        task = si[si[NEXT_TASK] + task]
    sf[si[WAKE] + p] = earliest


@kernel
def _complete(
    ki: Any, kf: Any, si: Any, sf: Any, p: int, jobs: Any, trace_i: Any, trace_f: Any
) -> None:
    """The task executing on a PE is finished: record it and release its successors."""
    now = sf[F_NOW]
    task = si[si[RUNNING] + p]
    size = si[S_APP_TASKS]
    slot = task // size
    base = slot * size
    app = si[si[SLOT_APP] + slot]
    cluster = ki[ki[PE_CLUSTER] + p]
    si[si[RUNNING] + p] = -1
    si[si[BUSY_PES] + cluster] -= 1
    sf[si[TASK_FINISH] + task] = now
    si[S_TASKS] += 1
    _refresh_wake(si, sf, p)
    row = si[S_TRACED]
    if row < len(trace_i):
        trace_i[row, 0] = si[si[SLOT_JOB] + slot]
        trace_i[row, 1] = app
        trace_i[row, 2] = task - base
        trace_i[row, 3] = p
        trace_f[row, 0] = sf[si[TASK_READY] + task]
        trace_f[row, 1] = sf[si[TASK_DATA] + task]
        trace_f[row, 2] = sf[si[TASK_START] + task]
        trace_f[row, 3] = now
        trace_f[row, 4] = sf[si[SHARE] + cluster] - sf[si[TASK_ENERGY] + task]
        si[S_TRACED] += 1
    first = ki[ki[TASK_PTR] + app]
    for e in range(
        ki[ki[SUCC_PTR] + first + task - base], ki[ki[SUCC_PTR] + first + task - base + 1]
    ):
        successor = base + ki[ki[SUCC_TASK] + e]
        si[si[MISSING] + successor] -= 1
        if si[si[MISSING] + successor] == 0:
            _release(ki, kf, si, sf, successor)
    si[si[SLOT_LEFT] + slot] -= 1
    if si[si[SLOT_LEFT] + slot] == 0:
        _finish_job(ki, kf, si, sf, slot, jobs)


@kernel
def _finish_job(ki: Any, kf: Any, si: Any, sf: Any, slot: int, jobs: Any) -> None:
    now = sf[F_NOW]
    latency = now - sf[si[SLOT_ARRIVAL] + slot]
    jobs[si[si[SLOT_JOB] + slot], 1] = now
    si[si[SLOT_JOB] + slot] = -1
    si[si[FREE_SLOTS] + si[S_FREE]] = slot
    si[S_FREE] += 1
    si[S_IN_FLIGHT] -= 1
    si[S_COMPLETED] += 1
    sf[F_MAKESPAN] = now
    if latency > kf[ki[DEADLINE] + si[si[SLOT_APP] + slot]]:
        si[S_MISSES] += 1
    if now >= kf[KF_WARMUP]:
        si[S_MEASURED] += 1
        sf[F_LATENCY] += latency


@kernel
def _next_due(si: Any, sf: Any) -> int:
    """PE whose completion comes first among those due now (earliest start on ties), or -1."""
    now = sf[F_NOW]
    best = -1
    for p in range(si[S_PES]):
        if sf[si[WAKE] + p] <= now and si[si[RUNNING] + p] >= 0:
            if best < 0 or sf[si[WAKE] + p] < sf[si[WAKE] + best]:
                best = p
            elif (
                sf[si[WAKE] + p] == sf[si[WAKE] + best]
                and si[si[START_ORDER] + p] < si[si[START_ORDER] + best]
            ):
                best = p
    return best


@kernel
def _next_pending(si: Any, sf: Any) -> int:
    """Position of the first task in the pending list whose data are in memory, or -1."""
    best = -1
    size = si[S_APP_TASKS]
    for i in range(si[S_PENDING]):
        task = si[si[PENDING] + i]
        if sf[si[TASK_READY] + task] > sf[F_NOW]:
            continue
        if best < 0:
            best = i
            continue
        other = si[si[PENDING] + best]
        time, other_time = sf[si[TASK_READY] + task], sf[si[TASK_READY] + other]
        job, other_job = si[si[SLOT_JOB] + task // size], si[si[SLOT_JOB] + other // size]
        if time < other_time or (
            time == other_time and (job < other_job or (job == other_job and task < other))
        ):
            best = i
    return best


@kernel
def _startable(si: Any, sf: Any, p: int) -> int:
    """First task in a PE's queue whose data are there, or -1."""
    task = si[si[QUEUE_HEAD] + p]
    while task >= 0 and sf[si[TASK_DATA] + task] > sf[F_NOW]:
        task = si[si[NEXT_TASK] + task]
    return task


@kernel
def _unlink(si: Any, sf: Any, p: int, task: int) -> None:
    before, after = si[si[PREVIOUS_TASK] + task], si[si[NEXT_TASK] + task]
    if before >= 0:
        si[si[NEXT_TASK] + before] = after
    else:
        si[si[QUEUE_HEAD] + p] = after
    if after >= 0:
        si[si[PREVIOUS_TASK] + after] = before
    else:
        si[si[QUEUE_TAIL] + p] = before
    si[si[QUEUE_LENGTH] + p] -= 1


@kernel
def _enqueue(si: Any, sf: Any, p: int, task: int) -> None:
    """Insert into a PE's queue, which is ordered by job, then by order of assignment."""
    size = si[S_APP_TASKS]
    job = si[si[SLOT_JOB] + task // size]
    before = si[si[QUEUE_TAIL] + p]
    while before >= 0 and si[si[SLOT_JOB] + before // size] > job:
        before = si[si[PREVIOUS_TASK] + before]
    after = si[si[QUEUE_HEAD] + p] if before < 0 else si[si[NEXT_TASK] + before]
    si[si[PREVIOUS_TASK] + task] = before
    si[si[NEXT_TASK] + task] = after
    if before >= 0:
        si[si[NEXT_TASK] + before] = task
    else:
        si[si[QUEUE_HEAD] + p] = task
    if after >= 0:
        si[si[PREVIOUS_TASK] + after] = task
    else:
        si[si[QUEUE_TAIL] + p] = task
    si[si[QUEUE_LENGTH] + p] += 1
    si[si[TASK_SEQUENCE] + task] = si[S_SEQUENCE]
    si[S_SEQUENCE] += 1


@kernel
def _start(ki: Any, kf: Any, si: Any, sf: Any, p: int, task: int) -> None:
    now = sf[F_NOW]
    size = si[S_APP_TASKS]
    slot = task // size
    cluster = ki[ki[PE_CLUSTER] + p]
    time = kf[ki[EXEC] + task_row(ki, si, task) * ki[K_PES] + p]
    if kf[KF_NOISE] > 0.0 and time > 0.0:
        normal = keyed_normal(si[S_KEY], si[si[SLOT_JOB] + slot], task - slot * size)
        time = max(math.floor(time + kf[KF_NOISE] * time * normal + 0.5), 1.0)
    _unlink(si, sf, p, task)
    si[si[RUNNING] + p] = task
    si[si[BUSY_PES] + cluster] += 1
    sf[si[WAKE] + p] = now + time * kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
    si[si[START_ORDER] + p] = si[S_STARTS]
    si[S_STARTS] += 1
    sf[si[TASK_START] + task] = now
    sf[si[TASK_ENERGY] + task] = sf[si[SHARE] + cluster]


@kernel
def _start_all(ki: Any, kf: Any, si: Any, sf: Any) -> bool:
    """Start whatever can start now, in order of job, then of assignment."""
    size = si[S_APP_TASKS]
    any_started = False
    while True:
        best = -1
        best_pe = -1
        for p in range(ki[K_PES]):
            if sf[si[WAKE] + p] > sf[F_NOW] or si[si[RUNNING] + p] >= 0 or si[si[FAILED] + p]:
                continue
            task = _startable(si, sf, p)
            if task < 0:
                continue
            if best >= 0:
                job, best_job = si[si[SLOT_JOB] + task // size], si[si[SLOT_JOB] + best // size]
                earlier = si[si[TASK_SEQUENCE] + task] < si[si[TASK_SEQUENCE] + best]
                if not (job < best_job or (job == best_job and earlier)):
                    continue
            best, best_pe = task, p
        if best < 0:
            return any_started
        _start(ki, kf, si, sf, best_pe, best)
        any_started = True


@kernel
def _fail(ki: Any, kf: Any, si: Any, sf: Any, p: int) -> None:
    """A PE fails or comes back; the tasks of a failing PE return to the ready list."""
    now = sf[F_NOW]
    si[si[FAILED] + p] = 1 - si[si[FAILED] + p]
    si[S_FAILED] += 2 * si[si[FAILED] + p] - 1
    mean = kf[KF_MTTR] if si[si[FAILED] + p] else kf[KF_MTBF]
    stream = p + si[si[FAILURE_COUNT] + p] * ki[K_PES]
    si[si[FAILURE_COUNT] + p] += 1
    sf[si[FAILURE_TIME] + p] = now + mean * keyed_exponential(si[S_KEY], FAILURE_STREAM, stream)
    si[S_DEFERRED] = 0
    sf[si[AVAILABLE] + p] = now
    if not si[si[FAILED] + p]:
        return
    si[S_FAILURES] += 1
    task = si[si[RUNNING] + p]
    if task >= 0:
        si[si[RUNNING] + p] = -1
        si[si[BUSY_PES] + ki[ki[PE_CLUSTER] + p]] -= 1
        si[si[TASK_PE] + task] = -1
        _make_ready(si, sf, task)
    while si[si[QUEUE_HEAD] + p] >= 0:
        task = si[si[QUEUE_HEAD] + p]
        _unlink(si, sf, p, task)
        si[si[TASK_PE] + task] = -1
        _make_ready(si, sf, task)
    sf[si[WAKE] + p] = np.inf


@kernel
def _assignable(ki: Any, kf: Any, si: Any, sf: Any) -> bool:
    """Whether some ready task has a PE that works; without failures every task has one."""
    if si[S_READY] == 0 or si[S_FAILED] == 0:
        return si[S_READY] > 0
    size = si[S_APP_TASKS]
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
    for p in range(ki[K_PES]):
        if si[si[RUNNING] + p] >= 0 or si[si[QUEUE_LENGTH] + p] > 0:
            return True
    return False


@kernel
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


@kernel
def _move_clock(ki: Any, kf: Any, si: Any, sf: Any, until: float) -> None:
    account(ki, kf, si, sf, until)
    sf[F_AREA] += si[S_IN_FLIGHT] * (until - sf[F_NOW])
    sf[F_NOW] = until


@kernel
def _events_of_instant(
    ki: Any, kf: Any, si: Any, sf: Any, apps: Any, gaps: Any, jobs: Any, trace_i: Any, trace_f: Any
) -> bool:
    """Completions, copies to memory, failures and injections due now; False: out of job slots."""
    p = _next_due(si, sf)
    while p >= 0:
        _complete(ki, kf, si, sf, p, jobs, trace_i, trace_f)
        p = _next_due(si, sf)
    i = _next_pending(si, sf) if si[S_PENDING] > 0 else -1
    while i >= 0:
        task = si[si[PENDING] + i]
        si[S_PENDING] -= 1
        for j in range(i, si[S_PENDING]):
            si[si[PENDING] + j] = si[si[PENDING] + j + 1]
        _make_ready(si, sf, task)
        i = _next_pending(si, sf)
    if kf[KF_MTBF] > 0:
        for q in range(ki[K_PES]):
            if sf[si[FAILURE_TIME] + q] <= sf[F_NOW]:
                _fail(ki, kf, si, sf, q)
    while (
        si[S_INJECTED] < len(apps)
        and sf[F_NEXT_INJECTION] <= sf[F_NOW]
        and si[S_IN_FLIGHT] < ki[K_CAP]
    ):
        if si[S_FREE] == 0:
            return False
        _inject(ki, kf, si, sf, apps, gaps, jobs)
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
        _start_all(ki, kf, si, sf)
        si[S_PHASE] = EVENTS
        if _next_due(si, sf) >= 0:
            continue
        event = _next_event(ki, kf, si, sf, len(apps))
        if event == np.inf:
            si[S_STATUS] = STUCK
            return STUCK
        time = min(event, min(sf[F_NEXT_SAMPLE], sf[F_NEXT_THERMAL]))
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


@kernel
def delays(ki: Any, kf: Any, si: Any, sf: Any, task: int, out: Any) -> None:
    """Delay from now until a ready task's data would be on each PE, µs, shape (P,)."""
    size = si[S_APP_TASKS]
    base = (task // size) * size
    row = task_row(ki, si, task)
    now = sf[F_NOW]
    out[:] = 0.0
    for e in range(ki[ki[PRED_PTR] + row], ki[ki[PRED_PTR] + row + 1]):
        if ki[K_SHARED_MEMORY]:
            for p in range(ki[K_PES]):
                out[p] = max(
                    out[p], kf[ki[FROM_MEMORY] + e * ki[K_CLUSTERS] + ki[ki[PE_CLUSTER] + p]]
                )
            continue
        u = base + ki[ki[PRED_TASK] + e]
        source = si[si[TASK_PE] + u]
        cluster = ki[ki[PE_CLUSTER] + source]
        finish = sf[si[TASK_FINISH] + u]
        for p in range(ki[K_PES]):
            comm = kf[
                ki[COMM] + (e * ki[K_CLUSTERS] + cluster) * ki[K_CLUSTERS] + ki[ki[PE_CLUSTER] + p]
            ]
            if p == source:
                comm = kf[ki[COMM_SAME] + e]
            out[p] = max(out[p], finish + comm - now)


@kernel
def _data_time(ki: Any, kf: Any, si: Any, sf: Any, task: int, pe: int) -> float:
    """Absolute time at which the data of a task are on a PE if it is assigned now."""
    size = si[S_APP_TASKS]
    base = (task // size) * size
    row = task_row(ki, si, task)
    now = sf[F_NOW]
    shared = ki[K_SHARED_MEMORY] != 0
    time = now if shared or ki[ki[PRED_PTR] + row] == ki[ki[PRED_PTR] + row + 1] else 0.0
    for e in range(ki[ki[PRED_PTR] + row], ki[ki[PRED_PTR] + row + 1]):
        if shared:
            time = max(
                time, now + kf[ki[FROM_MEMORY] + e * ki[K_CLUSTERS] + ki[ki[PE_CLUSTER] + pe]]
            )
            continue
        u = base + ki[ki[PRED_TASK] + e]
        source = si[si[TASK_PE] + u]
        if source == pe:
            comm = kf[ki[COMM_SAME] + e]
        else:
            comm = kf[
                ki[COMM]
                + (e * ki[K_CLUSTERS] + ki[ki[PE_CLUSTER] + source]) * ki[K_CLUSTERS]
                + ki[ki[PE_CLUSTER] + pe]
            ]
        time = max(time, sf[si[TASK_FINISH] + u] + comm)
    return time


@kernel
def assign(ki: Any, kf: Any, si: Any, sf: Any, task: int, pe: int) -> None:
    """Put a ready task (taken off the ready list by the caller) into a PE's queue."""
    si[si[TASK_PE] + task] = pe
    sf[si[TASK_DATA] + task] = _data_time(ki, kf, si, sf, task, pe)
    _enqueue(si, sf, pe, task)
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
    si[S_DEFERRED] = 1
    si[S_WAITS] += 1


@kernel
def set_operating_point(ki: Any, kf: Any, si: Any, sf: Any, cluster: int, opp: int) -> None:
    """Request an operating point for a cluster, at once."""
    si[si[REQUESTED_OPP] + cluster] = opp
    sf[si[LAST_CHANGE] + cluster] = sf[F_NOW]
    apply_operating_point(ki, kf, si, sf, cluster)
