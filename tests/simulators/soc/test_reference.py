"""The plain-Python simulator against hand-made schedules and against the reference results."""

from __future__ import annotations

import csv
import dataclasses
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Instance, instances, options

from chipgym.leaderboards.feasibility import check_schedule
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application, Edge, Task
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Bandwidth, Cluster, OperatingPoint, Platform
from chipgym.simulators.soc.reference import simulate_reference
from chipgym.simulators.soc.reference_rules import RULES
from chipgym.simulators.soc.workload import Workload

SIX = (
    ("wifi_tx", "wifi-tx"),
    ("wifi_rx", "wifi-rx"),
    ("lag", "range-detection"),
    ("sct", "single-carrier-tx"),
    ("scr", "single-carrier-rx"),
    ("temp_mit", "temporal-mitigation"),
)


def two_pes(fast_us: float = 4.0, slow_us: float = 10.0) -> Platform:
    """One fast and one slow PE; 10 volume units per µs between them."""
    points = tuple(OperatingPoint(frequency_mhz=f, voltage_mv=900) for f in (500, 1000))
    return Platform(
        name="two",
        clusters=(
            Cluster(name="fast", num_pes=1, exec_us={"w": fast_us}, operating_points=points),
            Cluster(name="slow", num_pes=1, exec_us={"w": slow_us, "s": 3.0}),
        ),
        bandwidth=Bandwidth(
            between_clusters=((1000, 10), (10, 1000)), to_memory=(5, 10), from_memory=(10, 5)
        ),
    )


def chain(*kinds: str, volume: float = 0.0) -> Application:
    """Tasks one after the other."""
    tasks = tuple(Task(name=f"t{k}", kind=kind) for k, kind in enumerate(kinds))
    edges = tuple(Edge(src=k, dst=k + 1, volume=volume) for k in range(len(kinds) - 1))
    return Application(name="chain", tasks=tasks, edges=edges)


def jobs(count: int, gap_us: float = 0.0, key: int = 0) -> Workload:
    return Workload(np.zeros(count, dtype=np.int64), np.full(count, gap_us), key)


