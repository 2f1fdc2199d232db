"""Jobs and tasks in the clean order: injection, release, and where their data are."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.soc.layout import (
    COMM,
    COMM_SAME,
    F_FLIGHT_SUM,
    F_NEXT_INJECTION,
    F_NOW,
    FREE_SLOTS,
    FROM_MEMORY,
    K_CAP,
    K_CLUSTERS,
    K_FILL,
    K_PES,
    K_SHARED_MEMORY,
    MISSING,
    PE_CLUSTER,
    PENDING,
    PRED_PTR,
    PRED_TASK,
    READY,
    S_APP_TASKS,
    S_DEFERRED,
    S_FREE,
    S_IN_FLIGHT,
    S_INJECTED,
    S_PENDING,
    S_READY,
    SLOT_APP,
    SLOT_ARRIVAL,
    SLOT_JOB,
    SLOT_LEFT,
    TASK_FINISH,
    TASK_PE,
    TASK_PTR,
    TASK_READY,
    TASK_SLOT,
    TO_MEMORY,
)

__all__ = ["data_time", "delays", "inject", "make_ready", "release", "task_row"]


@merged
def task_row(ki: Any, si: Any, task: int) -> int:
    """Row of a task instance in the static tables."""
    slot = si[si[TASK_SLOT] + task]
    return ki[ki[TASK_PTR] + si[si[SLOT_APP] + slot]] + task - slot * si[S_APP_TASKS]


@merged
def make_ready(si: Any, sf: Any, task: int) -> None:
    """Append a task to the ready list; tasks that were left for later are offered again."""
    si[si[READY] + si[S_READY]] = task
    si[S_READY] += 1
    si[S_DEFERRED] = 0


@kernel
def inject(ki: Any, kf: Any, si: Any, sf: Any, apps: Any, gaps: Any, jobs: Any) -> None:
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
            make_ready(si, sf, base + t)
    si[S_INJECTED] += 1
    si[S_IN_FLIGHT] += 1
    sf[F_FLIGHT_SUM] += si[S_IN_FLIGHT]
    filling = ki[K_FILL] != 0 and si[S_INJECTED] < ki[K_CAP]
    sf[F_NEXT_INJECTION] = now if filling else now + gaps[job]


@merged
def release(ki: Any, kf: Any, si: Any, sf: Any, task: int) -> None:
    """All predecessors of a task have completed: ready now, or when its data reach the memory."""
    if ki[K_SHARED_MEMORY] == 0:
        sf[si[TASK_READY] + task] = sf[F_NOW]
        make_ready(si, sf, task)
        return
    size = si[S_APP_TASKS]
    base = si[si[TASK_SLOT] + task] * size
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


@merged
def delays(ki: Any, kf: Any, si: Any, sf: Any, task: int, out: Any) -> None:
    """Delay from now until a ready task's data would be on each PE, µs, shape (P,)."""
    size = si[S_APP_TASKS]
    base = si[si[TASK_SLOT] + task] * size
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


@merged
def data_time(ki: Any, kf: Any, si: Any, sf: Any, task: int, pe: int) -> float:
    """Absolute time at which the data of a task are on a PE if it is assigned now."""
    size = si[S_APP_TASKS]
    base = si[si[TASK_SLOT] + task] * size
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
