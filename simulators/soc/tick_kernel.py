"""The tick orders as a kernel: DS3's event queue, and SoCRATES' variant of it.

Every µs a tick schedules what is ready and starts what can start; injections and ends of execution
windows are events of their own, ordered by (time, class, sequence number). Sources: Arda et al., DS3,
IEEE Transactions on Computers 2020, and the SoCRATES simulator (EpiSci, MIT), both in the form of
their public implementations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel
from chipgym.simulators.core.random import keyed_normal
from chipgym.simulators.soc.scheduling import HEFT_RT, schedule
from chipgym.simulators.soc.socrates_heft import schedule_socrates_heft
from chipgym.simulators.soc.tick_power import (
    J_PER_W_US,
    book_energy,
    evaluate_pe,
    idle_pass,
    slowdown,
    window_power,
)
from chipgym.simulators.soc.tick_state import (
    BEGIN,
    COMPLETED,
    END,
    FIRST_RECORDED,
    IN_FLIGHT,
    IN_FLIGHT_SUM,
    INJECT,
    LAST_RECORDED,
    LATENCY_COUNT,
    LATENCY_US,
    MAKESPAN_US,
    NEXT_GAP,
    NEXT_JOB,
    NUM_DONE,
    NUM_EVENTS,
    NUM_EXECUTABLE,
    NUM_READY,
    NUM_WAITING,
    PASSES,
    REDRAW,
    START,
    STOP,
    TICK,
    WINDOW,
    pop_event,
    push_event,
)

__all__ = ["run_events"]

URGENT, NORMAL = 0, 1
TICK_US = 1.0
# DS3 drops records of its oldest job once its completed tasks span more than this many jobs.
PURGE_SPAN = 15
# SoCRATES' main loop stops this long before the horizon.
GYM_MARGIN_US = 2.0
NO_RECORD_US = -1.0


@kernel
def _create_job(model: Any, state: Any, tables: Any, now: float) -> None:
    job = state.counter[NEXT_JOB]
    state.counter[NEXT_JOB] += 1
    state.counter[IN_FLIGHT] += 1
    state.counter[IN_FLIGHT_SUM] += state.counter[IN_FLIGHT]
    state.arrival_us[job] = now
    for task in range(model.job_ptr[job], model.job_ptr[job + 1]):
        row = model.task_row[task]
        state.missing[task] = tables.pred_ptr[row + 1] - tables.pred_ptr[row]
        if state.missing[task] == 0:
            _make_ready(state, task, now)


@kernel
def _make_ready(state: Any, task: int, now: float) -> None:
    state.ready_us[task] = now
    state.ready[state.counter[NUM_READY]] = task
    state.counter[NUM_READY] += 1


@kernel
def _jobs_left(model: Any, state: Any) -> bool:
    return bool(state.counter[NEXT_JOB] < len(model.job_app))


@kernel
def _inject(model: Any, state: Any, tables: Any, now: float) -> None:
    """Create a job unless the cap is reached, and queue the next attempt."""
    fill = model.steady_state_fill and state.counter[NEXT_JOB] == 0
    if state.counter[IN_FLIGHT] >= model.max_in_flight:
        # DS3 looks again after the wait; SoCRATES draws a fresh gap then, and waits for it as well.
        push_event(state, now + TICK_US, NORMAL, REDRAW if model.gym else INJECT, 0)
        return
    _create_job(model, state, tables, now)
    while fill and _jobs_left(model, state) and state.counter[IN_FLIGHT] < model.max_in_flight:
        _create_job(model, state, tables, now)
    _await_gap(model, state, now)


@kernel
def _await_gap(model: Any, state: Any, now: float) -> None:
    """Queue the next injection after the next gap; an exhausted stream injects nothing more."""
    draw = state.counter[NEXT_GAP]
    if _jobs_left(model, state) and draw < len(model.gap_us):
        state.counter[NEXT_GAP] += 1
        push_event(state, now + model.gap_us[draw], NORMAL, INJECT, 0)


@kernel
def _data_arrival(model: Any, state: Any, tables: Any, task: int, pe: int, now: float) -> float:
    """When the inputs of a task would be on a PE, assigned now; `now` for a task without inputs."""
    row = model.task_row[task]
    first = model.job_ptr[model.task_job[task]]
    cluster = tables.pe_cluster[pe]
    arrival = -np.inf
    for edge in range(tables.pred_ptr[row], tables.pred_ptr[row + 1]):
        source = first + tables.pred_task[edge]
        if model.shared_memory:
            time = now + tables.comm_from_memory_us[edge, cluster]
        elif not state.recorded[source]:
            # A purged record reads as "finished at -1 on the last resource", which is the memory.
            time = NO_RECORD_US + tables.comm_from_memory_us[edge, cluster]
        elif state.task_pe[source] == pe:
            time = state.finish_us[source] + tables.comm_same_us[edge]
        else:
            from_cluster = tables.pe_cluster[state.task_pe[source]]
            time = state.finish_us[source] + tables.comm_us[edge, from_cluster, cluster]
        arrival = max(arrival, time)
    return arrival if arrival > -np.inf else now


@kernel
def _schedule_ready(model: Any, state: Any, tables: Any, power: Any, now: float) -> None:
    """One scheduler call over the whole ready list; the assigned tasks become executable."""
    n = state.counter[NUM_READY]
    num_pes = len(state.idle)
    state.counter[PASSES] += 1
    out_task = np.empty(n, np.int64)
    out_pe = np.empty(n, np.int64)
    if model.gym and model.scheduler == HEFT_RT:
        made = schedule_socrates_heft(model, state, tables, now, out_task, out_pe)
    else:
        exec_us = np.empty((n, num_pes))
        delay_us = np.empty((n, num_pes))
        rank, mean_exec = np.empty(n), np.empty(n)
        table_pe = np.empty(n, np.int64)
        for k in range(n):
            task = state.ready[k]
            row = model.task_row[task]
            rank[k], mean_exec[k] = tables.upward_rank[row], tables.mean_exec_us[row]
            table_pe[k] = model.table_pe[row]
            for p in range(num_pes):
                exec_us[k, p] = tables.exec_us[row, p]
                arrival = _data_arrival(model, state, tables, task, p, now)
                delay_us[k, p] = max(arrival - now, 0.0)
        slower = np.empty(num_pes)
        for p in range(num_pes):
            slower[p] = slowdown(state, power, tables.pe_cluster[p])
        made = schedule(
            model.scheduler,
            n,
            exec_us,
            delay_us,
            slower,
            ~state.idle,
            now,
            state.available_us,
            state.lifetime,
            rank,
            mean_exec,
            table_pe,
            state.random,
            np.empty((3, max(n, num_pes)), np.int64),
            np.empty(n),
            out_task,
            out_pe,
        )
    for k in range(made):
        task = state.ready[out_task[k]]
        state.task_pe[task] = out_pe[k]
        state.data_ready_us[task] = _data_arrival(model, state, tables, task, out_pe[k], now)
        _make_executable(model, state, task)
    left = 0
    for k in range(n):
        if state.task_pe[state.ready[k]] < 0:
            state.ready[left] = state.ready[k]
            left += 1
    state.counter[NUM_READY] = left


@kernel
def _make_executable(model: Any, state: Any, task: int) -> None:
    """Append to the executable list; DS3 keeps it sorted by job, stably."""
    k = state.counter[NUM_EXECUTABLE]
    state.counter[NUM_EXECUTABLE] += 1
    if not model.gym:
        while k > 0 and model.task_job[state.executable[k - 1]] > model.task_job[task]:
            state.executable[k] = state.executable[k - 1]
            k -= 1
    state.executable[k] = task


@kernel
def _start_executable(state: Any, now: float) -> None:
    """Start, in list order, the tasks whose data have come and whose PE is free."""
    left = 0
    for k in range(state.counter[NUM_EXECUTABLE]):
        task = state.executable[k]
        after = state.after[task]
        blocked = after >= 0 and not state.recorded[after]
        pe = state.task_pe[task]
        if state.data_ready_us[task] <= now and not state.occupied[pe] and not blocked:
            state.occupied[pe] = True
            push_event(state, now, URGENT, START, task)
        else:
            state.executable[left] = task
            left += 1
    state.counter[NUM_EXECUTABLE] = left


@kernel
def _take_from_memory(state: Any, now: float) -> None:
    """Shared memory: tasks whose data have reached the memory become ready."""
    left = 0
    for k in range(state.counter[NUM_WAITING]):
        task = state.waiting[k]
        if state.time_stamp[task] <= now:
            _make_ready(state, task, now)
        else:
            state.waiting[left] = task
            left += 1
    state.counter[NUM_WAITING] = left


@kernel
def _tick(model: Any, state: Any, tables: Any, power: Any, now: float) -> None:
    if now % model.window_us == 0.0:
        idle_pass(model, state, tables, power, now)
    if model.gym and now > model.horizon_us - GYM_MARGIN_US:
        return
    if model.shared_memory:
        _take_from_memory(state, now)
    if state.counter[NUM_READY] > 0:
        _schedule_ready(model, state, tables, power, now)
    _start_executable(state, now)
    push_event(state, now + TICK_US, NORMAL, TICK, 0)


@kernel
def _begin(model: Any, state: Any, tables: Any, power: Any, task: int, now: float) -> None:
    pe = state.task_pe[task]
    state.idle[pe] = False
    state.running[pe] = task
    state.start_us[task] = now
    work = tables.exec_us[model.task_row[task], pe]
    if model.noise_std > 0.0 and work > 0.0:
        job = model.task_job[task]
        noise = keyed_normal(model.key, job, task - model.job_ptr[job])
        work = max(math.floor(work + model.noise_std * work * noise + 0.5), 1.0)
    state.work_us[task] = work
    _open_window(model, state, tables, power, task, now)


@kernel
def _open_window(model: Any, state: Any, tables: Any, power: Any, task: int, now: float) -> None:
    """Run a task to its end or to the next sampling instant, at the present frequency."""
    pe = state.task_pe[task]
    slower = slowdown(state, power, tables.pe_cluster[pe])
    window = model.window_us - now % model.window_us
    left = state.work_us[task] - state.elapsed_us[task]
    predicted = left + left * (slower - 1.0)
    duration = predicted
    if predicted > window:
        duration = window
        state.elapsed_us[task] += window / slower
    energy_j = window_power(state, tables, power, pe) * duration * J_PER_W_US
    state.energy_j[task] += energy_j
    book_energy(model, state, now, energy_j)
    push_event(state, now + duration, NORMAL, WINDOW if predicted > window else END, task)


@kernel
def _purge(model: Any, state: Any) -> None:
    """DS3's purge: once records span too many jobs, every other record of the oldest one goes."""
    first = state.counter[FIRST_RECORDED]
    while first < len(state.num_records) and state.num_records[first] == 0:
        first += 1
    state.counter[FIRST_RECORDED] = first
    if state.counter[LAST_RECORDED] - first <= PURGE_SPAN:
        return
    base = model.job_ptr[first]
    kept = 0
    for k in range(state.num_records[first]):
        task = state.records[base + k]
        if k % 2 == 0:
            state.recorded[task] = False
        else:
            state.records[base + kept] = task
            kept += 1
    state.num_records[first] = kept


