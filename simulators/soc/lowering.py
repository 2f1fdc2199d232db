"""Lowering of platforms and applications to the plain arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import parse_governor
from chipgym.simulators.soc.platform import Cluster, Platform

__all__ = [
    "PowerTables",
    "SocTables",
    "execution_times",
    "lower",
    "lower_power",
    "mean_costs",
    "upward_ranks",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class SocTables(NamedTuple):
    """Static arrays of a simulation: A applications, T tasks, E edges, P PEs, C clusters.

    Task t of application a is row ``task_ptr[a] + t``; the predecessor edges of a row come first in
    order of the source, the successor edges in order of the destination.
    """

    task_ptr: Ints  # (A+1,) first task row of each application
    pred_ptr: Ints  # (T+1,) first predecessor edge of each task row
    pred_task: Ints  # (E,) source task number within the application
    pred_volume: Floats  # (E,) volume units
    succ_ptr: Ints  # (T+1,) first successor edge of each task row
    succ_task: Ints  # (E,) destination task number within the application
    exec_us: Floats  # (T, P) execution time at the highest frequency, inf: unsupported
    pe_cluster: Ints  # (P,) cluster of each PE
    bandwidth: Floats  # (C, C) volume/µs between clusters, diagonal: two PEs of one cluster
    same_pe_bandwidth: float
    to_memory: Floats  # (C,) volume/µs
    from_memory: Floats  # (C,) volume/µs
    comm_us: Ints  # (E, C, C) whole-µs delay of each predecessor edge between clusters
    comm_same_us: Ints  # (E,) the same on one PE
    comm_to_memory_us: Ints  # (E, C)
    comm_from_memory_us: Ints  # (E, C)
    upward_rank: Floats  # (T,) HEFT upward rank, µs
    mean_exec_us: Floats  # (T,) mean over supporting PEs


class PowerTables(NamedTuple):
    """Frequencies, power, thermal arrays: C clusters, O operating points, N cores."""

    num_opps: Ints  # (C,)
    frequency_mhz: Floats  # (C, O)
    voltage_v: Floats  # (C, O)
    initial_opp: Ints  # (C,)
    governor: Ints  # (C,) 0 fixed (never changes by itself), 1 ondemand
    profile_w: Floats  # (C, O, N) power of the profile that applies at each operating point
    profile_frequency_mhz: Floats  # (C, O) its frequency; 0: the cluster has no profile
    profile_voltage_v: Floats  # (C, O)
    cluster_size: Ints  # (C,)
    leakage_scale: Floats  # (C,)
    trip_opp: Ints  # (C, trips) highest operating point beyond each trip
    trip_c: Floats  # (trips,)
    hysteresis_c: Floats  # (trips,)
    leakage: Floats  # (3,) c1, c2, igate
    base_power_w: Floats  # (2,) memory, GPU
    ambient_c: float
    thermal_a: Floats  # (5, 5)
    thermal_b: Floats  # (5, 2 + C) columns: memory, GPU, clusters


def execution_times(platform: Platform, application: Application) -> Floats:
    """Return the execution times of an application, shape (tasks, PEs), in µs; inf: unsupported.

    Raises
    ------
    InvalidValueError
        A task runs on no cluster.
    UnknownNameError
        A task overrides the time of a cluster that the platform lacks, and names none that it has.
    """
    times = np.full((len(application.tasks), platform.num_pes), np.inf)
    names = [cluster.name for cluster in platform.clusters]
    for row, task in enumerate(application.tasks):
        if task.exec_us and not set(task.exec_us) & set(names):
            raise UnknownNameError(
                "cluster", sorted(task.exec_us)[0], names, f"platform {platform.name!r}"
            )
        by_cluster = [
            task.exec_us.get(c.name, c.exec_us.get(task.kind, np.inf)) for c in platform.clusters
        ]
        times[row] = np.array(by_cluster)[list(platform.pe_cluster)]
        if not np.isfinite(times[row]).any():
            raise InvalidValueError(
                f"applications.{application.name}.tasks.{row}.kind",
                task.kind,
                f"a kind with an execution time on platform {platform.name!r}",
            )
    return times


def _mean_inverse_bandwidth(platform: Platform) -> float:
    """Mean over ordered pairs of different PEs of 1/bandwidth (0 for a single PE)."""
    cluster = np.array(platform.pe_cluster)
    inverse = 1.0 / np.array(platform.bandwidth.between_clusters)[np.ix_(cluster, cluster)]
    np.fill_diagonal(inverse, 0.0)
    pairs = len(cluster) * (len(cluster) - 1)
    return float(inverse.sum() / pairs) if pairs else 0.0


def mean_costs(
    platform: Platform, application: Application
) -> tuple[Floats, dict[tuple[int, int], float]]:
    """Return HEFT's mean execution time of each task and communication time of each edge, µs."""
    times = execution_times(platform, application)
    finite = np.isfinite(times)
    mean_exec = np.where(finite, times, 0.0).sum(axis=1) / finite.sum(axis=1)
    inverse = _mean_inverse_bandwidth(platform)
    return mean_exec, {(e.src, e.dst): e.volume * inverse for e in application.edges}


