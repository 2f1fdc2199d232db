"""A plain-Python simulator of the clean event order: slow, readable, apart from the kernels.

It is what the Numba kernel is held against (same bits) and the yardstick of
`chipgym throughput soc`. Model: DS3 (Arda et al., IEEE Transactions on Computers 2020) without its
tick. At each distinct event time the following repeats until nothing more happens: completions (by
finish, then by start), data copied to the shared memory (by time, job, task), injections, one
scheduling pass if a task is ready, starts. Energy, temperature, failures and the ondemand governor
are not modelled.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from collections.abc import Sequence

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference_model import (
    JobRun,
    TaskRun,
    bandwidths,
    slowdowns,
    task_models,
)
from chipgym.simulators.soc.reference_rules import (
    RULES,
    Pass,
    ReadyTask,
    SplitMix64,
    keyed_normal,
)
from chipgym.simulators.soc.result import SocResult, TaskTrace
from chipgym.simulators.soc.workload import Workload

__all__ = [
    "Simulation",
    "simulate_reference",
]

NOT_MODELLED = {"order": "clean", "mtbf_us": None, "thermal": False, "throttle": False}


def simulate_reference(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    *,
    table: Sequence[Sequence[int]] | None = None,
    record_trace: bool = False,
) -> SocResult:
    """Simulate a workload in plain Python.

    Parameters
    ----------
    platform, applications, workload, scheduler, table, record_trace
        As for `chipgym.simulators.soc.simulate.simulate`.
    options : SocOptions, optional
        Only the clean order with a governor other than ondemand, without failures and temperatures.

    Returns
    -------
    SocResult
        Energies and the temperature are nan: they are not modelled here.

    Raises
    ------
    UnknownNameError
        No such scheduler.
    InvalidValueError
        An option that this simulator does not model.
    """
    options = options or SocOptions()
    if scheduler not in RULES:
        raise UnknownNameError("scheduler", scheduler, RULES)
    for name, only in NOT_MODELLED.items():
        if getattr(options, name) != only:
            raise InvalidValueError(name, getattr(options, name), f"{only!r} in the reference")
    highest = int(workload.app_index.max())
    if highest >= len(applications):
        raise InvalidValueError("app_index", highest, f"<= {len(applications) - 1}")
    simulation = Simulation(
        platform, applications, workload, scheduler, options, table, record_trace
    )
    simulation.run()
    return simulation.result()


class Simulation:
    """The state of one run, and its event loop."""

    def __init__(
        self,
        platform: Platform,
        applications: Sequence[Application],
        workload: Workload,
        scheduler: str,
        options: SocOptions,
        table: Sequence[Sequence[int]] | None,
        record_trace: bool,
    ) -> None:
        self.record_trace = record_trace
        self.options = options
        self.rule = RULES[scheduler]
        self.shared_memory = options.communication == "shared_memory"
        self.key = workload.key
        self.models = [
            task_models(platform, application, None if table is None else table[a])
            for a, application in enumerate(applications)
        ]
        self.bandwidth = bandwidths(platform)
        self.to_memory = [platform.bandwidth.to_memory[c] for c in platform.pe_cluster]
        self.from_memory = [platform.bandwidth.from_memory[c] for c in platform.pe_cluster]
        self.slowdown = slowdowns(platform, options.governor)
        self.workload_apps: list[int] = workload.app_index.tolist()
        self.gaps_us: list[float] = workload.gap_us.tolist()

        self.now_us = 0.0
        self.next_injection_us = 0.0
        self.jobs: list[JobRun] = []
        self.in_flight: list[int] = []  # at each injection, the new job included
        self.num_in_flight = 0
        self.ready: list[TaskRun] = []
        self.executable: list[TaskRun] = []  # sorted by job, then by assignment
        self.running: list[TaskRun | None] = [None] * platform.num_pes
        self.num_started = 0
        self.completions: list[tuple[float, int, TaskRun]] = []  # heap by finish, order of start
        self.copies: list[tuple[float, int, int, TaskRun]] = []  # heap by time, job, task
        self.data_arrivals: list[float] = []  # heap
        self.num_completed = 0
        self.trace: list[TaskRun] = []
        self.completed_jobs: list[JobRun] = []
        self.scheduler_passes = 0
        self.available_us = [0.0] * platform.num_pes
        self.lifetime = [0] * platform.num_pes
        self.random = SplitMix64(workload.key)

    def run(self) -> None:
        """Jump from event to event until the workload is done or the horizon is reached."""
        while True:
            while self._step():
                pass
            next_us = self._next_event_us()
            if next_us == math.inf:
                return
            if self.options.horizon_us is not None and next_us >= self.options.horizon_us:
                return
            self.now_us = next_us

    def _step(self) -> bool:
        """Do what is due at this instant, once through; return whether there was anything."""
        completed = self._complete_tasks()
        copied = self._end_copies()
        injected = self._inject_jobs()
        scheduled = self._schedule()
        started = self._start_tasks()
        return completed or copied or injected or scheduled or started

    def _may_inject(self) -> bool:
        return (
            len(self.jobs) < len(self.workload_apps)
            and self.num_in_flight < self.options.max_in_flight
        )

    def _next_event_us(self) -> float:
        while self.data_arrivals and self.data_arrivals[0] <= self.now_us:
            heapq.heappop(self.data_arrivals)
        times = [math.inf]
        if self.completions:
            times.append(self.completions[0][0])
        if self.copies:
            times.append(self.copies[0][0])
        if self.data_arrivals:
            times.append(self.data_arrivals[0])
        if self._may_inject():
            times.append(self.next_injection_us)
        return min(times)

    def _complete_tasks(self) -> bool:
        due = False
        while self.completions and self.completions[0][0] <= self.now_us:
            task = heapq.heappop(self.completions)[2]
            due = True
            self.running[task.pe] = None
            self.num_completed += 1
            if self.record_trace:
                self.trace.append(task)
            job = task.job
            for successor in task.model.successors:
                self._release(job.tasks[successor])
            job.tasks_left -= 1
            if job.tasks_left == 0:
                job.finish_us = self.now_us
                job.tasks = []
                self.num_in_flight -= 1
                self.completed_jobs.append(job)
        return due

    def _release(self, task: TaskRun) -> None:
        """Count a completed predecessor; after the last one the task is ready or copies start."""
        task.missing -= 1
        if task.missing:
            return
        if not self.shared_memory:
            task.ready_us = self.now_us
            self.ready.append(task)
            return
        producers = task.job.tasks
        task.ready_us = max(
            producers[u].finish_us + int(volume / self.to_memory[producers[u].pe])
            for u, volume in task.model.predecessors
        )
        heapq.heappush(self.copies, (task.ready_us, task.job.number, task.number, task))

    def _end_copies(self) -> bool:
        due = False
        while self.copies and self.copies[0][0] <= self.now_us:
            self.ready.append(heapq.heappop(self.copies)[3])
            due = True
        return due

    def _inject_jobs(self) -> bool:
        due = False
        while self._may_inject() and self.next_injection_us <= self.now_us:
            self._inject()
            due = True
        return due

    def _inject(self) -> None:
        number = len(self.jobs)
        job = JobRun(number, self.workload_apps[number], self.now_us)
        for k, model in enumerate(self.models[job.app]):
            task = TaskRun(job, k, model, len(model.predecessors))
            job.tasks.append(task)
            if task.missing == 0:
                task.ready_us = self.now_us
                self.ready.append(task)
        job.tasks_left = len(job.tasks)
        self.jobs.append(job)
        self.num_in_flight += 1
        self.in_flight.append(self.num_in_flight)
        # Filling means the first jobs, as many as the cap: those may complete at time 0 already.
        filling = self.options.steady_state_fill and number + 1 < self.options.max_in_flight
        self.next_injection_us = self.now_us + (0.0 if filling else self.gaps_us[number])

    def _delay_us(self, task: TaskRun, pe: int) -> float:
        """Time from now until the data of a task would be on a PE."""
        delay_us = 0.0
        producers = task.job.tasks
        for u, volume in task.model.predecessors:
            if self.shared_memory:
                arrival_us = float(int(volume / self.from_memory[pe]))
            else:
                transfer_us = int(volume / self.bandwidth[producers[u].pe][pe])
                arrival_us = producers[u].finish_us + transfer_us - self.now_us
            delay_us = max(delay_us, arrival_us)
        return delay_us

    def _data_ready_us(self, task: TaskRun, pe: int) -> float:
        """When the data of a task assigned now are on its PE."""
        producers = task.job.tasks
        if not task.model.predecessors:
            return self.now_us
        if self.shared_memory:
            volume = max(volume for _, volume in task.model.predecessors)
            return self.now_us + int(volume / self.from_memory[pe])
        return max(
            producers[u].finish_us + int(volume / self.bandwidth[producers[u].pe][pe])
            for u, volume in task.model.predecessors
        )

    def _known(self, task: TaskRun) -> ReadyTask:
        delays: dict[int, float] = {}

        def delay_us(pe: int) -> float:
            if pe not in delays:
                delays[pe] = self._delay_us(task, pe)
            return delays[pe]

        model = task.model
        return ReadyTask(
            model.exec_us, delay_us, model.upward_rank_us, model.mean_exec_us, model.table_pe
        )

    def _schedule(self) -> bool:
        if not self.ready:
            return False
        self.scheduler_passes += 1
        choices = self.rule(
            Pass(
                self.now_us,
                [self._known(task) for task in self.ready],
                self.available_us,
                self.lifetime,
                self.slowdown,
                [task is not None for task in self.running],
                self.random,
            )
        )
        for position, pe in choices:
            task = self.ready[position]
            task.pe = pe
            task.data_ready_us = self._data_ready_us(task, pe)
            if task.data_ready_us > self.now_us:
                heapq.heappush(self.data_arrivals, task.data_ready_us)
            insort(self.executable, task, key=lambda queued: queued.job.number)
        self.ready = []
        return True

    def _start_tasks(self) -> bool:
        waiting = []
        for task in self.executable:
            if task.data_ready_us <= self.now_us and self.running[task.pe] is None:
                self._start(task)
            else:
                waiting.append(task)
        started = len(waiting) < len(self.executable)
        self.executable = waiting
        return started

    def _start(self, task: TaskRun) -> None:
        duration_us = self._noisy_us(task) * self.slowdown[task.pe]
        task.start_us = self.now_us
        task.finish_us = self.now_us + duration_us
        self.running[task.pe] = task
        heapq.heappush(self.completions, (task.finish_us, self.num_started, task))
        self.num_started += 1

    def _noisy_us(self, task: TaskRun) -> float:
        """Execution time at the highest frequency; noisy times are whole and >= 1, 0 stays 0."""
        exec_us = task.model.exec_us[task.pe]
        std = self.options.noise_std
        if std == 0 or exec_us == 0:
            return exec_us
        normal = keyed_normal(self.key, task.job.number, task.number)
        return max(float(math.floor(exec_us + std * exec_us * normal + 0.5)), 1.0)

    def result(self) -> SocResult:
        """Gather the schedule and its totals."""
        pending = len(self.workload_apps) - len(self.jobs)
        nans = [math.nan] * pending
        measured = np.array(
            [
                job.finish_us - job.arrival_us
                for job in self.jobs
                if job.finish_us >= self.options.warmup_us  # never so for nan: not completed
            ]
        )
        return SocResult(
            job_app=np.array(self.workload_apps, dtype=np.int64),
            arrival_us=np.array([job.arrival_us for job in self.jobs] + nans),
            finish_us=np.array([job.finish_us for job in self.jobs] + nans),
            trace=self._trace() if self.record_trace else None,
            makespan_us=self.completed_jobs[-1].finish_us if self.completed_jobs else 0.0,
            mean_latency_us=float(measured.mean()) if len(measured) else math.nan,
            p95_latency_us=float(np.percentile(measured, 95)) if len(measured) else math.nan,
            energy_j=math.nan,
            completed=len(self.completed_jobs),
            injected=len(self.jobs),
            mean_in_flight=sum(self.in_flight) / len(self.in_flight),
            scheduler_passes=self.scheduler_passes,
            tasks=self.num_completed,
            peak_temperature_c=math.nan,
        )

    def _trace(self) -> TaskTrace:
        done = self.trace
        return TaskTrace(
            job=np.array([task.job.number for task in done], dtype=np.int64),
            app=np.array([task.job.app for task in done], dtype=np.int64),
            task=np.array([task.number for task in done], dtype=np.int64),
            pe=np.array([task.pe for task in done], dtype=np.int64),
            ready_us=np.array([task.ready_us for task in done]),
            data_ready_us=np.array([task.data_ready_us for task in done]),
            start_us=np.array([task.start_us for task in done]),
            finish_us=np.array([task.finish_us for task in done]),
            energy_j=np.full(len(done), math.nan),
        )
