"""Queues of processing elements in the clean order: assignment order, starts, failures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.core.random import keyed_exponential, keyed_normal
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    BUSY_PES,
    EXEC,
    F_NOW,
    FAILED,
    FAILURE_COUNT,
    FAILURE_TIME,
    K_OPPS,
    K_PES,
    KF_MTBF,
    KF_MTTR,
    KF_NOISE,
    NEXT_TASK,
    OPP,
    PE_CLUSTER,
    PREVIOUS_TASK,
    QUEUE_HEAD,
    QUEUE_LENGTH,
    QUEUE_TAIL,
    RUNNING,
    S_APP_TASKS,
    S_DEFERRED,
    S_FAILED,
    S_FAILURES,
    S_KEY,
    S_SEQUENCE,
    S_STARTS,
    SHARE,
    SLOT_JOB,
    SLOWDOWN,
    START_ORDER,
    TASK_DATA,
    TASK_ENERGY,
    TASK_PE,
    TASK_SEQUENCE,
    TASK_SLOT,
    TASK_START,
    WAKE,
)
from chipgym.simulators.soc.tasks import make_ready, task_row

__all__ = [
    "FAILURE_STREAM",
    "enqueue",
    "fail",
    "refresh_wake",
    "start_all",
    "unlink",
]

# Keys of the failure times live beside those of the task times, which use job numbers from 0.
FAILURE_STREAM = -1


@merged
def refresh_wake(si: Any, sf: Any, p: int) -> None:
    """Next time at which an idle PE could start something: the earliest data in its queue.

    Among tasks whose data are there already, any will do.
    """
    earliest = np.inf
    task = si[si[QUEUE_HEAD] + p]
    while task >= 0 and earliest > sf[F_NOW]:
        earliest = min(earliest, sf[si[TASK_DATA] + task])
        task = si[si[NEXT_TASK] + task]
    sf[si[WAKE] + p] = earliest


@merged
def _startable(si: Any, sf: Any, p: int) -> int:
    """First task in a PE's queue whose data are there, or -1."""
    task = si[si[QUEUE_HEAD] + p]
    while task >= 0 and sf[si[TASK_DATA] + task] > sf[F_NOW]:
        task = si[si[NEXT_TASK] + task]
    return task


@merged
def unlink(si: Any, sf: Any, p: int, task: int) -> None:
    """Take a task out of a PE's queue."""
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


@merged
def enqueue(si: Any, sf: Any, p: int, task: int) -> None:
    """Insert into a PE's queue, which is ordered by job, then by order of assignment."""
    job = si[si[SLOT_JOB] + si[si[TASK_SLOT] + task]]
    before = si[si[QUEUE_TAIL] + p]
    while before >= 0 and si[si[SLOT_JOB] + si[si[TASK_SLOT] + before]] > job:
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


@merged
def _start(ki: Any, kf: Any, si: Any, sf: Any, p: int, task: int) -> None:
    now = sf[F_NOW]
    size = si[S_APP_TASKS]
    slot = si[si[TASK_SLOT] + task]
    cluster = ki[ki[PE_CLUSTER] + p]
    time = kf[ki[EXEC] + task_row(ki, si, task) * ki[K_PES] + p]
    if kf[KF_NOISE] > 0.0 and time > 0.0:
        normal = keyed_normal(si[S_KEY], si[si[SLOT_JOB] + slot], task - slot * size)
        time = max(math.floor(time + kf[KF_NOISE] * time * normal + 0.5), 1.0)
    unlink(si, sf, p, task)
    si[si[RUNNING] + p] = task
    si[si[BUSY_PES] + cluster] += 1
    sf[si[WAKE] + p] = now + time * kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
    si[si[START_ORDER] + p] = si[S_STARTS]
    si[S_STARTS] += 1
    sf[si[TASK_START] + task] = now
    sf[si[TASK_ENERGY] + task] = sf[si[SHARE] + cluster]


@merged
def start_all(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Start whatever can start now, in order of job, then of assignment."""
    while True:
        best = -1
        best_pe = -1
        candidates = 0
        for p in range(ki[K_PES]):
            if sf[si[WAKE] + p] > sf[F_NOW] or si[si[RUNNING] + p] >= 0 or si[si[FAILED] + p]:
                continue
            task = _startable(si, sf, p)
            if task < 0:
                continue
            candidates += 1
            if best >= 0:
                job, best_job = (
                    si[si[SLOT_JOB] + si[si[TASK_SLOT] + task]],
                    si[si[SLOT_JOB] + si[si[TASK_SLOT] + best]],
                )
                earlier = si[si[TASK_SEQUENCE] + task] < si[si[TASK_SEQUENCE] + best]
                if not (job < best_job or (job == best_job and earlier)):
                    continue
            best, best_pe = task, p
        if best < 0:
            return
        _start(ki, kf, si, sf, best_pe, best)
        if candidates == 1:
            return


@kernel
def fail(ki: Any, kf: Any, si: Any, sf: Any, p: int) -> None:
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
        make_ready(si, sf, task)
    while si[si[QUEUE_HEAD] + p] >= 0:
        task = si[si[QUEUE_HEAD] + p]
        unlink(si, sf, p, task)
        si[si[TASK_PE] + task] = -1
        make_ready(si, sf, task)
    sf[si[WAKE] + p] = np.inf
