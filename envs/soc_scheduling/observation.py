"""What an agent sees: four declared fields, written by one kernel.

Times are squashed to [0, 1) by ``x / (x + scale)``, the scale being the typical time of a job alone
on the platform, so every comparison between times survives. Nothing that a scheduler could not know
is shown: noisy execution times appear as their table times, failures only once they have happened.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.kernel import wait_allowed
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    DEADLINE,
    EXEC,
    F_NOW,
    F_POWER,
    FAILED,
    K_CAP,
    K_OPPS,
    K_PES,
    LEAST_EXEC,
    MEAN_EXEC,
    NEXT_TASK,
    OPP,
    PE_CLUSTER,
    QUEUE_HEAD,
    QUEUE_LENGTH,
    RANK,
    READY,
    RUNNING,
    S_APP_TASKS,
    S_COMPLETED,
    S_FAILED,
    S_IN_FLIGHT,
    S_INJECTED,
    S_READY,
    S_SLOTS,
    SLOT_APP,
    SLOT_ARRIVAL,
    SLOT_JOB,
    SLOT_LEFT,
    SLOWDOWN,
    TASK_DATA,
    TASK_PE,
    TASK_PTR,
    TASK_READY,
    TASK_SLOT,
    TASK_START,
)
from chipgym.simulators.soc.tasks import delays, task_row

__all__ = ["build_layout", "estimate_row", "observe", "ready_position", "slowdown_of"]

PAIR_COLUMNS = (
    Column("estimated_finish", "squashed µs", 0, 1, "Time until the task would finish on the PE"),
    Column("finish_excess", "squashed µs", 0, 1, "The same, less the smallest of all pairs shown"),
    Column("task_excess", "squashed µs", 0, 1, "The same, less the task's smallest"),
    Column("execution", "squashed µs", 0, 1, "Execution time at the present frequency"),
    Column("data_delay", "squashed µs", 0, 1, "Time until the task's data would be on the PE"),
    Column("usable", "1", 0, 1, "The PE supports the task and works"),
)
TASK_COLUMNS = (
    Column("present", "1", 0, 1, "The slot holds a ready task"),
    Column("upward_rank", "squashed µs", 0, 1, "HEFT's upward rank: longest way to the job's end"),
    Column("mean_execution", "squashed µs", 0, 1, "Mean execution time over supporting PEs"),
    Column("job_age", "squashed µs", 0, 1, "Time since the job arrived"),
    Column("waiting", "squashed µs", 0, 1, "Time since the task became ready"),
    Column("job_left", "1", 0, 1, "Share of the job's tasks that are not completed"),
    Column("slack", "squashed µs", -1, 1, "Time to the job's deadline, 1 if it has none"),
    Column("job_work", "squashed µs", 0, 1, "Least times of the job's unassigned tasks, added up"),
)
PE_COLUMNS = (
    Column("available", "squashed µs", 0, 1, "Estimated time until everything assigned is done"),
    Column("busy", "1", 0, 1, "A task executes"),
    Column("remaining", "squashed µs", 0, 1, "Expected rest of the executing task"),
    Column("queue", "n / (n + 4)", 0, 1, "Tasks assigned and not started"),
    Column("working", "1", 0, 1, "The PE has not failed"),
    Column("speed", "1", 0, 1, "Present over highest frequency"),
    Column("data_gap", "squashed µs", 0, 1, "Idle time until the first data of its queue arrive"),
)
GLOBAL_COLUMNS = (
    Column("in_flight", "1", 0, 1, "Jobs in the system over the cap"),
    Column("hidden_ready", "n / (n + 8)", 0, 1, "Ready tasks beyond the slots shown"),
    Column("injected", "1", 0, 1, "Share of the episode's jobs that have arrived"),
    Column("completed", "1", 0, 1, "Share of the episode's jobs that are completed"),
    Column("may_wait", "1", 0, 1, "Something will happen if nothing is assigned"),
    Column("mean_age", "squashed µs", 0, 1, "Mean time since arrival of the jobs in the system"),
    Column("power", "W / (W + 5)", 0, 1, "Power up to the last event"),
)
NUM_PAIR, NUM_TASK, NUM_PE, NUM_GLOBAL = (
    len(columns) for columns in (PAIR_COLUMNS, TASK_COLUMNS, PE_COLUMNS, GLOBAL_COLUMNS)
)


def build_layout(num_slots: int, num_pes: int) -> ObservationLayout:
    """Fields of an observation of R slots and P PEs; ``pairs`` is aligned with slot * P + pe."""
    return ObservationLayout(
        (
            Field(
                "pairs",
                (num_slots, num_pes, NUM_PAIR),
                unit="",
                meaning="Each ready task on each PE; 1 and unusable where the slot is empty",
                columns=PAIR_COLUMNS,
            ),
            Field("tasks", (num_slots, NUM_TASK), "", meaning="Ready tasks", columns=TASK_COLUMNS),
            Field("pes", (num_pes, NUM_PE), "", meaning="Processing elements", columns=PE_COLUMNS),
            Field("globals", (NUM_GLOBAL,), "", meaning="The system", columns=GLOBAL_COLUMNS),
        )
    )


@merged
def _squash(value: float, scale: float) -> float:
    return value / (value + scale) if value > 0.0 else 0.0


@merged
def ready_position(ki: Any, kf: Any, si: Any, slot: int) -> int:
    """Ready-list position of what a slot shows: tasks that some working PE supports."""
    if si[S_FAILED] == 0:
        return slot if slot < si[S_READY] else -1
    shown = -1
    for i in range(si[S_READY]):
        row = task_row(ki, si, si[si[READY] + i])
        for p in range(ki[K_PES]):
            if kf[ki[EXEC] + row * ki[K_PES] + p] < np.inf and not si[si[FAILED] + p]:
                shown += 1
                break
        if shown == slot:
            return i
    return -1


@merged
def slowdown_of(ki: Any, kf: Any, si: Any, p: int) -> float:
    """Highest over present frequency of a PE."""
    cluster = ki[ki[PE_CLUSTER] + p]
    slowdown: float = kf[ki[SLOWDOWN] + cluster * ki[K_OPPS] + si[si[OPP] + cluster]]
    return slowdown


@merged
def estimate_row(
    ki: Any, kf: Any, si: Any, sf: Any, task: int, exec_us: Any, delay_us: Any, finish_us: Any
) -> float:
    """Fill a ready task's times on each PE, shape (P,) each, and return its smallest finish.

    Execution at the present frequency, data delay, and estimated finish from now; inf where the PE
    does not support the task or has failed.
    """
    row = task_row(ki, si, task)
    now = sf[F_NOW]
    best: float = np.inf
    delays(ki, kf, si, sf, task, delay_us)
    for p in range(ki[K_PES]):
        if si[si[FAILED] + p]:
            exec_us[p] = np.inf
        else:
            exec_us[p] = kf[ki[EXEC] + row * ki[K_PES] + p] * slowdown_of(ki, kf, si, p)
        wait = max(sf[si[AVAILABLE] + p] - now, 0.0)
        finish_us[p] = exec_us[p] + max(delay_us[p], wait)
        best = min(best, finish_us[p])
    return best


@merged
def _write_unusable(obs: Any, at: int) -> None:
    for i in range(at, at + NUM_PAIR - 1):
        obs[i] = 1.0
    obs[at + NUM_PAIR - 1] = 0.0


@merged
def _unassigned_work(ki: Any, kf: Any, si: Any, slot: int, size: int) -> float:
    """Sum of the least execution times of a job's tasks that are not assigned, µs."""
    row = ki[ki[TASK_PTR] + si[si[SLOT_APP] + slot]]
    base = slot * si[S_APP_TASKS]
    work = 0.0
    for t in range(size):
        if si[si[TASK_PE] + base + t] < 0:
            work += kf[ki[LEAST_EXEC] + row + t]
    return work


