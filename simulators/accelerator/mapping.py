"""Mapping layers to sub-accelerators: problems, the default heuristic, bounds and checks.

The heterogeneous assignment problem: choose a sub-accelerator for every layer, and a schedule, with
the least energy within a latency limit. Layers of a network keep their order, a sub-accelerator
runs one layer at a time, and networks share the chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.mapping_kernel import map_layers
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.scheduling_kernel import FAR, lower_bounds, schedule
from chipgym.simulators.accelerator.simulate import evaluate_layers
from chipgym.simulators.accelerator.workload import Workload, lower_workload
from chipgym.simulators.core.errors import InvalidValueError, SimulationError, check_range

__all__ = [
    "Mapping",
    "MappingBounds",
    "MappingProblem",
    "bounds",
    "check_mapping",
    "list_schedule",
    "map_by_ratio",
    "mapping_problem",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Sums over a few thousand layers stay below `FAR`.
MAX_CYCLES = 1 << 50


@dataclass(frozen=True)
class MappingProblem:
    """Costs of every layer on every unit, and the order of the layers.

    Attributes
    ----------
    workload : Workload
    cycles : int64 [L, k]
        -1 where a unit cannot run a layer.
    energy_nj : float64 [L, k]
        Infinite there.
    """

    workload: Workload
    cycles: Ints
    energy_nj: Floats

    def __post_init__(self) -> None:
        shape = (len(self.workload.layers), np.shape(self.cycles)[-1])
        for field in ("cycles", "energy_nj"):
            if np.shape(getattr(self, field)) != shape:
                raise InvalidValueError(field, np.shape(getattr(self, field)), f"shape {shape}")
        if (self.cycles < -1).any() or (self.cycles > MAX_CYCLES).any():
            raise InvalidValueError("cycles", "an entry", f"-1 .. {MAX_CYCLES}")
        stuck = np.flatnonzero((self.cycles < 0).all(axis=1))
        if len(stuck):
            name = self.workload.names[stuck[0]]
            raise SimulationError(f"no sub-accelerator can run layer {name!r}")
        if not np.isfinite(self.energy_nj[self.cycles >= 0]).all():
            raise InvalidValueError("energy_nj", "an entry", "finite where cycles are given")

    @property
    def predecessors(self) -> list[list[int]]:
        """Predecessors of every layer."""
        before: list[list[int]] = [[] for _ in self.workload.names]
        starts, succ = self.workload.succ_start, self.workload.succ
        for i in range(len(before)):
            for j in succ[starts[i] : starts[i + 1]]:
                before[int(j)].append(i)
        return before


@dataclass(frozen=True)
class Mapping:
    """A schedule of all layers.

    Attributes
    ----------
    makespan_cycles : int
    energy_nj : float
        Sum over layers.
    unit, start_cycle, finish_cycle : int64 [L]
    within_limit : bool
    proven : bool
        No mapping within the limit has less energy; where `within_limit` is False, there is none.
    """

    makespan_cycles: int
    energy_nj: float
    unit: Ints
    start_cycle: Ints
    finish_cycle: Ints
    within_limit: bool
    proven: bool = False


@dataclass(frozen=True)
class MappingBounds:
    """What no mapping can be below."""

    makespan_cycles: int
    energy_nj: float


def mapping_problem(
    networks: Sequence[Network], chip: Chip, options: AcceleratorOptions | None = None
) -> MappingProblem:
    """Evaluate all layers of some networks on all sub-accelerators of a chip.

    Raises
    ------
    SimulationError
        No sub-accelerator can run some layer; it is named.
    """
    options = options or AcceleratorOptions()
    workload = lower_workload(networks, options.order == "chain")
    costs = evaluate_layers(workload.layers, chip.sub_accelerators, options)
    return MappingProblem(workload, costs.cycles, costs.energy_nj)


def _limit(limit: int | None) -> int:
    if limit is None:
        return FAR
    check_range("latency_limit_cycles", limit, 0)
    return int(limit)


def map_by_ratio(problem: MappingProblem, latency_limit_cycles: int | None = None) -> Mapping:
    """Map with the ratio heuristic and list scheduling; see `mapping_kernel.map_layers`."""
    limit = _limit(latency_limit_cycles)
    count, units = problem.cycles.shape
    unit, start, finish = (np.empty(count, dtype=np.int64) for _ in range(3))
    scratch = np.empty((8, max(count, units)), dtype=np.int64)
    w = problem.workload
    makespan = map_layers(
        problem.cycles,
        problem.energy_nj,
        w.succ_start,
        w.succ,
        w.indegree,
        w.network,
        limit,
        unit,
        start,
        finish,
        scratch,
    )
    return Mapping(
        int(makespan), _energy(problem, unit), unit, start, finish, bool(makespan <= limit)
    )


def list_schedule(
    problem: MappingProblem, unit: Sequence[int] | Ints, latency_limit_cycles: int | None = None
) -> Mapping:
    """Schedule a given assignment: the layer that can start first is next.

    Raises
    ------
    InvalidValueError
        The assignment has another length, or names a unit that cannot run its layer.
    """
    limit = _limit(latency_limit_cycles)
    count, units = problem.cycles.shape
    chosen = np.array(unit, dtype=np.int64)
    if chosen.shape != (count,):
        raise InvalidValueError("unit", chosen.shape, f"one unit for each of {count} layers")
    for i, u in enumerate(chosen.tolist()):
        if not 0 <= u < units or problem.cycles[i, u] < 0:
            able = np.flatnonzero(problem.cycles[i] >= 0).tolist()
            raise InvalidValueError(f"unit.{i}", u, f"one of {able}")
    start, finish = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    scratch = np.empty((8, max(count, units)), dtype=np.int64)
    w = problem.workload
    makespan = schedule(
        problem.cycles, chosen, w.succ_start, w.succ, w.indegree, start, finish, scratch, FAR
    )
    energy = _energy(problem, chosen)
    return Mapping(int(makespan), energy, chosen, start, finish, bool(makespan <= limit))


def bounds(problem: MappingProblem) -> MappingBounds:
    """Return lower bounds of makespan and energy over all assignments and schedules."""
    values = np.empty(2)
    w = problem.workload
    lower_bounds(problem.cycles, problem.energy_nj, w.succ_start, w.succ, values)
    return MappingBounds(int(values[0]), float(values[1]))


def check_mapping(problem: MappingProblem, mapping: Mapping) -> None:
    """Raise `SimulationError` unless a mapping is a schedule of the problem.

    Checked: every layer runs on a unit that can run it, for its cycles, after its predecessors; no
    unit runs two layers at once; makespan and energy are those of the layers.
    """
    names = problem.workload.names
    unit, start, finish = mapping.unit, mapping.start_cycle, mapping.finish_cycle
    for i, before in enumerate(problem.predecessors):
        u = int(unit[i])
        if not 0 <= u < problem.cycles.shape[1] or problem.cycles[i, u] < 0:
            raise SimulationError(f"layer {names[i]!r} cannot run on unit {u}")
        if start[i] < 0 or finish[i] - start[i] != problem.cycles[i, u]:
            raise SimulationError(f"layer {names[i]!r} does not run for its cycles")
        for j in before:
            if finish[j] > start[i]:
                raise SimulationError(f"layer {names[i]!r} starts before {names[j]!r} ends")
    order = np.lexsort((finish, start, unit))
    for i, j in pairwise(order.tolist()):
        if unit[i] == unit[j] and finish[i] > start[j]:
            raise SimulationError(f"unit {unit[i]} runs {names[i]!r} and {names[j]!r} at once")
    if mapping.makespan_cycles != finish.max() or mapping.energy_nj != _energy(problem, unit):
        raise SimulationError("makespan or energy are not those of the layers")


def _energy(problem: MappingProblem, unit: Ints) -> float:
    """Sum the energies in the order of the layers, as the kernels do."""
    total = 0.0
    for i, u in enumerate(unit.tolist()):
        total += float(problem.energy_nj[i, u])
    return total
