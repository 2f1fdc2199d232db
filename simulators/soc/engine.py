"""Buffers of one clean-order run: allocated, grown, read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.kernel import DECISION, DONE, FULL, initialise
from chipgym.simulators.soc.layout import (
    F_ENERGY,
    F_FLIGHT_SUM,
    F_MAKESPAN,
    F_PEAK,
    FIRST_OFFSET,
    HEADER,
    K_APP_TASKS,
    K_CAP,
    K_CLUSTERS,
    K_PES,
    KF_WARMUP,
    S_CLUSTERS,
    S_COMPLETED,
    S_FREE,
    S_INJECTED,
    S_PASSES,
    S_SLOTS,
    S_STATUS,
    S_TASKS,
    S_TRACED,
    new_state,
    pack_static,
    state_views,
    static_views,
)
from chipgym.simulators.soc.lowering import lower, lower_power
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.result import SocResult, TaskTrace
from chipgym.simulators.soc.runner import run, run_earliest_task_first
from chipgym.simulators.soc.scheduling import ETF
from chipgym.simulators.soc.workload import Workload

__all__ = ["Run", "build_static", "check_workload", "pack_table"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A cap beyond this only reserves memory when the jobs really pile up.
FIRST_SLOTS = 64


def check_workload(applications: Sequence[Application], workload: Workload) -> None:
    """Raise `InvalidValueError` if the workload names an application that is not there."""
    highest = int(workload.app_index.max())
    if highest >= len(applications):
        raise InvalidValueError("app_index", highest, f"<= {len(applications) - 1}")


def pack_table(
    applications: Sequence[Application], table: Sequence[Sequence[int]], num_pes: int
) -> Ints:
    """Join per-application tables of PEs to one array over task rows, checked."""
    if len(table) != len(applications):
        raise InvalidValueError(
            "table", len(table), f"{len(applications)} rows, one an application"
        )
    for application, row in zip(applications, table, strict=True):
        if len(row) != len(application.tasks):
            raise InvalidValueError(
                f"table.{application.name}",
                len(row),
                f"{len(application.tasks)} entries, one a task",
            )
        for task, pe in enumerate(row):
            if not -1 <= pe < num_pes:
                raise InvalidValueError(
                    f"table.{application.name}.{task}", int(pe), f">= -1 and <= {num_pes - 1}"
                )
    return np.concatenate([np.asarray(row, dtype=np.int64) for row in table])


def build_static(
    platform: Platform,
    applications: Sequence[Application],
    options: SocOptions,
    *,
    table: Sequence[Sequence[int]] | None = None,
    oct_us: Floats | None = None,
    deadline_us: Floats | None = None,
    power_cap_w: float = np.inf,
) -> tuple[Ints, Floats]:
    """Lower and pack everything that does not change in a run."""
    return pack_static(
        lower(platform, tuple(applications)),
        lower_power(platform, options.governor),
        options,
        fit_step_us=platform.power.thermal_fit_step_us,
        table_pe=None if table is None else pack_table(applications, table, platform.num_pes),
        oct_us=oct_us,
        deadline_us=deadline_us,
        power_cap_w=power_cap_w,
    )


@dataclass
class Run:
    """One run: static buffers, workload, state, and the records that it fills.

    Attributes
    ----------
    ki, kf, si, sf : arrays
        Static and state buffers (`layout`).
    jobs : float64 array, shape (J, 2)
        Arrival and finish of each job; nan: did not happen.
    trace_i, trace_f : arrays, shapes (N, 4), (N, 5)
        Task records; no rows where no trace is kept.
    """

    ki: Ints
    kf: Floats
    workload: Workload
    record_trace: bool = False
    si: Ints = field(init=False)
    sf: Floats = field(init=False)
    jobs: Floats = field(init=False)
    trace_i: Ints = field(init=False)
    trace_f: Floats = field(init=False)

    def __post_init__(self) -> None:
        cap = int(self.ki[K_CAP])
        slots = min(cap, len(self.workload), FIRST_SLOTS)
        self.si, self.sf = new_state(
            slots, int(self.ki[K_APP_TASKS]), int(self.ki[K_PES]), int(self.ki[K_CLUSTERS])
        )
        self.jobs = np.full((len(self.workload), 2), np.nan)
        rows = self.total_tasks if self.record_trace else 0
        self.trace_i = np.zeros((rows, 4), dtype=np.int64)
        self.trace_f = np.zeros((rows, 5))
        initialise(self.ki, self.kf, self.si, self.sf, self.workload.key)

    @property
    def total_tasks(self) -> int:
        """Tasks of all jobs of the workload."""
        sizes = np.diff(static_views(self.ki, self.kf)["task_ptr"])
        return int(sizes[self.workload.app_index].sum())

    def grow(self) -> None:
        """Double the job slots, keeping the state."""
        old_ints, old_floats = self.si, self.sf
        slots = int(self.si[S_SLOTS])
        self.si, self.sf = new_state(
            2 * slots, int(self.ki[K_APP_TASKS]), int(self.ki[K_PES]), int(self.ki[K_CLUSTERS])
        )
        new = state_views(self.si, self.sf)
        for name, part in state_views(old_ints, old_floats).items():
            new[name][: len(part)] = part
        self.si[S_CLUSTERS + 1 : FIRST_OFFSET] = old_ints[S_CLUSTERS + 1 : FIRST_OFFSET]
        self.sf[:HEADER] = old_floats[:HEADER]
        new["slot_job"][slots:] = -1
        new["free_slots"][:slots] = np.arange(2 * slots - 1, slots - 1, -1)
        self.si[S_FREE] = slots
        self.si[S_STATUS] = DECISION

    def run(self, scheduler: int) -> None:
        """Run to the end with a built-in scheduler.

        Raises
        ------
        SimulationError
            Jobs are left and nothing can ever happen again.
        """
        while True:
            buffers = (
                self.ki,
                self.kf,
                self.si,
                self.sf,
                self.workload.app_index,
                self.workload.gap_us,
                self.jobs,
                self.trace_i,
                self.trace_f,
            )
            if scheduler == ETF:
                status = run_earliest_task_first(*buffers)
            else:
                status = run(scheduler, *buffers)
            if status == FULL:
                self.grow()
                continue
            if status != DONE:
                raise SimulationError(f"no progress possible (status {status})")
            return

    def result(self) -> SocResult:
        """Read the records back."""
        count, clock = self.si, self.sf
        latency = self.jobs[:, 1] - self.jobs[:, 0]
        measured = latency[np.isfinite(latency) & (self.jobs[:, 1] >= self.kf[KF_WARMUP])]
        rows = int(count[S_TRACED])
        trace = None
        if self.record_trace:
            ints, floats = self.trace_i[:rows].T.copy(), self.trace_f[:rows].T.copy()
            trace = TaskTrace(*ints, *floats)
        injected = int(count[S_INJECTED])
        return SocResult(
            job_app=self.workload.app_index,
            arrival_us=self.jobs[:, 0].copy(),
            finish_us=self.jobs[:, 1].copy(),
            trace=trace,
            makespan_us=float(clock[F_MAKESPAN]),
            mean_latency_us=float(measured.mean()) if len(measured) else float("nan"),
            p95_latency_us=float(np.percentile(measured, 95)) if len(measured) else float("nan"),
            energy_j=float(clock[F_ENERGY]),
            completed=int(count[S_COMPLETED]),
            injected=injected,
            mean_in_flight=float(clock[F_FLIGHT_SUM]) / max(injected, 1),
            scheduler_passes=int(count[S_PASSES]),
            tasks=int(count[S_TASKS]),
            peak_temperature_c=float(clock[F_PEAK]),
        )
