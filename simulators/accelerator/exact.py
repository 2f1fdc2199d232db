"""Proven mappings: dynamic programming over sets of scheduled layers, and CP-SAT (``[exact]``).

Schedules are built by appending layers at their earliest start; every schedule that cannot be
improved by moving a layer forward arises so. Two partial schedules of the same layers are compared
by energy, by when each unit is free and by when each open layer may start: one that is nowhere
better is dropped, as is one that cannot keep the limit or beat the best mapping known. For a
single chain this is the classical dynamic program over (energy, time) pairs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.mapping import (
    Mapping,
    MappingProblem,
    bounds,
    list_schedule,
    map_by_ratio,
)
from chipgym.simulators.accelerator.scheduling_kernel import FAR
from chipgym.simulators.core.errors import ChipGymError, SimulationError, check_range

__all__ = ["MissingSolverError", "map_by_cp_sat", "map_exactly"]

Ints = npt.NDArray[np.int64]

# A mapping counts as better only beyond the rounding of its sum.
ROUNDING = 1e-12
# CP-SAT works with integers; energies are scaled so that their sum stays exact in a double.
ENERGY_STEPS = 1 << 44


class MissingSolverError(ChipGymError):
    """OR-tools is not installed."""

    def __init__(self) -> None:
        super().__init__("OR-tools is not installed: pip install 'chipgym[exact]'")


class _Label(NamedTuple):
    """A partial schedule: its cost, what binds its continuations, and how it came about."""

    energy: float
    free: tuple[int, ...]
    arrival: tuple[int, ...]
    parent: _Label | None
    layer: int
    unit: int
    start: int

    def beats(self, other: _Label) -> bool:
        """Whether nothing that continues `other` could not continue this one as well."""
        return (
            self.energy <= other.energy
            and all(a <= b for a, b in zip(self.free, other.free, strict=True))
            and all(a <= b for a, b in zip(self.arrival, other.arrival, strict=True))
        )


class _Search:
    """Label-setting search for the least energy within a limit."""

    def __init__(self, problem: MappingProblem, limit: int, best: float, max_labels: int) -> None:
        self.limit = limit
        self.best = best
        self.max_labels = max_labels
        self.labels = 0
        self.before = problem.predecessors
        self.count, self.units = problem.cycles.shape
        self.options = [
            [
                (u, int(problem.cycles[i, u]), float(problem.energy_nj[i, u]))
                for u in range(self.units)
                if problem.cycles[i, u] >= 0
            ]
            for i in range(self.count)
        ]
        self.fewest = [min(c for _, c, _ in options) for options in self.options]
        self.cheapest = [min(e for _, _, e in options) for options in self.options]
        self.after: list[list[int]] = [[] for _ in range(self.count)]
        for i, before in enumerate(self.before):
            for j in before:
                self.after[j].append(i)
        self.tail = [0] * self.count
        for i in range(self.count - 1, -1, -1):
            longest = max((self.tail[j] for j in self.after[i]), default=0)
            self.tail[i] = self.fewest[i] + longest

    def run(self) -> Ints | None:
        """Return (unit, start) of every layer, [2, L], or None if nothing beats the best known."""
        root = _Label(0.0, (0,) * self.units, (0,) * self.count, None, -1, -1, 0)
        level: dict[int, list[_Label]] = {0: [root]}
        for _ in range(self.count):
            following: dict[int, list[_Label]] = {}
            for done, labels in level.items():
                for partial in labels:
                    self._extend(done, partial, following)
            level = following
        final = level.get((1 << self.count) - 1, [])
        if not final:
            return None
        label: _Label | None = min(final, key=lambda one: (one.energy, max(one.free)))
        plan = np.zeros((2, self.count), dtype=np.int64)
        while label is not None and label.layer >= 0:
            plan[:, label.layer] = label.unit, label.start
            label = label.parent
        return plan

    def _extend(self, done: int, label: _Label, following: dict[int, list[_Label]]) -> None:
        """Append every ready layer on every unit."""
        for i in range(self.count):
            if done >> i & 1 or any(not done >> j & 1 for j in self.before[i]):
                continue
            for u, cycles, energy in self.options[i]:
                start = max(label.free[u], label.arrival[i])
                new = self._next(done | 1 << i, label, i, u, start, start + cycles, energy)
                if new is not None:
                    self._keep(new, following.setdefault(done | 1 << i, []))

    def _next(
        self, done: int, label: _Label, i: int, u: int, start: int, end: int, energy: float
    ) -> _Label | None:
        """Return the longer schedule, or None if it cannot become a better one."""
        total = label.energy + energy
        open_layers = [j for j in range(self.count) if not done >> j & 1]
        rest = sum(self.cheapest[j] for j in open_layers)
        if end > self.limit or total + rest >= self.best * (1.0 - ROUNDING):
            return None
        arrival = list(label.arrival)
        arrival[i] = 0
        for j in self.after[i]:
            arrival[j] = max(arrival[j], end)
        free = list(label.free)
        free[u] = end
        # What nothing can use any more must not tell two schedules apart.
        ready = [j for j in open_layers if all(done >> p & 1 for p in self.before[j])]
        earliest = min((arrival[j] for j in ready), default=0)
        free = [max(time, earliest) for time in free]
        soonest = min(free)
        for j in open_layers:
            arrival[j] = max(arrival[j], soonest)
            if arrival[j] + self.tail[j] > self.limit:
                return None
        room = sum(self.limit - time for time in free)
        if room < sum(self.fewest[j] for j in open_layers):
            return None
        return _Label(total, tuple(free), tuple(arrival), label, i, u, start)

    def _keep(self, new: _Label, labels: list[_Label]) -> None:
        """Add a label unless another beats it; drop those that it beats."""
        if any(label.beats(new) for label in labels):
            return
        labels[:] = [label for label in labels if not new.beats(label)]
        labels.append(new)
        self.labels += 1
        if self.labels > self.max_labels:
            raise SimulationError(
                f"the exact mapping of {self.count} layers needs more than {self.max_labels} "
                "partial schedules; raise max_labels or use map_by_cp_sat"
            )


def map_exactly(
    problem: MappingProblem,
    latency_limit_cycles: int | None = None,
    *,
    max_labels: int = 100_000,
) -> Mapping:
    """Return a mapping of the least energy within a limit, proven.

    Meant for about 12 layers of several networks, or for one network whose layers form a chain.
    Where the limit cannot be met, the heuristic's mapping is returned with ``within_limit`` False.

    Parameters
    ----------
    problem : MappingProblem
    latency_limit_cycles : int, optional
    max_labels : int
        How many partial schedules may be kept.

    Raises
    ------
    SimulationError
        There are more of them.
    """
    check_range("max_labels", max_labels, 1)
    known = map_by_ratio(problem, latency_limit_cycles)
    least = bounds(problem)
    limit = FAR if latency_limit_cycles is None else int(latency_limit_cycles)
    if least.makespan_cycles > limit or (
        known.within_limit and known.energy_nj <= least.energy_nj * (1.0 + ROUNDING)
    ):
        return _proven(known)
    best = known.energy_nj if known.within_limit else math.inf
    plan = _Search(problem, limit, best, max_labels).run()
    return _proven(known) if plan is None else _from_plan(problem, plan, limit, proven=True)


def _proven(mapping: Mapping) -> Mapping:
    return Mapping(**{**vars(mapping), "proven": True})


def _from_plan(problem: MappingProblem, plan: Ints, limit: int, *, proven: bool) -> Mapping:
    """Return the mapping with the given units and starts."""
    unit, start = plan[0].copy(), plan[1].copy()
    finish = start + problem.cycles[np.arange(len(unit)), unit]
    makespan = int(finish.max())
    # The sum in the order of the layers is that of the list schedule.
    energy = list_schedule(problem, unit).energy_nj
    return Mapping(makespan, energy, unit, start, finish, makespan <= limit, proven)


def map_by_cp_sat(
    problem: MappingProblem,
    latency_limit_cycles: int | None = None,
    *,
    time_s: float = 60.0,
    workers: int = 1,
    seed: int = 0,
) -> Mapping:
    """Return the best mapping that OR-tools' CP-SAT finds, and whether it is proven.

    Parameters
    ----------
    problem : MappingProblem
    latency_limit_cycles : int, optional
    time_s : float
        Wall-clock limit in seconds.
    workers, seed : int
        Only one worker that does not reach the time limit is deterministic.

    Raises
    ------
    MissingSolverError
        OR-tools is not installed.
    """
    try:
        from ortools.sat.python import cp_model
    except ImportError as error:
        raise MissingSolverError from error
    check_range("time_s", time_s, 0, low_open=True)
    check_range("workers", workers, 1)
    known = map_by_ratio(problem, latency_limit_cycles)
    limit = known.makespan_cycles if latency_limit_cycles is None else int(latency_limit_cycles)
    if bounds(problem).makespan_cycles > limit:
        return _proven(known)
    model = cp_model.CpModel()
    literals, starts = _state(model, problem, limit)
    scale = ENERGY_STEPS / max(known.energy_nj, problem.energy_nj[problem.cycles >= 0].max())
    model.minimize(
        sum(
            round(float(problem.energy_nj[i, u]) * scale) * literal
            for i, choices in enumerate(literals)
            for u, literal in choices.items()
        )
    )
    if known.within_limit:
        for i, choices in enumerate(literals):
            model.add_hint(starts[i], int(known.start_cycle[i]))
            for u, literal in choices.items():
                model.add_hint(literal, int(u == known.unit[i]))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = time_s
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return _proven(known)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return known
    plan = np.zeros((2, len(starts)), dtype=np.int64)
    for i, choices in enumerate(literals):
        plan[0, i] = next(u for u, literal in choices.items() if solver.boolean_value(literal))
        plan[1, i] = solver.value(starts[i])
    found = _from_plan(problem, plan, limit, proven=status == cp_model.OPTIMAL)
    if known.within_limit and known.energy_nj <= found.energy_nj:
        return _proven(known) if found.proven else known
    return found


def _state(
    model: Any, problem: MappingProblem, limit: int
) -> tuple[list[dict[int, Any]], list[Any]]:
    """Add the variables and constraints; return a literal for each unit, and the starts."""
    literals: list[dict[int, Any]] = []
    starts: list[Any] = []
    ends: list[Any] = []
    intervals: list[list[Any]] = [[] for _ in range(problem.cycles.shape[1])]
    for i, before in enumerate(problem.predecessors):
        start, end = (model.new_int_var(0, limit, f"{name}{i}") for name in ("start", "end"))
        choices = {}
        for u in np.flatnonzero(problem.cycles[i] >= 0).tolist():
            literal = model.new_bool_var(f"on{i}_{u}")
            size = int(problem.cycles[i, u])
            intervals[u].append(
                model.new_optional_interval_var(start, size, end, literal, f"run{i}_{u}")
            )
            choices[u] = literal
        model.add_exactly_one(choices.values())
        for j in before:
            model.add(start >= ends[j])
        literals.append(choices)
        starts.append(start)
        ends.append(end)
    for unit_intervals in intervals:
        model.add_no_overlap(unit_intervals)
    return literals, starts
