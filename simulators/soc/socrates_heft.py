"""SoCRATES' HEFT_RT scheduler: list scheduling with insertion onto the queues of the moment.

Written from a description of its behaviour (EpiSci SoCRATES, MIT). Each pass merges the ready tasks
into a graph with a zero-length entry and exit node, ranks them by mean execution time and inserts each
where it ends first, without communication. Its two artefacts change schedules and are kept: the first
task swaps places with the entry node, and the entry node's number can be that of a real task.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.tick_state import NUM_EXECUTABLE, NUM_READY

__all__ = ["schedule_socrates_heft"]


@kernel
def _fill_queues(
    model: Any, state: Any, tables: Any, now: float, size: Any, item: Any, start: Any, end: Any
) -> None:
    """Each PE's list: what it runs, then the tasks assigned to it, one after the other."""
    for p in range(len(state.running)):
        task = state.running[p]
        if task >= 0:
            item[p, 0] = task
            start[p, 0] = state.start_us[task]
            end[p, 0] = state.start_us[task] + tables.exec_us[model.task_row[task], p]
            size[p] = 1
    for k in range(state.counter[NUM_EXECUTABLE]):
        task = state.executable[k]
        p = state.task_pe[task]
        begin = end[p, size[p] - 1] if size[p] > 0 else now
        item[p, size[p]] = task
        start[p, size[p]] = begin
        end[p, size[p]] = begin + tables.exec_us[model.task_row[task], p]
        size[p] += 1


@kernel
def _slot(size: int, start: Any, end: Any, ready: float, work: float) -> float:
    """Start of the first gap of a PE's list that takes `work` µs from `ready` on."""
    if size == 0:
        return ready
    if start[0] - work - ready > 0.0:
        return ready
    for k in range(size - 1):
        earliest = max(ready, end[k])
        if start[k + 1] - work - earliest >= 0.0:
            return float(earliest)
    return float(max(ready, end[size - 1]))


@kernel
def _insert(
    size: Any, item: Any, start: Any, end: Any, p: int, task: int, at: float, to: float
) -> None:
    """Put an item on a PE's list, sorted by end, after those that end at the same time."""
    k = size[p]
    while k > 0 and end[p, k - 1] > to:
        item[p, k], start[p, k], end[p, k] = item[p, k - 1], start[p, k - 1], end[p, k - 1]
        k -= 1
    item[p, k], start[p, k], end[p, k] = task, at, to
    size[p] += 1


@kernel
def _rank_order(model: Any, state: Any, tables: Any, n: int) -> Any:
    """Positions in the ready list by descending mean time; the first one swapped with the entry."""
    order = np.empty(n, np.int64)
    for k in range(n):
        mean = tables.mean_exec_us[model.task_row[state.ready[k]]]
        i = k
        while i > 0 and tables.mean_exec_us[model.task_row[state.ready[order[i - 1]]]] < mean:
            order[i] = order[i - 1]
            i -= 1
        order[i] = k
    first = order[0]
    mean = tables.mean_exec_us[model.task_row[state.ready[first]]]
    k = 1
    while k < n and tables.mean_exec_us[model.task_row[state.ready[order[k]]]] == mean:
        order[k - 1] = order[k]
        k += 1
    order[k - 1] = first
    return order


@kernel
def schedule_socrates_heft(
    model: Any, state: Any, tables: Any, now: float, out_task: Any, out_pe: Any
) -> int:
    """Assign every ready task; returns their number. Sets `state.after` to the list predecessor.

    `out_task` and `out_pe` receive the position in the ready list and the PE, in ready-list order.
    """
    n = state.counter[NUM_READY]
    num_pes = len(state.running)
    memory = num_pes
    longest = 2 + state.counter[NUM_EXECUTABLE] + n
    size = np.zeros(num_pes + 1, np.int64)
    item = np.empty((num_pes + 1, longest), np.int64)
    start, end = np.empty((num_pes + 1, longest)), np.empty((num_pes + 1, longest))
    _fill_queues(model, state, tables, now, size, item, start, end)

    entry = 0
    for k in range(n):
        entry = max(entry, state.ready[k] + 1)
    released = now
    collides = False
    for p in range(num_pes):
        for k in range(size[p]):
            if item[p, k] == entry:
                collides = True
                released = max(now, end[p, k])
    if not collides:
        best, best_at = memory, np.inf
        for p in range(num_pes + 1):
            at = _slot(size[p], start[p], end[p], now, 0.0)
            if at < best_at:
                best, best_at = p, at
        _insert(size, item, start, end, best, entry, best_at, best_at)
        released = best_at

    order = _rank_order(model, state, tables, n)
    made = 0
    for i in range(n):
        task = state.ready[order[i]]
        row = model.task_row[task]
        best, best_at, best_to = -1, np.inf, np.inf
        for p in range(num_pes):
            work = tables.exec_us[row, p]
            if work < np.inf:
                at = _slot(size[p], start[p], end[p], released, work)
                if at + work < best_to:
                    best, best_at, best_to = p, at, at + work
        _insert(size, item, start, end, best, task, best_at, best_to)
        out_task[order[i]] = order[i]
        out_pe[order[i]] = best
        made += 1
    for p in range(num_pes):
        for k in range(1, size[p]):
            if end[p, k - 1] - start[p, k - 1] > 0.0:
                _set_after(state, n, item[p, k], item[p, k - 1])
    return made


@kernel
def _set_after(state: Any, n: int, task: int, predecessor: int) -> None:
    for k in range(n):
        if state.ready[k] == task:
            state.after[task] = predecessor
