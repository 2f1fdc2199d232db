"""An independent check that a SoC schedule is possible: no simulator, only the rules.

Written from the model's definition (Arda et al., DS3, IEEE Transactions on Computers 2020, without
the tick) and apart from the simulator, of which it reads the descriptions of platforms,
applications and workloads only. A schedule that passes could be executed as it stands, and the
latencies follow from it: nothing that a submission claims is taken on trust.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions, parse_governor
from chipgym.simulators.soc.platform import Cluster, Platform
from chipgym.simulators.soc.workload import Workload

__all__ = ["Violation", "ViolationKind", "check_schedule", "schedule_metrics"]

ViolationKind = Literal[
    "format",  # columns missing, unequal in length, or not numbers
    "unknown",  # a job, application, task or PE that does not exist
    "coverage",  # a task twice or not at all
    "placement",  # the PE does not support the task
    "duration",  # finish minus start is not the execution time
    "precedence",  # started before its data can have arrived
    "capacity",  # two tasks on one PE at a time
    "arrival",  # started before its job arrived, or the cap on jobs in flight was exceeded
    "ready",  # the stated ready time is not when the task became ready
    "horizon",  # finished at or after the horizon
    "metric",  # a claimed metric is not what the schedule gives
]

COLUMNS = ("job", "app", "task", "pe", "start_us", "finish_us")
RELATIVE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Violation:
    """One broken rule: its kind, what happened, and where (-1: nowhere in particular)."""

    kind: ViolationKind
    message: str
    job: int = -1
    task: int = -1


@dataclass(frozen=True)
class _Entry:
    job: int
    task: int
    pe: int
    ready_us: float
    start_us: float
    finish_us: float


def check_schedule(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    schedule: Mapping[str, Sequence[Any]],
    options: SocOptions | None = None,
    *,
    claimed: Mapping[str, float] | None = None,
) -> list[Violation]:
    """Check a schedule against every rule of the clean event order.

    Parameters
    ----------
    platform, applications, workload : Platform, sequence of Application, Workload
        The instance.
    schedule : mapping
        Columns ``job, app, task, pe, start_us, finish_us`` and optionally ``ready_us``, one entry
        an executed task, in any order. Jobs are numbered as in the workload.
    options : SocOptions, optional
        Communication, cap, horizon, noise, governor, failures. Under a governor that changes
        frequencies, a duration may be anything between the shortest and the longest possible.
    claimed : mapping, optional
        Metrics to compare with `schedule_metrics`; names that it does not compute are ignored.

    Returns
    -------
    list of Violation
        Empty: the schedule is feasible.
    """
    options = options or SocOptions()
    if options.order != "clean":
        raise InvalidValueError("order", options.order, "'clean'")
    checker = _Checker(platform, applications, workload, options)
    entries = checker.read(schedule)
    if any(violation.kind == "format" for violation in checker.found):
        return checker.found
    checker.check(entries)
    if claimed is not None:
        checker.check_metrics(claimed)
    return checker.found


def schedule_metrics(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    schedule: Mapping[str, Sequence[Any]],
    options: SocOptions | None = None,
) -> dict[str, float]:
    """Recompute the metrics that follow from a feasible schedule alone.

    Returns
    -------
    dict
        ``mean_latency_us, p95_latency_us`` over jobs completed after the warm-up, ``makespan_us``,
        ``completed_jobs``.
    """
    checker = _Checker(platform, applications, workload, options or SocOptions())
    checker.check(checker.read(schedule))
    return checker.metrics()


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= RELATIVE_TOLERANCE * max(1.0, abs(a), abs(b))


def _before(a: float, b: float) -> bool:
    """Whether a is earlier than b by more than rounding."""
    return a < b and not _close(a, b)


def _mix64(value: int) -> int:
    mask = 2**64 - 1
    z = (value + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def _noisy_us(exec_us: float, std: float, key: int, job: int, task: int) -> float:
    """Execution time under noise, a function of the workload's key, the job and the task alone."""
    if std == 0 or exec_us == 0:
        return exec_us
    first, second = (
        ((_mix64(_mix64(_mix64(key) ^ job) ^ (2 * task + i)) >> 11) + 0.5) / 2.0**53 for i in (0, 1)
    )
    normal = math.sqrt(-2.0 * math.log(first)) * math.cos(2.0 * math.pi * second)
    return max(math.floor(exec_us + std * exec_us * normal + 0.5), 1.0)


def _slowdown_range(cluster: Cluster, options: SocOptions) -> tuple[float, float]:
    """Least and greatest possible ratio of highest to present frequency."""
    frequencies = [point.frequency_mhz for point in cluster.operating_points]
    top = frequencies[-1]
    kind, fixed_mhz = parse_governor(options.governor)
    if kind in ("ondemand", "explicit") or options.throttle:
        return 1.0, top / frequencies[0]
    if kind == "powersave":
        present = frequencies[0]
    elif kind == "constant" and len(frequencies) > 1:
        present = fixed_mhz
    else:
        present = top
    return top / present, top / present


