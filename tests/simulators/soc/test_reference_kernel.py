"""The compiled simulator gives the same bits as the plain-Python one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Instance, instances, options

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference import simulate_reference
from chipgym.simulators.soc.reference_rules import RULES
from chipgym.simulators.soc.result import SocResult
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.workload import Workload

TOTALS = (
    "makespan_us",
    "mean_latency_us",
    "p95_latency_us",
    "completed",
    "injected",
    "mean_in_flight",
    "scheduler_passes",
    "tasks",
)
SIX = (
    "wifi-tx",
    "wifi-rx",
    "range-detection",
    "single-carrier-tx",
    "single-carrier-rx",
    "temporal-mitigation",
)


def assert_same(slow: SocResult, fast: SocResult) -> None:
    np.testing.assert_array_equal(fast.arrival_us, slow.arrival_us)
    np.testing.assert_array_equal(fast.finish_us, slow.finish_us)
    for name in TOTALS:
        np.testing.assert_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    for name, column in slow.trace.columns().items():
        if name != "energy_j":
            np.testing.assert_array_equal(fast.trace.columns()[name], column, err_msg=name)


def both(platform, apps, workload, scheduler, opts, table=None) -> None:
    arguments = (platform, apps, workload, scheduler, opts)
    slow = simulate_reference(*arguments, table=table, record_trace=True)
    assert_same(slow, simulate(*arguments, table=table, record_trace=True))


@settings(max_examples=200, deadline=None)
@given(instances(), options(), st.sampled_from(sorted(set(RULES) - {"table"})))
def test_random_instances(instance: Instance, opts: SocOptions, scheduler: str):
    both(instance.platform, instance.applications, instance.workload, scheduler, opts)


@settings(max_examples=60, deadline=None)
@given(instances(), options(), st.data())
def test_random_tables(instance: Instance, opts: SocOptions, data: st.DataObject):
    pes = st.integers(-1, instance.platform.num_pes - 1)
    table = [
        data.draw(st.lists(pes, min_size=len(app.tasks), max_size=len(app.tasks)))
        for app in instance.applications
    ]
    both(instance.platform, instance.applications, instance.workload, "table", opts, table)


@pytest.mark.parametrize("scheduler", sorted(set(RULES) - {"table"}))
@pytest.mark.parametrize(
    "opts",
    [
        SocOptions(),
        SocOptions(communication="shared_memory"),
        SocOptions(noise_std=0.3, max_in_flight=5),
        SocOptions(governor="constant-1000", horizon_us=1200.0, warmup_us=200.0),
    ],
    ids=["plain", "shared-memory", "noise", "slow"],
)
def test_contended_stream_of_six_applications(scheduler: str, opts: SocOptions):
    rng = np.random.default_rng(7)
    workload = Workload(rng.integers(0, 6, 60), np.floor(rng.exponential(25.0, 60)), key=11)
    apps = [Application.named(name) for name in SIX]
    both(Platform.named("ds3-16pe"), apps, workload, scheduler, opts)