@merged
def _observe_tasks(
    ki: Any, kf: Any, si: Any, sf: Any, num_slots: int, scale: float, scratch: Any, obs: Any
) -> int:
    """Write pairs and tasks; return the number of slots in use."""
    pes = ki[K_PES]
    now = sf[F_NOW]
    tasks_at = num_slots * pes * NUM_PAIR
    finish_us = scratch[:num_slots]
    exec_us = scratch[num_slots : 2 * num_slots]
    delay_us = scratch[2 * num_slots : 3 * num_slots]
    best_of_all = np.inf
    used = 0
    last, work = -1, 0.0
    while used < num_slots:
        position = ready_position(ki, kf, si, used)
        if position < 0:
            break
        task = si[si[READY] + position]
        best = estimate_row(ki, kf, si, sf, task, exec_us[used], delay_us[used], finish_us[used])
        scratch[3 * num_slots, used] = best
        best_of_all = min(best_of_all, best)
        slot = si[si[TASK_SLOT] + task]
        app = si[si[SLOT_APP] + slot]
        row = task_row(ki, si, task)
        age = now - sf[si[SLOT_ARRIVAL] + slot]
        size = ki[ki[TASK_PTR] + app + 1] - ki[ki[TASK_PTR] + app]
        slack = kf[ki[DEADLINE] + app] - age
        at = tasks_at + used * NUM_TASK
        obs[at] = 1.0
        obs[at + 1] = _squash(kf[ki[RANK] + row], scale)
        obs[at + 2] = _squash(kf[ki[MEAN_EXEC] + row], scale)
        obs[at + 3] = _squash(age, scale)
        obs[at + 4] = _squash(now - sf[si[TASK_READY] + task], scale)
        obs[at + 5] = si[si[SLOT_LEFT] + slot] / size
        obs[at + 6] = 1.0 if slack == np.inf else slack / (abs(slack) + scale)
        if slot != last:
            work = _unassigned_work(ki, kf, si, slot, size)
            last = slot
        obs[at + 7] = _squash(work, scale)
        used += 1
    for r in range(used):
        for p in range(pes):
            at = (r * pes + p) * NUM_PAIR
            if finish_us[r, p] == np.inf:
                _write_unusable(obs, at)
                continue
            obs[at] = _squash(finish_us[r, p], scale)
            obs[at + 1] = _squash(finish_us[r, p] - best_of_all, scale)
            obs[at + 2] = _squash(finish_us[r, p] - scratch[3 * num_slots, r], scale)
            obs[at + 3] = _squash(exec_us[r, p], scale)
            obs[at + 4] = _squash(delay_us[r, p], scale)
            obs[at + 5] = 1.0
    for i in range(used * pes, num_slots * pes):
        _write_unusable(obs, i * NUM_PAIR)
    for i in range(tasks_at + used * NUM_TASK, tasks_at + num_slots * NUM_TASK):
        obs[i] = 0.0
    return used


