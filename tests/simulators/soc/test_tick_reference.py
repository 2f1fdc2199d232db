"""The tick kernel gives the same schedule, to the bit, as the plain-Python processes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_tick import Simulation
from strategies import Instance, instances

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.tick_engine import run_tick
from chipgym.simulators.soc.workload import Workload

SCHEDULERS = ("MET", "EFT", "ETF", "ETF_LB", "STF", "HEFT_RT")
SIX = (
    "wifi-tx",
    "wifi-rx",
    "range-detection",
    "single-carrier-tx",
    "single-carrier-rx",
    "temporal-mitigation",
)


def assert_same(platform, applications, workload, scheduler, options):
    slow = Simulation(platform, applications, workload, scheduler, options).run()
    fast = run_tick(platform, applications, workload, scheduler, options, record_trace=True)
    trace = fast.trace
    rows = zip(
        trace.job,
        trace.task,
        trace.pe,
        trace.data_ready_us,
        trace.start_us,
        trace.finish_us,
        strict=True,
    )
    expected = [(t.job, t.number, t.pe, t.data_ready, t.start, t.finish) for t in slow.done]
    assert list(rows) == expected
    assert fast.arrival_us.tolist() == slow.arrival
    assert fast.finish_us.tolist() == [slow.finish[job] for job in range(len(slow.arrival))]
    assert fast.scheduler_passes == slow.passes
    assert fast.makespan_us == slow.now
    assert fast.mean_latency_ds3_us == pytest.approx(sum(slow.latencies) / len(workload))
    np.testing.assert_allclose(trace.energy_j, [t.energy for t in slow.done], rtol=1e-9, atol=1e-18)
    assert fast.energy_j == pytest.approx(slow.energy, rel=1e-9)
    assert fast.peak_temperature_c >= max(slow.temperature) - 1e-9


@settings(max_examples=60, deadline=None)
@given(
    instance=instances(),
    scheduler=st.sampled_from(SCHEDULERS),
    communication=st.sampled_from(("pe_to_pe", "shared_memory")),
    governor=st.sampled_from(("performance", "powersave", "ondemand")),
    cap=st.integers(1, 4),
)
def test_random_instances(instance: Instance, scheduler, communication, governor, cap):
    whole = Workload(
        instance.workload.app_index, np.floor(instance.workload.gap_us), instance.workload.key
    )
    options = SocOptions(
        order="ds3", communication=communication, governor=governor, max_in_flight=cap
    )
    assert_same(instance.platform, instance.applications, whole, scheduler, options)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_an_overloaded_mix(scheduler):
    applications = [Application.named(name) for name in SIX]
    workload = Workload(np.arange(24) % 6, np.full(24, 10.0))
    options = SocOptions(order="ds3", governor="ondemand")
    assert_same(Platform.named("ds3-16pe"), applications, workload, scheduler, options)


@pytest.mark.parametrize("scheduler", ["MET", "EFT", "ETF"])
def test_a_long_job_loses_its_records_to_the_purge(scheduler):
    """Short jobs overtake a long one by more than the span of the purge."""
    applications = [Application.named(name) for name in SIX]
    receiver, transmitter = SIX.index("wifi-rx"), SIX.index("single-carrier-tx")
    workload = Workload(np.array([receiver] + [transmitter] * 40), np.full(41, 3.0))
    options = SocOptions(order="ds3", max_in_flight=41)
    platform = Platform.named("ds3-16pe")
    assert_same(platform, applications, workload, scheduler, options)
    result = run_tick(platform, applications, workload, scheduler, options)
    assert result.mean_latency_ds3_us < result.mean_latency_us