def upward_ranks(platform: Platform, application: Application) -> Floats:
    """HEFT's upward rank of each task (µs): Topcuoglu et al., IEEE TPDS 2002, equation 8."""
    mean_exec, mean_comm = mean_costs(platform, application)
    rank = mean_exec.copy()
    below = np.zeros(len(rank))
    for task in reversed(application.topological_order):
        rank[task] = mean_exec[task] + below[task]
        for edge in application.edges:
            if edge.dst == task:
                through = mean_comm[edge.src, task] + rank[task]
                below[edge.src] = max(below[edge.src], through)
    return rank


def _whole_us(volume: Floats, bandwidth: Floats) -> Ints:
    return np.trunc(volume / bandwidth).astype(np.int64)


@lru_cache(maxsize=256)
def lower(platform: Platform, applications: tuple[Application, ...]) -> SocTables:
    """Lower a platform and some applications to arrays (cached: both are immutable)."""
    if not applications:
        raise InvalidValueError("applications", (), "at least one application")
    task_ptr, pred_ptr, succ_ptr = [0], [0], [0]
    pred_task: list[int] = []
    volumes: list[float] = []
    succ_task: list[int] = []
    ranks: list[Floats] = []
    times: list[Floats] = []
    for application in applications:
        count = len(application.tasks)
        preds: list[list[tuple[int, float]]] = [[] for _ in range(count)]
        succs: list[list[int]] = [[] for _ in range(count)]
        for edge in application.edges:
            preds[edge.dst].append((edge.src, edge.volume))
            succs[edge.src].append(edge.dst)
        for task in range(count):
            pred_task += [src for src, _ in sorted(preds[task])]
            volumes += [volume for _, volume in sorted(preds[task])]
            succ_task += sorted(succs[task])
            pred_ptr.append(len(pred_task))
            succ_ptr.append(len(succ_task))
        task_ptr.append(task_ptr[-1] + count)
        times.append(execution_times(platform, application))
        ranks.append(upward_ranks(platform, application))
    exec_us = np.concatenate(times)
    finite = np.isfinite(exec_us)
    volume = np.array(volumes, dtype=np.float64)
    between = np.array(platform.bandwidth.between_clusters)
    to_memory = np.array(platform.bandwidth.to_memory)
    from_memory = np.array(platform.bandwidth.from_memory)
    return SocTables(
        task_ptr=np.array(task_ptr),
        pred_ptr=np.array(pred_ptr),
        pred_task=np.array(pred_task, dtype=np.int64),
        pred_volume=volume,
        succ_ptr=np.array(succ_ptr),
        succ_task=np.array(succ_task, dtype=np.int64),
        exec_us=exec_us,
        pe_cluster=np.array(platform.pe_cluster),
        bandwidth=between,
        same_pe_bandwidth=platform.bandwidth.same_pe,
        to_memory=to_memory,
        from_memory=from_memory,
        comm_us=_whole_us(volume[:, None, None], between[None]),
        comm_same_us=_whole_us(volume, np.array(platform.bandwidth.same_pe)),
        comm_to_memory_us=_whole_us(volume[:, None], to_memory[None]),
        comm_from_memory_us=_whole_us(volume[:, None], from_memory[None]),
        upward_rank=np.concatenate(ranks),
        mean_exec_us=np.where(finite, exec_us, 0.0).sum(axis=1) / finite.sum(axis=1),
    )


