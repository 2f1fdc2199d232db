"""The tick orders from Python: checks, lowering, running the kernel, and collecting results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import PowerTables, SocTables, lower, lower_power
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.result import SocResult, TaskTrace
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.tick_kernel import run_events
from chipgym.simulators.soc.tick_state import (
    CLUSTER,
    DONE,
    EVENT,
    JOB,
    NUM_LISTS,
    OPP,
    PE,
    ROW,
    RUN,
    TASK,
    TickState,
)
from chipgym.simulators.soc.workload import Workload

__all__ = ["run_tick", "simulate_ticks", "task_trace", "tick_result"]

Records = npt.NDArray[np.void]

DS3_WINDOW_US, GYM_WINDOW_US, THERMAL_US = 10.0, 5.0, 20.0


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


def _records(dtype: np.dtype[np.void], count: int, **fields: npt.ArrayLike) -> Records:
    """Return records with the given fields set, the others zero."""
    records: Records = np.zeros(count, dtype)
    for name, values in fields.items():
        records[name] = values
    return records


def _rows(tables: SocTables, table_pe: npt.NDArray[np.int64]) -> Records:
    return _records(
        ROW,
        len(table_pe),
        pred_begin=tables.pred_ptr[:-1],
        pred_end=tables.pred_ptr[1:],
        succ_begin=tables.succ_ptr[:-1],
        succ_end=tables.succ_ptr[1:],
        table_pe=table_pe,
        upward_rank=tables.upward_rank,
        mean_exec_us=tables.mean_exec_us,
    )


def _jobs_and_tasks(tables: SocTables, workload: Workload) -> tuple[Records, Records]:
    sizes = np.diff(tables.task_ptr)[workload.app_index]
    last = np.cumsum(sizes)
    jobs = _records(
        JOB,
        len(workload),
        app=workload.app_index,
        first_task=last - sizes,
        end_task=last,
        left=sizes,
        arrival_us=np.nan,
    )
    job = np.repeat(np.arange(len(workload)), sizes)
    row = tables.task_ptr[workload.app_index[job]] + np.arange(len(job)) - jobs["first_task"][job]
    nan = dict.fromkeys(("ready_us", "data_ready_us", "start_us", "finish_us"), np.nan)
    missing = np.diff(tables.pred_ptr)[row]
    none = dict.fromkeys(("pe", "after", "previous_done"), -1)
    return jobs, _records(TASK, len(job), job=job, row=row, missing=missing, **none, **nan)


def _clusters(power: PowerTables) -> tuple[Records, Records]:
    clusters = _records(
        CLUSTER,
        len(power.num_opps),
        size=power.cluster_size,
        num_opps=power.num_opps,
        opp=power.initial_opp,
        governor=power.governor,
        leakage_scale=power.leakage_scale,
        sampled_us=-1.0,
    )
    points: Records = np.zeros(power.frequency_mhz.shape, OPP)
    points["mhz"], points["volt"] = power.frequency_mhz, power.voltage_v
    points["profile_mhz"] = power.profile_frequency_mhz
    points["profile_volt"] = power.profile_voltage_v
    return clusters, points


def _initial_state(
    tables: SocTables,
    power: PowerTables,
    workload: Workload,
    scheduler: str,
    options: SocOptions,
    table_pe: npt.NDArray[np.int64],
) -> TickState:
    gym = options.order == "ds3gym"
    num_pes = len(tables.pe_cluster)
    jobs, tasks = _jobs_and_tasks(tables, workload)
    clusters, points = _clusters(power)
    return TickState(
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
        leak_c1=float(power.leakage[0]),
        leak_c2=float(power.leakage[1]),
        leak_igate=float(power.leakage[2]),
        ambient_c=float(power.ambient_c),
        memory_power_w=float(power.base_power_w[0]),
        gpu_power_w=float(power.base_power_w[1]),
        gap_us=workload.gap_us,
        run=_records(RUN, 1, peak_c=power.ambient_c),
        random=np.array([workload.key], np.uint64),
        # At most one event of each PE is under way, next to the injection, the tick and the stop.
        events=np.zeros(num_pes + 4, EVENT),
        jobs=jobs,
        tasks=tasks,
        rows=_rows(tables, table_pe),
        exec_us=tables.exec_us,
        pred_task=tables.pred_task,
        succ_task=tables.succ_task,
        comm_us=tables.comm_us,
        comm_same_us=tables.comm_same_us,
        comm_to_memory_us=tables.comm_to_memory_us,
        comm_from_memory_us=tables.comm_from_memory_us,
        lists=np.zeros((NUM_LISTS, len(tasks)), np.int64),
        pes=_records(
            PE,
            num_pes,
            cluster=tables.pe_cluster,
            running=-1,
            last_done=-1,
            sampled_us=-1.0,
            idle=True,
        ),
        available_us=np.zeros(num_pes),
        lifetime=np.zeros(num_pes, np.int64),
        clusters=clusters,
        opps=points,
        profile_w=power.profile_w,
        thermal_a=power.thermal_a,
        thermal_b=power.thermal_b,
        temperature_c=np.full(len(power.thermal_a), power.ambient_c),
    )


def task_trace(state: TickState, select: npt.NDArray[np.int64]) -> TaskTrace:
    """Return the trace of the given global task numbers, in that order."""
    tasks = state.tasks[select]
    jobs = state.jobs[tasks["job"]]
    times = ("ready_us", "data_ready_us", "start_us", "finish_us", "energy_j")
    return TaskTrace(
        job=tasks["job"].copy(),
        app=jobs["app"].copy(),
        task=select - jobs["first_task"],
        pe=tasks["pe"].copy(),
        **{name: tasks[name].copy() for name in times},
    )


def simulate_ticks(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    table: Sequence[npt.ArrayLike] | None = None,
) -> TickState:
    """Simulate in a tick order and return the whole final state; see `run_tick`."""
    options = SocOptions(order="ds3") if options is None else options
    if scheduler not in SCHEDULERS:
        raise UnknownNameError("scheduler", scheduler, SCHEDULERS)
    if workload.app_index.max() >= len(applications):
        raise InvalidValueError(
            "app_index", int(workload.app_index.max()), f"below {len(applications)}"
        )
    tables = lower(platform, tuple(applications))
    power = lower_power(platform, options.governor)
    table_pe = _table_pe(tables, table, platform.num_pes)
    state = _initial_state(tables, power, workload, scheduler, options, table_pe)
    run_events(state)
    return state


def tick_result(state: TickState, record_trace: bool = False) -> SocResult:
    """Return the result of a finished simulation: the jobs injected before the horizon."""
    run = state.run[0]
    jobs = state.jobs[: run["next_job"]]
    finish = np.where(jobs["left"] == 0, jobs["finish_us"], np.nan)
    latency = (finish - jobs["arrival_us"])[finish >= state.warmup_us]
    done = state.lists[DONE, : run["num_done"]]
    counted = int(run["latency_count"])
    return SocResult(
        job_app=jobs["app"].copy(),
        arrival_us=jobs["arrival_us"].copy(),
        finish_us=finish,
        trace=task_trace(state, done) if record_trace else None,
        makespan_us=float(run["makespan_us"]),
        mean_latency_us=float(latency.mean()) if len(latency) else float("nan"),
        p95_latency_us=float(np.percentile(latency, 95)) if len(latency) else float("nan"),
        energy_j=float(run["energy_j"]),
        completed=int(run["completed"]),
        injected=len(jobs),
        mean_in_flight=float(run["in_flight_sum"] / len(jobs)) if len(jobs) else 0.0,
        scheduler_passes=int(run["passes"]),
        tasks=len(done),
        peak_temperature_c=float(run["peak_c"]),
        mean_latency_ds3_us=float(run["latency_us"] / counted) if counted else float("nan"),
    )


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
        Jobs are seen at the next whole µs. With ``ds3gym`` the gaps are a stream of draws: one is
        used after each injection, and one more at every look at a full system, so that draws and
        jobs do not pair one to one; nothing is injected after the last draw.
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
    state = simulate_ticks(platform, applications, workload, scheduler, options, table)
    return tick_result(state, record_trace)
