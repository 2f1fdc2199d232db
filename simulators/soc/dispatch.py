"""Late binding: a list scheduler that plans all ready tasks but commits only what can start now.

Data move when a task's predecessors finish, whatever the time of its assignment, so a ready task
whose best PE is busy loses nothing by staying in the ready list until that PE is free; by then more
is known, and a task of a more urgent job can go first. Each decision takes the ready tasks in order
of priority, gives each the PE of earliest estimated finish, and commits the first whose PE is free.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.layout import (
    EXEC,
    F_NOW,
    FAILED,
    K_OPPS,
    K_PES,
    NEXT_TASK,
    OPP,
    PE_CLUSTER,
    QUEUE_HEAD,
    RANK,
    READY,
    RUNNING,
    SLOWDOWN,
    TASK_DATA,
    TASK_SLOT,
    TASK_START,
)
from chipgym.simulators.soc.tasks import delays, task_row

__all__ = ["choose", "estimate_pass", "free_times"]


@merged
def _slowdown(ki: Any, kf: Any, si: Any, p: int) -> float:
    cluster = ki[ki[PE_CLUSTER] + p]
    slowdown: float = kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
    return slowdown


@kernel
def free_times(ki: Any, kf: Any, si: Any, sf: Any, free_us: Any, gap_us: Any) -> None:
    """Time from now until each PE is free, and its idle time before the first reservation.

    Both in us, shape (P,), expected at the present frequencies. The gap is -1 where the PE executes
    or has nothing to do, and lasts until the first data of its queue where it waits for them.
    """
    now = sf[F_NOW]
    for p in range(ki[K_PES]):
        slow = _slowdown(ki, kf, si, p)
        free = 0.0
        running = si[si[RUNNING] + p]
        if running >= 0:
            time = kf[ki[EXEC] + task_row(ki, si, running) * ki[K_PES] + p] * slow
            # A task that runs longer than expected will still take one tick at least.
            free = max(sf[si[TASK_START] + running] + time - now, 1.0)
        task = si[si[QUEUE_HEAD] + p]
        gap_us[p] = -1.0 if task < 0 or running >= 0 else np.inf
        while task >= 0:
            data = sf[si[TASK_DATA] + task] - now
            gap_us[p] = min(gap_us[p], data)
            time = kf[ki[EXEC] + task_row(ki, si, task) * ki[K_PES] + p] * slow
            free = max(free, data) + time
            task = si[si[NEXT_TASK] + task]
        free_us[p] = free


@merged
def estimate_pass(ki: Any, kf: Any, si: Any, sf: Any, n: int, exec_us: Any, delay_us: Any) -> None:
    """Execution times at the present frequency and data delays of the first n ready tasks."""
    for i in range(n):
        task = si[si[READY] + i]
        row = task_row(ki, si, task)
        delays(ki, kf, si, sf, task, delay_us[i])
        for p in range(ki[K_PES]):
            slow = _slowdown(ki, kf, si, p)
            failed = si[si[FAILED] + p] != 0
            exec_us[i, p] = np.inf if failed else kf[ki[EXEC] + row * ki[K_PES] + p] * slow


@kernel
def choose(
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    n: int,
    must: bool,
    share: float,
    keys: Any,
    shown: Any,
    exec_us: Any,
    delay_us: Any,
    free_us: Any,
    gap_us: Any,
    order: Any,
) -> int:
    """Return ``position * P + pe`` of the next commitment, -1 to wait.

    Parameters
    ----------
    n : int
        Ready tasks considered.
    must : bool
        Where no task can start, the first in order is committed to its PE's queue: more tasks are
        ready than are considered, or nothing will happen by itself.
    share : float
        A task may start on a PE that waits for data if the delay of its own data and this share of
        its time fit before them: 1 never delays a reservation, 0.5 gambles, inf never starts.
    keys : float64, shape (J,)
        Priority of each job slot, lowest first; within a job the highest upward rank is first.
    shown : int64, shape (>= n,)
        Positions of the tasks in the ready list.
    exec_us, delay_us : float64, shape (ready, P)
        Of the ready tasks, by position.
    free_us, gap_us : float64, shape (P,)
        Scratch.
    order : int64, shape (>= n,)
        Scratch.
    """
    pes = ki[K_PES]
    free_times(ki, kf, si, sf, free_us, gap_us)
    for k in range(n):
        task = si[si[READY] + shown[k]]
        key = keys[si[si[TASK_SLOT] + task]]
        rank = kf[ki[RANK] + task_row(ki, si, task)]
        at = k - 1
        while at >= 0:
            other = si[si[READY] + order[at]]
            other_key = keys[si[si[TASK_SLOT] + other]]
            if other_key < key:
                break
            if other_key == key and kf[ki[RANK] + task_row(ki, si, other)] >= rank:
                break
            order[at + 1] = order[at]
            at -= 1
        order[at + 1] = shown[k]
    first = -1
    for k in range(n):
        i = order[k]
        best = -1
        best_us = np.inf
        for p in range(pes):
            finish = exec_us[i, p] + delay_us[i, p]
            if delay_us[i, p] + share * exec_us[i, p] > gap_us[p]:
                finish = exec_us[i, p] + max(delay_us[i, p], free_us[p])
            if finish < best_us:
                best_us = finish
                best = p
        if best < 0:
            continue
        fits = delay_us[i, best] + share * exec_us[i, best] <= gap_us[best]
        if fits or free_us[best] == 0.0:
            return i * pes + best
        if first < 0:
            first = i * pes + best
        if fits:
            gap_us[best] = -1.0
            continue
        if free_us[best] == 0.0:
            gap_us[best] = delay_us[i, best]
        free_us[best] = best_us
    return first if must else -1
