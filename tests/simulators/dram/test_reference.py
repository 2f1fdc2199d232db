"""The compiled simulator gives the same bits as the plain-Python one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram.address import AddressMap, default_map, load_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device, device_names, load_device
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.generators import Traffic, generate
from chipgym.simulators.dram.reference import simulate_reference
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace
from chipgym.simulators.dram.validation_cases import Folder

MEMORIES = [
    ("ddr3-1600", "ddr3-1600-rbc"),
    ("ddr3-1600", "ddr3-1600-brc"),
    ("ddr4-2400", "ddr4-2400-bgint"),
    ("ddr4-2400", "ddr4-2400-brc"),
]
EXACT = (
    "total_cycles",
    "total_time_ns",
    "bandwidth_gbps",
    "bandwidth_percent",
    "busy_bandwidth_percent",
    "counts",
)
GAPS = np.array([0, 1, 3, 20, 400, 9000])


def assert_same(slow: DramResult, fast: DramResult) -> None:
    for name in EXACT:
        assert getattr(fast, name) == getattr(slow, name), name
    np.testing.assert_array_equal(fast.latency_ns, slow.latency_ns)
    np.testing.assert_array_equal(fast.finish_ns, slow.finish_ns)
    assert fast.trace is not None
    assert slow.trace is not None
    for name, column in slow.trace.columns().items():
        np.testing.assert_array_equal(fast.trace.columns()[name], column, err_msg=name)
    assert fast.energy_pj == pytest.approx(slow.energy_pj, rel=1e-12, nan_ok=True)
    assert fast.power_mw == pytest.approx(slow.power_mw, rel=1e-12, nan_ok=True)
    assert fast.rows is not None
    assert slow.rows is not None
    for column in ("requests", "hits", "conflicts"):
        np.testing.assert_array_equal(getattr(fast.rows, column), getattr(slow.rows, column))


def both(workload: Workload, config: ControllerConfig) -> None:
    """Simulate with both; a run without progress must be one for both."""
    try:
        slow = simulate_reference(workload, config)
    except SimulationError:
        with pytest.raises(SimulationError, match="no progress"):
            simulate(workload, config)
    else:
        assert_same(slow, simulate(workload, config, record_trace=True))


@st.composite
def configs(draw: st.DrawFn) -> ControllerConfig:
    """Any legal configuration, with small buffers so that they fill."""
    few = st.sampled_from([0, 1, 2, 8])
    delay = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, 10.0, 33.0])
    scheduler = draw(st.sampled_from(["Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"]))
    low = draw(st.integers(1, 4))
    names = ("arbitration", "think", "phy")
    return ControllerConfig(
        page_policy=draw(st.sampled_from(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"])),
        scheduler=scheduler,
        scheduler_buffer=draw(st.sampled_from(["Bankwise", "ReadWrite", "Shared"])),
        request_buffer_size=draw(st.sampled_from([1, 2, 3, 4, 8, 16, 64])),
        command_mux=draw(st.sampled_from(["Oldest", "Strict"]))
        if scheduler == "Fifo"
        else "Oldest",
        response_queue=draw(st.sampled_from(["Fifo", "Reorder"])),
        refresh_policy=draw(st.sampled_from(["AllBank", "AllBank", "NoRefresh"])),
        refresh_max_postponed=draw(few),
        refresh_max_pulledin=draw(few),
        power_down_policy=draw(st.sampled_from(["NoPowerDown", "Staggered"])),
        arbiter=draw(st.sampled_from(["Simple", "Fifo", "Reorder"])),
        max_active_transactions=draw(st.sampled_from([1, 2, 5, 16, 128])),
        low_watermark=low,
        high_watermark=low + draw(st.integers(1, 4)),
        **{f"{name}_delay_{way}_ns": draw(delay) for name in names for way in ("fw", "bw")},
    )


@st.composite
def traces(draw: st.DrawFn, capacity_bytes: int, max_requests: int = 300) -> Trace:
    """Mixtures of sequential requests, few rows that conflict, and random ones."""
    size = draw(st.integers(1, max_requests))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    activity = draw(st.sampled_from(["saturated", "mixed", "bursty", "idle"]))
    weight = {
        "saturated": [1, 9, 0, 0, 0, 0],
        "mixed": [1, 3, 3, 2, 0.3, 0],
        "bursty": [2, 4, 2, 0, 0.2, 0.1],
        "idle": [0, 1, 0, 2, 2, 1],
    }[activity]
    gaps = rng.choice(GAPS, size, p=np.array(weight) / sum(weight))
    shift = draw(st.sampled_from([13, 16, 17, 20]))
    rows = rng.integers(0, draw(st.integers(1, 8)), size) << shift
    address = rows + rng.integers(0, 1 << draw(st.integers(0, 10)), size) * 64
    kind = rng.random(size)
    sequential, anywhere = draw(st.sampled_from([(0.0, 0.0), (0.5, 0.5), (0.3, 0.8), (1.0, 1.0)]))
    address = np.where(kind < sequential, np.arange(size) * 64, address)
    random = rng.integers(0, capacity_bytes // 64, size) * 64
    address = np.where((kind >= sequential) & (kind < anywhere), random, address)
    write_share = draw(st.sampled_from([0.0, 0.1, 0.4, 0.7, 1.0]))
    return Trace(np.cumsum(gaps), address, rng.random(size) < write_share)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(MEMORIES), configs())
def test_random_traces(data: st.DataObject, memory: tuple[str, str], config: ControllerConfig):
    device = load_device(memory[0])
    trace = data.draw(traces(device.capacity_bytes))
    both(prepare(device, load_map(memory[1]), trace), config)


def _with_ranks(device: Device, address_map: AddressMap, bits: int) -> tuple[Device, AddressMap]:
    """Add ranks on the highest address bits."""
    first = (device.capacity_bytes - 1).bit_length()
    ranks = tuple(range(first, first + bits))
    pairs = ((address_map.bank[0], address_map.row[0]), (ranks[0], address_map.row[1]))
    return (
        device.model_copy(update={"ranks": 1 << bits}),
        address_map.model_copy(update={"rank": ranks, "xor": pairs}),
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(MEMORIES), st.integers(1, 2), configs())
def test_several_ranks_and_hashed_banks(
    data: st.DataObject, memory: tuple[str, str], bits: int, config: ControllerConfig
):
    single = load_device(memory[0])
    trace = data.draw(traces(single.capacity_bytes, 200))
    device, address_map = _with_ranks(single, load_map(memory[1]), bits)
    run_length = data.draw(st.sampled_from([1, 7, 40]))
    rank = np.arange(len(trace)) // run_length % device.ranks
    address = trace.address + rank * single.capacity_bytes
    both(prepare(device, address_map, Trace(trace.cycle, address, trace.is_write)), config)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["stream", "random", "mixture", "strided", "triad", "pointer-chase", "bursty"]),
    st.sampled_from(MEMORIES),
    configs(),
)
def test_generated_traffic(pattern: str, memory: tuple[str, str], config: ControllerConfig):
    device = load_device(memory[0])
    traffic = Traffic(pattern=pattern, requests=400, read_ratio=0.7, locality=0.5, intensity=0.2)
    trace = generate(traffic, device, np.random.default_rng(5))
    both(prepare(device, load_map(memory[1]), trace), config)


MODELLED = [
    name
    for name in device_names()
    if load_device(name).standard in ("DDR3", "DDR4") and load_device(name).channels == 1
]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(MODELLED), configs())
def test_every_shipped_device(data: st.DataObject, name: str, config: ControllerConfig):
    device = load_device(name)
    trace = data.draw(traces(device.capacity_bytes, 150))
    both(prepare(device, default_map(device), trace), config)


def test_what_is_not_modelled_is_refused():
    trace = Trace([0], [0], [0])
    device = load_device("ddr5-3200")
    with pytest.raises(InvalidValueError, match="standard = 'DDR5'"):
        simulate_reference(prepare(device, default_map(device), trace))
    device = load_device("ddr3-1600")
    config = ControllerConfig(refresh_policy="PerBank")
    with pytest.raises(InvalidValueError, match="refresh_policy = 'PerBank'"):
        simulate_reference(prepare(device, default_map(device), trace), config)


@settings(max_examples=20, deadline=None)
@given(st.data(), st.sampled_from(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]))
def test_strict_order_with_a_scheduler_that_reorders(data: st.DataObject, page_policy: str):
    """Legal, and pathological: progress hangs on forced refreshes, or there is none."""
    device = load_device("ddr3-1600")
    trace = data.draw(traces(device.capacity_bytes, 60))
    refresh = data.draw(st.sampled_from(["AllBank", "NoRefresh"]))
    config = ControllerConfig(page_policy=page_policy, command_mux="Strict", refresh_policy=refresh)
    both(prepare(device, load_map("ddr3-1600-rbc"), trace), config)


def test_a_command_ready_when_a_refresh_is_forced_gives_way():
    """The read would be ready in the very cycle in which the refresh falls due."""
    device = load_device("ddr3-1600")
    due = device.timing.REFI - device.timing.RCD
    workload = prepare(device, load_map("ddr3-1600-rbc"), Trace([due - 1], [0], [0]))
    early = simulate_reference(workload).trace
    workload = prepare(device, load_map("ddr3-1600-rbc"), Trace([due], [0], [0]))
    late = simulate_reference(workload).trace
    assert early.names[:2] == ["ACT", "RD"]
    assert late.names == ["ACT", "PREAB", "REFAB", "ACT", "RD"]
    both(workload, ControllerConfig())


CASES = ("closed_fifo", "fifo_strict_arbfifo4", "staggered_pd_flexref", "ddr4_pd")


@pytest.mark.parametrize("case", CASES)
def test_logged_commands_of_dramsys(shared_folder, case: str):
    folder = Folder(shared_folder / "golden" / "dram")
    summary = next(row for row in folder.rows("cmdtraces/summary.csv") if row["case"] == case)
    workload = folder.workload(summary["trace"], summary["device"])
    result = simulate_reference(workload, folder.config(case))
    rows = folder.rows(f"cmdtraces/{case}/commands.csv")
    names = ("cycle", "bank", "row", "column")
    for name in names:
        expected = [int(row[name]) for row in rows]
        assert result.trace.columns()[name].tolist() == expected, name
    assert result.trace.names == [row["command"] for row in rows]
    assert result.total_time_ns * 1000 == pytest.approx(float(summary["total_time_ps"]), abs=0.5)
    assert result.energy_pj == pytest.approx(float(summary["energy_pJ"]), rel=1e-9)
