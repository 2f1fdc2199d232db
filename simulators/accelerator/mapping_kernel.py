"""The ratio heuristic for mapping layers to sub-accelerators, as kernels.

Problems are those of the scheduling kernels; ``network[L]`` tells independent networks apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.accelerator.scheduling_kernel import FAR, earliest_finish, schedule
from chipgym.simulators.core.numba import kernel

__all__ = ["map_layers"]


@kernel
def _paths(cycles: Any, unit: Any, succ_start: Any, succ: Any, network: Any, scratch: Any) -> None:
    """Fill, for an assignment, what bounds the makespan from below after one move.

    Rows of `scratch`: 5 the cycles of the longest path through each layer without its own cycles, 6
    the longest path of each network, 7 the load of each unit.
    """
    count, units = cycles.shape
    tail, around, critical, load = scratch[0], scratch[5], scratch[6], scratch[7]
    load[:units] = 0
    for i in range(count):
        around[i] = 0
        critical[network[i]] = 0
        load[unit[i]] += cycles[i, unit[i]]
    for i in range(count):
        reached = around[i] + cycles[i, unit[i]]
        for at in range(succ_start[i], succ_start[i + 1]):
            around[succ[at]] = max(around[succ[at]], reached)
    for i in range(count - 1, -1, -1):
        longest = 0
        for at in range(succ_start[i], succ_start[i + 1]):
            longest = max(longest, tail[succ[at]])
        tail[i] = longest + cycles[i, unit[i]]
        around[i] += longest
        critical[network[i]] = max(critical[network[i]], around[i] + cycles[i, unit[i]])


@kernel
def _bound_after_move(cycles: Any, unit: Any, network: Any, scratch: Any, i: int, u: int) -> int:
    """Lower bound of the makespan after moving layer i to unit u; needs `_paths`."""
    around, critical, load = scratch[5], scratch[6], scratch[7]
    bound = around[i] + cycles[i, u]
    for other in range(network[-1] + 1):
        if other != network[i]:
            bound = max(bound, critical[other])
    for other in range(cycles.shape[1]):
        here = load[other]
        if other == u:
            here += cycles[i, u]
        elif other == unit[i]:
            here -= cycles[i, unit[i]]
        bound = max(bound, here)
    return bound


@kernel
def _ratio(gain: int, added: float) -> float:
    """Makespan gained per unit of energy added; a move that saves energy too is best of all."""
    if gain <= 0:
        return 0.0
    return gain / added if added > 0.0 else np.inf


@kernel
def _cutoff(makespan: int, added: float, ratio: float) -> int:
    """Return a makespan that a move must keep to reach a ratio, a little on the safe side."""
    if added <= 0.0 or ratio == 0.0:
        return makespan - 1
    return makespan - max(1, int(min(ratio * added, makespan) * (1.0 - 1e-9)))


@kernel
def _speed_up(
    cycles: Any,
    energy: Any,
    succ_start: Any,
    succ: Any,
    indegree: Any,
    network: Any,
    limit: int,
    unit: Any,
    start: Any,
    finish: Any,
    scratch: Any,
) -> int:
    """Make the move with the best ratio until the limit holds or no move helps.

    Moves are looked at in the order of their optimistic ratios, up to the one that cannot win any
    more. Ties go to the smaller layer and unit.
    """
    count, units = cycles.shape
    makespan = schedule(cycles, unit, succ_start, succ, indegree, start, finish, scratch, FAR)
    optimistic = np.empty(count * units)
    while makespan > limit:
        _paths(cycles, unit, succ_start, succ, network, scratch)
        for move in range(count * units):
            i, u = move // units, move % units
            optimistic[move] = 0.0
            if u != unit[i] and cycles[i, u] >= 0:
                bound = _bound_after_move(cycles, unit, network, scratch, i, u)
                optimistic[move] = _ratio(makespan - bound, energy[i, u] - energy[i, unit[i]])
        best, best_ratio, best_makespan = -1, 0.0, makespan
        while True:
            move = int(np.argmax(optimistic))
            if optimistic[move] == 0.0 or optimistic[move] < best_ratio:
                break
            i, u = move // units, move % units
            previous = unit[i]
            added = energy[i, u] - energy[i, previous]
            optimistic[move] = 0.0
            unit[i] = u
            length = schedule(
                cycles,
                unit,
                succ_start,
                succ,
                indegree,
                start,
                finish,
                scratch,
                _cutoff(makespan, added, best_ratio),
            )
            unit[i] = previous
            ratio = _ratio(makespan - length, added)
            if ratio > best_ratio or (ratio == best_ratio and ratio > 0.0 and move < best):
                best, best_ratio, best_makespan = move, ratio, length
        if best < 0:
            break
        unit[best // units] = best % units
        makespan = best_makespan
    return makespan


@kernel
def _save_energy(
    cycles: Any,
    energy: Any,
    succ_start: Any,
    succ: Any,
    indegree: Any,
    network: Any,
    limit: int,
    unit: Any,
    start: Any,
    finish: Any,
    scratch: Any,
) -> int:
    """Make the move that saves most energy within the limit, until there is none.

    Ties go to the smaller layer and unit.
    """
    count, units = cycles.shape
    while True:
        _paths(cycles, unit, succ_start, succ, network, scratch)
        best, best_saving = -1, 0.0
        for move in range(count * units):
            i, u = move // units, move % units
            previous = unit[i]
            saving = energy[i, previous] - energy[i, u]
            if u == previous or cycles[i, u] < 0 or saving <= best_saving:
                continue
            if _bound_after_move(cycles, unit, network, scratch, i, u) > limit:
                continue
            unit[i] = u
            length = schedule(
                cycles, unit, succ_start, succ, indegree, start, finish, scratch, limit
            )
            unit[i] = previous
            if length <= limit:
                best, best_saving = move, saving
        if best < 0:
            return schedule(cycles, unit, succ_start, succ, indegree, start, finish, scratch, FAR)
        unit[best // units] = best % units


@kernel
def map_layers(
    cycles: Any,
    energy: Any,
    succ_start: Any,
    succ: Any,
    indegree: Any,
    network: Any,
    limit: int,
    unit: Any,
    start: Any,
    finish: Any,
    scratch: Any,
) -> int:
    """Assign and schedule all layers for little energy within a latency limit.

    Every layer starts on its lowest-energy unit (ties: fewer cycles, smaller unit); while the limit
    is exceeded, the move with the largest makespan gain per energy added is made (the ratio
    heuristic for heterogeneous assignment, after Shao et al., IEEE TPDS 2005). If that gets stuck,
    an earliest-finish assignment takes its place where it is shorter. Last, moves that save energy
    within the limit are made. Where the limit cannot be met, the shorter assignment stays.

    Returns
    -------
    int
        The makespan in cycles; -1 if a layer has no unit.
    """
    count, units = cycles.shape
    for i in range(count):
        best = -1
        for u in range(units):
            if cycles[i, u] < 0:
                continue
            better = best < 0 or energy[i, u] < energy[i, best]
            if best >= 0 and energy[i, u] == energy[i, best]:
                better = cycles[i, u] < cycles[i, best]
            if better:
                best = u
        if best < 0:
            return -1
        unit[i] = best
    makespan = schedule(cycles, unit, succ_start, succ, indegree, start, finish, scratch, FAR)
    if makespan <= limit:
        return makespan
    makespan = _speed_up(
        cycles,
        energy,
        succ_start,
        succ,
        indegree,
        network,
        limit,
        unit,
        start,
        finish,
        scratch,
    )
    if makespan > limit:
        other = np.empty(count, dtype=np.int64)
        earliest_finish(cycles, energy, succ_start, succ, indegree, other, scratch)
        length = schedule(cycles, other, succ_start, succ, indegree, start, finish, scratch, FAR)
        if length < makespan:
            unit[:] = other
            makespan = length
    if makespan > limit:
        return schedule(cycles, unit, succ_start, succ, indegree, start, finish, scratch, FAR)
    return _save_energy(
        cycles,
        energy,
        succ_start,
        succ,
        indegree,
        network,
        limit,
        unit,
        start,
        finish,
        scratch,
    )
