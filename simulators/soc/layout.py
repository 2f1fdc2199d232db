"""Memory layout of the clean-order kernel: flat buffers with their own tables of contents.

Two buffers (``ki`` int64, ``kf`` float64) hold what never changes in a run, two (``si``, ``sf``)
hold the state. Flat buffers make a state one object to copy, pickle, stack and resume, and make a
call from kernel to kernel cheap: structures of many arrays cost more to pass than to use. Each
integer buffer begins with counters and then with the offset of every field, so field F of the
state, element i, is ``si[si[F] + i]`` (integers) or ``sf[si[F] + i]`` (floats), and ``ki[ki[F] +
i]`` or ``kf[ki[F] + i]`` of the static part. `named_views` gives the same fields by name to Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.soc.lowering import PowerTables, SocTables
from chipgym.simulators.soc.options import SocOptions

__all__ = ["named_views", "new_state", "pack_static", "state_views", "static_views"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Counters and options take the first part of a header, offsets the second.
FIRST_OFFSET = 32
HEADER = 80

# Static integers: sizes and integer options.
K_APPS, K_TASKS, K_EDGES, K_PES, K_CLUSTERS, K_OPPS, K_CORES, K_TRIPS, K_APP_TASKS = range(9)
K_CAP, K_SHARED_MEMORY, K_FILL, K_THERMAL, K_THROTTLE, K_ONDEMAND = range(9, 15)

# Static floats: real options.
KF_HORIZON, KF_WARMUP, KF_NOISE, KF_MTBF, KF_MTTR, KF_DVFS_PERIOD, KF_THERMAL_STEP = range(7)
KF_AMBIENT, KF_BASE_POWER, KF_LEAK_C1, KF_LEAK_C2, KF_LEAK_IGATE, KF_POWER_CAP = range(7, 13)
KF_MEMORY_POWER, KF_GPU_POWER = range(13, 15)

# State integers: sizes and counters.
S_SLOTS, S_APP_TASKS, S_PES, S_CLUSTERS = range(4)
S_IN_FLIGHT, S_INJECTED, S_COMPLETED, S_TASKS, S_PASSES, S_SEQUENCE, S_STARTS = range(4, 11)
S_READY, S_PENDING, S_FREE, S_STATUS, S_PHASE, S_DEFERRED, S_MISSES, S_TRACED = range(11, 19)
S_RANDOM, S_KEY, S_WAITS, S_FAILURES, S_FAILED = range(19, 24)

# State floats: clocks and integrals.
F_NOW, F_NEXT_INJECTION, F_AREA, F_ENERGY, F_MAKESPAN, F_NEXT_SAMPLE = range(6)
F_NEXT_THERMAL, F_CAP_EXCESS, F_PEAK, F_FLIGHT_SUM, F_LAST_THERMAL, F_POWER = range(6, 12)

# Static fields: A applications, T task rows, E edges, P PEs, C clusters, O operating points, N
# cores, R trips. Times in us at the highest frequency, delays in whole us.
(
    TASK_PTR,
    PRED_PTR,
    PRED_TASK,
    SUCC_PTR,
    SUCC_TASK,
    PE_CLUSTER,
    TABLE_PE,
    NUM_OPPS,
    CLUSTER_SIZE,
    INITIAL_OPP,
    TRIP_OPP,
    EXEC,
    COMM,
    COMM_SAME,
    TO_MEMORY,
    FROM_MEMORY,
    RANK,
    MEAN_EXEC,
    LEAST_EXEC,
    OCT,
    DEADLINE,
    SLOWDOWN,
    VOLTAGE,
    PROFILE,
    PROFILE_SCALE,
    LEAKAGE_SCALE,
    TRIP,
    HYSTERESIS,
    THERMAL_A,
    THERMAL_B,
) = range(FIRST_OFFSET, FIRST_OFFSET + 30)
STATIC_FIELDS = (
    ("task_ptr", "i", "A+1"),  # first task row of each application
    ("pred_ptr", "i", "T+1"),  # first predecessor edge of each row
    ("pred_task", "i", "E"),  # source task
    ("succ_ptr", "i", "T+1"),
    ("succ_task", "i", "E"),  # destination task
    ("pe_cluster", "i", "P"),
    ("table_pe", "i", "T"),  # PE of the table-based scheduler, -1: none
    ("num_opps", "i", "C"),
    ("cluster_size", "i", "C"),
    ("initial_opp", "i", "C"),
    ("trip_opp", "i", "C R"),
    ("exec", "f", "T P"),  # inf: unsupported
    ("comm", "f", "E C C"),  # PE to PE
    ("comm_same", "f", "E"),  # on one PE
    ("to_memory", "f", "E C"),
    ("from_memory", "f", "E C"),
    ("rank", "f", "T"),  # upward rank
    ("mean_exec", "f", "T"),
    ("least_exec", "f", "T"),
    ("oct", "f", "T P"),  # PEFT optimistic cost
    ("deadline", "f", "A"),  # inf: none
    ("slowdown", "f", "C O"),  # highest over this frequency
    ("voltage", "f", "C O"),
    ("profile", "f", "C O N"),  # watts
    ("profile_scale", "f", "C O"),  # (f / f_p) (V / V_p)^2, 0: no profile
    ("leakage_scale", "f", "C"),
    ("trip", "f", "R"),
    ("hysteresis", "f", "R"),
    ("thermal_a", "f", "5 5"),  # for one thermal step
    ("thermal_b", "f", "5 C+2"),  # for one thermal step
)

# State fields: J job slots, M tasks a slot; a task instance is numbered slot * M + task. Times in
# us.
(
    SLOT_JOB,
    SLOT_APP,
    SLOT_LEFT,
    FREE_SLOTS,
    MISSING,
    TASK_PE,
    TASK_SEQUENCE,
    NEXT_TASK,
    PREVIOUS_TASK,
    READY,
    PENDING,
    RUNNING,
    QUEUE_HEAD,
    QUEUE_TAIL,
    QUEUE_LENGTH,
    START_ORDER,
    FAILED,
    FAILURE_COUNT,
    LIFETIME,
    OPP,
    REQUESTED_OPP,
    OPP_LIMIT,
    BUSY_PES,
    TRIPPED,
    SLOT_ARRIVAL,
    TASK_READY,
    TASK_DATA,
    TASK_START,
    TASK_FINISH,
    TASK_ENERGY,
    AVAILABLE,
    WAKE,
    FAILURE_TIME,
    LEAKAGE,
    SHARE,
    BUSY_TIME,
    SAMPLED_BUSY,
    CLUSTER_ENERGY,
    HOTSPOT,
    LAST_CHANGE,
    TASK_SLOT,
) = range(FIRST_OFFSET, FIRST_OFFSET + 41)
STATE_FIELDS = (
    ("slot_job", "i", "J"),  # job number, -1: free
    ("slot_app", "i", "J"),
    ("slot_left", "i", "J"),  # tasks not completed
    ("free_slots", "i", "J"),  # stack
    ("missing", "i", "J*M"),  # predecessors not completed
    ("task_pe", "i", "J*M"),  # -1: not assigned
    ("task_sequence", "i", "J*M"),  # order of assignment
    ("next_task", "i", "J*M"),  # queue link, -1: last
    ("previous_task", "i", "J*M"),
    ("ready", "i", "J*M"),  # ready list
    ("pending", "i", "J*M"),  # tasks whose data go to the shared memory
    ("running", "i", "P"),  # task executing, -1: idle
    ("queue_head", "i", "P"),
    ("queue_tail", "i", "P"),
    ("queue_length", "i", "P"),
    ("start_order", "i", "P"),
    ("failed", "i", "P"),
    ("failure_count", "i", "P"),
    ("lifetime", "i", "P"),  # ETF_LB counters
    ("opp", "i", "C"),  # operating point
    ("requested_opp", "i", "C"),
    ("opp_limit", "i", "C"),  # from throttling
    ("busy_pes", "i", "C"),
    ("tripped", "i", "C"),  # trips in force
    ("slot_arrival", "f", "J"),
    ("task_ready", "f", "J*M"),
    ("task_data", "f", "J*M"),  # when its data are on its PE
    ("task_start", "f", "J*M"),
    ("task_finish", "f", "J*M"),
    ("task_energy", "f", "J*M"),  # share integral of its cluster at its start, J
    ("available", "f", "P"),  # estimate of when the PE is free
    ("wake", "f", "P"),  # finish of the running task, else earliest data of the queue, else inf
    ("failure_time", "f", "P"),  # next failure or repair
    ("leakage", "f", "C"),  # of one core, W
    ("share", "f", "C"),  # integral of one busy core's power, J
    ("busy_time", "f", "C"),  # integral of busy PEs, us
    ("sampled_busy", "f", "C"),  # the same at the last governor sample
    ("cluster_energy", "f", "C"),  # since the last thermal step, J
    ("hotspot", "f", "5"),  # degrees C
    ("last_change", "f", "C"),  # time of the last explicit frequency change
    ("task_slot", "i", "J*M"),  # slot of each task instance: dividing costs more than looking up
)


def _shape(dims: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """Evaluate a field's dimensions, ``"E C C"`` or ``"A+1"`` or ``"J*M"``."""
    shape = []
    for dim in dims.split():
        if "*" in dim:
            left, right = dim.split("*")
            shape.append(sizes[left] * sizes[right])
        elif "+" in dim:
            left, right = dim.split("+")
            shape.append(sizes[left] + int(right))
        else:
            shape.append(sizes[dim] if dim in sizes else int(dim))
    return tuple(shape)