@kernel
def _complete_job(model: Any, state: Any, tables: Any, job: int, now: float) -> None:
    state.counter[IN_FLIGHT] -= 1
    _purge(model, state)
    if now >= model.warmup_us:
        state.total[MAKESPAN_US] = now
        state.counter[LATENCY_COUNT] += 1
        for task in range(model.job_ptr[job], model.job_ptr[job + 1]):
            row = model.task_row[task]
            is_head = tables.pred_ptr[row] == tables.pred_ptr[row + 1]
            if is_head and state.recorded[task]:
                state.total[LATENCY_US] += now - state.arrival_us[job]
                break
    state.counter[COMPLETED] += 1
    if state.counter[COMPLETED] == len(model.job_app):
        push_event(state, now, NORMAL, STOP, 0)


@kernel
def _release_successors(model: Any, state: Any, tables: Any, task: int, now: float) -> None:
    """Successors without missing predecessors become ready, in order of task number."""
    row = model.task_row[task]
    first = model.job_ptr[model.task_job[task]]
    cluster = tables.pe_cluster[state.task_pe[task]]
    for k in range(tables.succ_ptr[row], tables.succ_ptr[row + 1]):
        successor = first + tables.succ_task[k]
        state.missing[successor] -= 1
        if model.shared_memory:
            next_row = model.task_row[successor]
            for edge in range(tables.pred_ptr[next_row], tables.pred_ptr[next_row + 1]):
                if first + tables.pred_task[edge] == task:
                    stored = now + tables.comm_to_memory_us[edge, cluster]
                    state.time_stamp[successor] = max(state.time_stamp[successor], stored)
        if state.missing[successor] > 0:
            continue
        if model.shared_memory:
            state.waiting[state.counter[NUM_WAITING]] = successor
            state.counter[NUM_WAITING] += 1
        else:
            _make_ready(state, successor, now)


