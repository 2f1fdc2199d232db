"""Scheduling layers on sub-accelerators, as kernels.

A problem is ``cycles[L, k]`` (-1 where a unit cannot run a layer), ``energy[L, k]`` and a graph:
the successors of layer l are ``succ[succ_start[l]:succ_start[l + 1]]``, all greater than l, and
``indegree[L]`` counts its predecessors. A unit runs one layer at a time, without interruption.
`scratch` is int64[8, max(L, k)].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel

__all__ = ["FAR", "earliest_finish", "lower_bounds", "schedule"]

FAR = 1 << 62
"""A latency limit that never binds, cycles."""


@kernel
def schedule(
    cycles: Any,
    unit: Any,
    succ_start: Any,
    succ: Any,
    indegree: Any,
    start: Any,
    finish: Any,
    scratch: Any,
    cutoff: int,
) -> int:
    """List-schedule an assignment; return the makespan in cycles, fill `start` and `finish`.

    Of all layers whose predecessors are scheduled, the one that can start first is next; ties go
    to the longest remaining path, then to the smaller number. As soon as the makespan is known to
    exceed `cutoff`, the schedule is given up and `FAR` is returned.
    """
    count, units = cycles.shape
    tail, missing, arrival, ready, free = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    free[:units] = 0
    candidates = 0
    for i in range(count - 1, -1, -1):
        longest = 0
        for at in range(succ_start[i], succ_start[i + 1]):
            longest = max(longest, tail[succ[at]])
        tail[i] = longest + cycles[i, unit[i]]
        missing[i] = indegree[i]
        arrival[i] = 0
        if missing[i] == 0:
            ready[candidates] = i
            candidates += 1
    makespan = 0
    while candidates > 0:
        best, best_start, place = -1, FAR, 0
        for at in range(candidates):
            i = ready[at]
            begin = max(arrival[i], free[unit[i]])
            better = begin < best_start
            if begin == best_start:
                better = tail[i] > tail[best] or (tail[i] == tail[best] and i < best)
            if better:
                best, best_start, place = i, begin, at
        if best_start + tail[best] > cutoff:
            return FAR
        candidates -= 1
        ready[place] = ready[candidates]
        end = best_start + cycles[best, unit[best]]
        start[best], finish[best] = best_start, end
        free[unit[best]] = end
        makespan = max(makespan, end)
        for at in range(succ_start[best], succ_start[best + 1]):
            j = succ[at]
            arrival[j] = max(arrival[j], end)
            missing[j] -= 1
            if missing[j] == 0:
                ready[candidates] = j
                candidates += 1
    return makespan


@kernel
def earliest_finish(
    cycles: Any, energy: Any, succ_start: Any, succ: Any, indegree: Any, unit: Any, scratch: Any
) -> None:
    """Assign layers greedily: the pair of ready layer and unit that finishes first is next.

    Ties go to less energy, then to the smaller layer and unit.
    """
    count, units = cycles.shape
    missing, arrival, ready, free = scratch[1], scratch[2], scratch[3], scratch[4]
    free[:units] = 0
    candidates = 0
    for i in range(count):
        missing[i] = indegree[i]
        arrival[i] = 0
        if missing[i] == 0:
            ready[candidates] = i
            candidates += 1
    while candidates > 0:
        best, best_unit, best_end, place = -1, -1, FAR, 0
        for at in range(candidates):
            i = ready[at]
            for u in range(units):
                if cycles[i, u] < 0:
                    continue
                end = max(arrival[i], free[u]) + cycles[i, u]
                better = end < best_end
                if end == best_end:
                    better = energy[i, u] < energy[best, best_unit] or (
                        energy[i, u] == energy[best, best_unit] and i < best
                    )
                if better:
                    best, best_unit, best_end, place = i, u, end, at
        candidates -= 1
        ready[place] = ready[candidates]
        unit[best] = best_unit
        free[best_unit] = best_end
        for at in range(succ_start[best], succ_start[best + 1]):
            j = succ[at]
            arrival[j] = max(arrival[j], best_end)
            missing[j] -= 1
            if missing[j] == 0:
                ready[candidates] = j
                candidates += 1


@kernel
def lower_bounds(cycles: Any, energy: Any, succ_start: Any, succ: Any, bounds: Any) -> None:
    """Fill lower bounds of makespan (cycles) and energy (nJ) over all assignments and schedules.

    The makespan is at least the longest path of fewest cycles, and the work of all layers on their
    fastest units shared out evenly.
    """
    count, units = cycles.shape
    tail = np.zeros(count, dtype=np.int64)
    longest, work, least = 0, 0, 0.0
    for i in range(count - 1, -1, -1):
        fastest, cheapest = FAR, np.inf
        for u in range(units):
            if cycles[i, u] >= 0:
                fastest = min(fastest, cycles[i, u])
                cheapest = min(cheapest, energy[i, u])
        after = 0
        for at in range(succ_start[i], succ_start[i + 1]):
            after = max(after, tail[succ[at]])
        tail[i] = after + fastest
        longest = max(longest, tail[i])
        work += fastest
        least += cheapest
    bounds[0] = max(longest, (work + units - 1) // units)
    bounds[1] = least