def _static_sizes(ki: Ints) -> dict[str, int]:
    return dict(zip("ATEPCONR", (int(n) for n in ki[:8]), strict=True))


def _state_sizes(si: Ints) -> dict[str, int]:
    return dict(zip("JMPC", (int(n) for n in si[:4]), strict=True))


def named_views(
    header: Ints,
    ints: Ints,
    floats: Floats,
    fields: tuple[tuple[str, str, str], ...],
    sizes: dict[str, int],
) -> dict[str, npt.NDArray[Any]]:
    """Views of all fields by lower-case name; writing to them writes to the buffers."""
    views: dict[str, npt.NDArray[Any]] = {}
    for position, (name, kind, dims) in enumerate(fields):
        shape = _shape(dims, sizes)
        start = int(header[FIRST_OFFSET + position])
        buffer: npt.NDArray[Any] = ints if kind == "i" else floats
        views[name] = buffer[start : start + math.prod(shape)].reshape(shape)
    return views


def static_views(ki: Ints, kf: Floats) -> dict[str, npt.NDArray[Any]]:
    """Views of the static fields by name."""
    return named_views(ki, ki, kf, STATIC_FIELDS, _static_sizes(ki))


def state_views(si: Ints, sf: Floats) -> dict[str, npt.NDArray[Any]]:
    """Views of the state fields by name."""
    return named_views(si, si, sf, STATE_FIELDS, _state_sizes(si))