@kernel
def _end(model: Any, state: Any, tables: Any, power: Any, task: int, now: float) -> None:
    job = model.task_job[task]
    pe = state.task_pe[task]
    state.finish_us[task] = math.floor(now)
    state.idle[pe] = True
    state.running[pe] = -1
    state.job_left[job] -= 1
    state.job_finish_us[job] = max(state.job_finish_us[job], state.finish_us[task])
    if state.job_left[job] == 0:
        _complete_job(model, state, tables, job, now)
    state.records[model.job_ptr[job] + state.num_records[job]] = task
    state.num_records[job] += 1
    state.recorded[task] = True
    state.counter[FIRST_RECORDED] = min(state.counter[FIRST_RECORDED], job)
    state.counter[LAST_RECORDED] = max(state.counter[LAST_RECORDED], job)
    state.previous_done[task] = state.last_done[pe]
    state.last_done[pe] = task
    state.done[state.counter[NUM_DONE]] = task
    state.counter[NUM_DONE] += 1
    _release_successors(model, state, tables, task, now)
    evaluate_pe(model, state, tables, power, pe, now)
    state.occupied[pe] = False


@kernel
def run_events(model: Any, state: Any, tables: Any, power: Any) -> None:
    """Run from time 0 until every job is completed, the horizon, or nothing is left to happen."""
    push_event(state, 0.0, URGENT, INJECT, 0)
    push_event(state, 0.0, URGENT, TICK, 0)
    while state.counter[NUM_EVENTS] > 0:
        now, kind, argument = pop_event(state)
        if now >= model.horizon_us or kind == STOP:
            return
        if kind == INJECT:
            _inject(model, state, tables, now)
        elif kind == REDRAW:
            _await_gap(model, state, now)
        elif kind == TICK:
            _tick(model, state, tables, power, now)
        elif kind == START:
            push_event(state, now, NORMAL, BEGIN, argument)
        elif kind == BEGIN:
            _begin(model, state, tables, power, argument, now)
        elif kind == END:
            _end(model, state, tables, power, argument, now)
        else:
            evaluate_pe(model, state, tables, power, state.task_pe[argument], now)
            _open_window(model, state, tables, power, argument, now)
