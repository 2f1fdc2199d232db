"""Several channels: what they share, and what they do not."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.channel_run import ChannelRun, open_run
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Run
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace

SIZE = 1 << 30  # of a channel of ddr3-1600
CONFIGS = [
    dict(zip(("arbiter", "response_queue", "power_down_policy"), values, strict=True))
    for values in itertools.product(
        ("Simple", "Fifo", "Reorder"), ("Fifo", "Reorder"), ("NoPowerDown", "Staggered")
    )
]
DELAYS = {"arbitration_delay_fw_ns": 5, "arbitration_delay_bw_ns": 2.5, "think_delay_fw_ns": 2.5}


def drawn(seed, size=300, channels=2):
    """Draw cycles, addresses over channels, and directions."""
    rng = np.random.default_rng(seed)
    cycles = np.cumsum(rng.choice([0, 1, 3, 20, 400], size, p=[0.3, 0.4, 0.2, 0.07, 0.03]))
    place = (rng.integers(0, 6, size) << 20) + rng.integers(0, 1 << 11, size) * 64
    return cycles, place + rng.integers(0, channels, size) * SIZE, rng.random(size) < 0.35


def of_one_channel(cycles, place, writes):
    trace = Trace(cycles, place, writes)
    return prepare(load_device("ddr3-1600"), load_map("ddr3-1600-rbc"), trace)


@pytest.mark.parametrize("case", CONFIGS)
@pytest.mark.parametrize("delays", [{}, DELAYS])
@pytest.mark.parametrize("channel", [0, 1])
def test_requests_of_one_channel_go_as_if_it_were_alone(widened, case, delays, channel):
    two, wide = widened(channels=2)
    cycles, place, writes = drawn(3, channels=1)
    config = ControllerConfig(**case, **delays, max_active_transactions=5)
    alone = of_one_channel(cycles, place, writes)
    both = prepare(two, wide, Trace(cycles, place + channel * SIZE, writes))
    expected = simulate(alone, config, record_trace=True)
    result = simulate(both, config, record_trace=True)
    assert np.array_equal(result.latency_ns, expected.latency_ns)
    assert np.array_equal(result.finish_ns, expected.finish_ns)
    assert result.total_time_ns == expected.total_time_ns
    ours = result.trace.channel == channel
    for name, column in expected.trace.columns().items():
        if name != "channel":
            assert np.array_equal(result.trace.columns()[name][ours], column), name


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    channels=st.sampled_from([2, 4]),
    arbiter=st.sampled_from(["Simple", "Fifo", "Reorder"]),
    limit=st.integers(1, 40),
    scheduler=st.sampled_from(["Fifo", "FrFcfs", "GrpFrFcfs"]),
    delays=st.sampled_from([{}, DELAYS]),
)
def test_every_request_is_served_once_on_its_channel(
    widened, seed, channels, arbiter, limit, scheduler, delays
):
    device, wide = widened(channels=channels)
    cycles, place, writes = drawn(seed, 150, channels)
    config = ControllerConfig(
        arbiter=arbiter, max_active_transactions=limit, scheduler=scheduler, **delays
    )
    workload = prepare(device, wide, Trace(cycles, place, writes))
    result = simulate(workload, config, record_trace=True)
    names, served = np.array(result.trace.names), result.trace.channel
    for channel in range(channels):
        mine = place // SIZE == channel
        for direction, commands in ((True, ("WR", "WRA")), (False, ("RD", "RDA"))):
            issued = np.isin(names, commands) & (served == channel)
            assert issued.sum() == (mine & (writes == direction)).sum()
    assert violations(device, result.trace) == []
    assert (result.latency_ns > 0).all()
    # One response a cycle, whatever the channels do.
    assert len(np.unique(result.finish_ns)) == len(place)
    if arbiter == "Reorder":
        assert (np.diff(result.finish_ns) > 0).all()
    if arbiter != "Simple":
        arrived = np.sort(result.finish_ns - result.latency_ns)
        finished = np.sort(result.finish_ns)
        assert (arrived[limit + 1 :] >= finished[: -limit - 1]).all()


def test_channels_work_at_the_same_time(widened):
    device, wide = widened(channels=2)
    conflicts = np.arange(200) // 2 * (1 << 16)
    config = ControllerConfig(arbiter="Fifo", refresh_policy="NoRefresh")
    spread = Trace(np.zeros(200), conflicts + np.arange(200) % 2 * SIZE, np.zeros(200))
    packed = Trace(np.zeros(200), np.arange(200) * (1 << 16) % SIZE, np.zeros(200))
    fast = simulate(prepare(device, wide, spread), config, record_trace=True)
    slow = simulate(prepare(device, wide, packed), config)
    assert fast.total_cycles < 0.55 * slow.total_cycles
    first, second = (fast.trace.cycle[fast.trace.channel == channel] for channel in (0, 1))
    assert first[0] < second[0] < first[-1] < second[-1]


def test_energy_and_power_are_those_of_all_channels(widened):
    device, wide = widened(channels=2)
    cycles, place, writes = drawn(5, channels=1)
    twice = np.stack((place, place + SIZE), axis=1).ravel()
    both = Trace(np.repeat(cycles, 2), twice, np.repeat(writes, 2))
    config = ControllerConfig(arbiter="Fifo")
    double = simulate(prepare(device, wide, both), config)
    alone = of_one_channel(cycles, place, writes)
    single = simulate(alone, config)
    assert double.energy_pj == pytest.approx(2 * single.energy_pj, rel=0.02)
    assert double.power_mw == pytest.approx(2 * single.power_mw, rel=0.02)
    assert double.counts["REFAB"] == 2 * single.counts["REFAB"]
    assert double.bandwidth_gbps == pytest.approx(2 * single.bandwidth_gbps, rel=0.02)
    assert double.bandwidth_percent == pytest.approx(single.bandwidth_percent, rel=0.02)


def test_an_idle_channel_still_takes_power(widened):
    device, wide = widened(channels=2)
    cycles, place, writes = drawn(5, channels=1)
    config = ControllerConfig(refresh_policy="NoRefresh")
    half = simulate(prepare(device, wide, Trace(cycles, place, writes)), config)
    alone = of_one_channel(cycles, place, writes)
    single = simulate(alone, config)
    currents, ns = device.currents, half.total_time_ns
    standby = device.devices_per_rank * currents.vdd_v * currents.idd2n_ma * ns
    assert half.energy_pj - single.energy_pj == pytest.approx(standby, rel=0.01)


def test_a_paused_run_and_its_copy_go_on_as_if_never_paused(widened):
    device, wide = widened(channels=2)
    workload = prepare(device, wide, Trace(*drawn(7)))
    config = ControllerConfig(power_down_policy="Staggered", arbiter="Reorder")
    whole = simulate(workload, config, record_trace=True)
    run = open_run(workload, config, record=True)
    assert isinstance(run, ChannelRun)
    cycle = 0
    while not run.run(cycle):
        cycle += 777
        run = pickle.loads(pickle.dumps(copy.deepcopy(run)))
    assert cycle > 1500
    assert run.result().metrics() == whole.metrics()
    for name, column in run.result().trace.columns().items():
        assert np.array_equal(column, whole.trace.columns()[name])


def test_recording_grows_with_the_trace(widened):
    device, wide = widened(channels=2)
    size = 9000
    addresses = np.arange(size) % 2 * (1 << 16)
    config = ControllerConfig(scheduler="Fifo", refresh_policy="NoRefresh")
    workload = prepare(device, wide, Trace(np.arange(size), addresses, np.zeros(size)))
    result = simulate(workload, config, record_trace=True)
    assert len(result.trace) == sum(result.counts.values()) > 1 << 14


def test_a_run_of_one_channel_refuses_several(widened):
    device, wide = widened(channels=2)
    workload = prepare(device, wide, Trace(*drawn(7)))
    with pytest.raises(InvalidValueError, match="channels = 2"):
        Run(workload, ControllerConfig())


def test_the_channel_is_part_of_the_address(widened):
    device, wide = widened(channels=4)
    assert wide.decode([0, SIZE, 3 * SIZE + 64], device).channel.tolist() == [0, 1, 3]
    assert device.capacity_bytes == 4 * SIZE
    with pytest.raises(InvalidValueError, match="channel"):
        wide.model_copy(update={"channel": (30,)}).check(device)