def _place(
    header: Ints, fields: tuple[tuple[str, str, str], ...], sizes: dict[str, int]
) -> tuple[int, int]:
    """Write the offsets of all fields into a header; return the lengths of the two buffers."""
    ends = {"i": HEADER, "f": HEADER}
    for position, (_, kind, dims) in enumerate(fields):
        header[FIRST_OFFSET + position] = ends[kind]
        ends[kind] += math.prod(_shape(dims, sizes))
    return ends["i"], ends["f"]


def new_state(slots: int, app_tasks: int, num_pes: int, clusters: int) -> tuple[Ints, Floats]:
    """Allocate state buffers with sizes and offsets in the header and everything else zero."""
    header = np.zeros(HEADER, dtype=np.int64)
    header[:4] = slots, app_tasks, num_pes, clusters
    num_ints, num_floats = _place(header, STATE_FIELDS, _state_sizes(header))
    si = np.zeros(num_ints, dtype=np.int64)
    si[:HEADER] = header
    sf = np.zeros(num_floats)
    state_views(si, sf)["task_slot"][:] = np.repeat(np.arange(slots), app_tasks)
    return si, sf


def _matrix_power_of_step(matrix: Floats, exponent: float) -> Floats:
    """Real matrix power by eigendecomposition: the same dynamics at another time step."""
    values, vectors = np.linalg.eig(matrix)
    powered = (vectors * values.astype(complex) ** exponent) @ np.linalg.inv(vectors)
    return np.ascontiguousarray(powered.real)


def rescale_thermal(
    power: PowerTables, fit_step_us: float, step_us: float
) -> tuple[Floats, Floats]:
    """Thermal matrices (A, B) for another time step, exact for constant power over the step.

    With x' = A x + B P over the fit step, x over a step r times as long follows A^r and
    (I - A^r)(I - A)^-1 B: the fixed point for constant power stays the same.
    """
    identity = np.eye(5)
    a = _matrix_power_of_step(power.thermal_a, step_us / fit_step_us)
    b = (identity - a) @ np.linalg.solve(identity - power.thermal_a, power.thermal_b)
    return a, np.ascontiguousarray(b)


