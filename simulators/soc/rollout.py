"""What-if runs from a state in the middle of a pass, on what can be known at that moment.

A rollout copies the state, forgets what a scheduler cannot know, takes one decision, plays on by a
rule until the jobs in the system are complete, and returns the latency that they still gather. It
knows no job that has not arrived, replaces the rest of a noisy task by its expectation, and neither
foresees failures nor the moments of repairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.dispatch import choose, estimate_pass
from chipgym.simulators.soc.kernel import DECISION, DONE, advance, commit, defer, wait_allowed
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    EXEC,
    F_AREA,
    F_NOW,
    FAILED,
    FAILURE_TIME,
    K_OPPS,
    K_PES,
    KF_HORIZON,
    KF_MTBF,
    KF_MTTR,
    KF_NOISE,
    LEAST_EXEC,
    OPP,
    PE_CLUSTER,
    RANK,
    RUNNING,
    S_APP_TASKS,
    S_FAILED,
    S_INJECTED,
    S_KEY,
    S_READY,
    S_SLOTS,
    S_STATUS,
    SLOT_APP,
    SLOT_JOB,
    SLOWDOWN,
    TASK_PE,
    TASK_PTR,
    TASK_START,
    WAKE,
)
from chipgym.simulators.soc.tasks import task_row

__all__ = [
    "EARLIEST",
    "LATE",
    "NO_ACTION",
    "WAIT",
    "commit_estimated",
    "forget",
    "remaining_work",
    "rollouts",
    "visible_tasks",
]

# Rules: earliest task first as DS3 has it, and late binding by job priority (`dispatch`).
EARLIEST, LATE = range(2)
# First decisions that are not a pair: leave it to the rule, or wait for the next event.
NO_ACTION, WAIT = -2, -1
# Mean time to a failure that never comes.
NEVER_US = 1e30


@kernel
def forget(ki: Any, kf: Any, si: Any, sf: Any) -> None:
    """Replace what a scheduler cannot know in a copied state by its expectation, in place.

    A running task ends after its table time, or one tick from now if it is over that; PEs that work
    go on working; PEs that have failed are repaired after the mean time to repair (repair times are
    exponential, so how long it has lasted says nothing). `kf` is a copy too.
    """
    now = sf[F_NOW]
    pes = ki[K_PES]
    if kf[KF_NOISE] > 0.0:
        for p in range(pes):
            task = si[si[RUNNING] + p]
            if task >= 0:
                slow = kf[
                    ki[SLOWDOWN]
                    + ki[ki[PE_CLUSTER] + p] * ki[K_OPPS]
                    + si[si[OPP] + ki[ki[PE_CLUSTER] + p]]
                ]
                time = kf[ki[EXEC] + task_row(ki, si, task) * pes + p] * slow
                sf[si[WAKE] + p] = max(sf[si[TASK_START] + task] + time, now + 1.0)
    if kf[KF_MTBF] > 0.0:
        for p in range(pes):
            failed = si[si[FAILED] + p] != 0
            sf[si[FAILURE_TIME] + p] = now + kf[KF_MTTR] if failed else np.inf
        kf[KF_MTBF] = NEVER_US
    si[S_KEY] = 0
    kf[KF_NOISE] = 0.0
    kf[KF_HORIZON] = np.inf


@merged
def visible_tasks(si: Any, num_slots: int, num_pes: int, exec_us: Any, shown: Any) -> int:
    """Positions of the ready tasks that an agent is shown, and how many."""
    used = 0
    for i in range(si[S_READY]):
        usable = si[S_FAILED] == 0
        if not usable:
            for p in range(num_pes):
                usable = usable or exec_us[i, p] < np.inf
        if usable:
            if used < num_slots:
                shown[used] = i
            used += 1
    return used


@merged
def _earliest(
    sf: Any, si: Any, num_pes: int, n: int, shown: Any, exec_us: Any, delay_us: Any
) -> int:
    """Return ``position * P + pe`` of the least estimated finish, -1 for none."""
    best = -1
    best_us = np.inf
    for k in range(n):
        i = shown[k]
        for p in range(num_pes):
            wait = max(sf[si[AVAILABLE] + p] - sf[F_NOW], 0.0)
            finish = exec_us[i, p] + max(delay_us[i, p], wait)
            if finish < best_us:
                best_us = finish
                best = i * num_pes + p
    return best


@merged
def commit_estimated(
    ki: Any, kf: Any, si: Any, sf: Any, position: int, pe: int, exec_us: Any, delay_us: Any
) -> None:
    """Assign a ready task and close its row of the estimates."""
    wait = max(sf[si[AVAILABLE] + pe] - sf[F_NOW], 0.0)
    finish = exec_us[position, pe] + max(delay_us[position, pe], wait)
    commit(ki, kf, si, sf, position, pe, finish)
    for i in range(position, si[S_READY]):
        for p in range(ki[K_PES]):
            exec_us[i, p] = exec_us[i + 1, p]
            delay_us[i, p] = delay_us[i + 1, p]


@kernel
def _play(
    first: int,
    rule: int,
    share: float,
    keys: Any,
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
    exec_us: Any,
    delay_us: Any,
    pe_floats: Any,
    ints: Any,
) -> int:
    """Play a state to the end of its jobs; return the first decision (WAIT, or slot * P + pe).

    Afterwards the engine's status says whether the end was reached.
    """
    pes = ki[K_PES]
    shown, order = ints[0], ints[1]
    decided = NO_ACTION
    status = DECISION
    while status == DECISION:
        estimate_pass(ki, kf, si, sf, si[S_READY], exec_us, delay_us)
        while True:
            count = visible_tasks(si, num_slots, pes, exec_us, shown)
            if count == 0:
                break
            n = min(count, num_slots)
            if decided == NO_ACTION and first != NO_ACTION:
                action = WAIT if first == WAIT else shown[first // pes] * pes + first % pes
            elif rule == EARLIEST:
                action = _earliest(sf, si, pes, n, shown, exec_us, delay_us)
            else:
                must = count > n or not wait_allowed(ki, kf, si, sf, len(apps))
                action = choose(
                    ki,
                    kf,
                    si,
                    sf,
                    n,
                    must,
                    share,
                    keys,
                    shown,
                    exec_us,
                    delay_us,
                    pe_floats[0],
                    pe_floats[1],
                    order,
                )
            if decided == NO_ACTION:
                decided = WAIT
                for k in range(n):
                    if action >= 0 and shown[k] == action // pes:
                        decided = k * pes + action % pes
            if action < 0:
                defer(si, sf)
                break
            commit_estimated(ki, kf, si, sf, action // pes, action % pes, exec_us, delay_us)
        status = advance(ki, kf, si, sf, apps, gaps, jobs, trace_i, trace_f)
    return decided


@kernel
def rollouts(
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    num_slots: int,
    first: Any,
    rules: Any,
    shares: Any,
    keys: Any,
    cost_us: Any,
    decided: Any,
) -> None:
    """Play C candidates from one state, which is not changed.

    Parameters
    ----------
    ki, kf, si, sf : arrays
        Static and state buffers (`layout`) of an engine that waits for a decision.
    num_slots : int
        Ready tasks that are shown, and may be chosen, at a time.
    first : int64, shape (C,)
        First decision: ``slot * P + pe``, WAIT, or NO_ACTION to leave it to the rule.
    rules : int64, shape (C,)
        EARLIEST or LATE.
    shares : float64, shape (C,)
        LATE: share of a task's time that must fit in front of a reservation to start before it.
    keys : float64, shape (C, J)
        LATE: priority of each job slot, lowest first.
    cost_us : float64, shape (C,)
        Receives the latency that the jobs in the system gather from now on, us; inf where the
        candidate waits for something that nobody can know to come.
    decided : int64, shape (C,)
        Receives the first decision, ``slot * P + pe`` or WAIT.
    """
    known = si[S_INJECTED]
    apps = np.zeros(known, np.int64)
    gaps = np.zeros(known)
    jobs = np.zeros((known, 2))
    trace_i = np.zeros((0, 4), np.int64)
    trace_f = np.zeros((0, 5))
    room = si[S_SLOTS] * si[S_APP_TASKS] + 1
    pes = ki[K_PES]
    exec_us = np.empty((room, pes))
    delay_us = np.empty((room, pes))
    pe_floats = np.empty((2, pes))
    ints = np.empty((2, room), np.int64)
    expected = kf.copy()
    begin_i, begin_f = si.copy(), sf.copy()
    forget(ki, expected, begin_i, begin_f)
    state_i, state_f = np.empty_like(si), np.empty_like(sf)
    for c in range(len(first)):
        state_i[:] = begin_i
        state_f[:] = begin_f
        decided[c] = _play(
            first[c],
            rules[c],
            shares[c],
            keys[c],
            num_slots,
            ki,
            expected,
            state_i,
            state_f,
            apps,
            gaps,
            jobs,
            trace_i,
            trace_f,
            exec_us,
            delay_us,
            pe_floats,
            ints,
        )
        cost_us[c] = np.inf
        if state_i[S_STATUS] == DONE:
            cost_us[c] = state_f[F_AREA] - sf[F_AREA]


@kernel
def remaining_work(ki: Any, kf: Any, si: Any, sf: Any, work_us: Any, path_us: Any) -> None:
    """Work and critical path left of each job slot, us, shape (J,); 0 for a free slot.

    Work is the sum of the least execution times of the tasks that are not assigned; the path is the
    highest upward rank among them.
    """
    for slot in range(si[S_SLOTS]):
        work_us[slot] = 0.0
        path_us[slot] = 0.0
        if si[si[SLOT_JOB] + slot] < 0:
            continue
        row = ki[ki[TASK_PTR] + si[si[SLOT_APP] + slot]]
        size = ki[ki[TASK_PTR] + si[si[SLOT_APP] + slot] + 1] - row
        base = slot * si[S_APP_TASKS]
        for t in range(size):
            if si[si[TASK_PE] + base + t] >= 0:
                continue
            work_us[slot] += kf[ki[LEAST_EXEC] + row + t]
            path_us[slot] = max(path_us[slot], kf[ki[RANK] + row + t])
