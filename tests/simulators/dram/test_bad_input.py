"""Bad input is refused by name and reason before anything is simulated; no run is endless."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    SimulationError,
    UnknownNameError,
)
from chipgym.simulators.dram.address import AddressMap, load_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device, load_device
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import TRACE_FORMATS, Trace, read_trace

GOOD = {"dramsys": "0: read 0x40", "ramulator": "0x40 R", "dramsim3": "0x40 READ 0"}


def attempt(expected, action, *arguments):
    """Return the result of an action, or its error if that is of the expected type."""
    try:
        return action(*arguments)
    except expected as error:
        return error


def ddr3():
    return load_device("ddr3-1600")


def rbc():
    return load_map("ddr3-1600-rbc")


# Traces


@pytest.mark.parametrize("format", sorted(GOOD))
@pytest.mark.parametrize(
    "bad",
    [
        "x",
        "0x40",
        "0: read 0x40 0x80",
        "0: READ 0x40",
        "0; read 0x40",
        "-1: read 0x40",
        "0: read -0x40",
        "0: read 0x7fffffffffffffffffff",
        "99999999999999999999: read 0x40",
        "0: (64 read 0x40",
        "0x40 X",
        "0x40 READ -5",
        "0x40 READ soon",
        "zero READ 0",
    ],
)
def test_a_malformed_line_is_named_with_its_number(tmp_path, format, bad):
    path = tmp_path / "bad.trace"
    path.write_text(f"# comment\n\n{GOOD[format]}\n{bad}\n")
    with pytest.raises(FileFormatError, match=r"bad\.trace: line 4: .{8}"):
        read_trace(path, format)


@pytest.mark.parametrize("format", sorted(GOOD))
def test_files_without_requests_or_text_are_refused(tmp_path, format):
    path = tmp_path / "some.trace"
    for content in (b"", b"\n\n", b"# only a comment\n"):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="holds no request"):
            read_trace(path, format)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_trace(path, format)
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_trace(tmp_path, format)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(
        st.sampled_from("0123456789abcdefx:()#-+_ \t\nrewitadRWLDSTEAI٣\x0b"), max_size=60
    ),
    format=st.sampled_from(sorted(TRACE_FORMATS)),
)
def test_any_text_is_a_trace_or_a_format_error(tmp_path_factory, text, format):
    path = tmp_path_factory.getbasetemp() / "fuzz.trace"
    path.write_text(text, encoding="utf-8")
    outcome = attempt(FileFormatError, read_trace, path, format)
    if isinstance(outcome, Trace):
        assert len(outcome) >= 1
    else:
        assert outcome.path == str(path)


@pytest.mark.parametrize(
    ("columns", "where"),
    [
        (([], [], []), "cycle"),
        (([[0]], [[0]], [[0]]), "cycle"),
        (([0, 1], [0], [0, 0]), "address"),
        (([0], [0], [0, 1]), "is_write"),
        (([-1], [0], [0]), r"cycle\[0\]"),
        (([1 << 40], [0], [0]), r"cycle\[0\]"),
        (([0, 1], [0, -64], [0, 0]), r"address\[1\]"),
        (([5, 4], [0, 0], [0, 0]), r"cycle\[1\]"),
    ],
)
def test_traces_are_checked_column_by_column(columns, where):
    with pytest.raises(InvalidValueError, match=where):
        Trace(*(np.array(column) for column in columns))


@pytest.mark.parametrize("name", ["ddr3-1600", "ddr4-2400"])
def test_addresses_beyond_the_device_are_refused(name):
    device = load_device(name)
    address_map = load_map({"ddr3-1600": "ddr3-1600-rbc", "ddr4-2400": "ddr4-2400-brc"}[name])
    last = device.capacity_bytes - 1
    prepare(device, address_map, Trace(np.array([0]), np.array([last]), np.array([0])))
    trace = Trace(np.array([0, 1]), np.array([last, last + 1]), np.array([0, 0]))
    with pytest.raises(InvalidValueError, match=r"address\[1\].*below the"):
        prepare(device, address_map, trace)


def test_a_map_of_another_device_is_refused():
    trace = Trace(np.array([0]), np.array([0]), np.array([0]))
    with pytest.raises(InvalidValueError, match="bits for ddr4-2400"):
        prepare(load_device("ddr4-2400"), rbc(), trace)


# Devices


@pytest.mark.parametrize(
    ("timing", "rule"),
    [
        ({"RC": 27}, "RC >= RAS"),
        ({"RCD": 29}, "RAS >= RCD"),
        ({"CCD_S": 5}, "CCD_L >= CCD_S"),
        ({"RRD_S": 6}, "RRD_L >= RRD_S"),
        ({"WTR_S": 7}, "WTR_L >= WTR_S"),
        ({"FAW": 4}, "FAW >= RRD_S"),
        ({"RFC": 9}, "RFC >= RP"),
        ({"REFI": 88}, "REFI > RFC"),
        ({"XS": 513}, "XSDLL >= XS"),
        ({"RP": -1}, "RP"),
        ({"REFI": 0}, "REFI"),
        ({"RCD": 10.5}, "RCD"),
        ({"RCD": "ten"}, "RCD"),
        ({"tRCD": 10}, "tRCD"),
    ],
)
def test_impossible_timing_is_named(timing, rule):
    document = ddr3().document()
    document["timing"] |= timing
    with pytest.raises(InvalidValueError, match=rule):
        Device.parse(document)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"rows": 1000}, "power of two"),
        ({"ranks": 3}, "power of two"),
        ({"rows": 0}, "rows"),
        ({"clock_mhz": 0}, "clock_mhz"),
        ({"standard": "SDRAM"}, "standard"),
        ({"columns": 4}, "at least one burst"),
        ({"frequency": 1}, "frequency"),
    ],
)
def test_impossible_geometry_is_named(change, where):
    with pytest.raises(InvalidValueError, match=where):
        Device.parse(ddr3().document() | change)


def test_missing_fields_and_broken_files_are_named(tmp_path):
    document = ddr3().document()
    del document["timing"]["RCD"]
    with pytest.raises(InvalidValueError, match=r"timing\.RCD.*missing"):
        Device.parse(document)
    path = tmp_path / "device.json"
    path.write_text('{"name": ')
    for description in (Device, AddressMap):
        with pytest.raises(FileFormatError, match=r"device\.json: not JSON: line 1"):
            description.load(path)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'ddr3-1600'"):
        load_device("ddr3-1601")
    with pytest.raises(UnknownNameError, match="did you mean 'ddr3-1600-rbc'"):
        load_map("ddr3-1600-rcb")


# Settings


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ({"page_polcy": "Open"}, "did you mean 'page_policy'"),
        ({"page_policy": "open"}, "did you mean 'Open'"),
        ({"scheduler": "FRFCFS"}, "scheduler"),
        ({"scheduler": None}, "scheduler"),
        ({"refresh_policy": []}, "refresh_policy"),
        ({"arbiter": 0}, "arbiter"),
        ({"request_buffer_size": 0}, "request_buffer_size"),
        ({"request_buffer_size": True}, "request_buffer_size"),
        ({"request_buffer_size": "8"}, "request_buffer_size"),
        ({"max_active_transactions": 0}, "max_active_transactions"),
        ({"refresh_max_postponed": -1}, "refresh_max_postponed"),
        ({"refresh_max_pulledin": 1.0}, "refresh_max_pulledin"),
        ({"think_delay_fw_ns": float("nan")}, "think_delay_fw_ns"),
        ({"phy_delay_bw_ns": float("inf")}, "phy_delay_bw_ns"),
        ({"arbitration_delay_fw_ns": -0.5}, "arbitration_delay_fw_ns"),
    ],
)
def test_unknown_settings_and_values_are_named(setting, where):
    with pytest.raises(InvalidValueError, match=where):
        ControllerConfig.parse(setting)


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"low_watermark": 0, "high_watermark": 4},
        {"low_watermark": 4, "high_watermark": 4},
        {"low_watermark": 5, "high_watermark": 4},
        {"low_watermark": 2},
    ],
)
def test_watermarks_that_cannot_work_are_refused(marks):
    with pytest.raises(InvalidValueError, match="watermark"):
        ControllerConfig(scheduler="GrpFrFcfsWm", **marks)


@pytest.mark.parametrize("scheduler", ["GrpFrFcfs", "GrpFrFcfsWm"])
def test_settings_that_never_end_are_refused(scheduler):
    with pytest.raises(InvalidValueError, match="Oldest"):
        ControllerConfig(
            scheduler=scheduler, command_mux="Strict", low_watermark=2, high_watermark=4
        )


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["Fifo", "Strict", "GrpFrFcfsWm", "Staggered"]),
)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(ControllerConfig().document())), value=values)
def test_any_value_of_a_setting_is_taken_or_refused_by_name(name, value):
    outcome = attempt(InvalidValueError, ControllerConfig.parse, {name: value})
    if isinstance(outcome, ControllerConfig):
        assert getattr(outcome, name) == value
    else:
        assert name in str(outcome) or "watermark" in str(outcome)


fields = st.sampled_from(sorted(set(load_device("ddr3-1600").document()) - {"name", "source"}))


@settings(max_examples=200, deadline=None)
@given(name=fields, value=values)
def test_any_value_of_a_device_field_is_taken_or_refused(name, value):
    document = ddr3().document() | {name: value}
    outcome = attempt(InvalidValueError, Device.parse, document)
    if isinstance(outcome, Device):
        assert outcome.capacity_bytes > 0
    else:
        assert str(outcome)


# Runs that make no progress


def _conflicts(size):
    """Requests to two rows of one bank in turn, so that the younger row hit waits."""
    cycle = np.arange(size)
    return prepare(ddr3(), rbc(), Trace(cycle, (cycle % 2) << 16, np.zeros(size)))


def test_a_run_without_progress_ends_with_an_error():
    config = ControllerConfig(command_mux="Strict", refresh_policy="NoRefresh")
    with pytest.raises(SimulationError, match=r"no progress after \d+ of 40 requests at cycle \d+"):
        simulate(_conflicts(40), config)


def test_a_run_saved_by_refreshes_stays_within_bounds():
    config = ControllerConfig(command_mux="Strict")
    slow = simulate(_conflicts(40), config)
    quick = simulate(_conflicts(40), ControllerConfig())
    assert quick.total_cycles * 5 < slow.total_cycles
    assert slow.total_cycles <= 2 * (40 + 8) * ddr3().timing.REFI


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    scheduler=st.sampled_from(["FrFcfs", "FrFcfsGrp"]),
    buffer=st.sampled_from(["Bankwise", "ReadWrite", "Shared"]),
    refresh=st.sampled_from(["AllBank", "NoRefresh"]),
)
def test_every_run_ends(seed, scheduler, buffer, refresh):
    rng = np.random.default_rng(seed)
    size = 60
    address = (rng.integers(0, 3, size) << 16) + 64 * rng.integers(0, 200, size)
    trace = Trace(np.sort(rng.integers(0, 500, size)), address, rng.random(size) < 0.4)
    config = ControllerConfig(
        command_mux="Strict",
        scheduler=scheduler,
        scheduler_buffer=buffer,
        refresh_policy=refresh,
        request_buffer_size=int(rng.integers(1, 9)),
    )
    bound = int(trace.cycle[-1]) + 2 * (size + 8) * ddr3().timing.REFI
    outcome = attempt(SimulationError, simulate, prepare(ddr3(), rbc(), trace), config)
    if isinstance(outcome, SimulationError):
        stopped = int(str(outcome).split("cycle ")[1].split(":")[0])
        assert stopped <= bound + ddr3().timing.REFI
    else:
        assert outcome.total_cycles <= bound