def pack_static(
    tables: SocTables,
    power: PowerTables,
    options: SocOptions,
    *,
    fit_step_us: float,
    table_pe: Ints | None = None,
    oct_us: Floats | None = None,
    deadline_us: Floats | None = None,
    power_cap_w: float = np.inf,
) -> tuple[Ints, Floats]:
    """Pack tables and options into the two static buffers.

    Parameters
    ----------
    fit_step_us : float
        Time step that the platform's thermal matrices were fitted for.
    table_pe : int64 array, shape (T,), optional
        PE of each task row for the table-based scheduler (-1: none).
    oct_us : float64 array, shape (T, P), optional
        PEFT's optimistic cost table.
    deadline_us : float64 array, shape (A,), optional
        Relative deadline of each application.
    power_cap_w : float
        Power above which the excess is integrated.
    """
    tasks, pes = tables.exec_us.shape
    apps, clusters = len(tables.task_ptr) - 1, len(power.num_opps)
    opps, cores = power.profile_w.shape[1:]
    header = np.zeros(HEADER, dtype=np.int64)
    header[:15] = (
        apps,
        tasks,
        len(tables.pred_task),
        pes,
        clusters,
        opps,
        cores,
        len(power.trip_c),
        int(np.diff(tables.task_ptr).max()),
        options.max_in_flight,
        options.communication == "shared_memory",
        options.steady_state_fill,
        options.thermal,
        options.throttle,
        power.governor.any(),
    )
    real = np.zeros(HEADER)
    real[:15] = (
        np.inf if options.horizon_us is None else options.horizon_us,
        options.warmup_us,
        options.noise_std,
        options.mtbf_us or 0.0,
        options.mttr_us or 0.0,
        options.dvfs_period_us,
        options.thermal_step_us,
        power.ambient_c,
        power.base_power_w.sum(),
        *power.leakage,
        power_cap_w,
        *power.base_power_w,
    )
    top = power.frequency_mhz[np.arange(clusters), power.num_opps - 1][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        slowdown = np.where(power.frequency_mhz > 0, top / power.frequency_mhz, 1.0)
        scale = (power.frequency_mhz / power.profile_frequency_mhz) * (
            power.voltage_v / power.profile_voltage_v
        ) ** 2
    scale = np.where(power.profile_frequency_mhz > 0, scale, 0.0)
    a, b = rescale_thermal(power, fit_step_us, options.thermal_step_us)
    values: dict[str, npt.NDArray[Any]] = {
        "task_ptr": tables.task_ptr,
        "pred_ptr": tables.pred_ptr,
        "pred_task": tables.pred_task,
        "succ_ptr": tables.succ_ptr,
        "succ_task": tables.succ_task,
        "pe_cluster": tables.pe_cluster,
        "table_pe": np.full(tasks, -1) if table_pe is None else table_pe,
        "num_opps": power.num_opps,
        "cluster_size": power.cluster_size,
        "initial_opp": power.initial_opp,
        "trip_opp": power.trip_opp,
        "exec": tables.exec_us,
        "comm": tables.comm_us,
        "comm_same": tables.comm_same_us,
        "to_memory": tables.comm_to_memory_us,
        "from_memory": tables.comm_from_memory_us,
        "rank": tables.upward_rank,
        "mean_exec": tables.mean_exec_us,
        "least_exec": tables.exec_us.min(axis=1),
        "oct": np.zeros((tasks, pes)) if oct_us is None else oct_us,
        "deadline": np.full(apps, np.inf) if deadline_us is None else deadline_us,
        "slowdown": slowdown,
        "voltage": power.voltage_v,
        "profile": power.profile_w,
        "profile_scale": scale,
        "leakage_scale": power.leakage_scale,
        "trip": power.trip_c,
        "hysteresis": power.hysteresis_c,
        "thermal_a": a,
        "thermal_b": b,
    }
    num_ints, num_floats = _place(header, STATIC_FIELDS, _static_sizes(header))
    ki, kf = np.zeros(num_ints, dtype=np.int64), np.zeros(num_floats)
    ki[:HEADER], kf[:HEADER] = header, real
    for name, view in static_views(ki, kf).items():
        view[...] = values[name]
    return ki, kf
