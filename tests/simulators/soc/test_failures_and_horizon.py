"""PE failures, horizon, warm-up, cap and growth of the clean order."""

from __future__ import annotations

import numpy as np
import pytest

from chipgym.simulators.core.random import keyed_exponential
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.queues import FAILURE_STREAM
from chipgym.simulators.soc.simulate import simulate, simulate_batch
from chipgym.simulators.soc.workload import Workload

PLATFORM = Platform.named("ds3-16pe")
APPS = [Application.named(name) for name in ("wifi-tx", "wifi-rx", "temporal-mitigation")]


def stream(jobs: int, gap_us: float, key: int = 1) -> Workload:
    return Workload(np.arange(jobs) % 3, np.full(jobs, gap_us), key)


def down_times(pe: int, until_us: float, key: int, mtbf_us: float, mttr_us: float):
    """Intervals in which a PE is down, from the definition of the keyed times."""
    time, count, intervals = 0.0, 0, []
    while time < until_us:
        mean = mttr_us if count % 2 else mtbf_us
        stream_id = pe + count * PLATFORM.num_pes
        next_time = time + mean * keyed_exponential(key, FAILURE_STREAM, stream_id)
        if count % 2:
            intervals.append((time, next_time))
        time, count = next_time, count + 1
    return intervals


@pytest.mark.parametrize("scheduler", ["ETF", "MET", "random"])
def test_nothing_runs_on_a_failed_pe_and_everything_completes(scheduler: str):
    options = SocOptions(mtbf_us=1500.0, mttr_us=300.0)
    result = simulate(PLATFORM, APPS, stream(40, 60), scheduler, options, record_trace=True)
    trace = result.trace
    assert result.completed == 40
    assert len({*zip(trace.job.tolist(), trace.task.tolist(), strict=True)}) == len(trace)
    hits = 0
    for pe in range(PLATFORM.num_pes):
        mine = trace.pe == pe
        for begin, end in down_times(pe, result.makespan_us, 1, 1500.0, 300.0):
            hits += 1
            overlap = (trace.start_us[mine] < end) & (trace.finish_us[mine] > begin)
            assert not overlap.any(), (pe, begin, end)
    assert hits > 5


def test_failures_cost_latency_and_are_the_same_for_every_scheduler():
    calm = simulate(PLATFORM, APPS, stream(40, 60), "ETF")
    options = SocOptions(mtbf_us=1500.0, mttr_us=300.0)
    failing = simulate(PLATFORM, APPS, stream(40, 60), "ETF", options)
    again = simulate(PLATFORM, APPS, stream(40, 60), "ETF", options)
    other = simulate(PLATFORM, APPS, stream(40, 60, key=2), "ETF", options)
    assert failing.mean_latency_us > calm.mean_latency_us
    assert failing.mean_latency_us == again.mean_latency_us
    assert failing.mean_latency_us != other.mean_latency_us


def test_the_horizon_cuts_and_the_warm_up_mutes():
    whole = simulate(PLATFORM, APPS, stream(60, 40), "ETF")
    cut = simulate(PLATFORM, APPS, stream(60, 40), "ETF", SocOptions(horizon_us=1200.0))
    late = simulate(PLATFORM, APPS, stream(60, 40), "ETF", SocOptions(warmup_us=1200.0))
    before = whole.finish_us < 1200
    assert cut.completed == before.sum()
    np.testing.assert_array_equal(cut.finish_us[before], whole.finish_us[before])
    assert np.isnan(cut.finish_us[~before]).all()
    assert late.mean_latency_us == pytest.approx(whole.latency_us[whole.finish_us >= 1200].mean())


@pytest.mark.parametrize("cap", [1, 3, 12])
def test_the_cap_holds_and_delays_arrivals(cap: int):
    result = simulate(PLATFORM, APPS, stream(30, 5), "ETF", SocOptions(max_in_flight=cap))
    for k, arrival in enumerate(result.arrival_us):
        in_flight = (result.arrival_us[:k] <= arrival) & (result.finish_us[:k] > arrival)
        assert in_flight.sum() < cap
    assert (np.diff(result.arrival_us) >= 5).all()


def test_more_jobs_in_flight_than_the_first_memory_holds():
    """200 jobs at once make the state grow; a big cap must not change a small stream."""
    crowd = simulate(PLATFORM, APPS, stream(200, 0), "ETF", SocOptions(max_in_flight=1000))
    assert crowd.completed == 200
    assert crowd.mean_in_flight == pytest.approx(100.5)
    small = stream(30, 50)
    assert (
        simulate(PLATFORM, APPS, small, "ETF", SocOptions(max_in_flight=1000)).energy_j
        == simulate(PLATFORM, APPS, small, "ETF", SocOptions(max_in_flight=30)).energy_j
    )


def test_threads_do_not_change_results():
    workloads = [stream(40, 20 + k, key=k) for k in range(6)]
    options = SocOptions(noise_std=0.3)
    one = simulate_batch(PLATFORM, APPS, workloads, "ETF", options, threads=1)
    many = simulate_batch(PLATFORM, APPS, workloads, "ETF", options, threads=4)
    assert [r.energy_j for r in one] == [r.energy_j for r in many]
    assert [r.mean_latency_us for r in one] == [r.mean_latency_us for r in many]
