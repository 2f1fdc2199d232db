"""The typed view of a decision that heuristics and solvers read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.batch import SocBatch
from chipgym.envs.soc_scheduling.generator import Instance
from chipgym.envs.soc_scheduling.job_graphs import JobGraphs, view_jobs
from chipgym.envs.soc_scheduling.lookahead import Lookahead
from chipgym.envs.soc_scheduling.observation import estimate_row, ready_position, slowdown_of
from chipgym.envs.soc_scheduling.stepping import MAPPING, ORDERING, SCHEDULING
from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.kernel import wait_allowed
from chipgym.simulators.soc.layout import (
    AVAILABLE,
    EXEC,
    F_NOW,
    FAILED,
    K_PES,
    MEAN_EXEC,
    OCT,
    RANK,
    READY,
    RUNNING,
    S_APP_TASKS,
    S_PASSES,
    SLOT_APP,
    SLOT_JOB,
    TABLE_PE,
    TASK_SLOT,
)
from chipgym.simulators.soc.tasks import task_row

__all__ = ["SocProblem", "view_problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SocProblem:
    """One decision: n visible ready tasks in FIFO order, P processing elements. Times in µs.

    Attributes
    ----------
    time_us : float
    pass_index : int
        Grows by one at each new decision instant.
    num_slots, num_pes, num_ready : int
        Slots R, PEs P, tasks shown n.
    wait_action : int
        Action that leaves the remaining tasks until the next event; -1: the form has none.
    wait_allowed : bool
    ready_job, ready_app, ready_task, table_pe : int64, shape (n,)
        Job, application, task number, and static HEFT's PE (-1: none).
    exec_us, estimated_finish_us, delay_us, oct_us : float64, shape (n, P)
        Table time (inf: unsupported or failed), estimated finish and data delay from now, PEFT's
        optimistic cost.
    pe_available_us, slowdown, pe_busy : shape (P,)
        Estimated time until free, highest over present frequency, whether executing.
    upward_rank_us, mean_exec_us : float64, shape (n,)
    lookahead : Lookahead
        Answers what-if questions on what is known now, until the environment's next decision.
    instance : Instance
        The whole instance, arrivals to come included: for clairvoyant solvers and tests only.
    si, sf : arrays
        The simulator's state, from which `jobs` is built; like `lookahead` it holds until the
        environment's next decision.
    """

    form: int
    time_us: float
    pass_index: int
    num_slots: int
    num_pes: int
    num_ready: int
    wait_action: int
    wait_allowed: bool
    ready_job: Ints
    ready_app: Ints
    ready_task: Ints
    table_pe: Ints
    exec_us: Floats
    estimated_finish_us: Floats
    delay_us: Floats
    oct_us: Floats
    pe_available_us: Floats
    slowdown: Floats
    pe_busy: Bools
    upward_rank_us: Floats
    mean_exec_us: Floats
    lookahead: Lookahead
    instance: Instance
    si: Ints
    sf: Floats

    @cached_property
    def jobs(self) -> JobGraphs:
        """The graphs of the jobs in flight, built when first asked for."""
        instance = self.instance
        return view_jobs(instance.ki, instance.kf, self.si, self.sf, self.num_ready)

    def encode(self, slot: int, pe: int) -> int:
        """Return the action that puts a slot's task on a PE, as far as the form says both."""
        if self.form == MAPPING:
            return pe
        return slot if self.form == ORDERING else slot * self.num_pes + pe


@kernel
def _fill(
    ki: Any,
    kf: Any,
    si: Any,
    sf: Any,
    num_slots: int,
    total: int,
    ints: Any,
    task_floats: Any,
    pair_floats: Any,
    pe_floats: Any,
) -> int:
    """Fill a view's arrays and return n; ``ints[4, 0]`` says whether waiting is allowed."""
    pes = ki[K_PES]
    used = 0
    exec_now = np.empty(pes)
    while used < num_slots:
        position = ready_position(ki, kf, si, used)
        if position < 0:
            break
        task = si[si[READY] + position]
        slot = si[si[TASK_SLOT] + task]
        row = task_row(ki, si, task)
        ints[0, used] = si[si[SLOT_JOB] + slot]
        ints[1, used] = si[si[SLOT_APP] + slot]
        ints[2, used] = task - slot * si[S_APP_TASKS]
        ints[3, used] = ki[ki[TABLE_PE] + row]
        task_floats[0, used] = kf[ki[RANK] + row]
        task_floats[1, used] = kf[ki[MEAN_EXEC] + row]
        estimate_row(ki, kf, si, sf, task, exec_now, pair_floats[2, used], pair_floats[1, used])
        for p in range(pes):
            failed = si[si[FAILED] + p] != 0
            pair_floats[0, used, p] = np.inf if failed else kf[ki[EXEC] + row * pes + p]
            pair_floats[3, used, p] = kf[ki[OCT] + row * pes + p]
        used += 1
    for p in range(pes):
        pe_floats[0, p] = max(sf[si[AVAILABLE] + p] - sf[F_NOW], 0.0)
        pe_floats[1, p] = slowdown_of(ki, kf, si, p)
        pe_floats[2, p] = 1.0 if si[si[RUNNING] + p] >= 0 else 0.0
    ints[4, 0] = 1 if wait_allowed(ki, kf, si, sf, total) else 0
    return used


def view_problem(batch: SocBatch, row: int) -> SocProblem:
    """Return the present decision of a row."""
    slots, pes = batch.num_slots, batch.num_pes
    ints = np.empty((5, slots), dtype=np.int64)
    tasks = np.empty((2, slots))
    pairs = np.empty((4, slots, pes))
    per_pe = np.empty((3, pes))
    si, sf = batch.si[row], batch.sf[row]
    static = batch.static_row[row]
    total = int(batch.totals[row])
    n = _fill(batch.ki[static], batch.kf[static], si, sf, slots, total, ints, tasks, pairs, per_pe)
    instance = batch.instances[row]
    assert instance is not None
    scheduling = batch.form == SCHEDULING
    return SocProblem(
        form=batch.form,
        time_us=float(sf[F_NOW]),
        pass_index=int(si[S_PASSES]),
        num_slots=slots,
        num_pes=pes,
        num_ready=n,
        wait_action=slots * pes if scheduling else -1,
        wait_allowed=bool(ints[4, 0]) and scheduling,
        ready_job=ints[0, :n],
        ready_app=ints[1, :n],
        ready_task=ints[2, :n],
        table_pe=ints[3, :n],
        exec_us=pairs[0, :n],
        estimated_finish_us=pairs[1, :n],
        delay_us=pairs[2, :n],
        oct_us=pairs[3, :n],
        pe_available_us=per_pe[0],
        slowdown=per_pe[1],
        pe_busy=per_pe[2] > 0,
        upward_rank_us=tasks[0, :n],
        mean_exec_us=tasks[1, :n],
        lookahead=Lookahead(batch, row),
        instance=instance,
        si=si,
        sf=sf,
    )
