"""SoCRATES' HEFT_RT scheduler: list scheduling with insertion onto the queues of the moment.

Written from a description of its behaviour (EpiSci SoCRATES, MIT). Each pass merges the ready
tasks into a graph with a zero-length entry and exit node, ranks them by mean execution time and
inserts each where it ends first, without communication. Its two artefacts change schedules and are
kept: the first task swaps places with the entry node, and the entry node's number can be that of a
real task.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.tick_state import EXECUTABLE, READY

__all__ = ["schedule_socrates_heft"]


@kernel
def _fill_queues(sim: Any, now: float, size: Any, item: Any, start: Any, end: Any) -> None:
    """Each PE's list: what it runs, then the tasks assigned to it, one after the other."""
    for p in range(len(sim.pes)):
        t = sim.pes[p].running
        if t >= 0:
            item[p, 0] = t
            start[p, 0] = sim.tasks[t].start_us
            end[p, 0] = sim.tasks[t].start_us + sim.exec_us[sim.tasks[t].row, p]
            size[p] = 1
    for k in range(sim.run[0].num_executable):
        t = sim.lists[EXECUTABLE, k]
        p = sim.tasks[t].pe
        begin = end[p, size[p] - 1] if size[p] > 0 else now
        item[p, size[p]] = t
        start[p, size[p]] = begin
        end[p, size[p]] = begin + sim.exec_us[sim.tasks[t].row, p]
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
def _rank_order(sim: Any, n: int) -> Any:
    """Positions in the ready list by descending mean time; the first one swapped with the entry."""
    order = np.empty(n, np.int64)
    mean = np.empty(n)
    for k in range(n):
        mean[k] = sim.rows[sim.tasks[sim.lists[READY, k]].row].mean_exec_us
        i = k
        while i > 0 and mean[order[i - 1]] < mean[k]:
            order[i] = order[i - 1]
            i -= 1
        order[i] = k
    first = order[0]
    k = 1
    while k < n and mean[order[k]] == mean[first]:
        order[k - 1] = order[k]
        k += 1
    order[k - 1] = first
    return order


@kernel
def _schedule_entry(now: float, entry: int, size: Any, item: Any, start: Any, end: Any) -> float:
    """Place the entry node, or find the real task of its number; when the others may start."""
    num_rows = len(size)
    released = -1.0
    for p in range(num_rows):
        for k in range(size[p]):
            if item[p, k] == entry:
                released = max(now, end[p, k])
    if released >= 0.0:
        return released
    best = 0
    released = np.inf
    for p in range(num_rows):
        at = _slot(size[p], start[p], end[p], now, 0.0)
        if at < released:
            best, released = p, at
    _insert(size, item, start, end, best, entry, released, released)
    return released


@kernel
def schedule_socrates_heft(sim: Any, now: float, out_task: Any, out_pe: Any) -> int:
    """Assign every ready task and return their number.

    Sets each task's `after`, its predecessor on the PE's list, where that one takes time.
    `out_task` and `out_pe` receive the position in the ready list and the PE, in ready-list order.
    """
    n = sim.run[0].num_ready
    ready = sim.lists[READY]
    num_pes = len(sim.pes)
    # One more row: the memory, which takes only the entry node.
    shape = (num_pes + 1, 2 + sim.run[0].num_executable + n)
    size = np.zeros(num_pes + 1, np.int64)
    item = np.empty(shape, np.int64)
    start, end = np.empty(shape), np.empty(shape)
    _fill_queues(sim, now, size, item, start, end)
    entry = 0
    for k in range(n):
        entry = max(entry, ready[k] + 1)
        out_task[k] = k
    released = _schedule_entry(now, entry, size, item, start, end)
    order = _rank_order(sim, n)
    for i in range(n):
        row = sim.tasks[ready[order[i]]].row
        best, best_at, best_to = -1, np.inf, np.inf
        for p in range(num_pes):
            work = sim.exec_us[row, p]
            if work < np.inf:
                at = _slot(size[p], start[p], end[p], released, work)
                if at + work < best_to:
                    best, best_at, best_to = p, at, at + work
        _insert(size, item, start, end, best, ready[order[i]], best_at, best_to)
        out_pe[order[i]] = best
    for p in range(num_pes):
        for k in range(1, size[p]):
            if end[p, k - 1] > start[p, k - 1]:
                _set_after(sim, n, item[p, k], item[p, k - 1])
    return n


@kernel
def _set_after(sim: Any, n: int, t: int, predecessor: int) -> None:
    for k in range(n):
        if sim.lists[READY, k] == t:
            sim.tasks[t].after = predecessor