def _initial_opp(cluster: Cluster, governor: str) -> int:
    kind, frequency_mhz = parse_governor(governor)
    frequencies = [point.frequency_mhz for point in cluster.operating_points]
    if kind == "powersave":
        return 0
    if kind == "constant" and len(frequencies) > 1:
        if frequency_mhz not in frequencies:
            raise InvalidValueError(
                "governor", governor, f"constant-<MHz> of {frequencies} for cluster {cluster.name}"
            )
        return frequencies.index(frequency_mhz)
    return len(frequencies) - 1


@lru_cache(maxsize=256)
def lower_power(platform: Platform, governor: str) -> PowerTables:
    """Lower frequencies, power profiles and the thermal model to arrays.

    A cluster with a single operating point ignores ``constant-<MHz>``. Of a cluster's profiles, the
    first one at or above a frequency applies to it.
    """
    clusters: Sequence[Cluster] = platform.clusters
    power = platform.power
    shape = (len(clusters), max(len(c.operating_points) for c in clusters))
    frequency, voltage = np.zeros(shape), np.zeros(shape)
    profile_frequency, profile_voltage = np.zeros(shape), np.ones(shape)
    profile_w = np.zeros((*shape, max(c.num_pes for c in clusters)))
    trips = len(power.trip_temperature_c)
    trip_opp = np.zeros((len(clusters), trips), dtype=np.int64)
    for i, cluster in enumerate(clusters):
        points = cluster.operating_points
        by_frequency = {point.frequency_mhz: point.voltage_mv / 1000 for point in points}
        for j, point in enumerate(points):
            frequency[i, j], voltage[i, j] = point.frequency_mhz, point.voltage_mv / 1000
            for profile in cluster.power_profiles:
                if profile.frequency_mhz >= point.frequency_mhz:
                    profile_w[i, j, : cluster.num_pes] = profile.power_w
                    profile_frequency[i, j] = profile.frequency_mhz
                    profile_voltage[i, j] = by_frequency[profile.frequency_mhz]
                    break
        for k in range(trips):
            limit = cluster.trip_frequency_mhz[k] if k < len(cluster.trip_frequency_mhz) else None
            allowed = [j for j, p in enumerate(points) if limit is None or p.frequency_mhz <= limit]
            trip_opp[i, k] = max(allowed, default=0)
    heat = [power.thermal_b["memory"], power.thermal_b["gpu"]]
    heat += [power.thermal_b[cluster.heat_source] for cluster in clusters]
    ondemand = parse_governor(governor)[0] == "ondemand"
    return PowerTables(
        num_opps=np.array([len(c.operating_points) for c in clusters]),
        frequency_mhz=frequency,
        voltage_v=voltage,
        initial_opp=np.array([_initial_opp(c, governor) for c in clusters]),
        governor=np.full(len(clusters), int(ondemand)),
        profile_w=profile_w,
        profile_frequency_mhz=profile_frequency,
        profile_voltage_v=profile_voltage,
        cluster_size=np.array([c.num_pes for c in clusters]),
        leakage_scale=np.array([c.leakage_scale for c in clusters]),
        trip_opp=trip_opp,
        trip_c=np.array(power.trip_temperature_c),
        hysteresis_c=np.array(power.trip_hysteresis_c),
        leakage=np.array([power.leakage_c1, power.leakage_c2, power.leakage_igate]),
        base_power_w=np.array([power.memory_power_w, power.gpu_power_w]),
        ambient_c=power.ambient_c,
        thermal_a=np.array(power.thermal_a),
        thermal_b=np.array(heat).T.copy(),
    )
