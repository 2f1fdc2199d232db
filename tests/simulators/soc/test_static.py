"""HEFT and PEFT against the published example, the reference results, and their invariants."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import applications, platforms

from chipgym.leaderboards.feasibility import check_schedule
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import execution_times
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.static import heft, optimistic_cost_table, peft
from chipgym.simulators.soc.workload import Workload

APPLICATIONS = {
    "wifi_tx": "wifi-tx",
    "lag": "range-detection",
    "sct": "single-carrier-tx",
    "scr": "single-carrier-rx",
    "top": "canonical",
}
ALGORITHMS = {
    "HEFT": heft,
    "HEFT_noinsert": lambda platform, application: heft(platform, application, insertion=False),
    "PEFT": peft,
}


def platform_of(app: str) -> Platform:
    return Platform.named("canonical-3pe" if app == "top" else "ds3-16pe")


def test_the_published_example():
    # Topcuoglu et al., IEEE TPDS 2002, Figure 3(a): makespan 80 and these ranks (Table 2).
    schedule = heft(platform_of("top"), Application.named("canonical"))
    assert schedule.makespan_us == 80.0
    published = [108.000, 77.000, 80.000, 80.000, 69.000, 63.333, 42.667, 35.667, 44.333, 14.667]
    assert schedule.rank.tolist() == pytest.approx(published, abs=1e-3)
    assert schedule.order.tolist() == [0, 2, 3, 1, 4, 5, 8, 6, 7, 9]
    assert schedule.pe[0] == 2


def test_peft_on_the_published_example():
    # Arabnejad and Barbosa, IEEE TPDS 2014, use another graph; 85 is the reference value here.
    platform, application = platform_of("top"), Application.named("canonical")
    assert peft(platform, application).makespan_us == 85.0
    table = optimistic_cost_table(platform, application)
    assert table[9].tolist() == [0.0, 0.0, 0.0]
    # Task 9's only successor is the exit task, 21, 7 or 16 µs long, with 13 µs of communication.
    assert table[8].tolist() == [20.0, 7.0, 16.0]


def test_insertion_fills_a_gap():
    platform, application = platform_of("wifi_tx"), Application.named("wifi-tx")
    assert heft(platform, application).makespan_us == 71.0
    assert heft(platform, application, insertion=False).makespan_us == 72.0


@pytest.mark.golden
def test_equal_to_the_reference_results(shared_folder):
    rows = defaultdict(list)
    path = shared_folder / "golden" / "soc" / "single_job_static_traces.csv"
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["algo"] in ALGORITHMS:
                rows[row["app"], row["algo"]].append(row)
    assert rows
    for (app, algorithm), expected in rows.items():
        application = Application.named(APPLICATIONS[app])
        schedule = ALGORITHMS[algorithm](platform_of(app), application)
        assert len(expected) == len(schedule.pe)
        for row in expected:
            task = int(row["base_id"])
            place = (schedule.pe[task], schedule.start_us[task], schedule.finish_us[task])
            assert place == (int(row["pe_id"]), float(row["start"]), float(row["finish"])), row
            if algorithm != "PEFT":
                assert schedule.rank[task] == pytest.approx(float(row["rank_u"]), abs=1e-6)


@settings(max_examples=80, deadline=None)
@given(platforms(), applications())
def test_schedules_are_feasible(platform: Platform, application: Application):
    workload = Workload(np.zeros(1, dtype=np.int64), np.zeros(1))
    for algorithm in ALGORITHMS.values():
        schedule = algorithm(platform, application)
        count = len(application.tasks)
        columns = {
            "job": [0] * count,
            "app": [0] * count,
            "task": list(range(count)),
            "pe": schedule.pe.tolist(),
            "start_us": schedule.start_us.tolist(),
            "finish_us": schedule.finish_us.tolist(),
        }
        claimed = {"makespan_us": schedule.makespan_us}
        assert check_schedule(platform, [application], workload, columns, claimed=claimed) == []
        assert sorted(schedule.order.tolist()) == list(range(count))


@settings(max_examples=80, deadline=None)
@given(platforms(), applications())
def test_optimistic_costs_by_their_definition(platform: Platform, application: Application):
    table = optimistic_cost_table(platform, application)
    exec_us = execution_times(platform, application)
    pes = range(platform.num_pes)
    cluster = platform.pe_cluster
    pairs = [(p, q) for p in pes for q in pes if p != q]
    mean = sum(
        1 / platform.bandwidth.between_clusters[cluster[p]][cluster[q]] for p, q in pairs
    ) / max(len(pairs), 1)
    for task in range(len(application.tasks)):
        below = [edge for edge in application.edges if edge.src == task]
        for p in pes:
            costs = [
                min(table[e.dst, q] + exec_us[e.dst, q] + (p != q) * e.volume * mean for q in pes)
                for e in below
            ]
            assert table[task, p] == pytest.approx(max(costs, default=0.0))
