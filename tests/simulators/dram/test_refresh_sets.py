"""Refresh of a bank, a pair of banks, or the same bank of each group at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.address import default_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device, load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.jedec_refresh import refresh_gaps
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace

DEVICES = ["lpddr4-3200", "lpddr5-6400", "hbm2-2000-pc", "ddr5-3200"]


def idle(device, cycle):
    trace = Trace(np.array([cycle]), np.array([0]), np.array([0]))
    return prepare(device, default_map(device), trace)


@pytest.mark.parametrize("name", DEVICES)
def test_an_idle_rank_refreshes_its_sets_in_turn(name):
    device = load_device(name)
    sets, interval = device.refresh_sets, device.timing.REFIB
    policy = device.partial_refresh
    config = ControllerConfig(refresh_policy=policy)
    result = simulate(idle(device, 3 * sets * interval + interval // 2), config, record_trace=True)
    command = {"PerBank": "REFPB", "SameBank": "REFSB"}[policy]
    refreshed = np.array(result.trace.names) == command
    assert result.trace.cycle[refreshed].tolist() == [n * interval for n in range(1, 3 * sets + 1)]
    assert result.trace.bank[refreshed].tolist() == list(range(sets)) * 3
    assert result.counts["REFAB"] == 0
    assert violations(device, result.trace) == []


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(DEVICES),
    seed=st.integers(0, 1000),
    postponed=st.integers(0, 3),
    pulled_in=st.integers(0, 3),
    power_down=st.sampled_from(["NoPowerDown", "Staggered"]),
    page=st.sampled_from(["Open", "Closed", "ClosedAdaptive"]),
    busy=st.booleans(),
)
def test_every_bank_is_refreshed_in_time(
    scattered, name, seed, postponed, pulled_in, power_down, page, busy
):
    device = load_device(name)
    config = ControllerConfig(
        refresh_policy=device.partial_refresh,
        refresh_max_postponed=postponed,
        refresh_max_pulledin=pulled_in,
        power_down_policy=power_down,
        page_policy=page,
        arbiter="Fifo",
    )
    gaps = (0, 2, 5) if busy else (0, 1, 3, 20, 400, 4000)
    result = simulate(scattered(device, seed, 300, gaps=gaps), config, record_trace=True)
    assert violations(device, result.trace) == []
    t, sets = device.timing, device.refresh_sets
    # A set may be first in one round and last in the next one; what was pulled in or is put off
    # comes on top, and the work in progress when a refresh is forced.
    rounds = 2 + postponed + pulled_in
    slack = t.RFCB + t.RC + t.WL + t.WR + t.XS + t.RFC
    assert refresh_gaps(device, result.trace, result.total_cycles).max() <= (
        rounds * sets * t.REFIB + slack
    )
    count = result.counts["REFPB"] + result.counts["REFSB"]
    if power_down == "NoPowerDown":
        due = result.total_cycles // t.REFIB
        assert due - sets * postponed - 1 <= count <= due + sets * pulled_in + 1


def test_other_banks_work_while_one_is_refreshed():
    device = load_device("lpddr4-3200")
    size = 3000
    bank = 1 << 11  # of the map lpddr4-3200-rbc
    addresses = np.arange(size) % 8 * bank + np.arange(size) // 8 % 64 * 32
    trace = Trace(np.zeros(size), addresses, np.zeros(size))
    workload = prepare(device, default_map(device), trace)
    results = {
        policy: simulate(workload, ControllerConfig(refresh_policy=policy), record_trace=True)
        for policy in ("AllBank", "PerBank")
    }
    for command, duration, policy in (("REFAB", "RFC", "AllBank"), ("REFPB", "RFCB", "PerBank")):
        trace = results[policy].trace
        names = np.array(trace.names)
        starts = trace.cycle[names == command]
        length = getattr(device.timing, duration)
        # ACT takes two cycles more than the refresh, so it may come two cycles earlier.
        inside = [((trace.cycle > s) & (trace.cycle < s + length - 2)).sum() for s in starts[:-1]]
        assert len(inside) >= 2
        assert (max(inside) == 0) == (policy == "AllBank")


def test_energy_of_bank_refreshes_uses_their_published_current():
    device = load_device("lpddr4-3200")
    cycles = 50 * 6240
    by_bank = simulate(idle(device, cycles), ControllerConfig(refresh_policy="PerBank"))
    without = simulate(idle(device, cycles), ControllerConfig(refresh_policy="NoRefresh"))
    assert by_bank.counts["REFPB"] == 400
    ns = 400 * device.timing.REFIB * 1000 / device.clock_mhz
    first, second = device.currents, device.currents.second
    expected = ns * (
        first.vdd_v * (first.idd5pb_ma - first.idd2n_ma)
        + second.vdd_v * (second.idd5pb_ma - second.idd2n_ma)
    )
    assert by_bank.energy_pj - without.energy_pj == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("ddr3-1600", "PerBank"),
        ("ddr4-2400", "SameBank"),
        ("ddr5-3200", "PerBank"),
        ("hbm2-2000", "SameBank"),
    ],
)
def test_a_refresh_that_the_device_lacks_is_refused(name, policy):
    device = load_device(name)
    with pytest.raises(InvalidValueError, match=f"refresh_policy = '{policy}'.*AllBank.*{name}"):
        simulate(idle(device, 0), ControllerConfig(refresh_policy=policy))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"refresh_sets": 3}, "refresh_sets must divide"),
        ({"partial_refresh": "SameBank", "refresh_sets": 4}, "as many refresh_sets"),
        ({"timing": {"REFIB": 100}}, "REFIB > RFCB"),
        ({"currents": {"idd5pb_ma": None}}, "needs the current idd5pb_ma"),
        ({"data_rate": 3}, "data_rate must be a power of two"),
        ({"channels": 3}, "channels must be a power of two"),
    ],
)
def test_impossible_devices_are_refused(change, reason):
    document = load_device("lpddr4-3200").document()
    for field, value in change.items():
        document[field] = {**document[field], **value} if isinstance(value, dict) else value
    with pytest.raises(InvalidValueError, match=reason):
        Device.parse(document)
