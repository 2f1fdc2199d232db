"""The tick orders as a kernel: DS3's event queue, and SoCRATES' variant of it.

Every µs a tick schedules what is ready and starts what can start; injections and ends of
execution windows are events of their own, ordered by (time, class, sequence number). Sources: Arda
et al., DS3, IEEE Transactions on Computers 2020, and the SoCRATES simulator (EpiSci, MIT), both in
the form of their public implementations.
"""

from __future__ import annotations

import math
from typing import Any

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.core.random import keyed_normal
from chipgym.simulators.soc.tick_power import (
    J_PER_W_US,
    book_energy,
    evaluate_pe,
    idle_pass,
    slowdown,
    window_power,
)
from chipgym.simulators.soc.tick_schedule import schedule_ready
from chipgym.simulators.soc.tick_state import (
    BEGIN,
    DONE,
    END,
    EXECUTABLE,
    INJECT,
    NO_TASK,
    NORMAL,
    READY,
    RECORDS,
    REDRAW,
    START,
    STOP,
    TICK,
    URGENT,
    WAITING,
    WINDOW,
    pop_event,
    push_event,
)

__all__ = ["run_events"]

TICK_US = 1.0
# DS3 drops records of its oldest job once its completed tasks span more than this many jobs.
PURGE_SPAN = 15
# SoCRATES' main loop stops this long before the horizon.
GYM_MARGIN_US = 2.0


@kernel
def _create_job(sim: Any, now: float) -> None:
    run = sim.run[0]
    job = sim.jobs[run.next_job]
    run.next_job += 1
    run.in_flight += 1
    run.in_flight_sum += run.in_flight
    job.arrival_us = now
    for t in range(job.first_task, job.end_task):
        if sim.tasks[t].missing == 0:
            _make_ready(sim, t, now)


@kernel
def _make_ready(sim: Any, t: int, now: float) -> None:
    run = sim.run[0]
    sim.tasks[t].ready_us = now
    sim.lists[READY, run.num_ready] = t
    run.num_ready += 1


@kernel
def _inject(sim: Any, now: float) -> None:
    """Create a job unless the cap is reached, and queue the next attempt."""
    run = sim.run[0]
    if run.in_flight >= sim.max_in_flight:
        # DS3 looks again after the wait; SoCRATES draws a fresh gap then, and waits for it as well.
        push_event(sim, now + TICK_US, NORMAL, REDRAW if sim.gym else INJECT, NO_TASK)
        return
    fill = sim.steady_state_fill and run.next_job == 0
    _create_job(sim, now)
    while fill and run.next_job < len(sim.jobs) and run.in_flight < sim.max_in_flight:
        _create_job(sim, now)
    _await_gap(sim, now)


@kernel
def _await_gap(sim: Any, now: float) -> None:
    """Queue the next injection after the next gap; an exhausted stream injects nothing more."""
    run = sim.run[0]
    if run.next_job < len(sim.jobs) and run.next_gap < len(sim.gap_us):
        push_event(sim, now + sim.gap_us[run.next_gap], NORMAL, INJECT, NO_TASK)
        run.next_gap += 1


@kernel
def _start_executable(sim: Any, now: float) -> None:
    """Start, in list order, the tasks whose data have come and whose PE is free."""
    run = sim.run[0]
    executable = sim.lists[EXECUTABLE]
    n = run.num_executable
    run.num_executable = 0
    for k in range(n):
        t = executable[k]
        task = sim.tasks[t]
        blocked = task.after >= 0 and not sim.tasks[task.after].recorded
        if task.data_ready_us <= now and not sim.pes[task.pe].occupied and not blocked:
            sim.pes[task.pe].occupied = True
            push_event(sim, now, URGENT, START, t)
        else:
            executable[run.num_executable] = t
            run.num_executable += 1


@kernel
def _take_from_memory(sim: Any, now: float) -> None:
    """Shared memory: tasks whose data have reached the memory become ready."""
    run = sim.run[0]
    waiting = sim.lists[WAITING]
    n = run.num_waiting
    run.num_waiting = 0
    for k in range(n):
        if sim.tasks[waiting[k]].in_memory_us <= now:
            _make_ready(sim, waiting[k], now)
        else:
            waiting[run.num_waiting] = waiting[k]
            run.num_waiting += 1


@kernel
def _tick(sim: Any, now: float) -> None:
    if now % sim.window_us == 0.0:
        idle_pass(sim, now)
    if sim.gym and now > sim.horizon_us - GYM_MARGIN_US:
        return
    if sim.shared_memory:
        _take_from_memory(sim, now)
    if sim.run[0].num_ready > 0:
        schedule_ready(sim, now)
    _start_executable(sim, now)
    push_event(sim, now + TICK_US, NORMAL, TICK, NO_TASK)


@kernel
def _begin(sim: Any, t: int, now: float) -> None:
    task = sim.tasks[t]
    sim.pes[task.pe].idle = False
    sim.pes[task.pe].running = t
    task.start_us = now
    task.work_us = sim.exec_us[task.row, task.pe]
    if sim.noise_std > 0.0 and task.work_us > 0.0:
        number = t - sim.jobs[task.job].first_task
        noise_us = sim.noise_std * task.work_us * keyed_normal(sim.key, task.job, number)
        task.work_us = max(math.floor(task.work_us + noise_us + 0.5), 1.0)
    _open_window(sim, t, now)


