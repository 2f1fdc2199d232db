"""The constraint model behind `chipgym.simulators.soc.exact`: intervals, precedence, no overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, check_range
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import SocTables, lower
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.workload import Workload

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

__all__ = ["ConstraintModel", "ExactSchedule", "MissingSolverError", "SolverLimits", "arrivals_us"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Status = Literal["optimal", "feasible", "unknown"]
Objective = Literal["makespan", "total_latency"]


class MissingSolverError(ChipGymError):
    """OR-tools is not installed."""

    def __init__(self) -> None:
        super().__init__("OR-tools is not installed: pip install 'chipgym[exact]'")


@dataclass(frozen=True)
class SolverLimits:
    """How long and how the solver works.

    Attributes
    ----------
    time_s : float
        Wall-clock limit in seconds.
    workers : int
        Parallel search threads. Only one worker without hitting the time limit is deterministic.
    seed : int
    deterministic_time : float or None
        Limit in the solver's own count of work, which stops it at the same place everywhere (a
        unit takes in the order of a second); None: no such limit.
    """

    time_s: float = 60.0
    workers: int = 1
    seed: int = 0
    deterministic_time: float | None = None

    def __post_init__(self) -> None:
        check_range("time_s", self.time_s, 0, low_open=True)
        check_range("workers", self.workers, 1)
        check_range("seed", self.seed, 0, 2**31 - 1)
        if self.deterministic_time is not None:
            check_range("deterministic_time", self.deterministic_time, 0, low_open=True)


@dataclass(frozen=True, eq=False)
class ExactSchedule:
    """What the solver found; N tasks, by job and then by task number.

    Attributes
    ----------
    status : {"optimal", "feasible", "unknown"}
        Proven, not proven, or nothing found within the time (the arrays are then empty).
    job, task, pe : int64 array, shape (N,)
    start_us, finish_us : float64 array, shape (N,)
    objective_us : float
        Makespan, or total latency over all jobs (nan: nothing found).
    bound_us : float
        No schedule has a smaller objective.
    mean_latency_us : float
        Total latency divided by the number of jobs.
    wall_s : float
        Time spent in the solver.
    """

    status: Status
    job: Ints
    task: Ints
    pe: Ints
    start_us: Floats
    finish_us: Floats
    objective_us: float
    bound_us: float
    mean_latency_us: float
    wall_s: float

    @property
    def gap(self) -> float:
        """Relative distance of the objective from the bound; 0: proven optimal."""
        return (self.objective_us - self.bound_us) / max(self.objective_us, 1e-12)


def arrivals_us(workload: Workload) -> Floats:
    """Arrival of each job when no cap delays it, shape (jobs,)."""
    return np.cumsum(np.append(0.0, workload.gap_us[:-1]))


class ConstraintModel:
    """The constraint model: one optional interval per task and supporting PE."""

    def __init__(
        self,
        platform: Platform,
        applications: tuple[Application, ...],
        workload: Workload,
        resolution_us: float,
        latest_us: Floats,
    ) -> None:
        try:
            from ortools.sat.python import cp_model
        except ImportError as error:
            raise MissingSolverError from error
        check_range("resolution_us", resolution_us, 0, low_open=True)
        self.cp = cp_model
        self.model = cp_model.CpModel()
        self.tables: SocTables = lower(platform, applications)
        self.resolution_us = resolution_us
        self.arrivals = self._ticks("gap_us", arrivals_us(workload))
        self.exec_ticks = self._ticks("exec_us", self.tables.exec_us)
        self.latest = np.ceil(latest_us / resolution_us - 1e-9).astype(np.int64)
        self.keys: list[tuple[int, int]] = []  # (job, task)
        self.rows: list[int] = []
        self.on: list[dict[int, cp_model.IntVar]] = []  # literal by PE
        self.starts: list[cp_model.IntVar] = []
        self.ends: list[cp_model.IntVar] = []
        self.job_ends: list[cp_model.IntVar] = []
        self.intervals: list[list[cp_model.IntervalVar]] = [[] for _ in range(platform.num_pes)]
        for job, app in enumerate(workload.app_index.tolist()):
            self._add_job(job, app)
        for pe_intervals in self.intervals:
            self.model.add_no_overlap(pe_intervals)

    def _ticks(self, field: str, times_us: Floats) -> Ints:
        """Convert times to whole multiples of the resolution; -1: infinite."""
        finite = np.isfinite(times_us)
        scaled = np.where(finite, times_us, -self.resolution_us) / self.resolution_us
        whole = np.round(scaled)
        wrong = np.abs(scaled - whole) > 1e-9
        if wrong.any():
            raise InvalidValueError(
                field, float(times_us[wrong].flat[0]), f"multiples of {self.resolution_us:g} µs"
            )
        return whole.astype(np.int64)

    def _add_job(self, job: int, app: int) -> None:
        first, last = int(self.tables.task_ptr[app]), int(self.tables.task_ptr[app + 1])
        base = len(self.keys)
        for row in range(first, last):
            self._add_task(job, row - first, row)
        for row in range(first, last):
            for edge in range(self.tables.pred_ptr[row], self.tables.pred_ptr[row + 1]):
                self._add_edge(edge, base + int(self.tables.pred_task[edge]), base + row - first)
        end = self.model.new_int_var(int(self.arrivals[job]), int(self.latest[job]), f"job{job}")
        for index in range(base, len(self.keys)):
            self.model.add(end >= self.ends[index])
        self.job_ends.append(end)

    def _add_task(self, job: int, task: int, row: int) -> None:
        name = f"{job}.{task}"
        arrival, latest = int(self.arrivals[job]), int(self.latest[job])
        start = self.model.new_int_var(arrival, latest, f"start{name}")
        end = self.model.new_int_var(arrival, latest, f"end{name}")
        on = {}
        for pe in np.flatnonzero(self.exec_ticks[row] >= 0).tolist():
            size = int(self.exec_ticks[row, pe])
            on[pe] = self.model.new_bool_var(f"on{name}.{pe}")
            self.intervals[pe].append(
                self.model.new_optional_interval_var(start, size, end, on[pe], f"run{name}.{pe}")
            )
        self.model.add_exactly_one(on.values())
        self.keys.append((job, task))
        self.rows.append(row)
        self.on.append(on)
        self.starts.append(start)
        self.ends.append(end)

    def _cluster_literals(self, index: int) -> dict[int, Any]:
        """Literal for each cluster that supports a task: it runs there."""
        by_cluster: dict[int, list[Any]] = {}
        for pe, literal in self.on[index].items():
            by_cluster.setdefault(int(self.tables.pe_cluster[pe]), []).append(literal)
        literals = {}
        for cluster, members in by_cluster.items():
            if len(members) == 1:
                literals[cluster] = members[0]
                continue
            literals[cluster] = self.model.new_bool_var(f"in{index}.{cluster}")
            self.model.add(sum(members) == literals[cluster])
        return literals

    def _add_edge(self, edge: int, source: int, target: int) -> None:
        """The target starts after the source's end plus the delay between their PEs."""
        start, end = self.starts[target], self.ends[source]
        delays = self.tables.comm_us[edge]
        same_delay = int(self.tables.comm_same_us[edge])
        if not delays.any() and same_delay == 0:
            self.model.add(start >= end)
            return
        self.model.add(start >= end + min(int(delays.min()), same_delay) * self._tick())
        same = self._same_pe(source, target)
        self.model.add(start >= end + same_delay * self._tick()).only_enforce_if(same)
        to = self._cluster_literals(target)
        for c, source_in in self._cluster_literals(source).items():
            for d, target_in in to.items():
                conditions = [source_in, target_in, ~same]
                delay = int(delays[c, d]) * self._tick()
                self.model.add(start >= end + delay).only_enforce_if(conditions)

    def _tick(self) -> int:
        """Ticks in one µs (delays are whole µs)."""
        return int(self._ticks("resolution_us", np.array([1.0]))[0])

    def _same_pe(self, source: int, target: int) -> Any:
        """Literal: both tasks run on one PE."""
        same = self.model.new_bool_var(f"same{source}.{target}")
        for pe, source_on in self.on[source].items():
            target_on = self.on[target].get(pe)
            if target_on is None:
                self.model.add_implication(source_on, ~same)
                continue
            self.model.add_bool_or([~same, ~source_on, target_on])
            self.model.add_bool_or([same, ~source_on, ~target_on])
        return same

    def hint(self, placed: list[tuple[int, int, int, float]]) -> None:
        """Start the search from a schedule given as (job, task, PE, start in µs)."""
        where = {(job, task): (pe, start_us) for job, task, pe, start_us in placed}
        last: dict[int, int] = {}
        for index, key in enumerate(self.keys):
            if key not in where:
                raise InvalidValueError("hint", key, "a schedule of every (job, task)")
            pe, start_us = where[key]
            start = round(start_us / self.resolution_us)
            end = start + int(self.exec_ticks[self.rows[index], pe])
            self.model.add_hint(self.starts[index], start)
            self.model.add_hint(self.ends[index], end)
            for other, literal in self.on[index].items():
                self.model.add_hint(literal, int(other == pe))
            last[key[0]] = max(last.get(key[0], 0), end)
        for job, end in last.items():
            self.model.add_hint(self.job_ends[job], end)

    def solve(self, objective: Objective, limits: SolverLimits) -> ExactSchedule:
        """Minimise and read the schedule back."""
        offset = 0
        if objective == "makespan":
            makespan = self.model.new_int_var(0, int(self.latest.max()), "makespan")
            self.model.add_max_equality(makespan, self.job_ends)
            self.model.minimize(makespan)
        else:
            offset = int(self.arrivals.sum())
            self.model.minimize(sum(self.job_ends) - offset)
        solver = self.cp.CpSolver()
        solver.parameters.max_time_in_seconds = limits.time_s
        solver.parameters.num_workers = limits.workers
        solver.parameters.random_seed = limits.seed
        if limits.deterministic_time is not None:
            solver.parameters.max_deterministic_time = limits.deterministic_time
        outcome = solver.solve(self.model)
        if outcome not in (self.cp.OPTIMAL, self.cp.FEASIBLE):
            return self._nothing(solver)
        on = [next(pe for pe, lit in row.items() if solver.boolean_value(lit)) for row in self.on]
        starts = np.array([solver.value(start) for start in self.starts], dtype=np.int64)
        ends = starts + self.exec_ticks[self.rows, on]
        jobs = np.array([job for job, _ in self.keys], dtype=np.int64)
        job_ends = np.zeros(len(self.arrivals), dtype=np.int64)
        np.maximum.at(job_ends, jobs, ends)
        latency = float((job_ends - self.arrivals).mean() * self.resolution_us)
        return ExactSchedule(
            status="optimal" if outcome == self.cp.OPTIMAL else "feasible",
            job=jobs,
            task=np.array([task for _, task in self.keys], dtype=np.int64),
            pe=np.array(on, dtype=np.int64),
            start_us=starts.astype(np.float64) * self.resolution_us,
            finish_us=ends.astype(np.float64) * self.resolution_us,
            objective_us=solver.objective_value * self.resolution_us,
            bound_us=solver.best_objective_bound * self.resolution_us,
            mean_latency_us=latency,
            wall_s=solver.wall_time,
        )

    def _nothing(self, solver: cp_model.CpSolver) -> ExactSchedule:
        ints, floats = np.zeros(0, dtype=np.int64), np.zeros(0)
        return ExactSchedule(
            "unknown",
            ints,
            ints,
            ints,
            floats,
            floats,
            math.nan,
            solver.best_objective_bound * self.resolution_us,
            math.nan,
            solver.wall_time,
        )
