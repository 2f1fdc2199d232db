"""Completions in the clean order, and which comes first."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.layout import (
    BUSY_PES,
    DEADLINE,
    F_MAKESPAN,
    F_NOW,
    FREE_SLOTS,
    MISSING,
    PE_CLUSTER,
    PENDING,
    RUNNING,
    S_APP_TASKS,
    S_COMPLETED,
    S_FREE,
    S_IN_FLIGHT,
    S_MISSES,
    S_PENDING,
    S_PES,
    S_TASKS,
    S_TRACED,
    SHARE,
    SLOT_APP,
    SLOT_ARRIVAL,
    SLOT_JOB,
    SLOT_LEFT,
    START_ORDER,
    SUCC_PTR,
    SUCC_TASK,
    TASK_DATA,
    TASK_ENERGY,
    TASK_FINISH,
    TASK_PTR,
    TASK_READY,
    TASK_SLOT,
    TASK_START,
    WAKE,
)
from chipgym.simulators.soc.queues import refresh_wake
from chipgym.simulators.soc.tasks import release

__all__ = ["complete", "next_due", "next_pending"]


@merged
def complete(
    ki: Any, kf: Any, si: Any, sf: Any, p: int, jobs: Any, trace_i: Any, trace_f: Any
) -> None:
    """The task executing on a PE is finished: record it and release its successors."""
    now = sf[F_NOW]
    task = si[si[RUNNING] + p]
    size = si[S_APP_TASKS]
    slot = si[si[TASK_SLOT] + task]
    base = slot * size
    app = si[si[SLOT_APP] + slot]
    cluster = ki[ki[PE_CLUSTER] + p]
    si[si[RUNNING] + p] = -1
    si[si[BUSY_PES] + cluster] -= 1
    sf[si[TASK_FINISH] + task] = now
    si[S_TASKS] += 1
    refresh_wake(si, sf, p)
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
            release(ki, kf, si, sf, successor)
    si[si[SLOT_LEFT] + slot] -= 1
    if si[si[SLOT_LEFT] + slot] == 0:
        _finish_job(ki, kf, si, sf, slot, jobs)


@merged
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


@merged
def next_due(si: Any, sf: Any) -> int:
    """PE whose completion comes first among those due now (earliest start on ties), or -1."""
    now = sf[F_NOW]
    best = -1
    for p in range(si[S_PES]):
        if sf[si[WAKE] + p] > now or si[si[RUNNING] + p] < 0:
            continue
        earlier = best < 0 or sf[si[WAKE] + p] < sf[si[WAKE] + best]
        tied = best >= 0 and sf[si[WAKE] + p] == sf[si[WAKE] + best]
        if earlier or (tied and si[si[START_ORDER] + p] < si[si[START_ORDER] + best]):
            best = p
    return best


@kernel
def next_pending(si: Any, sf: Any) -> int:
    """Position of the first task in the pending list whose data are in memory, or -1."""
    best = -1
    for i in range(si[S_PENDING]):
        task = si[si[PENDING] + i]
        if sf[si[TASK_READY] + task] > sf[F_NOW]:
            continue
        if best < 0:
            best = i
            continue
        other = si[si[PENDING] + best]
        time, other_time = sf[si[TASK_READY] + task], sf[si[TASK_READY] + other]
        job, other_job = (
            si[si[SLOT_JOB] + si[si[TASK_SLOT] + task]],
            si[si[SLOT_JOB] + si[si[TASK_SLOT] + other]],
        )
        if time < other_time or (
            time == other_time and (job < other_job or (job == other_job and task < other))
        ):
            best = i
    return best
