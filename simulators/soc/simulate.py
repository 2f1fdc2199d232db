"""The simulator as a pure function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.engine import Run, build_static, check_workload
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.result import SocResult
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.workload import Workload

__all__ = ["SIMULATOR_VERSION", "simulate", "simulate_batch"]

SIMULATOR_VERSION = "1.0.0"


def simulate(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    *,
    table: Sequence[Sequence[int]] | None = None,
    record_trace: bool = False,
) -> SocResult:
    """Simulate a stream of jobs under a built-in scheduler. A pure function of its arguments.

    Parameters
    ----------
    platform : Platform
    applications : sequence of Application
        What the workload's ``app_index`` refers to.
    workload : Workload
    scheduler : str
        MET, EFT, ETF, ETF_LB, STF, HEFT_RT (by upward rank), CEDR_HEFT_RT (by mean execution time),
        random (uniform over supporting PEs, drawn from the workload's key) or table.
    options : SocOptions, optional
    table : sequence of integer sequences, optional
        For ``scheduler="table"``: the PE of each task of each application, -1 to fall back to EFT.
    record_trace : bool
        Keep one record a task.

    Raises
    ------
    InvalidValueError, UnknownNameError
        Something is out of range, or a task has no execution time on the platform.
    """
    return simulate_batch(
        platform,
        applications,
        [workload],
        scheduler,
        options,
        table=table,
        record_trace=record_trace,
        threads=1,
    )[0]


def simulate_batch(
    platform: Platform,
    applications: Sequence[Application],
    workloads: Sequence[Workload],
    scheduler: str = "ETF",
    options: SocOptions | None = None,
    *,
    table: Sequence[Sequence[int]] | None = None,
    record_trace: bool = False,
    threads: int | None = None,
) -> list[SocResult]:
    """Simulate several workloads in parallel threads; results in the order of the workloads.

    Parameters are those of `simulate`; `threads` defaults to the number of processors.
    """
    options = options or SocOptions()
    apps = tuple(applications)
    if scheduler not in SCHEDULERS:
        raise UnknownNameError("scheduler", scheduler, SCHEDULERS)
    if (table is not None) != (scheduler == "table"):
        raise InvalidValueError("table", table, "given exactly when scheduler is 'table'")
    for workload in workloads:
        check_workload(apps, workload)
    if options.order != "clean":
        from chipgym.simulators.soc.tick_engine import run_tick

        return [
            run_tick(platform, apps, w, scheduler, options, record_trace, table=table)
            for w in workloads
        ]
    ki, kf = build_static(platform, apps, options, table=table)

    def one(workload: Workload) -> SocResult:
        run = Run(ki, kf, workload, record_trace)
        run.run(SCHEDULERS[scheduler])
        return run.result()

    count = min(threads or os.cpu_count() or 1, len(workloads))
    if count <= 1:
        return [one(workload) for workload in workloads]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, workloads))
