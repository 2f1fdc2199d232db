"""Row hits, latency from the trace time, and bounds on every simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.simulate import simulate

ROW, BANK, BURST = 1 << 16, 1 << 13, 1 << 6


def test_rows_are_found_open_closed_or_taken(prepared):
    # Bank 0: closed, hit, conflict; bank 1: closed, hit.
    workload = prepared([0, 1, 2, 3, 4], [0, BURST, ROW, BANK, BANK + BURST])
    rows = simulate(workload).rows
    assert rows.requests.tolist() == [3, 2, 0, 0, 0, 0, 0, 0]
    assert rows.hits.tolist()[:2] == [1, 1]
    assert rows.conflicts.tolist()[:2] == [1, 0]
    assert rows.misses.tolist()[:2] == [1, 1]
    assert rows.hit_rate == 0.4
    closed = simulate(workload, ControllerConfig(page_policy="Closed"))
    assert closed.rows.hits.sum() == closed.rows.conflicts.sum() == 0
    assert closed.metrics()["row_hit_rate"] == 0


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    page=st.sampled_from(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]),
    scheduler=st.sampled_from(["Fifo", "FrFcfs", "GrpFrFcfs"]),
)
def test_every_request_is_a_hit_a_miss_or_a_conflict(mixed, seed, page, scheduler):
    workload = mixed(seed, size=200)
    result = simulate(workload, ControllerConfig(page_policy=page, scheduler=scheduler))
    rows = result.rows
    assert (rows.misses >= 0).all()
    assert rows.requests.sum() == 200
    # Each row opened serves someone, but for those that a refresh closes first.
    opened = 200 - rows.hits.sum()
    assert opened <= result.counts["ACT"] <= opened + 8 * result.counts["REFAB"]
    assert rows.conflicts.sum() <= result.counts["PREPB"]


def test_latency_from_the_trace_counts_the_wait_in_the_player(prepared):
    workload = prepared(np.zeros(100), np.arange(100) * ROW)
    result = simulate(workload)
    assert np.array_equal(result.trace_latency_ns, result.finish_ns)
    assert result.mean_trace_latency_ns > 5 * result.mean_latency_ns
    assert result.metrics()["mean_trace_latency_ns"] == result.mean_trace_latency_ns
    apart = simulate(prepared(np.arange(10) * 1000, np.arange(10) * ROW))
    assert apart.mean_trace_latency_ns == apart.mean_latency_ns


def test_a_trace_too_long_to_be_refreshed_is_refused(prepared):
    workload = prepared([0, 1 << 39], [0, 0])
    with pytest.raises(InvalidValueError, match=r"cycle\[1\].*refresh intervals"):
        simulate(workload)
    result = simulate(workload, ControllerConfig(refresh_policy="NoRefresh"))
    assert result.total_cycles > 1 << 39


@pytest.mark.parametrize("arbiter", ["Simple", "Fifo", "Reorder"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stuck_configuration_is_an_error(mixed, widened, arbiter, channels):
    config = ControllerConfig(command_mux="Strict", refresh_policy="NoRefresh", arbiter=arbiter)
    workload = mixed(5)
    if channels == 2:
        from chipgym.simulators.dram.simulate import prepare

        workload = prepare(*widened(channels=2), workload.trace)
    with pytest.raises(SimulationError, match="no progress after"):
        simulate(workload, config)