def trace_rows(platform, application, workload, scheduler="EFT", opts=None, **kwargs):
    result = simulate_reference(
        platform, [application], workload, scheduler, opts, record_trace=True, **kwargs
    )
    trace = result.trace
    columns = (trace.job, trace.task, trace.pe, trace.start_us, trace.finish_us)
    return [tuple(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def test_transfer_delays_the_start_on_another_pe():
    # Task 1 runs on the slow PE only; 25 units at 10 per µs take 2 whole µs.
    rows = trace_rows(two_pes(), chain("w", "s", volume=25.0), jobs(1))
    assert rows == [(0, 0, 0, 0.0, 4.0), (0, 1, 1, 6.0, 9.0)]


def test_shared_memory_pays_both_copies():
    # 25 units: 5 µs to memory from the fast PE, then 5 µs from memory to the slow one.
    opts = SocOptions(communication="shared_memory")
    result = simulate_reference(
        two_pes(), [chain("w", "s", volume=25.0)], jobs(1), "EFT", opts, record_trace=True
    )
    assert result.trace.ready_us.tolist() == [0.0, 9.0]
    assert result.trace.data_ready_us.tolist() == [0.0, 14.0]
    assert result.finish_us.tolist() == [17.0]


def test_shared_memory_pays_even_on_the_same_pe():
    platform = two_pes(slow_us=1000.0)
    opts = SocOptions(communication="shared_memory")
    rows = trace_rows(platform, chain("w", "w", volume=25.0), jobs(1), "EFT", opts)
    assert rows == [(0, 0, 0, 0.0, 4.0), (0, 1, 0, 11.0, 15.0)]


def test_earliest_finish_uses_the_slow_pe_once_the_fast_one_is_full():
    rows = trace_rows(two_pes(), chain("w"), jobs(4))
    # The third job would finish at 12 on the fast PE, at 10 on the slow one; the fourth at 12.
    assert [(job, pe) for job, _, pe, *_ in sorted(rows)] == [(0, 0), (1, 0), (2, 1), (3, 0)]


def test_met_leaves_the_slow_pe_idle():
    rows = trace_rows(two_pes(), chain("w"), jobs(4), "MET")
    assert [row[2:] for row in rows] == [(0, 4.0 * k, 4.0 * k + 4) for k in range(4)]


def test_zero_length_tasks_complete_within_the_instant():
    rows = trace_rows(two_pes(fast_us=0.0), chain("w", "w", "s"), jobs(1))
    assert [row[3:] for row in rows] == [(0.0, 0.0), (0.0, 0.0), (0.0, 3.0)]


def test_the_cap_delays_arrivals_and_the_next_gap_counts_from_the_injection():
    opts = SocOptions(max_in_flight=1)
    result = simulate_reference(two_pes(), [chain("w")], jobs(3, gap_us=1.0), "MET", opts)
    assert result.arrival_us.tolist() == [0.0, 4.0, 8.0]
    assert result.mean_latency_us == 4.0
    loose = simulate_reference(two_pes(), [chain("w")], jobs(3, gap_us=6.0), "MET", opts)
    assert loose.arrival_us.tolist() == [0.0, 6.0, 12.0]


def test_steady_state_fill_injects_up_to_the_cap_at_time_zero():
    opts = SocOptions(max_in_flight=3, steady_state_fill=True)
    result = simulate_reference(two_pes(), [chain("w")], jobs(5, gap_us=50.0), "MET", opts)
    assert result.arrival_us.tolist() == [0.0, 0.0, 0.0, 50.0, 100.0]


def test_the_fill_counts_jobs_even_if_they_complete_at_time_zero():
    platform = two_pes(fast_us=0.0, slow_us=0.0)
    opts = SocOptions(max_in_flight=2, steady_state_fill=True)
    workload = Workload(np.zeros(5, dtype=np.int64), np.array([0.0, 0.0, 7.0, 7.0, 7.0]))
    result = simulate_reference(platform, [chain("w")], workload, "MET", opts)
    assert result.arrival_us.tolist() == [0.0, 0.0, 0.0, 7.0, 14.0]


def test_the_horizon_cuts_and_the_warm_up_mutes():
    opts = SocOptions(horizon_us=8.0, warmup_us=8.0)
    result = simulate_reference(two_pes(), [chain("w")], jobs(3), "MET", opts)
    assert result.completed == 1  # the second completes at 8, which is not before the horizon
    assert np.isnan(result.finish_us[1:]).all()
    assert np.isnan(result.mean_latency_us)
    warm = simulate_reference(two_pes(), [chain("w")], jobs(3), "MET", SocOptions(warmup_us=8.0))
    assert warm.mean_latency_us == 10.0


def test_a_lower_frequency_stretches_execution_but_not_the_estimates():
    opts = SocOptions(governor="powersave")
    rows = trace_rows(two_pes(fast_us=4.5, slow_us=6.0), chain("w"), jobs(1), "ETF", opts)
    assert rows == [(0, 0, 0, 0.0, 9.0)]
    balanced = trace_rows(two_pes(fast_us=4.5, slow_us=6.0), chain("w"), jobs(1), "ETF_LB", opts)
    assert balanced == [(0, 0, 1, 0.0, 6.0)]


def test_a_job_overtakes_in_the_queue_by_its_number():
    # Job 0's second task reaches the slow PE's queue after job 1's first, and starts before it.
    application = chain("s", "w", "s")
    table = [[1, 0, 1]]
    rows = trace_rows(two_pes(), application, jobs(3), "table", table=table)
    on_slow = sorted((start, job, task) for job, task, pe, start, _ in rows if pe == 1)
    assert [(job, task) for _, job, task in on_slow[:4]] == [(0, 0), (1, 0), (2, 0), (0, 2)]
    busy = trace_rows(two_pes(fast_us=1.0), application, jobs(4), "table", table=table)
    on_slow = sorted((start, job, task) for job, task, pe, start, _ in busy if pe == 1)
    assert [(job, task) for _, job, task in on_slow[:4]] == [(0, 0), (1, 0), (0, 2), (1, 2)]


def test_noise_depends_on_key_job_and_task_alone():
    opts = SocOptions(noise_std=0.5)
    platform = two_pes(fast_us=100.0, slow_us=100.0)

    def durations(scheduler, key):
        rows = trace_rows(platform, chain("w", "w"), jobs(5, key=key), scheduler, opts)
        return {(job, task): end - start for job, task, _, start, end in rows}

    assert durations("MET", 1) == durations("random", 1)
    assert durations("MET", 1) != durations("MET", 2)
    assert all(value == int(value) >= 1 for value in durations("ETF", 3).values())


def test_a_table_falls_back_where_it_names_no_supporting_pe():
    rows = trace_rows(two_pes(), chain("s", "w"), jobs(1), "table", table=[[0, 1]])
    assert [row[2] for row in rows] == [1, 1]


@pytest.mark.parametrize(
    ("field", "value"),
    [("thermal", True), ("governor", "ondemand"), ("governor", "constant-700")],
)
def test_what_is_not_modelled_is_refused(field, value):
    opts = dataclasses.replace(SocOptions(), **{field: value})
    with pytest.raises(InvalidValueError, match=field):
        simulate_reference(two_pes(), [chain("w")], jobs(1), "EFT", opts)


def test_an_unknown_scheduler_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'ETF'"):
        simulate_reference(two_pes(), [chain("w")], jobs(1), "ETFF")


def test_an_application_that_is_not_there_is_named():
    workload = Workload(np.array([1]), np.array([0.0]))
    with pytest.raises(InvalidValueError, match="app_index = 1"):
        simulate_reference(two_pes(), [chain("w")], workload)


@settings(max_examples=150, deadline=None)
@given(instances(), options(), st.sampled_from(sorted(set(RULES) - {"table"})))
def test_every_schedule_is_feasible(instance: Instance, opts: SocOptions, scheduler: str):
    result = simulate_reference(
        instance.platform,
        instance.applications,
        instance.workload,
        scheduler,
        opts,
        record_trace=True,
    )
    columns = {name: column.tolist() for name, column in result.trace.columns().items()}
    claimed = {
        "mean_latency_us": result.mean_latency_us,
        "p95_latency_us": result.p95_latency_us,
        "makespan_us": result.makespan_us,
        "completed_jobs": result.completed,
    }
    found = check_schedule(
        instance.platform,
        instance.applications,
        instance.workload,
        columns,
        opts,
        claimed=claimed,
    )
    assert found == []
    if opts.horizon_us is None:
        assert result.completed == len(instance.workload)


def golden_workloads(folder: Path) -> dict[tuple[str, str], Workload]:
    names = [short for short, _ in SIX]
    draws = defaultdict(list)
    with (folder / "multi_sto_gaps.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            draws[row["seed"], row["scale"]].append(
                (names.index(row["app"]), float(row["gap_after_us"]))
            )
    return {
        key: Workload(np.array([a for a, _ in rows]), np.array([g for _, g in rows]))
        for key, rows in draws.items()
    }


@pytest.mark.golden
def test_stochastic_streams_equal_the_reference_results(shared_folder):
    folder = shared_folder / "golden" / "soc"
    workloads = golden_workloads(folder)
    platform = Platform.named("ds3-16pe")
    apps = [Application.named(name) for _, name in SIX]
    with (folder / "clean_semantics_vs_ds3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        workload = workloads[row["seed"], row["scale"]]
        result = simulate_reference(platform, apps, workload, row["scheduler"])
        expected = float(row["avg_latency_clean_event_driven"])
        assert result.mean_latency_us == pytest.approx(expected, abs=1e-4), row


HEADROOM = {
    "six_rr_x12_gap30": (SIX, 12, 30.0, 12),
    "wifi_tx_x10_gap20": (SIX[:1], 10, 20.0, 12),
    "top_x10_gap25_cap3": ((("top", "canonical"),), 10, 25.0, 3),
}


@pytest.mark.golden
def test_headroom_heuristics_equal_the_reference_results(shared_folder):
    with (shared_folder / "golden" / "soc" / "headroom_search.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        chosen, count, gap_us, cap = HEADROOM[row["case"]]
        platform = Platform.named("canonical-3pe" if "top" in row["case"] else "ds3-16pe")
        apps = [Application.named(name) for _, name in chosen]
        workload = Workload(np.arange(count) % len(apps), np.full(count, gap_us))
        for column in ("MET", "EFT", "ETF", "ETF_LB", "RANKU_EFT"):
            scheduler = {"RANKU_EFT": "HEFT_RT"}.get(column, column)
            opts = SocOptions(max_in_flight=cap)
            result = simulate_reference(platform, apps, workload, scheduler, opts)
            assert result.mean_latency_us == pytest.approx(float(row[column]), abs=1e-3), row
