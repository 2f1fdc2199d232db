"""State of a tick-order simulation: arrays of records, and the queue of timed events."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.numba import kernel

__all__ = [
    "CLUSTER",
    "EVENT",
    "JOB",
    "OPP",
    "PE",
    "ROW",
    "RUN",
    "TASK",
    "TickState",
    "pop_event",
    "push_event",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]

# Kinds of events; a number travels with them: the task of START, BEGIN, WINDOW and END.
# Typed, because Numba compiles a function once more for every plain integer constant it is given.
INJECT, REDRAW, TICK, START, BEGIN, WINDOW, END, STOP = (np.int64(kind) for kind in range(8))
NO_TASK = np.int64(-1)
# Classes of events that fall on the same time.
URGENT, NORMAL = np.int64(0), np.int64(1)


def _record(ints: str, floats: str = "", bools: str = "") -> np.dtype[np.void]:
    fields = [(name, "i8") for name in ints.split()]
    fields += [(name, "f8") for name in floats.split()]
    fields += [(name, "?") for name in bools.split()]
    return np.dtype(fields, align=True)


EVENT = _record("priority sequence kind argument", "time_us")

# Counters and totals of the run. first_recorded, last_recorded: span of the jobs with records;
# latency_count, latency_us: what DS3's own mean is made of; energy_j: after the warm-up.
RUN = _record(
    "sequence num_events next_job next_gap in_flight in_flight_sum completed num_ready num_waiting"
    " num_executable num_done passes latency_count first_recorded last_recorded",
    "energy_j latency_us makespan_us peak_c",
)

# A job. left: tasks not completed; num_records: completions kept on record.
JOB = _record("app first_task end_task left num_records", "arrival_us finish_us")

# A task of a job. row: its row in the tables; after: task that must be completed before (SoCRATES'
# HEFT_RT), -1: none; previous_done: completed before it on the same PE, -1: none; recorded: its
# completion is on record; in_memory_us: all its data are in the shared memory; finish_us is
# truncated; work_us: execution time at the highest frequency, with noise; elapsed_us: work done.
TASK = _record(
    "job row missing pe after previous_done",
    "in_memory_us ready_us data_ready_us start_us finish_us work_us elapsed_us energy_j",
    "recorded",
)

# A task of an application. Edges into it, its successors; table_pe: PE of the table scheduler.
ROW = _record("pred_begin pred_end succ_begin succ_end table_pe", "upward_rank mean_exec_us")

# A processing element. running: task that has begun, -1: none; occupied: something is queued or
# running; idle: nothing has begun; sampled_us: last sampling instant at which it was evaluated.
PE = _record("cluster running last_done", "sampled_us utilisation leakage_w", "occupied idle")

# A cluster at its present operating point `opp`.
CLUSTER = _record("size num_opps opp governor", "leakage_scale sampled_us power_w")

# An operating point and the power profile that applies at it (profile_mhz 0: none).
OPP = _record("", "mhz volt profile_mhz profile_volt")


class TickState(NamedTuple):
    """A simulation: J jobs, G tasks in all, T task rows, E edges, P PEs, C clusters, O points.

    Numba passes every array of a tuple on its own, so few arrays of records compile much faster
    than many plain arrays.
    """

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
    leak_c1: float
    leak_c2: float
    leak_igate: float
    ambient_c: float
    memory_power_w: float
    gpu_power_w: float
    gap_us: Floats  # (gaps,)
    run: Records  # (1,) RUN
    random: npt.NDArray[np.uint64]  # (1,) generator of the random scheduler
    events: Records  # (Q,) EVENT, a binary heap by (time, class, sequence)
    jobs: Records  # (J,) JOB
    tasks: Records  # (G,) TASK
    rows: Records  # (T,) ROW
    exec_us: Floats  # (T, P)
    pred_task: Ints  # (E,)
    succ_task: Ints  # (E,)
    comm_us: Ints  # (E, C, C)
    comm_same_us: Ints  # (E,)
    comm_to_memory_us: Ints  # (E, C)
    comm_from_memory_us: Ints  # (E, C)
    lists: Ints  # (5, G) ready, waiting for memory, executable, done, records job by job
    pes: Records  # (P,) PE
    available_us: Floats  # (P,) the schedulers' estimate
    lifetime: Ints  # (P,) ETF_LB's counters
    clusters: Records  # (C,) CLUSTER
    opps: Records  # (C, O) OPP
    profile_w: Floats  # (C, O, N)
    thermal_a: Floats  # (5, 5)
    thermal_b: Floats  # (5, 2 + C)
    temperature_c: Floats  # (5,)


# Rows of TickState.lists.
READY, WAITING, EXECUTABLE, DONE, RECORDS, NUM_LISTS = range(6)


@kernel
def _before(sim: Any, a: int, b: int) -> bool:
    first, second = sim.events[a], sim.events[b]
    if first.time_us != second.time_us:
        return bool(first.time_us < second.time_us)
    if first.priority != second.priority:
        return bool(first.priority < second.priority)
    return bool(first.sequence < second.sequence)


@kernel
def _swap(sim: Any, a: int, b: int) -> None:
    first, second = sim.events[a], sim.events[b]
    first.time_us, second.time_us = second.time_us, first.time_us
    first.priority, second.priority = second.priority, first.priority
    first.sequence, second.sequence = second.sequence, first.sequence
    first.kind, second.kind = second.kind, first.kind
    first.argument, second.argument = second.argument, first.argument


@kernel
def push_event(sim: Any, time_us: float, priority: Any, kind: Any, argument: Any) -> None:
    """Queue an event; class 0 goes before class 1, then the order of pushing decides."""
    run = sim.run[0]
    i = run.num_events
    event = sim.events[i]
    event.time_us = time_us
    event.priority = priority
    event.sequence = run.sequence
    event.kind = kind
    event.argument = argument
    run.num_events += 1
    run.sequence += 1
    while i > 0 and _before(sim, i, (i - 1) // 2):
        _swap(sim, i, (i - 1) // 2)
        i = (i - 1) // 2


@kernel
def pop_event(sim: Any) -> Any:
    """Take the next event: its time, kind and argument."""
    run = sim.run[0]
    event = sim.events[0]
    time_us, kind, argument = event.time_us, event.kind, event.argument
    run.num_events -= 1
    last = run.num_events
    _swap(sim, 0, last)
    i = 0
    while True:
        least = i
        if 2 * i + 1 < last and _before(sim, 2 * i + 1, least):
            least = 2 * i + 1
        if 2 * i + 2 < last and _before(sim, 2 * i + 2, least):
            least = 2 * i + 2
        if least == i:
            return time_us, kind, argument
        _swap(sim, i, least)
        i = least