class _Checker:
    def __init__(
        self,
        platform: Platform,
        applications: Sequence[Application],
        workload: Workload,
        options: SocOptions,
    ) -> None:
        self.platform = platform
        self.applications = applications
        self.workload = workload
        self.options = options
        self.found: list[Violation] = []
        self.cluster = [platform.clusters[c] for c in platform.pe_cluster]
        self.predecessors: list[list[list[tuple[int, float]]]] = []
        for application in applications:
            rows: list[list[tuple[int, float]]] = [[] for _ in application.tasks]
            for edge in application.edges:
                rows[edge.dst].append((edge.src, edge.volume))
            self.predecessors.append(rows)
        self.arrival_us: list[float] = []
        self.completion_us: list[float] = []

    def add(self, kind: ViolationKind, message: str, job: int = -1, task: int = -1) -> None:
        self.found.append(Violation(kind, message, job, task))

    def read(self, schedule: Mapping[str, Sequence[Any]]) -> list[_Entry]:
        """Turn the columns into entries whose numbers all exist; report the others."""
        columns: dict[str, list[float]] = {}
        names = (*COLUMNS, "ready_us") if "ready_us" in schedule else COLUMNS
        for name in names:
            if name not in schedule:
                self.add("format", f"column {name} is missing")
                continue
            try:
                values = np.asarray(schedule[name], dtype=np.float64)
            except (TypeError, ValueError):
                self.add("format", f"column {name} holds something that is not a number")
                continue
            if values.ndim != 1 or not np.isfinite(values).all():
                self.add("format", f"column {name} must be a flat list of finite numbers")
            elif not name.endswith("_us") and (values != np.floor(values)).any():
                self.add("format", f"column {name} must hold whole numbers")
            else:
                columns[name] = values.tolist()
        if len({len(column) for column in columns.values()}) > 1:
            self.add("format", "columns differ in length")
        if self.found:
            return []
        ready = columns.get("ready_us", [math.nan] * len(columns["job"]))
        numbers = [[int(value) for value in columns[name]] for name in COLUMNS[:4]]
        rows = zip(*numbers, ready, columns["start_us"], columns["finish_us"], strict=True)
        return [_Entry(job, task, pe, *times) for job, app, task, pe, *times in rows
                if self._exists(job, app, task, pe)]  # fmt: skip

    def _exists(self, job: int, app: int, task: int, pe: int) -> bool:
        if not 0 <= job < len(self.workload):
            self.add("unknown", f"job {job} is not in the workload", job, task)
        elif app != self.workload.app_index[job]:
            expected = int(self.workload.app_index[job])
            self.add("unknown", f"job {job} runs application {expected}, not {app}", job, task)
        elif not 0 <= task < len(self.applications[app].tasks):
            self.add("unknown", f"application {app} has no task {task}", job, task)
        elif not 0 <= pe < self.platform.num_pes:
            self.add("unknown", f"there is no PE {pe}", job, task)
        else:
            return True
        return False

    def check(self, entries: list[_Entry]) -> None:
        """Apply every rule."""
        done = self._check_coverage(entries)
        self._reconstruct_jobs(done)
        for entry in entries:
            self._check_execution(entry)
            self._check_release(entry, done)
        self._check_capacity(entries)

    def _check_coverage(self, entries: list[_Entry]) -> dict[tuple[int, int], _Entry]:
        done: dict[tuple[int, int], _Entry] = {}
        for entry in entries:
            if (entry.job, entry.task) in done:
                self.add("coverage", "executed more than once", entry.job, entry.task)
            done[entry.job, entry.task] = entry
        if self.options.horizon_us is None:
            for job, app in enumerate(self.workload.app_index.tolist()):
                for task in range(len(self.applications[app].tasks)):
                    if (job, task) not in done:
                        self.add("coverage", "never executed", job, task)
        return done

    def _reconstruct_jobs(self, done: dict[tuple[int, int], _Entry]) -> None:
        """Recompute when jobs completed and, from gaps and the cap, when they must have arrived.

        A job is injected when its gap has passed and fewer than the cap are in flight; completions
        of an instant come before its injections.
        """
        cap, gaps = self.options.max_in_flight, self.workload.gap_us
        finished: list[float] = []  # completions of earlier jobs, sorted
        due = 0.0
        for job, app in enumerate(self.workload.app_index.tolist()):
            arrival = max(due, finished[job - cap]) if job >= cap else due
            ends = [done.get((job, task)) for task in range(len(self.applications[app].tasks))]
            completion = max(math.inf if end is None else end.finish_us for end in ends)
            filling = self.options.steady_state_fill and arrival == 0 and job + 1 < cap
            due = arrival + (0.0 if filling else float(gaps[job]))
            bisect.insort(finished, completion)
            self.arrival_us.append(arrival)
            self.completion_us.append(completion)

    def _exec_us(self, entry: _Entry) -> float | None:
        task = self.applications[self._app(entry)].tasks[entry.task]
        cluster = self.cluster[entry.pe]
        return task.exec_us.get(cluster.name, cluster.exec_us.get(task.kind))

    def _app(self, entry: _Entry) -> int:
        return int(self.workload.app_index[entry.job])

    def _check_execution(self, entry: _Entry) -> None:
        job, task = entry.job, entry.task
        exec_us = self._exec_us(entry)
        if exec_us is None:
            self.add("placement", f"PE {entry.pe} does not support this task", job, task)
            return
        noisy = _noisy_us(exec_us, self.options.noise_std, self.workload.key, job, task)
        least, greatest = _slowdown_range(self.cluster[entry.pe], self.options)
        earliest, latest = entry.start_us + noisy * least, entry.start_us + noisy * greatest
        if _before(entry.finish_us, earliest) or _before(latest, entry.finish_us):
            taken = entry.finish_us - entry.start_us
            allowed = f"{noisy * least:g}" + (f"…{noisy * greatest:g}" if greatest > least else "")
            self.add("duration", f"took {taken:g} µs on PE {entry.pe}, not {allowed}", job, task)
        horizon = self.options.horizon_us
        if horizon is not None and entry.finish_us >= horizon:
            self.add(
                "horizon", f"finished at {entry.finish_us:g}, not before {horizon:g}", job, task
            )

    def _check_release(self, entry: _Entry, done: dict[tuple[int, int], _Entry]) -> None:
        """Arrival of the job, precedence, and the delays of the data."""
        job, task = entry.job, entry.task
        arrival = self.arrival_us[job]
        if _before(entry.start_us, arrival):
            self.add(
                "arrival",
                f"started at {entry.start_us:g}, its job arrives at {arrival:g}",
                job,
                task,
            )
        ready, data_ready = arrival, arrival
        copy_us = 0
        bandwidth = self.platform.bandwidth
        to = self.platform.pe_cluster[entry.pe]
        for source, volume in self.predecessors[self._app(entry)][task]:
            producer = done.get((job, source))
            if producer is None:
                self.add("precedence", f"executed without its predecessor {source}", job, task)
                continue
            origin = self.platform.pe_cluster[producer.pe]
            if self.options.communication == "shared_memory":
                stored = producer.finish_us + int(volume / bandwidth.to_memory[origin])
                ready = max(ready, stored)
                copy_us = max(copy_us, int(volume / bandwidth.from_memory[to]))
                data_ready = ready + copy_us
                continue
            rate = bandwidth.between_clusters[origin][to]
            if producer.pe == entry.pe:
                rate = bandwidth.same_pe
            ready = max(ready, producer.finish_us)
            data_ready = max(data_ready, producer.finish_us + int(volume / rate))
        if _before(entry.start_us, data_ready):
            self.add(
                "precedence",
                f"started at {entry.start_us:g}, its data arrive at {data_ready:g}",
                job,
                task,
            )
        # A task that a failing PE has dropped becomes ready a second time.
        again = self.options.mtbf_us is not None and _before(ready, entry.ready_us)
        if not math.isnan(entry.ready_us) and not _close(entry.ready_us, ready) and not again:
            self.add("ready", f"stated ready at {entry.ready_us:g}, was at {ready:g}", job, task)

    def _check_capacity(self, entries: list[_Entry]) -> None:
        free_us = [0.0] * self.platform.num_pes
        last = [-1] * self.platform.num_pes
        for k in sorted(
            range(len(entries)), key=lambda k: (entries[k].start_us, entries[k].finish_us)
        ):
            entry = entries[k]
            if _before(entry.start_us, free_us[entry.pe]):
                other = entries[last[entry.pe]]
                self.add(
                    "capacity",
                    f"started at {entry.start_us:g} on PE {entry.pe}, which runs task {other.task} "
                    f"of job {other.job} until {free_us[entry.pe]:g}",
                    entry.job,
                    entry.task,
                )
            if entry.finish_us >= free_us[entry.pe]:
                free_us[entry.pe], last[entry.pe] = entry.finish_us, k

    def metrics(self) -> dict[str, float]:
        """Recompute the metrics from the reconstructed jobs."""
        arrival, completion = np.array(self.arrival_us), np.array(self.completion_us)
        complete = np.isfinite(completion)
        counted = complete & (completion >= self.options.warmup_us)
        latency = completion[counted] - arrival[counted]
        return {
            "mean_latency_us": float(latency.mean()) if len(latency) else math.nan,
            "p95_latency_us": float(np.percentile(latency, 95)) if len(latency) else math.nan,
            "makespan_us": float(completion[complete].max(initial=0.0)),
            "completed_jobs": float(complete.sum()),
        }

    def check_metrics(self, claimed: Mapping[str, float]) -> None:
        """Compare claimed metrics with recomputed ones."""
        for name, value in self.metrics().items():
            if name not in claimed:
                continue
            claim = float(claimed[name])
            same = (math.isnan(claim) and math.isnan(value)) or _close(claim, value)
            if not same:
                self.add("metric", f"{name} is {value:.9g}, claimed {claim:.9g}")
