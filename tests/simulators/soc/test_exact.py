"""The exact solver: known optima, small cases by enumeration, and honest bounds."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from chipgym.leaderboards.feasibility import check_schedule
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application, Edge, Task
from chipgym.simulators.soc.exact import (
    ExactSchedule,
    MissingSolverError,
    SolverLimits,
    optimal_makespan,
    optimal_stream,
)
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Bandwidth, Cluster, Platform
from chipgym.simulators.soc.workload import Workload

SECONDS = SolverLimits(time_s=20.0)


def feasible(platform, applications, workload, schedule: ExactSchedule) -> bool:
    columns = {
        "job": schedule.job.tolist(),
        "app": workload.app_index[schedule.job].tolist(),
        "task": schedule.task.tolist(),
        "pe": schedule.pe.tolist(),
        "start_us": schedule.start_us.tolist(),
        "finish_us": schedule.finish_us.tolist(),
    }
    options = SocOptions(max_in_flight=len(workload))
    return check_schedule(platform, applications, workload, columns, options) == []


@pytest.mark.parametrize(
    ("platform", "application", "optimum_us"),
    [
        ("ds3-16pe", "wifi-tx", 69.0),
        ("ds3-16pe", "range-detection", 176.0),
        ("ds3-16pe", "single-carrier-tx", 56.0),
        ("ds3-16pe", "single-carrier-rx", 153.0),
        ("canonical-3pe", "canonical", 73.0),
    ],
)
def test_known_optima_are_proven(platform: str, application: str, optimum_us: float):
    pytest.importorskip("ortools")
    chip, app = Platform.named(platform), Application.named(application)
    schedule = optimal_makespan(chip, app, SECONDS)
    assert schedule.status == "optimal"
    assert schedule.objective_us == schedule.bound_us == optimum_us
    assert schedule.gap == 0.0
    workload = Workload(np.zeros(1, dtype=np.int64), np.zeros(1))
    assert feasible(chip, [app], workload, schedule)


def tiny() -> tuple[Platform, Application]:
    """Two different PEs and two tasks in a row that want different ones."""
    platform = Platform(
        name="tiny",
        clusters=(
            Cluster(name="x", num_pes=1, exec_us={"u": 2.0, "v": 9.0}),
            Cluster(name="y", num_pes=1, exec_us={"u": 6.0, "v": 3.0}),
        ),
        bandwidth=Bandwidth(
            between_clusters=((1000, 1), (1, 1000)), to_memory=(1, 1), from_memory=(1, 1)
        ),
    )
    tasks = (Task(name="first", kind="u"), Task(name="second", kind="v"))
    return platform, Application(name="two", tasks=tasks, edges=(Edge(src=0, dst=1, volume=2.0),))


def best_by_enumeration(count: int, gap_us: float) -> float:
    """Least total latency over all placements and all orders in which the tasks may be placed."""
    exec_us = ((2.0, 6.0), (9.0, 3.0))
    best = float("inf")
    for order in set(itertools.permutations([job for job in range(count) for _ in range(2)])):
        for places in itertools.product((0, 1), repeat=2 * count):
            free, done, total = [0.0, 0.0], {}, 0.0
            for step, job in enumerate(order):
                task = int(job in done)
                pe = places[step]
                ready = job * gap_us
                if task:
                    before, end = done[job]
                    ready = end + (2.0 if before != pe else 0.0)
                end = max(free[pe], ready) + exec_us[task][pe]
                free[pe], done[job] = end, (pe, end)
                total += (end - job * gap_us) if task else 0.0
            best = min(best, total)
    return best


@pytest.mark.parametrize(("count", "gap_us"), [(1, 0.0), (2, 0.0), (3, 1.0), (3, 4.0)])
def test_streams_equal_enumeration(count: int, gap_us: float):
    pytest.importorskip("ortools")
    platform, application = tiny()
    workload = Workload(np.zeros(count, dtype=np.int64), np.full(count, gap_us))
    schedule = optimal_stream(platform, [application], workload, SECONDS)
    assert schedule.status == "optimal"
    assert schedule.objective_us == best_by_enumeration(count, gap_us)
    assert schedule.mean_latency_us == pytest.approx(schedule.objective_us / count)
    assert feasible(platform, [application], workload, schedule)


def test_a_short_search_is_never_worse_than_its_hint_and_bounds_it():
    pytest.importorskip("ortools")
    platform, application = Platform.named("canonical-3pe"), Application.named("canonical")
    workload = Workload(np.zeros(6, dtype=np.int64), np.full(6, 25.0))
    schedule = optimal_stream(platform, [application], workload, SolverLimits(time_s=4.0))
    assert schedule.status in ("optimal", "feasible")
    assert 73.0 <= schedule.mean_latency_us <= 131.3  # EFT's mean latency on this stream
    assert 0 < schedule.bound_us <= schedule.objective_us
    assert feasible(platform, [application], workload, schedule)


def test_times_off_the_grid_are_refused_and_a_finer_grid_takes_them():
    pytest.importorskip("ortools")
    platform, application = tiny()
    half = platform.clusters[0].model_copy(update={"exec_us": {"u": 2.5, "v": 9.0}})
    uneven = platform.model_copy(update={"clusters": (half, platform.clusters[1])})
    with pytest.raises(InvalidValueError, match=r"exec_us = 2\.5 .* multiples of 1 µs"):
        optimal_makespan(uneven, application)
    assert optimal_makespan(uneven, application, resolution_us=0.5).objective_us == 7.5


def test_one_worker_is_deterministic():
    pytest.importorskip("ortools")
    platform, application = Platform.named("canonical-3pe"), Application.named("canonical")
    first, second = (optimal_makespan(platform, application, SECONDS) for _ in range(2))
    assert first.start_us.tolist() == second.start_us.tolist()
    assert first.pe.tolist() == second.pe.tolist()


@pytest.mark.parametrize("limits", [{"time_s": 0.0}, {"workers": 0}, {"seed": -1}])
def test_limits_are_checked(limits: dict[str, float]):
    with pytest.raises(InvalidValueError, match=next(iter(limits))):
        SolverLimits(**limits)


def test_a_missing_solver_is_named(monkeypatch: pytest.MonkeyPatch):
    for name in ("ortools", "ortools.sat", "ortools.sat.python"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingSolverError, match=r"chipgym\[exact\]"):
        optimal_makespan(*tiny())