@kernel
def _open_window(sim: Any, t: int, now: float) -> None:
    """Run a task to its end or to the next sampling instant, at the present frequency."""
    task = sim.tasks[t]
    slower = slowdown(sim, sim.pes[task.pe].cluster)
    window = sim.window_us - now % sim.window_us
    left = task.work_us - task.elapsed_us
    predicted = left + left * (slower - 1.0)
    ends = predicted <= window
    duration = predicted if ends else window
    if not ends:
        task.elapsed_us += window / slower
    energy_j = window_power(sim, task.pe) * duration * J_PER_W_US
    task.energy_j += energy_j
    book_energy(sim, now, energy_j)
    push_event(sim, now + duration, NORMAL, END if ends else WINDOW, t)


@kernel
def _purge(sim: Any) -> None:
    """DS3's purge: once records span too many jobs, every other record of the oldest one goes."""
    run = sim.run[0]
    while run.first_recorded < len(sim.jobs) and sim.jobs[run.first_recorded].num_records == 0:
        run.first_recorded += 1
    if run.last_recorded - run.first_recorded <= PURGE_SPAN:
        return
    job = sim.jobs[run.first_recorded]
    records = sim.lists[RECORDS, job.first_task : job.end_task]
    kept = 0
    for k in range(job.num_records):
        if k % 2 == 0:
            sim.tasks[records[k]].recorded = False
        else:
            records[kept] = records[k]
            kept += 1
    job.num_records = kept


@kernel
def _complete_job(sim: Any, j: int, now: float) -> None:
    run = sim.run[0]
    job = sim.jobs[j]
    run.in_flight -= 1
    _purge(sim)
    if now >= sim.warmup_us:
        run.makespan_us = now
        run.latency_count += 1
        for t in range(job.first_task, job.end_task):
            row = sim.rows[sim.tasks[t].row]
            if row.pred_begin == row.pred_end and sim.tasks[t].recorded:
                run.latency_us += now - job.arrival_us
                break
    run.completed += 1
    if run.completed == len(sim.jobs):
        push_event(sim, now, NORMAL, STOP, NO_TASK)


@kernel
def _stored_in_memory(sim: Any, t: int, successor: int, now: float) -> float:
    """Shared memory: when the data of a task that ends now for a successor reach the memory."""
    first = sim.jobs[sim.tasks[t].job].first_task
    row = sim.rows[sim.tasks[successor].row]
    for edge in range(row.pred_begin, row.pred_end):
        if first + sim.pred_task[edge] == t:
            return float(now + sim.comm_to_memory_us[edge, sim.pes[sim.tasks[t].pe].cluster])
    return now


@kernel
def _release_successors(sim: Any, t: int, now: float) -> None:
    """Successors without missing predecessors become ready, in order of task number."""
    run = sim.run[0]
    row = sim.rows[sim.tasks[t].row]
    first = sim.jobs[sim.tasks[t].job].first_task
    for k in range(row.succ_begin, row.succ_end):
        successor = first + sim.succ_task[k]
        task = sim.tasks[successor]
        task.missing -= 1
        if sim.shared_memory:
            task.in_memory_us = max(task.in_memory_us, _stored_in_memory(sim, t, successor, now))
        if task.missing == 0 and sim.shared_memory:
            sim.lists[WAITING, run.num_waiting] = successor
            run.num_waiting += 1
        elif task.missing == 0:
            _make_ready(sim, successor, now)


@kernel
def _record(sim: Any, t: int) -> None:
    """Put a completed task on record."""
    run = sim.run[0]
    task = sim.tasks[t]
    job = sim.jobs[task.job]
    sim.lists[RECORDS, job.first_task + job.num_records] = t
    job.num_records += 1
    task.recorded = True
    run.first_recorded = min(run.first_recorded, task.job)
    run.last_recorded = max(run.last_recorded, task.job)
    task.previous_done = sim.pes[task.pe].last_done
    sim.pes[task.pe].last_done = t
    sim.lists[DONE, run.num_done] = t
    run.num_done += 1


@kernel
def _end(sim: Any, t: int, now: float) -> None:
    task = sim.tasks[t]
    job = sim.jobs[task.job]
    pe = sim.pes[task.pe]
    task.finish_us = math.floor(now)
    pe.idle = True
    pe.running = -1
    job.left -= 1
    job.finish_us = max(job.finish_us, task.finish_us)
    if job.left == 0:
        _complete_job(sim, task.job, now)
    _record(sim, t)
    _release_successors(sim, t, now)
    evaluate_pe(sim, task.pe, now)
    pe.occupied = False


@kernel
def run_events(sim: Any) -> None:
    """Run from time 0 until every job is completed, the horizon, or nothing is left to happen."""
    push_event(sim, 0.0, URGENT, INJECT, NO_TASK)
    push_event(sim, 0.0, URGENT, TICK, NO_TASK)
    while sim.run[0].num_events > 0:
        now, kind, t = pop_event(sim)
        if now >= sim.horizon_us or kind == STOP:
            return
        if kind == INJECT:
            _inject(sim, now)
        elif kind == REDRAW:
            _await_gap(sim, now)
        elif kind == TICK:
            _tick(sim, now)
        elif kind == START:
            push_event(sim, now, NORMAL, BEGIN, t)
        elif kind == BEGIN:
            _begin(sim, t, now)
        elif kind == END:
            _end(sim, t, now)
        else:
            evaluate_pe(sim, sim.tasks[t].pe, now)
            _open_window(sim, t, now)
