"""The scheduling pass of the tick orders: what the schedulers see, and what they decide."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.soc.scheduling import HEFT_RT, schedule
from chipgym.simulators.soc.socrates_heft import schedule_socrates_heft
from chipgym.simulators.soc.tick_power import slowdown
from chipgym.simulators.soc.tick_state import EXECUTABLE, READY

__all__ = ["schedule_ready"]

# DS3 reads a record that its purge has dropped as "finished at -1".
NO_RECORD_US = -1.0


@kernel
def _data_arrival(sim: Any, t: int, pe: int, now: float) -> float:
    """When the inputs of a task would be on a PE, assigned now; `now` for a task without inputs."""
    task = sim.tasks[t]
    row = sim.rows[task.row]
    first = sim.jobs[task.job].first_task
    cluster = sim.pes[pe].cluster
    arrival = -np.inf
    for edge in range(row.pred_begin, row.pred_end):
        source = sim.tasks[first + sim.pred_task[edge]]
        if sim.shared_memory:
            time = now + sim.comm_from_memory_us[edge, cluster]
        elif not source.recorded:
            # ... on the last resource, which is the memory.
            time = NO_RECORD_US + sim.comm_from_memory_us[edge, cluster]
        elif source.pe == pe:
            time = source.finish_us + sim.comm_same_us[edge]
        else:
            time = source.finish_us + sim.comm_us[edge, sim.pes[source.pe].cluster, cluster]
        arrival = max(arrival, time)
    return arrival if arrival > -np.inf else now


@kernel
def _call_scheduler(sim: Any, now: float, out_task: Any, out_pe: Any) -> int:
    """Gather what the schedulers see of the ready tasks and call one of them."""
    n = sim.run[0].num_ready
    num_pes = len(sim.pes)
    exec_us, delay_us = np.empty((n, num_pes)), np.empty((n, num_pes))
    rank, mean_exec = np.empty(n), np.empty(n)
    table_pe = np.empty(n, np.int64)
    slower, busy = np.empty(num_pes), np.empty(num_pes, np.bool_)
    for p in range(num_pes):
        slower[p] = slowdown(sim, sim.pes[p].cluster)
        busy[p] = not sim.pes[p].idle
    for k in range(n):
        t = sim.lists[READY, k]
        row = sim.rows[sim.tasks[t].row]
        rank[k], mean_exec[k], table_pe[k] = row.upward_rank, row.mean_exec_us, row.table_pe
        for p in range(num_pes):
            exec_us[k, p] = sim.exec_us[sim.tasks[t].row, p]
            delay_us[k, p] = max(_data_arrival(sim, t, p, now) - now, 0.0)
    int_scratch, float_scratch = np.empty((3, max(n, num_pes)), np.int64), np.empty(n)
    return int(
        schedule(
            sim.scheduler,
            n,
            exec_us,
            delay_us,
            slower,
            busy,
            now,
            sim.available_us,
            sim.lifetime,
            rank,
            mean_exec,
            table_pe,
            sim.random,
            int_scratch,
            float_scratch,
            out_task,
            out_pe,
        )
    )


@kernel
def schedule_ready(sim: Any, now: float) -> None:
    """One scheduler call over the whole ready list; the assigned tasks become executable."""
    run = sim.run[0]
    n = run.num_ready
    ready = sim.lists[READY]
    run.passes += 1
    out_task, out_pe = np.empty(n, np.int64), np.empty(n, np.int64)
    if sim.gym and sim.scheduler == HEFT_RT:
        made = schedule_socrates_heft(sim, now, out_task, out_pe)
    else:
        made = _call_scheduler(sim, now, out_task, out_pe)
    for k in range(made):
        t = ready[out_task[k]]
        sim.tasks[t].pe = out_pe[k]
        sim.tasks[t].data_ready_us = _data_arrival(sim, t, out_pe[k], now)
        _make_executable(sim, t)
    run.num_ready = 0
    for k in range(n):
        if sim.tasks[ready[k]].pe < 0:
            ready[run.num_ready] = ready[k]
            run.num_ready += 1


@kernel
def _make_executable(sim: Any, t: int) -> None:
    """Append to the executable list; DS3 keeps it sorted by job, stably."""
    run = sim.run[0]
    executable = sim.lists[EXECUTABLE]
    k = run.num_executable
    run.num_executable += 1
    if not sim.gym:
        while k > 0 and sim.tasks[executable[k - 1]].job > sim.tasks[t].job:
            executable[k] = executable[k - 1]
            k -= 1
    executable[k] = t
