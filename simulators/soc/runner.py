"""Whole runs of the clean order with a built-in scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.kernel import DECISION, advance, assign
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    EXEC,
    F_NOW,
    FAILED,
    K_OPPS,
    LIFETIME,
    MEAN_EXEC,
    OPP,
    PE_CLUSTER,
    RANK,
    READY,
    RUNNING,
    S_PES,
    S_RANDOM,
    S_READY,
    S_STATUS,
    SLOWDOWN,
    TABLE_PE,
    TASK_PE,
)
from chipgym.simulators.soc.scheduling import schedule, uses_estimates
from chipgym.simulators.soc.tasks import delays, task_row

__all__ = ["run"]


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
    Scratch arrays grow with the longest ready list met.
    """
    pes = si[S_PES]
    available = sf[si[AVAILABLE] : si[AVAILABLE] + pes]
    lifetime = si[si[LIFETIME] : si[LIFETIME] + pes]
    room = 0
    exec_us = np.empty((0, pes))
    delay_us = np.empty((0, pes))
    rank = np.empty(0)
    mean_exec = np.empty(0)
    table_pe = np.empty(0, np.int64)
    floats = np.empty(0)
    ints = np.empty((3, 0), np.int64)
    out_task = np.empty(0, np.int64)
    out_pe = np.empty(0, np.int64)
    slowdown = np.ones(pes)
    busy = np.zeros(pes, np.int64)
    random_state = si[S_RANDOM : S_RANDOM + 1].view(np.uint64)
    estimating = uses_estimates(scheduler)
    while advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f) == DECISION:
        n = si[S_READY]
        if n > room:
            room = max(2 * n, 16)
            exec_us = np.empty((room, pes))
            delay_us = np.empty((room, pes))
            rank = np.empty(room)
            mean_exec = np.empty(room)
            table_pe = np.empty(room, np.int64)
            floats = np.empty(room)
            ints = np.empty((3, max(room, pes)), np.int64)
            out_task = np.empty(room, np.int64)
            out_pe = np.empty(room, np.int64)
        for p in range(pes):
            cluster = ki[ki[PE_CLUSTER] + p]
            busy[p] = si[si[RUNNING] + p] >= 0
            slowdown[p] = kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
        for i in range(n):
            task = si[si[READY] + i]
            row = task_row(ki, si, task)
            if estimating:
                delays(ki, kf, si, sf, task, delay_us[i])
            for p in range(pes):
                exec_us[i, p] = np.inf if si[si[FAILED] + p] else kf[ki[EXEC] + row * pes + p]
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
            floats,
            out_task,
            out_pe,
        )
        for i in range(made):
            assign(ki, kf, si, sf, si[si[READY] + out_task[i]], out_pe[i])
        if made == n:
            si[S_READY] = 0
        else:
            _drop_assigned(si, n)
    return si[S_STATUS]


@kernel
def _drop_assigned(si: Any, n: int) -> None:
    left = 0
    for i in range(n):
        if si[si[TASK_PE] + si[si[READY] + i]] < 0:
            si[si[READY] + left] = si[si[READY] + i]
            left += 1
    si[S_READY] = left
