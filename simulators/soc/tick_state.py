"""State of a tick-order simulation: plain arrays, and the queue of timed events."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.numba import kernel

__all__ = ["TickModel", "TickState", "pop_event", "push_event"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Kinds of events; the number that travels with them is a PE, or a task for START and BEGIN.
INJECT, REDRAW, TICK, START, BEGIN, WINDOW, END, STOP = range(8)
# Positions in TickState.counter.
(
    SEQUENCE,
    NUM_EVENTS,
    NEXT_JOB,
    NEXT_GAP,
    IN_FLIGHT,
    COMPLETED,
    NUM_READY,
    NUM_WAITING,
    NUM_EXECUTABLE,
    NUM_DONE,
    PASSES,
    IN_FLIGHT_SUM,
    LATENCY_COUNT,
    FIRST_RECORDED,
    LAST_RECORDED,
    NUM_COUNTERS,
) = range(16)
# Positions in TickState.total.
ENERGY_J, LATENCY_US, MAKESPAN_US, PEAK_C, NUM_TOTALS = range(5)


class TickModel(NamedTuple):
    """What selects the model, next to the tables."""

    gym: bool  # SoCRATES' arrival, queue and window rules
    shared_memory: bool
    steady_state_fill: bool
    scheduler: int
    max_in_flight: int
    window_us: float  # sampling period: length of an execution window
    thermal_us: float
    horizon_us: float
    warmup_us: float
    noise_std: float
    key: int
    job_app: Ints  # (J,)
    gap_us: Floats  # (gaps,)
    job_ptr: Ints  # (J+1,) first task of each job
    task_job: Ints  # (G,) job of each task
    task_row: Ints  # (G,) row of each task in the tables
    table_pe: Ints  # (T,) PE of each task row for the table scheduler, -1: none


class TickState(NamedTuple):
    """Everything that changes. J jobs, G tasks in all, P PEs, C clusters, Q queued events."""

    counter: Ints
    total: Floats
    random: npt.NDArray[np.uint64]  # (1,)
    event_time: Floats  # (Q,) binary heap by (time, class, sequence)
    event_key: Ints  # (Q, 4) class, sequence, kind, argument
    arrival_us: Floats  # (J,)
    job_finish_us: Floats  # (J,)
    job_left: Ints  # (J,) tasks not completed
    num_records: Ints  # (J,) records kept of each job
    records: Ints  # (G,) the records of each job, in order of completion, from its first task on
    recorded: Bools  # (G,) the task's completion is still on record
    missing: Ints  # (G,) predecessors not completed
    ready: Ints  # (G,) ready list
    waiting: Ints  # (G,) shared memory: data on their way to memory
    executable: Ints  # (G,) assigned tasks
    done: Ints  # (G,) completed tasks, in order
    task_pe: Ints  # (G,)
    after: Ints  # (G,) task that must be completed first (SoCRATES' HEFT_RT), -1: none
    time_stamp: Floats  # (G,) shared memory: data in memory
    ready_us: Floats  # (G,)
    data_ready_us: Floats  # (G,)
    start_us: Floats  # (G,)
    finish_us: Floats  # (G,) truncated
    work_us: Floats  # (G,) execution time at the highest frequency, with noise
    elapsed_us: Floats  # (G,) work done
    energy_j: Floats  # (G,)
    occupied: Bools  # (P,) something is queued or running
    idle: Bools  # (P,) nothing has begun
    running: Ints  # (P,) task that has begun, -1: none
    last_done: Ints  # (P,) last completed task of the PE, -1: none
    previous_done: Ints  # (G,) the completed task before it on its PE, -1: none
    available_us: Floats  # (P,) the schedulers' estimate
    lifetime: Ints  # (P,)
    sampled_us: Floats  # (P,) last sampling instant at which the PE was evaluated
    utilisation: Floats  # (P,)
    leakage_w: Floats  # (P,)
    opp: Ints  # (C,)
    cluster_sampled_us: Floats  # (C,)
    cluster_power_w: Floats  # (C,)
    temperature_c: Floats  # (5,)


@kernel
def _before(state: Any, a: int, b: int) -> bool:
    if state.event_time[a] != state.event_time[b]:
        return bool(state.event_time[a] < state.event_time[b])
    if state.event_key[a, 0] != state.event_key[b, 0]:
        return bool(state.event_key[a, 0] < state.event_key[b, 0])
    return bool(state.event_key[a, 1] < state.event_key[b, 1])


@kernel
def _swap(state: Any, a: int, b: int) -> None:
    state.event_time[a], state.event_time[b] = state.event_time[b], state.event_time[a]
    for k in range(4):
        state.event_key[a, k], state.event_key[b, k] = state.event_key[b, k], state.event_key[a, k]


@kernel
def push_event(state: Any, time_us: float, priority: int, kind: int, argument: int) -> None:
    """Queue an event; class 0 goes before class 1, then the order of pushing decides."""
    i = state.counter[NUM_EVENTS]
    state.counter[NUM_EVENTS] += 1
    state.event_time[i] = time_us
    state.event_key[i, 0] = priority
    state.event_key[i, 1] = state.counter[SEQUENCE]
    state.event_key[i, 2] = kind
    state.event_key[i, 3] = argument
    state.counter[SEQUENCE] += 1
    while i > 0 and _before(state, i, (i - 1) // 2):
        _swap(state, i, (i - 1) // 2)
        i = (i - 1) // 2


@kernel
def pop_event(state: Any) -> tuple[float, int, int]:
    """Take the next event: its time, kind and argument."""
    time_us = state.event_time[0]
    kind = state.event_key[0, 2]
    argument = state.event_key[0, 3]
    state.counter[NUM_EVENTS] -= 1
    last = state.counter[NUM_EVENTS]
    _swap(state, 0, last)
    i = 0
    while True:
        least = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < last and _before(state, child, least):
                least = child
        if least == i:
            return time_us, kind, argument
        _swap(state, i, least)
        i = least