@merged
def _data_gap(si: Any, sf: Any, p: int) -> float:
    """Time until the first data of a PE's queue arrive, 0 if nothing is queued."""
    task = si[si[QUEUE_HEAD] + p]
    gap: float = np.inf if task >= 0 else 0.0
    while task >= 0:
        gap = min(gap, sf[si[TASK_DATA] + task] - sf[F_NOW])
        task = si[si[NEXT_TASK] + task]
    return gap


@kernel
def observe(
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    total_jobs: int,
    num_slots: int,
    scale: float,
    scratch: Any,
    obs: Any,
) -> None:
    """Write a flat float32 observation.

    `scratch` is float64 of shape (3 R + 1, max(P, R)); afterwards its first R rows hold the
    estimated finishes of the tasks shown.
    """
    pes = ki[K_PES]
    now = sf[F_NOW]
    _observe_tasks(ki, kf, si, sf, num_slots, scale, scratch, obs)
    at = num_slots * (pes * NUM_PAIR + NUM_TASK)
    for p in range(pes):
        slow = slowdown_of(ki, kf, si, p)
        task = si[si[RUNNING] + p]
        remaining = 0.0
        if task >= 0:
            time = kf[ki[EXEC] + task_row(ki, si, task) * pes + p] * slow
            remaining = sf[si[TASK_START] + task] + time - now
        queue = si[si[QUEUE_LENGTH] + p]
        obs[at] = _squash(sf[si[AVAILABLE] + p] - now, scale)
        obs[at + 1] = 1.0 if task >= 0 else 0.0
        obs[at + 2] = _squash(remaining, scale)
        obs[at + 3] = queue / (queue + 4.0)
        obs[at + 4] = 0.0 if si[si[FAILED] + p] else 1.0
        obs[at + 5] = 1.0 / slow
        obs[at + 6] = _squash(_data_gap(si, sf, p) if task < 0 else 0.0, scale)
        at += NUM_PE
    age = 0.0
    for slot in range(si[S_SLOTS]):
        if si[si[SLOT_JOB] + slot] >= 0:
            age += now - sf[si[SLOT_ARRIVAL] + slot]
    hidden = max(si[S_READY] - num_slots, 0)
    obs[at] = si[S_IN_FLIGHT] / ki[K_CAP]
    obs[at + 1] = hidden / (hidden + 8.0)
    obs[at + 2] = si[S_INJECTED] / total_jobs
    obs[at + 3] = si[S_COMPLETED] / total_jobs
    obs[at + 4] = 1.0 if wait_allowed(ki, kf, si, sf, total_jobs) else 0.0
    obs[at + 5] = _squash(age / max(si[S_IN_FLIGHT], 1), scale)
    obs[at + 6] = sf[F_POWER] / (sf[F_POWER] + 5.0)
