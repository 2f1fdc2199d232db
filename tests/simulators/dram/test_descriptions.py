"""Devices, address maps, configurations and traces: what is accepted, and how errors read."""

import numpy as np
import pytest

from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)
from chipgym.simulators.dram.address import load_map, map_names
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device, device_names, load_device
from chipgym.simulators.dram.trace import Trace, read_trace


@pytest.mark.parametrize("name", map_names())
def test_shipped_maps_fit_their_devices_and_are_one_to_one(name):
    address_map = load_map(name)
    device = next(d for d in map(load_device, device_names()) if name in map_names(d))
    rng = np.random.default_rng(1)
    bursts = device.capacity_bytes // device.burst_bytes
    addresses = np.unique(rng.integers(0, bursts, 2000)) * device.burst_bytes
    place = address_map.decode(addresses, device)
    fields = (place.channel, place.bank, place.row, place.column)
    keys = set(zip(*(field.tolist() for field in fields), strict=True))
    assert len(keys) == len(addresses)
    assert place.bank.max() < device.banks
    assert place.row.max() < device.rows
    assert (place.column % device.burst_length == 0).all()


def test_decoding_by_hand():
    place = load_map("ddr3-1600-rbc").decode([(5 << 16) | (3 << 13) | (9 << 6) | 7], _ddr3())
    assert (place.row[0], place.bank[0], place.column[0]) == (5, 3, 72)


def test_xor_spreads_rows_over_banks():
    plain = load_map("ddr3-1600-rbc")
    mapped = plain.model_copy(update={"xor": ((13, 16), (14, 17))})
    mapped.check(_ddr3())
    addresses = np.arange(4) << 16
    assert plain.decode(addresses, _ddr3()).bank.tolist() == [0, 0, 0, 0]
    assert mapped.decode(addresses, _ddr3()).bank.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"row": tuple(range(16, 29))}, "row"),
        ({"bank": (13, 14, 16)}, "rbc"),
        ({"byte": (1, 0, 2)}, "byte"),
        ({"xor": ((13, 40),)}, "xor"),
    ],
)
def test_maps_that_do_not_fit_are_refused(change, where):
    with pytest.raises(InvalidValueError, match=where):
        load_map("ddr3-1600-rbc").model_copy(update=change).check(_ddr3())


def _ddr3():
    return load_device("ddr3-1600")


def test_devices_round_trip_and_state_their_sizes(tmp_path):
    for name in device_names():
        device = load_device(name)
        device.save(tmp_path / "device.json")
        assert Device.load(tmp_path / "device.json") == device
    assert _ddr3().capacity_bytes == 1 << 30
    assert load_device("ddr4-2400").clock_ps == 833
    with pytest.raises(UnknownNameError, match="did you mean 'ddr3-1600'"):
        load_device("ddr3-1660")


def test_impossible_timing_is_refused():
    document = _ddr3().document()
    document["timing"]["RC"] = 5
    with pytest.raises(InvalidValueError, match="RC >= RAS"):
        Device.parse(document)


@pytest.mark.parametrize(
    "settings",
    [
        {"scheduler": "FrFcf"},
        {"request_buffer_size": 0},
        {"request_buffer_size": 2.0},
        {"think_delay_fw_ns": -1.0},
        {"scheduler": "GrpFrFcfsWm"},
        {"scheduler": "GrpFrFcfsWm", "high_watermark": 4, "low_watermark": 4},
        {"scheduler": "GrpFrFcfs", "command_mux": "Strict"},
        {"page": "Open"},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InvalidValueError):
        ControllerConfig.parse(settings)


def test_ignored_settings_share_a_key():
    plain = ControllerConfig()
    same = ControllerConfig(max_active_transactions=4, high_watermark=9)
    assert same.key() == plain.key()
    assert ControllerConfig(arbiter="Fifo").key() != plain.key()
    reads = ControllerConfig(scheduler="GrpFrFcfs")
    assert reads.key() != plain.key()
    assert reads.key(reads_only=True) == plain.key(reads_only=True)


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("dramsys", "# comment\n\n0:\tread\t0x40\n5: (64) write 128\n"),
        ("ramulator", "0x40 R\nST 0x80\n"),
        ("dramsim3", "0x40 READ 0\n80 WRITE 5\n"),
    ],
)
def test_formats_are_read(tmp_path, format, text):
    path = tmp_path / "some.trace"
    path.write_text(text)
    trace = read_trace(path, format)
    assert trace.address.tolist() == [0x40, 0x80]
    assert trace.is_write.tolist() == [False, True]
    assert trace.cycle.tolist() == ([0, 1] if format == "ramulator" else [0, 5])
    assert trace.name == "some"


@pytest.mark.parametrize(
    ("format", "text", "reason"),
    [
        ("dramsys", "", "holds no request"),
        ("dramsys", "# nothing\n", "holds no request"),
        ("dramsys", "0: read 0x0\n1 read 0x0\n", "line 2: no colon"),
        ("dramsys", "0: reed 0x0\n", "line 1: 'reed' is neither"),
        ("dramsys", "0: read zero\n", "line 1: address 'zero'"),
        ("dramsys", "x: read 0\n", "line 1: time 'x'"),
        ("dramsys", "0: read\n", "line 1: expected"),
        ("dramsys", "0: (a) read 0\n", "line 1: size 'a'"),
        ("dramsys", "5: read 0\n4: read 0\n", "line 2: time 4 is before"),
        ("dramsys", "0: read -4\n", "line 1: address"),
        ("ramulator", "0x40\n", "line 1: expected"),
        ("dramsim3", "0x40 READ\n", "line 1: expected"),
    ],
)
def test_malformed_traces_name_the_line(tmp_path, format, text, reason):
    path = tmp_path / "bad.trace"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=reason):
        read_trace(path, format)


def test_traces_are_checked():
    with pytest.raises(InvalidValueError, match=r"cycle\[1\]"):
        Trace(np.array([3, 2]), np.array([0, 0]), np.array([0, 0]))
    with pytest.raises(InvalidValueError, match="at least one request"):
        Trace(np.zeros(0), np.zeros(0), np.zeros(0))
    with pytest.raises(UnknownNameError):
        read_trace("x", "gem5")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_trace("no-such-file.stl")
