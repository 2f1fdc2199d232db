"""Whole runs by late binding with the shortest remaining job first, as the policy of that name."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.dispatch import choose, estimate_pass
from chipgym.simulators.soc.kernel import DECISION, advance, defer, wait_allowed
from chipgym.simulators.soc.layout import (
    K_PES,
    S_APP_TASKS,
    S_INJECTED,
    S_READY,
    S_SLOTS,
    S_STATUS,
)
from chipgym.simulators.soc.rollout import commit_estimated, remaining_work, visible_tasks

__all__ = ["run_late_binding"]


@kernel
def run_late_binding(
    share: float,
    num_slots: int,
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
    """Advance a state to its end, and return the engine's status.

    Buffers are those of `kernel.advance`; `share` is that of `dispatch.choose`, and `num_slots`
    tasks are considered at a time.
    """
    pes = ki[K_PES]
    room = si[S_SLOTS] * si[S_APP_TASKS] + 1
    exec_us = np.empty((room, pes))
    delay_us = np.empty((room, pes))
    pe_floats = np.empty((2, pes))
    ints = np.empty((2, room), np.int64)
    work_us = np.empty(si[S_SLOTS])
    path_us = np.empty(si[S_SLOTS])
    shown, order = ints[0], ints[1]
    while advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f) == DECISION:
        estimate_pass(ki, kf, si, sf, si[S_READY], exec_us, delay_us)
        while True:
            count = visible_tasks(si, num_slots, pes, exec_us, shown)
            if count == 0:
                break
            n = min(count, num_slots)
            remaining_work(ki, kf, si, sf, work_us, path_us)
            must = count > n or not wait_allowed(ki, kf, si, sf, si[S_INJECTED])
            action = choose(
                ki,
                kf,
                si,
                sf,
                n,
                must,
                share,
                work_us,
                shown,
                exec_us,
                delay_us,
                pe_floats[0],
                pe_floats[1],
                order,
            )
            if action < 0:
                defer(si, sf)
                break
            commit_estimated(ki, kf, si, sf, action // pes, action % pes, exec_us, delay_us)
    return si[S_STATUS]
