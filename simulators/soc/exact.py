"""Proven optima and bounds by constraint programming (OR-tools CP-SAT, extra ``[exact]``).

The model is the clean event order without its queue rules: every task once, on a supporting PE that
it does not share, after its predecessors' data have arrived (PE-to-PE delays in whole µs) and its
job has. A PE may be kept idle on purpose, so the optimum bounds every scheduler of the simulator
from below, and any solution is played by a scheduler that defers each task to its start time. There
is no cap on jobs in flight, and all arrivals are known in advance (clairvoyance).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.exact_model import (
    ConstraintModel,
    ExactSchedule,
    MissingSolverError,
    SolverLimits,
    arrivals_us,
)
from chipgym.simulators.soc.lowering import lower
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference import simulate_reference
from chipgym.simulators.soc.result import TaskTrace
from chipgym.simulators.soc.static import StaticSchedule, heft
from chipgym.simulators.soc.workload import Workload

__all__ = [
    "ExactSchedule",
    "MissingSolverError",
    "SolverLimits",
    "optimal_makespan",
    "optimal_stream",
]

Floats = npt.NDArray[np.float64]


def optimal_makespan(
    platform: Platform,
    application: Application,
    limits: SolverLimits | None = None,
    *,
    resolution_us: float = 1.0,
    hint: StaticSchedule | None = None,
) -> ExactSchedule:
    """Schedule one job for the least makespan.

    Parameters
    ----------
    platform, application : Platform, Application
    limits : SolverLimits, optional
    resolution_us : float
        Execution times must be multiples of it.
    hint : StaticSchedule, optional
        A schedule to start from; HEFT's by default.

    Raises
    ------
    MissingSolverError
        OR-tools is not installed.
    InvalidValueError
        An execution time is not a multiple of the resolution.
    """
    hint = hint or heft(platform, application)
    workload = Workload(np.zeros(1, dtype=np.int64), np.zeros(1))
    latest_us = np.array([hint.makespan_us])
    model = ConstraintModel(platform, (application,), workload, resolution_us, latest_us)
    model.hint([(0, t, int(hint.pe[t]), float(hint.start_us[t])) for t in range(len(hint.pe))])
    return model.solve("makespan", limits or SolverLimits())


def optimal_stream(
    platform: Platform,
    applications: Sequence[Application],
    workload: Workload,
    limits: SolverLimits | None = None,
    *,
    resolution_us: float = 1.0,
    hint: TaskTrace | None = None,
) -> ExactSchedule:
    """Schedule a stream of jobs, all arrivals known in advance, for the least total latency.

    Parameters
    ----------
    platform, applications, workload
        Jobs arrive at the cumulated gaps: no cap delays them.
    limits : SolverLimits, optional
    resolution_us : float
        Execution times and gaps must be multiples of it.
    hint : TaskTrace, optional
        A complete schedule of the workload to start from, as `simulate` records it (noise-free, at
        the highest frequencies). By default the better one of EFT, ETF and HEFT_RT.

    Raises
    ------
    MissingSolverError
        OR-tools is not installed.
    InvalidValueError
        A time is not a multiple of the resolution.
    """
    apps = tuple(applications)
    trace = hint or _best_heuristic(platform, apps, workload)
    latest_us = _latest_ends_us(platform, apps, workload, trace)
    model = ConstraintModel(platform, apps, workload, resolution_us, latest_us)
    model.hint(
        list(
            zip(
                trace.job.tolist(),
                trace.task.tolist(),
                trace.pe.tolist(),
                trace.start_us.tolist(),
                strict=True,
            )
        )
    )
    return model.solve("total_latency", limits or SolverLimits())


def _best_heuristic(
    platform: Platform, applications: tuple[Application, ...], workload: Workload
) -> TaskTrace:
    options = SocOptions(max_in_flight=len(workload))
    results = [
        simulate_reference(platform, applications, workload, name, options, record_trace=True)
        for name in ("EFT", "ETF", "HEFT_RT")
    ]
    trace = min(results, key=lambda result: result.mean_latency_us).trace
    assert trace is not None
    return trace


def _least_latency_us(platform: Platform, application: Application) -> float:
    """Longest path through a job with every task on its fastest PE and free communication."""
    tables = lower(platform, (application,))
    end = np.zeros(len(application.tasks))
    for task in application.topological_order:
        before = tables.pred_task[tables.pred_ptr[task] : tables.pred_ptr[task + 1]]
        end[task] = end[before].max(initial=0.0) + tables.exec_us[task].min()
    return float(end.max())


def _latest_ends_us(
    platform: Platform, applications: tuple[Application, ...], workload: Workload, trace: TaskTrace
) -> Floats:
    """Latest end of each job in any schedule whose total latency is not above the given one's.

    No job can take more than the total less what the others need at the least.
    """
    arrivals = arrivals_us(workload)
    ends = np.zeros(len(workload))
    np.maximum.at(ends, trace.job, trace.finish_us)
    least = np.array([_least_latency_us(platform, a) for a in applications])[workload.app_index]
    slack = (ends - arrivals).sum() - least.sum()
    return np.asarray(arrivals + least + slack)
