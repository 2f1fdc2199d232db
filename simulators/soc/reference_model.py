"""What the plain-Python simulator knows of platforms, applications and jobs: plain objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import mean_costs, upward_ranks
from chipgym.simulators.soc.options import parse_governor
from chipgym.simulators.soc.platform import Cluster, Platform

__all__ = ["JobRun", "TaskModel", "TaskRun", "bandwidths", "slowdowns", "task_models"]


@dataclass(slots=True)
class TaskModel:
    """A task of an application, as far as it is the same in every job."""

    exec_us: dict[int, float]  # by supporting PE
    predecessors: list[tuple[int, float]]  # task number, volume
    successors: list[int]
    upward_rank_us: float
    mean_exec_us: float
    table_pe: int


@dataclass(slots=True, eq=False)
class TaskRun:
    """A task of a job; times in µs."""

    job: JobRun
    number: int
    model: TaskModel
    missing: int
    pe: int = -1
    ready_us: float = math.nan
    data_ready_us: float = math.nan
    start_us: float = math.nan
    finish_us: float = math.nan


@dataclass(slots=True, eq=False)
class JobRun:
    """A job of the workload."""

    number: int
    app: int
    arrival_us: float
    tasks: list[TaskRun] = field(default_factory=list)
    tasks_left: int = 0
    finish_us: float = math.nan


def task_models(
    platform: Platform, application: Application, table: Sequence[int] | None
) -> list[TaskModel]:
    """Describe the tasks of an application on a platform."""
    ranks = upward_ranks(platform, application)
    means = mean_costs(platform, application)[0]
    models = []
    for number, task in enumerate(application.tasks):
        exec_us: dict[int, float] = {}
        for pe, index in enumerate(platform.pe_cluster):
            cluster = platform.clusters[index]
            time_us = task.exec_us.get(cluster.name, cluster.exec_us.get(task.kind))
            if time_us is not None:
                exec_us[pe] = time_us
        if not exec_us:
            raise InvalidValueError("kind", task.kind, "a kind with an execution time")
        models.append(
            TaskModel(
                exec_us,
                [(edge.src, edge.volume) for edge in application.edges if edge.dst == number],
                [edge.dst for edge in application.edges if edge.src == number],
                float(ranks[number]),
                float(means[number]),
                -1 if table is None else int(table[number]),
            )
        )
    return models


def bandwidths(platform: Platform) -> list[list[float]]:
    """Volume units per µs between each two PEs."""
    between, cluster = platform.bandwidth.between_clusters, platform.pe_cluster
    return [
        [platform.bandwidth.same_pe if p == q else between[c][d] for q, d in enumerate(cluster)]
        for p, c in enumerate(cluster)
    ]


def _slowdown(cluster: Cluster, governor: str) -> float:
    """Highest over present frequency under a fixed governor."""
    frequencies = [point.frequency_mhz for point in cluster.operating_points]
    kind, frequency_mhz = parse_governor(governor)
    if kind == "ondemand":
        raise InvalidValueError("governor", governor, "a fixed one in the reference")
    if kind == "powersave":
        return frequencies[-1] / frequencies[0]
    if kind == "constant" and len(frequencies) > 1:
        if frequency_mhz not in frequencies:
            raise InvalidValueError("governor", governor, f"constant-<MHz> of {frequencies}")
        return frequencies[-1] / frequency_mhz
    return 1.0


def slowdowns(platform: Platform, governor: str) -> list[float]:
    """Highest over present frequency of each PE."""
    return [_slowdown(platform.clusters[c], governor) for c in platform.pe_cluster]
