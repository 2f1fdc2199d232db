"""Whole runs of the clean order with a built-in scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.kernel import DECISION, advance, assign
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    EXEC,
    F_NOW,
    FAILED,
    K_OPPS,
    K_PES,
    LIFETIME,
    MEAN_EXEC,
    OPP,
    PE_CLUSTER,
    RANK,
    READY,
    RUNNING,
    S_APP_TASKS,
    S_PES,
    S_RANDOM,
    S_READY,
    S_SLOTS,
    S_STATUS,
    SLOWDOWN,
    TABLE_PE,
    TASK_PE,
)
from chipgym.simulators.soc.scheduling import earliest_task_first, schedule, uses_estimates
from chipgym.simulators.soc.tasks import delays, task_row

__all__ = ["run", "run_earliest_task_first"]


@kernel
def run(
    scheduler: int,
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
    """Advance a state to its end with a scheduler of `scheduling`, and return the status.

    Buffers are those of `layout`; `jobs`, `trace_i` and `trace_f` those of `kernel.advance`.
    """
    pes = si[S_PES]
    available = sf[si[AVAILABLE] : si[AVAILABLE] + pes]
    lifetime = si[si[LIFETIME] : si[LIFETIME] + pes]
    # As many tasks as can be ready at once; pages that are never touched cost nothing.
    room = si[S_SLOTS] * si[S_APP_TASKS]
    exec_us = np.empty((room, pes))
    delay_us = np.empty((room, pes))
    floats = np.empty((3, room))
    ints = np.empty((6, max(room, pes)), np.int64)
    rank, mean_exec, table_pe, out_task, out_pe = floats[0], floats[1], ints[3], ints[4], ints[5]
    slowdown = np.ones(pes)
    busy = np.zeros(pes, np.int64)
    random_state = si[S_RANDOM : S_RANDOM + 1].view(np.uint64)
    estimating = uses_estimates(scheduler)
    while advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f) == DECISION:
        n = si[S_READY]
        for p in range(pes):
            cluster = ki[ki[PE_CLUSTER] + p]
            busy[p] = si[si[RUNNING] + p] >= 0
            slowdown[p] = kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
        for i in range(n):
            task = si[si[READY] + i]
            row = task_row(ki, si, task)
            if estimating:
                delays(ki, kf, si, sf, task, delay_us[i])
            _execution_times(ki, kf, si, task, exec_us[i])
            rank[i] = kf[ki[RANK] + row]
            mean_exec[i] = kf[ki[MEAN_EXEC] + row]
            table_pe[i] = ki[ki[TABLE_PE] + row]
        made = schedule(
            scheduler,
            n,
            exec_us,
            delay_us,
            slowdown,
            busy,
            sf[F_NOW],
            available,
            lifetime,
            rank,
            mean_exec,
            table_pe,
            random_state,
            ints,
            floats[2],
            out_task,
            out_pe,
        )
        _assign_all(ki, kf, si, sf, made, out_task, out_pe)
    return si[S_STATUS]


@kernel
def run_earliest_task_first(
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
    """Advance a state to its end with ETF, as `run` does.

    Apart because every environment needs it at once, and the other schedulers only add to the time
    that compiling takes.
    """
    pes = si[S_PES]
    available = sf[si[AVAILABLE] : si[AVAILABLE] + pes]
    room = si[S_SLOTS] * si[S_APP_TASKS]
    exec_us = np.empty((room, pes))
    delay_us = np.empty((room, pes))
    best_us = np.empty(room)
    ints = np.empty((4, room), np.int64)
    order, best_pe, out_task, out_pe = ints[0], ints[1], ints[2], ints[3]
    while advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f) == DECISION:
        n = si[S_READY]
        for i in range(n):
            order[i] = i
            task = si[si[READY] + i]
            delays(ki, kf, si, sf, task, delay_us[i])
            _execution_times(ki, kf, si, task, exec_us[i])
        made = earliest_task_first(
            n, exec_us, delay_us, sf[F_NOW], available, order, best_pe, best_us, out_task, out_pe
        )
        _assign_all(ki, kf, si, sf, made, out_task, out_pe)
    return si[S_STATUS]


@merged
def _execution_times(ki: Any, kf: Any, si: Any, task: int, out: Any) -> None:
    """Fill a task's table times, shape (P,); inf where unsupported or failed."""
    row = task_row(ki, si, task)
    for p in range(ki[K_PES]):
        out[p] = np.inf if si[si[FAILED] + p] else kf[ki[EXEC] + row * ki[K_PES] + p]


@merged
def _assign_all(ki: Any, kf: Any, si: Any, sf: Any, made: int, out_task: Any, out_pe: Any) -> None:
    """Carry out a pass and keep the ready tasks that it left."""
    n = si[S_READY]
    for i in range(made):
        assign(ki, kf, si, sf, si[si[READY] + out_task[i]], out_pe[i])
    if made == n:
        si[S_READY] = 0
        return
    left = 0
    for i in range(n):
        if si[si[TASK_PE] + si[si[READY] + i]] < 0:
            si[si[READY] + left] = si[si[READY] + i]
            left += 1
    si[S_READY] = left
