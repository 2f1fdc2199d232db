"""The tick orders from Python: checks, lowering, running the kernel, and collecting results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import SocTables, lower, lower_power
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.result import SocResult, TaskTrace
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.tick_kernel import run_events
from chipgym.simulators.soc.tick_state import (
    COMPLETED,
    ENERGY_J,
    IN_FLIGHT_SUM,
    LATENCY_COUNT,
    LATENCY_US,
    MAKESPAN_US,
    NEXT_JOB,
    NUM_COUNTERS,
    NUM_DONE,
    NUM_TOTALS,
    PASSES,
    PEAK_C,
    TickModel,
    TickState,
)
from chipgym.simulators.soc.workload import Workload

__all__ = ["TickRun", "run_tick", "simulate_ticks"]

DS3_WINDOW_US, GYM_WINDOW_US, THERMAL_US = 10.0, 5.0, 20.0


@dataclass(frozen=True, eq=False)
class TickRun:
    """A finished simulation with its whole final state (tasks that never finished included)."""

    model: TickModel
    state: TickState
    tables: SocTables

    def tasks(self, select: npt.NDArray[np.int64]) -> TaskTrace:
        """Return the trace of the given global task numbers, in that order."""
        model, state = self.model, self.state
        job = model.task_job[select]
        return TaskTrace(
            job=job,
            app=model.job_app[job],
            task=select - model.job_ptr[job],
            pe=state.task_pe[select],
            ready_us=state.ready_us[select],
            data_ready_us=state.data_ready_us[select],
            start_us=state.start_us[select],
            finish_us=state.finish_us[select],
            energy_j=state.energy_j[select],
        )

    def started(self) -> npt.NDArray[np.int64]:
        """Return the tasks that have started, by job and task number."""
        return np.flatnonzero(~np.isnan(self.state.start_us))


def _table_pe(
    tables: SocTables, table: Sequence[npt.ArrayLike] | None, num_pes: int
) -> npt.NDArray[np.int64]:
    if table is None:
        return np.full(len(tables.exec_us), -1)
    rows = [np.asarray(row, dtype=np.int64) for row in table]
    if [len(row) for row in rows] != list(np.diff(tables.task_ptr)):
        raise InvalidValueError(
            "table", [len(row) for row in rows], "one PE for each task of each application"
        )
    flat = np.concatenate(rows)
    if flat.max() >= num_pes:
        raise InvalidValueError("table", int(flat.max()), f"PE numbers below {num_pes}")
    return flat


def _model(
    tables: SocTables,
    workload: Workload,
    scheduler: str,
    options: SocOptions,
    table: Sequence[npt.ArrayLike] | None,
) -> TickModel:
    gym = options.order == "ds3gym"
    sizes = np.diff(tables.task_ptr)[workload.app_index]
    job_ptr = np.concatenate(([0], np.cumsum(sizes)))
    task_job = np.repeat(np.arange(len(workload)), sizes)
    task = np.arange(job_ptr[-1]) - job_ptr[task_job]
    return TickModel(
        gym=gym,
        shared_memory=options.communication == "shared_memory",
        steady_state_fill=options.steady_state_fill,
        scheduler=SCHEDULERS[scheduler],
        max_in_flight=options.max_in_flight,
        window_us=GYM_WINDOW_US if gym else DS3_WINDOW_US,
        thermal_us=THERMAL_US,
        horizon_us=float("inf") if options.horizon_us is None else float(options.horizon_us),
        warmup_us=float(options.warmup_us),
        noise_std=float(options.noise_std),
        key=workload.key,
        job_app=workload.app_index,
        gap_us=workload.gap_us,
        job_ptr=job_ptr,
        task_job=task_job,
        task_row=tables.task_ptr[workload.app_index[task_job]] + task,
        table_pe=_table_pe(tables, table, tables.exec_us.shape[1]),
    )


def _initial_state(
    model: TickModel, initial_opp: npt.NDArray[np.int64], ambient_c: float, num_pes: int
) -> TickState:
    jobs, tasks = len(model.job_app), len(model.task_job)
    # Each PE has at most one event under way, next to the injection, the tick and the stop.
    events = 2 * num_pes + 8
    state = TickState(
        counter=np.zeros(NUM_COUNTERS, np.int64),
        total=np.zeros(NUM_TOTALS),
        random=np.array([model.key], np.uint64),
        event_time=np.zeros(events),
        event_key=np.zeros((events, 4), np.int64),
        arrival_us=np.full(jobs, np.nan),
        job_finish_us=np.zeros(jobs),
        job_left=np.diff(model.job_ptr),
        num_records=np.zeros(jobs, np.int64),
        records=np.zeros(tasks, np.int64),
        recorded=np.zeros(tasks, np.bool_),
        missing=np.zeros(tasks, np.int64),
        ready=np.zeros(tasks, np.int64),
        waiting=np.zeros(tasks, np.int64),
        executable=np.zeros(tasks, np.int64),
        done=np.zeros(tasks, np.int64),
        task_pe=np.full(tasks, -1),
        after=np.full(tasks, -1),
        time_stamp=np.zeros(tasks),
        ready_us=np.full(tasks, np.nan),
        data_ready_us=np.full(tasks, np.nan),
        start_us=np.full(tasks, np.nan),
        finish_us=np.full(tasks, np.nan),
        work_us=np.zeros(tasks),
        elapsed_us=np.zeros(tasks),
        energy_j=np.zeros(tasks),
        occupied=np.zeros(num_pes, np.bool_),
        idle=np.ones(num_pes, np.bool_),
        running=np.full(num_pes, -1),
        last_done=np.full(num_pes, -1),
        previous_done=np.full(tasks, -1),
        available_us=np.zeros(num_pes),
        lifetime=np.zeros(num_pes, np.int64),
        sampled_us=np.full(num_pes, -1.0),
        utilisation=np.zeros(num_pes),
        leakage_w=np.zeros(num_pes),
        opp=initial_opp.copy(),
        cluster_sampled_us=np.full(len(initial_opp), -1.0),
        cluster_power_w=np.zeros(len(initial_opp)),
        temperature_c=np.full(5, ambient_c),
    )
    state.total[PEAK_C] = ambient_c
    return state


def simulate_ticks(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    table: Sequence[npt.ArrayLike] | None = None,
) -> TickRun:
    """Simulate in a tick order and return the whole final state; see `run_tick`."""
    options = SocOptions(order="ds3") if options is None else options
    if scheduler not in SCHEDULERS:
        raise UnknownNameError("scheduler", scheduler, SCHEDULERS)
    if workload.app_index.max() >= len(applications):
        raise InvalidValueError(
            "app_index", int(workload.app_index.max()), f"below {len(applications)}"
        )
    if options.order != "ds3gym" and (workload.gap_us[:-1] % 1.0).any():
        raise InvalidValueError(
            "gap_us", "fractional times", "whole µs in the tick orders, which look every µs"
        )
    tables = lower(platform, tuple(applications))
    power = lower_power(platform, options.governor)
    model = _model(tables, workload, scheduler, options, table)
    state = _initial_state(model, power.initial_opp, power.ambient_c, platform.num_pes)
    run_events(model, state, tables, power)
    return TickRun(model, state, tables)


def run_tick(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    record_trace: bool = False,
    table: Sequence[npt.ArrayLike] | None = None,
) -> SocResult:
    """Simulate in DS3's tick order (``order="ds3"``) or SoCRATES' variant (``order="ds3gym"``).

    Parameters
    ----------
    platform, applications : Platform, sequence of Application
    workload : Workload
        Gaps must be whole µs. With ``ds3gym`` the gaps are a stream of draws: one is used after each
        injection, and one more at every look at a full system, so that draws and jobs do not pair one
        to one; nothing is injected after the last draw.
    scheduler : str
        A name of `SCHEDULERS`; ``HEFT_RT`` with ``ds3gym`` is SoCRATES' own.
    options : SocOptions, optional
        Default: ``SocOptions(order="ds3")``.
    record_trace : bool
        Keep the task-by-task trace.
    table : sequence of int arrays, optional
        PE of each task of each application, for ``scheduler="table"``.

    Returns
    -------
    SocResult
        The jobs injected before the horizon.
    """
    run = simulate_ticks(platform, applications, workload, scheduler, options, table)
    model, state = run.model, run.state
    counter, total = state.counter, state.total
    jobs = int(counter[NEXT_JOB])
    arrival = state.arrival_us[:jobs].copy()
    finish = np.where(state.job_left[:jobs] == 0, state.job_finish_us[:jobs], np.nan)
    latency = (finish - arrival)[finish >= model.warmup_us]
    counted = int(counter[LATENCY_COUNT])
    done = state.done[: counter[NUM_DONE]]
    return SocResult(
        job_app=model.job_app[:jobs].copy(),
        arrival_us=arrival,
        finish_us=finish,
        trace=run.tasks(done) if record_trace else None,
        makespan_us=float(total[MAKESPAN_US]),
        mean_latency_us=float(latency.mean()) if len(latency) else float("nan"),
        p95_latency_us=float(np.percentile(latency, 95)) if len(latency) else float("nan"),
        energy_j=float(total[ENERGY_J]),
        completed=int(counter[COMPLETED]),
        injected=jobs,
        mean_in_flight=float(counter[IN_FLIGHT_SUM] / jobs) if jobs else 0.0,
        scheduler_passes=int(counter[PASSES]),
        tasks=len(done),
        peak_temperature_c=float(total[PEAK_C]),
        mean_latency_ds3_us=float(total[LATENCY_US] / counted) if counted else float("nan"),
    )
