"""Mapping and scheduling layers in slow, plain Python: the ratio heuristic without shortcuts.

The same rules as the kernels' (``scheduling_kernel.py``, ``mapping_kernel.py``): every move is
scheduled, none is ruled out by a bound. Problems are lists: ``cycles[layer][unit]`` (-1 where a
unit cannot run a layer), ``energy[layer][unit]``, and the successors of every layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

__all__ = ["earliest_finish", "list_schedule", "map_layers"]

Cycles = Sequence[Sequence[int]]
Energies = Sequence[Sequence[float]]
Graph = Sequence[Sequence[int]]


def _predecessors(successors: Graph) -> list[list[int]]:
    before: list[list[int]] = [[] for _ in successors]
    for i, after in enumerate(successors):
        for j in after:
            before[j].append(i)
    return before


def list_schedule(
    cycles: Cycles, unit: Sequence[int], successors: Graph
) -> tuple[list[int], list[int]]:
    """Return start and finish of every layer: the one that can start first is next.

    Ties go to the longest remaining path, then to the smaller number.
    """
    count = len(unit)
    before = _predecessors(successors)
    tail = [0] * count
    for i in reversed(range(count)):
        tail[i] = cycles[i][unit[i]] + max((tail[j] for j in successors[i]), default=0)
    start: dict[int, int] = {}
    finish: dict[int, int] = {}
    free: dict[int, int] = {}

    def begin(i: int) -> int:
        return max([free.get(unit[i], 0), *(finish[p] for p in before[i])])

    for _ in range(count):
        ready = [i for i in range(count) if i not in start and all(p in finish for p in before[i])]
        best = min(ready, key=lambda i: (begin(i), -tail[i], i))
        start[best] = begin(best)
        finish[best] = free[unit[best]] = start[best] + cycles[best][unit[best]]
    return [start[i] for i in range(count)], [finish[i] for i in range(count)]


def earliest_finish(cycles: Cycles, energy: Energies, successors: Graph) -> list[int]:
    """Assign greedily: the pair of ready layer and unit that finishes first is next.

    Ties go to less energy, then to the smaller layer and unit.
    """
    count, units = len(cycles), len(cycles[0])
    before = _predecessors(successors)
    chosen: dict[int, int] = {}
    finish: dict[int, int] = {}
    free = [0] * units
    for _ in range(count):
        ready = [i for i in range(count) if i not in chosen and all(p in chosen for p in before[i])]
        end, _, i, u = min(
            (max([free[u], *(finish[p] for p in before[i])]) + cycles[i][u], energy[i][u], i, u)
            for i in ready
            for u in range(units)
            if cycles[i][u] >= 0
        )
        chosen[i], finish[i], free[u] = u, end, end
    return [chosen[i] for i in range(count)]


def _makespan(cycles: Cycles, unit: Sequence[int], successors: Graph) -> int:
    return max(list_schedule(cycles, unit, successors)[1])


def _moves(cycles: Cycles, unit: Sequence[int]) -> Iterator[tuple[int, int, list[int]]]:
    """Yield every (layer, unit, assignment after moving that layer to that unit)."""
    for i, row in enumerate(cycles):
        for u, time in enumerate(row):
            if u != unit[i] and time >= 0:
                yield i, u, [*unit[:i], u, *unit[i + 1 :]]


def _speed_up(
    cycles: Cycles, energy: Energies, successors: Graph, limit: float, unit: list[int]
) -> list[int]:
    """Make the move with the most makespan gained per energy added, until the limit holds."""
    length = _makespan(cycles, unit, successors)
    while length > limit:
        best, best_ratio = None, 0.0
        for i, u, other in _moves(cycles, unit):
            gain = length - _makespan(cycles, other, successors)
            added = energy[i][u] - energy[i][unit[i]]
            ratio = 0.0
            if gain > 0:
                ratio = gain / added if added > 0 else math.inf
            if ratio > best_ratio:
                best, best_ratio = other, ratio
        if best is None:
            break
        unit, length = best, _makespan(cycles, best, successors)
    return unit


def _save_energy(
    cycles: Cycles, energy: Energies, successors: Graph, limit: float, unit: list[int]
) -> list[int]:
    """Make the move within the limit that saves most energy, until there is none."""
    while True:
        best, best_saving = None, 0.0
        for i, u, other in _moves(cycles, unit):
            saving = energy[i][unit[i]] - energy[i][u]
            if saving > best_saving and _makespan(cycles, other, successors) <= limit:
                best, best_saving = other, saving
        if best is None:
            return unit
        unit = best


def map_layers(
    cycles: Cycles, energy: Energies, successors: Graph, limit: float
) -> list[int] | None:
    """Return the unit of every layer, or None if a layer has no unit; see the kernel's."""
    unit = []
    for i, row in enumerate(cycles):
        able = [u for u, time in enumerate(row) if time >= 0]
        if not able:
            return None
        unit.append(min(able, key=lambda u: (energy[i][u], cycles[i][u], u)))
    if _makespan(cycles, unit, successors) <= limit:
        return unit
    unit = _speed_up(cycles, energy, successors, limit, unit)
    length = _makespan(cycles, unit, successors)
    if length > limit:
        other = earliest_finish(cycles, energy, successors)
        if _makespan(cycles, other, successors) < length:
            unit, length = other, _makespan(cycles, other, successors)
    if length > limit:
        return unit
    return _save_energy(cycles, energy, successors, limit, unit)
