"""The schedulers as Numba functions over one pass: n ready tasks, P processing elements.

Definitions: DS3 (Arda et al., IEEE Transactions on Computers 2020) and its public implementation
for MET, EFT, ETF, ETF_LB, STF; HEFT's upward rank (Topcuoglu et al., IEEE TPDS 2002) and CEDR's
mean execution time for the two runtime HEFTs. Estimated finish, as a duration from now: ``est(t, p)
= exec(t, p) + max(delay(t, p), available(p) - now, 0)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.core.random import next_below

__all__ = [
    "ETF",
    "SCHEDULERS",
    "earliest_task_first",
    "schedule",
    "select_met",
    "uses_estimates",
]

# Stable numbers: they are part of recorded runs.
MET, EFT, ETF, ETF_LB, STF, HEFT_RT, CEDR_HEFT_RT, RANDOM, TABLE = range(9)
SCHEDULERS = {
    "MET": MET,
    "EFT": EFT,
    "ETF": ETF,
    "ETF_LB": ETF_LB,
    "STF": STF,
    "HEFT_RT": HEFT_RT,
    "CEDR_HEFT_RT": CEDR_HEFT_RT,
    "random": RANDOM,
    "table": TABLE,
}


@merged
def select_met(exec_row: Any, busy: Any, counts: Any, members: Any) -> int:
    """PE of MET: least execution time, then DS3's busy filter, then fewest assignments this pass.

    DS3's filter deletes by position from a shrinking list: with k the position of the first busy
    candidate, one element at k goes for every busy candidate, so idle ones can be dropped.
    `members` is scratch, shape (P,). Returns -1 when no PE supports the task.
    """
    least = np.inf
    for p in range(len(exec_row)):
        least = min(least, exec_row[p])
    if least == np.inf:
        return -1
    size = 0
    num_busy = 0
    first_busy = -1
    for p in range(len(exec_row)):
        if exec_row[p] == least:
            members[size] = p
            if busy[p]:
                if first_busy < 0:
                    first_busy = size
                num_busy += 1
            size += 1
    if size > 1 and 0 < num_busy < size:
        for _ in range(num_busy):
            if first_busy >= size:
                break
            for k in range(first_busy, size - 1):
                members[k] = members[k + 1]
            size -= 1
    best = members[0]
    for k in range(1, size):
        if counts[members[k]] < counts[best]:
            best = members[k]
    return best


@merged
def _estimate(exec_us: float, delay_us: float, wait_us: float) -> float:
    return exec_us + max(delay_us, wait_us, 0.0)


@merged
def uses_estimates(kind: int) -> bool:
    """Whether a scheduler reads data delays and keeps track of when PEs become free."""
    return kind != MET and kind != STF and kind != RANDOM


@kernel
def _fifo(
    kind: int,
    n: int,
    exec_us: Any,
    delay_us: Any,
    busy: Any,
    now: float,
    available: Any,
    table_pe: Any,
    random_state: Any,
    order: Any,
    scratch: Any,
    out_task: Any,
    out_pe: Any,
) -> int:
    """Take the tasks in the given order and choose a PE for each (all but the ETFs)."""
    num_pes = exec_us.shape[1]
    counts = scratch[0]
    members = scratch[1]
    counts[:num_pes] = 0
    made = 0
    for k in range(n):
        t = order[k]
        best = -1
        if kind == MET:
            best = select_met(exec_us[t], busy, counts, members)
        elif kind == STF:
            least = np.inf
            for p in range(num_pes):
                if exec_us[t, p] < least:
                    least = exec_us[t, p]
                    best = p
        elif kind == RANDOM:
            size = 0
            for p in range(num_pes):
                if exec_us[t, p] < np.inf:
                    members[size] = p
                    size += 1
            if size > 0:
                best = members[next_below(random_state, size)]
        elif kind == TABLE and table_pe[t] >= 0 and exec_us[t, table_pe[t]] < np.inf:
            best = table_pe[t]
        else:
            least = np.inf
            for p in range(num_pes):
                estimate = _estimate(exec_us[t, p], delay_us[t, p], available[p] - now)
                if estimate < least:
                    least = estimate
                    best = p
        if best < 0:
            continue
        if uses_estimates(kind):
            available[best] = now + _estimate(
                exec_us[t, best], delay_us[t, best], available[best] - now
            )
        counts[best] += 1
        out_task[made] = t
        out_pe[made] = best
        made += 1
    return made


@kernel
def earliest_task_first(
    n: int,
    exec_us: Any,
    delay_us: Any,
    now: float,
    available: Any,
    order: Any,
    best_pe: Any,
    best_us: Any,
    out_task: Any,
    out_pe: Any,
) -> int:
    """ETF: repeatedly the task with the strictly smallest estimated finish, list order on ties."""
    num_pes = exec_us.shape[1]
    changed = -1
    made = 0
    left = n
    while left > 0:
        pick = -1
        pick_us = np.inf
        for k in range(left):
            t = order[k]
            # Only the PE just assigned became later, so every other task's best still holds.
            if changed < 0 or best_pe[t] == changed:
                best_us[t] = np.inf
                best_pe[t] = -1
                for p in range(num_pes):
                    estimate = _estimate(exec_us[t, p], delay_us[t, p], available[p] - now)
                    if estimate < best_us[t]:
                        best_us[t] = estimate
                        best_pe[t] = p
            if best_us[t] < pick_us:
                pick_us = best_us[t]
                pick = k
        if pick < 0:
            break
        t = order[pick]
        changed = best_pe[t]
        available[changed] = now + pick_us
        out_task[made] = t
        out_pe[made] = changed
        made += 1
        for k in range(pick, left - 1):
            order[k] = order[k + 1]
        left -= 1
    return made


@kernel
def _earliest_task_first_balanced(
    n: int,
    exec_us: Any,
    delay_us: Any,
    slowdown: Any,
    now: float,
    available: Any,
    lifetime: Any,
    order: Any,
    out_task: Any,
    out_pe: Any,
) -> int:
    """ETF_LB: ETF at the present frequencies, ties to the PE that was best least often so far."""
    num_pes = exec_us.shape[1]
    made = 0
    left = n
    while left > 0:
        pick = -1
        pick_pe = -1
        pick_us = np.inf
        for k in range(left):
            t = order[k]
            least = np.inf
            best = -1
            for p in range(num_pes):
                estimate = _estimate(
                    exec_us[t, p] * slowdown[p], delay_us[t, p], available[p] - now
                )
                fewer = best >= 0 and estimate == least and lifetime[p] < lifetime[best]
                if estimate < least or (estimate < np.inf and fewer):
                    least = estimate
                    best = p
            if best >= 0 and least < pick_us:
                pick_us = least
                pick = k
                pick_pe = best
                lifetime[best] += 1
        if pick < 0:
            break
        available[pick_pe] = now + pick_us
        out_task[made] = order[pick]
        out_pe[made] = pick_pe
        made += 1
        for k in range(pick, left - 1):
            order[k] = order[k + 1]
        left -= 1
    return made


@kernel
def schedule(
    kind: int,
    n: int,
    exec_us: Any,
    delay_us: Any,
    slowdown: Any,
    busy: Any,
    now: float,
    available: Any,
    lifetime: Any,
    rank: Any,
    mean_exec: Any,
    table_pe: Any,
    random_state: Any,
    int_scratch: Any,
    float_scratch: Any,
    out_task: Any,
    out_pe: Any,
) -> int:
    """Assign every ready task that some usable PE supports, and return how many.

    Parameters
    ----------
    kind : int
        A value of `SCHEDULERS`.
    n : int
        Ready tasks; the arrays below may be longer.
    exec_us, delay_us : float64, shape (>= n, P)
        Execution time at the highest frequency (inf: unsupported or failed PE), and the delay from
        now until the task's data would be on the PE (>= 0, queues not counted).
    slowdown, busy, available : (P,)
        Highest over present frequency; PE executing at this instant; estimated absolute time at
        which it is free (updated in place by every assignment).
    lifetime : int64, shape (P,)
        ETF_LB's counters, kept over the whole run.
    rank, mean_exec, table_pe : shape (>= n,)
        Upward rank, mean execution time, and the table's PE of each ready task (-1: none).
    random_state : uint64, shape (1,)
        State of the generator that `random` draws from.
    int_scratch : int64, shape (3, >= max(n, P))
    float_scratch : float64, shape (>= n,)
    out_task, out_pe : int64, shape (>= n,)
        The picks in order: position in the ready list, PE.
    """
    order = int_scratch[2]
    for k in range(n):
        order[k] = k
    if kind in (HEFT_RT, CEDR_HEFT_RT):
        # Stable insertion sort, descending: ready lists are short.
        for k in range(1, n):
            t = order[k]
            key = rank[t] if kind == HEFT_RT else mean_exec[t]
            i = k - 1
            while i >= 0 and (rank[order[i]] if kind == HEFT_RT else mean_exec[order[i]]) < key:
                order[i + 1] = order[i]
                i -= 1
            order[i + 1] = t
    if kind == ETF:
        return earliest_task_first(
            n,
            exec_us,
            delay_us,
            now,
            available,
            order,
            int_scratch[0],
            float_scratch,
            out_task,
            out_pe,
        )
    if kind == ETF_LB:
        return _earliest_task_first_balanced(
            n, exec_us, delay_us, slowdown, now, available, lifetime, order, out_task, out_pe
        )
    return _fifo(
        kind,
        n,
        exec_us,
        delay_us,
        busy,
        now,
        available,
        table_pe,
        random_state,
        order,
        int_scratch,
        out_task,
        out_pe,
    )
