"""Generated traffic, its features, and traces written and read back."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.features import FEATURES, WorkloadFeatures, features
from chipgym.simulators.dram.generators import (
    ARCHGYM_WORKLOADS,
    Traffic,
    archgym_trace,
    generate,
)
from chipgym.simulators.dram.trace import Trace, read_trace
from chipgym.simulators.dram.trace_writer import write_trace

PATTERNS = ("stream", "random", "mixture", "strided", "triad", "pointer-chase", "bursty")
MAPS = {"ddr3-1600": "ddr3-1600-rbc", "ddr4-2400": "ddr4-2400-bgint"}
KIB, GIB = 1 << 10, 1 << 30


def draw(device="ddr3-1600", seed=0, **fields):
    traffic = Traffic.parse(fields)
    return generate(traffic, load_device(device), np.random.default_rng(seed))


def describe(trace, device="ddr3-1600"):
    return features(trace, load_device(device), load_map(MAPS[device]))


traffics = st.fixed_dictionaries(
    {
        "pattern": st.sampled_from(PATTERNS),
        "requests": st.integers(1, 500),
        "read_ratio": st.sampled_from([0.0, 0.5, 1.0]),
        "intensity": st.floats(0.001, 1),
        "streams": st.integers(1, 5),
        "locality": st.sampled_from([0.0, 0.5, 1.0]),
        "stride_bytes": st.integers(1, 100).map(lambda n: 64 * n),
        "footprint_bytes": st.none() | st.integers(15, 2000).map(lambda n: 64 * n),
        "segment_requests": st.integers(2, 100),
        "burst_requests": st.integers(1, 100),
        "idle_cycles": st.integers(0, 5000),
    }
)


@settings(max_examples=200, deadline=None)
@given(fields=traffics, device=st.sampled_from(sorted(MAPS)), seed=st.integers(0, 99))
def test_every_traffic_gives_a_legal_and_repeatable_trace(fields, device, seed):
    trace = draw(device, seed, **fields)
    assert len(trace) == fields["requests"]
    assert (trace.address % 64 == 0).all()
    limit = fields["footprint_bytes"] or load_device(device).capacity_bytes
    assert trace.address.max() < limit
    again = draw(device, seed, **fields)
    for column in ("cycle", "address", "is_write"):
        assert (getattr(again, column) == getattr(trace, column)).all()
    values = describe(trace, device).as_array()
    assert ((values >= 0) & (values <= 1)).all()


def test_streams_take_turns_in_equal_parts():
    trace = draw(pattern="stream", requests=8, streams=2, footprint_bytes=384)
    assert (trace.address // 64).tolist() == [0, 3, 1, 4, 2, 5, 0, 3]
    assert trace.cycle.tolist() == list(range(8))
    assert not trace.is_write.any()


def test_strided_laps_start_one_burst_on():
    trace = draw(pattern="strided", requests=8, stride_bytes=256, footprint_bytes=1024)
    assert (trace.address // 64).tolist() == [0, 4, 8, 12, 1, 5, 9, 13]


def test_triad_reads_two_arrays_and_writes_the_third():
    trace = draw(pattern="triad", requests=6, footprint_bytes=3 * KIB, read_ratio=0.1)
    assert trace.address.tolist() == [KIB, 2 * KIB, 0, KIB + 64, 2 * KIB + 64, 64]
    assert trace.is_write.tolist() == [False, False, True] * 2


def test_pointer_chase_visits_every_burst_once_a_lap():
    trace = draw(pattern="pointer-chase", requests=64, footprint_bytes=32 * 64, intensity=0.02)
    lines = trace.address // 64
    assert sorted(lines[:32]) == list(range(32))
    assert (lines[32:] == lines[:32]).all()
    assert (np.diff(trace.cycle) == 50).all()


def test_probabilities_are_those_asked_for():
    trace = draw(pattern="random", read_ratio=0.7, locality=0.4, intensity=0.25)
    found = describe(trace)
    assert found.read_share == pytest.approx(0.7, abs=0.02)
    assert found.sequential_share == pytest.approx(0.4, abs=0.02)
    assert trace.cycle[-1] == 39996
    assert found.intensity == pytest.approx(0.5, abs=1e-3)
    assert (np.bincount(trace.address >> 27, minlength=8) > 1000).all()


def test_bursts_are_separated_by_idle_phases():
    trace = draw(pattern="bursty", burst_requests=20, idle_cycles=1000, intensity=0.5)
    gaps = np.diff(trace.cycle)
    between = gaps[19::20]
    assert (np.delete(gaps, np.arange(19, len(gaps), 20)) == 2).all()
    assert between.min() >= 2
    assert between.mean() == pytest.approx(1002, rel=0.15)
    assert describe(trace).burstiness > 0.75 > 0.5 > describe(draw(pattern="random")).burstiness


def test_mixture_runs_have_the_length_asked_for():
    trace = draw(pattern="mixture", requests=100_000, segment_requests=40)
    lines = trace.address // 64
    sequential = np.isin(np.arange(len(lines)), _sequential_requests(lines))
    runs = 1 + np.count_nonzero(np.diff(sequential))
    assert 100_000 / runs == pytest.approx(40, rel=0.1)
    assert sequential.mean() == pytest.approx(0.5, abs=0.05)


def _sequential_requests(lines):
    """Requests that continue the one stream from line 0 on, found by scanning for it."""
    due, found = 0, []
    for request, line in enumerate(lines.tolist()):
        if line == due:
            found.append(request)
            due += 1
    return found


@pytest.mark.parametrize(("name", "segments"), [("cloud-1", 99), ("cloud-2", 113)])
def test_archgym_alternations(name, segments):
    trace = archgym_trace(name, load_device("ddr3-1600"))
    sequential = np.isin(np.arange(10_000), _sequential_requests(trace.address // 64))
    assert 1 + np.count_nonzero(np.diff(sequential)) == segments
    assert trace.address.max() < GIB


def test_archgym_workloads_are_fixed_and_the_same_on_every_device():
    assert list(ARCHGYM_WORKLOADS) == ["stream", "random", "cloud-1", "cloud-2"]
    for name in ARCHGYM_WORKLOADS:
        small, large = (archgym_trace(name, load_device(d)) for d in sorted(MAPS))
        assert small.name == name
        assert (small.address == large.address).all()
        assert small.reads_only
        assert (small.cycle == np.arange(10_000)).all()
    stream = archgym_trace("stream", load_device("ddr3-1600"))
    assert (stream.address == 64 * np.arange(10_000)).all()
    with pytest.raises(UnknownNameError, match="did you mean 'cloud-"):
        archgym_trace("cloud-3", load_device("ddr3-1600"))


def test_archgym_workloads_resemble_the_originals(shared_folder):
    folder = shared_folder / "golden" / "dram" / "traces"
    for name in ARCHGYM_WORKLOADS:
        original = read_trace(folder / f"archgym_{name}.stl")
        made = archgym_trace(name, load_device("ddr3-1600"))
        assert (made.cycle == original.cycle).all()
        difference = np.abs(describe(made).as_array() - describe(original).as_array())
        assert difference.max() < 0.02, name
        if name == "stream":
            assert (made.address == original.address).all()


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"pattern": "zigzag"}, "pattern"),
        ({"pattern": "random", "requests": 0}, "requests"),
        ({"pattern": "random", "read_ratio": 1.5}, "read_ratio"),
        ({"pattern": "random", "intensity": 0.0}, "intensity"),
        ({"pattern": "random", "locality": float("nan")}, "locality"),
        ({"pattern": "random", "footprint": 64}, "footprint"),
        ({"pattern": "random", "footprint_bytes": 100}, "footprint_bytes"),
        ({"pattern": "random", "footprint_bytes": 2 * GIB}, "footprint_bytes"),
        ({"pattern": "strided", "stride_bytes": 100}, "stride_bytes"),
        ({"pattern": "stream", "streams": 9, "footprint_bytes": 512}, "streams"),
        ({"pattern": "triad", "streams": 3, "footprint_bytes": 512}, "streams"),
        ({"pattern": "random", "requests": 10_000_000, "intensity": 1e-5}, "longer than"),
    ],
)
def test_bad_fields_are_refused(fields, where):
    with pytest.raises(InvalidValueError, match=where):
        draw(**fields)


def test_traffic_round_trips_through_json(tmp_path):
    for traffic in ARCHGYM_WORKLOADS.values():
        traffic.save(tmp_path / "traffic.json")
        assert Traffic.load(tmp_path / "traffic.json") == traffic


def test_features_of_a_trace_worked_out_by_hand():
    # DDR3 map: bank from bit 13, row from bit 16. Banks 0 0 0 1, rows 0 0 1 0.
    trace = Trace(np.array([0, 1, 2, 15]), np.array([0, 64, 1 << 16, 1 << 13]), [0, 0, 1, 1])
    found = describe(trace)
    assert found.read_share == 0.5
    assert found.turn_share == 0.25
    assert found.intensity == 0.5
    assert found.row_hit_share == 0.25
    assert found.row_conflict_share == 0.25
    assert found.sequential_share == 0.25
    assert found.repeat_share == 0.0
    assert found.bank_entropy == pytest.approx((0.75 * np.log2(4 / 3) + 0.25 * 2) / 3)
    assert found.bank_change_share == 0.25
    assert found.distinct_rows_share == 0.75
    assert found.footprint_share == ((1 << 16) + 64) / GIB


def test_features_are_named_in_order():
    assert list(FEATURES) == [field.name for field in dataclasses.fields(WorkloadFeatures)]
    assert describe(draw(pattern="random", requests=1)).as_array().shape == (len(FEATURES),)


requests = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 1 << 40), st.booleans()), min_size=1
)


@settings(max_examples=50, deadline=None)
@given(rows=requests, format=st.sampled_from(["dramsys", "ramulator", "dramsim3"]))
def test_written_traces_are_read_back(tmp_path_factory, rows, format):
    gaps, address, is_write = zip(*rows, strict=True)
    trace = Trace(np.cumsum(gaps), np.array(address), np.array(is_write))
    path = tmp_path_factory.mktemp("traces") / "some.trace"
    write_trace(trace, path, format)
    again = read_trace(path, format)
    assert (again.address == trace.address).all()
    assert (again.is_write == trace.is_write).all()
    times = np.arange(len(trace)) if format == "ramulator" else trace.cycle
    assert (again.cycle == times).all()


def test_unknown_formats_are_not_written(tmp_path):
    trace = Trace(np.array([0]), np.array([0]), np.array([False]))
    with pytest.raises(UnknownNameError, match="trace format"):
        write_trace(trace, tmp_path / "x", "gem5")
    assert not list(tmp_path.iterdir())
