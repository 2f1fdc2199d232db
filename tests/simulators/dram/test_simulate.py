"""Behaviour of the controller: cases worked out by hand, and what holds for all of them."""

import copy
import itertools
import pickle

import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Run
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import prepare, simulate, simulate_batch
from chipgym.simulators.dram.trace import Trace

# Row, bank and column of the DDR3 map: bits 16, 13 and 6 (bursts).
ROW, BANK, BURST = 1 << 16, 1 << 13, 1 << 6
CLOCK_NS = 1.25


def commands(result):
    return [(int(t), name) for t, name in zip(result.trace.cycle, result.trace.names, strict=True)]


def test_one_read_takes_activate_read_and_burst(prepared):
    result = simulate(prepared([0], [0]), record_trace=True)
    # tRCD 10, RL 10, burst 4.
    assert commands(result) == [(0, "ACT"), (10, "RD")]
    assert result.total_cycles == 24
    assert result.total_time_ns == 24 * CLOCK_NS
    assert result.latency_ns.tolist() == [30.0]
    assert result.mean_read_latency_ns == 30.0
    assert np.isnan(result.mean_write_latency_ns)


def test_a_row_hit_follows_after_ccd_and_a_conflict_after_precharge(prepared):
    result = simulate(prepared([0, 1, 2], [0, BURST, ROW]), record_trace=True)
    # RD at 10 and 14 (tCCD 4); PRE at max(tRAS 28, 14 + tRTP 6); ACT after tRP 10; RD after tRCD.
    assert commands(result) == [
        (0, "ACT"),
        (10, "RD"),
        (14, "RD"),
        (28, "PREPB"),
        (38, "ACT"),
        (48, "RD"),
    ]


def test_closed_page_precharges_by_itself(prepared):
    result = simulate(
        prepared([0, 1], [0, ROW]), ControllerConfig(page_policy="Closed"), record_trace=True
    )
    # The second ACT waits for tRC 38.
    assert commands(result) == [(0, "ACT"), (10, "RDA"), (38, "ACT"), (48, "RDA")]


def test_write_to_read_waits_for_the_turnaround(prepared):
    result = simulate(prepared([0, 1], [0, BURST], [1, 0]), record_trace=True)
    # WL 8 + burst 4 + tWTR 6 after the write.
    assert commands(result) == [(0, "ACT"), (10, "WR"), (28, "RD")]


def test_four_activates_fill_the_window(prepared):
    result = simulate(prepared(range(5), [bank * BANK for bank in range(5)]), record_trace=True)
    activates = [t for t, name in commands(result) if name == "ACT"]
    # tRRD 5, but at 10 the RD of bank 0 is older and takes the command bus. The fifth waits for
    # tFAW 24 after the first.
    assert activates == [0, 5, 11, 16, 24]


def test_refresh_comes_at_its_interval(prepared):
    workload = prepared([0, 20000], [0, ROW])
    result = simulate(workload, record_trace=True)
    refreshes = [t for t, name in commands(result) if name == "REFAB"]
    # The first waits for the open bank's precharge (tRP 10).
    assert refreshes == [6250, 12480, 18720]
    config = ControllerConfig(refresh_policy="NoRefresh")
    assert simulate(workload, config).counts["REFAB"] == 0


def test_idle_rank_powers_down_and_reaches_self_refresh(prepared):
    config = ControllerConfig(power_down_policy="Staggered")
    result = simulate(prepared([0, 20000], [0, ROW]), config, record_trace=True)
    assert result.counts["SREFEN"] == result.counts["SREFEX"] == 1
    assert result.counts["PDEA"] + result.counts["PDEP"] >= 2
    awake = simulate(prepared([0, 20000], [0, ROW]))
    assert result.energy_pj < awake.energy_pj / 2
    assert result.max_latency_ns > awake.max_latency_ns


def test_active_transactions_bound_what_is_in_flight(prepared):
    workload = prepared(np.arange(50), np.arange(50) * ROW)
    results = [
        simulate(workload, ControllerConfig(arbiter="Fifo", max_active_transactions=n))
        for n in (1, 4, 50)
    ]
    for limit, result in zip((1, 4), results, strict=False):
        # They finish in order here: request k is sent when k - limit - 1 is home.
        start = result.finish_ns - result.latency_ns
        assert (start[limit + 1 :] >= result.finish_ns[: -limit - 1]).all()
    latencies = [result.mean_latency_ns for result in results]
    assert latencies == sorted(latencies)


CASES = [
    dict(zip(("page_policy", "scheduler", "arbiter", "power_down_policy"), values, strict=True))
    for values in itertools.product(
        ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive"),
        ("Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"),
        ("Simple", "Reorder"),
        ("NoPowerDown", "Staggered"),
    )
]


@pytest.mark.parametrize("device", ["ddr3-1600", "ddr4-2400"])
def test_every_policy_serves_every_request_and_keeps_the_standard(mixed, device):
    workload = mixed(7, device)
    for case in CASES:
        marks = {"high_watermark": 6, "low_watermark": 3} if "Wm" in case["scheduler"] else {}
        config = ControllerConfig(**case, **marks, refresh_max_postponed=2)
        result = simulate(workload, config, record_trace=True)
        counts = result.counts
        assert counts["RD"] + counts["RDA"] == (~workload.trace.is_write).sum()
        assert counts["WR"] + counts["WRA"] == workload.trace.is_write.sum()
        assert (result.latency_ns > 0).all()
        assert violations(workload.memory.device, result.trace) == [], case


def test_the_same_input_gives_the_same_bits_alone_and_in_a_batch(mixed):
    workload = mixed(3)
    configs = [ControllerConfig(request_buffer_size=n, arbiter="Fifo") for n in (1, 2, 8, 2)]
    batch = simulate_batch(workload, configs, threads=2)
    for config, result in zip(configs, batch, strict=True):
        alone = simulate(workload, config)
        assert np.array_equal(alone.latency_ns, result.latency_ns)
        assert alone.metrics() == result.metrics()
    assert batch[1] is batch[3]


def test_canonical_configurations_agree_with_the_full_ones(mixed, prepared):
    reads = prepared(np.arange(300), np.random.default_rng(0).integers(0, 1 << 24, 300))
    for workload in (mixed(1), reads):
        reads_only = workload.trace.reads_only
        for scheduler, buffer in itertools.product(
            ("FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"), ("ReadWrite", "Shared")
        ):
            config = ControllerConfig(
                scheduler=scheduler,
                scheduler_buffer=buffer,
                max_active_transactions=3,
                refresh_policy="NoRefresh",
                refresh_max_postponed=4,
                low_watermark=2,
                high_watermark=5,
            )
            canonical = config.canonical(reads_only=reads_only)
            assert canonical != config
            assert simulate(workload, config).metrics() == simulate(workload, canonical).metrics()


def test_a_paused_run_and_its_copy_go_on_as_if_never_paused(mixed):
    workload = mixed(4)
    config = ControllerConfig(power_down_policy="Staggered", arbiter="Reorder")
    whole = simulate(workload, config, record_trace=True)
    run = Run(workload, config, record=True)
    cycle = 0
    while not run.run(cycle):
        cycle += 777
        run = pickle.loads(pickle.dumps(copy.deepcopy(run)))
    assert cycle > 3000
    assert run.result().metrics() == whole.metrics()
    for name, column in run.result().trace.columns().items():
        assert np.array_equal(column, whole.trace.columns()[name])
    assert run.run()


def test_a_configuration_without_progress_is_an_error(mixed):
    config = ControllerConfig(command_mux="Strict", refresh_policy="NoRefresh")
    with pytest.raises(SimulationError, match="no progress after"):
        simulate(mixed(5), config)


def test_recording_grows_with_the_trace(prepared):
    size = 9000
    addresses = np.arange(size) % 2 * ROW
    config = ControllerConfig(scheduler="Fifo", refresh_policy="NoRefresh")
    result = simulate(prepared(np.arange(size), addresses), config, record_trace=True)
    assert len(result.trace) == sum(result.counts.values()) > 1 << 14


def test_addresses_beyond_the_device_are_refused(prepared):
    with pytest.raises(InvalidValueError, match=r"address\[1\]"):
        prepared([0, 1], [0, 1 << 30])


def test_two_ranks_share_the_data_bus():
    device = load_device("ddr3-1600").model_copy(update={"ranks": 2})
    address_map = load_map("ddr3-1600-rbc").model_copy(update={"rank": (30,)})
    rng = np.random.default_rng(2)
    addresses = rng.integers(0, 2, 300) * (1 << 30) + rng.integers(0, 1 << 14, 300) * BURST
    trace = Trace(np.arange(300) * 4, addresses, rng.random(300) < 0.3)
    config = ControllerConfig(power_down_policy="Staggered", refresh_max_postponed=1)
    result = simulate(prepare(device, address_map, trace), config, record_trace=True)
    assert (result.latency_ns > 0).all()
    assert set(result.trace.rank.tolist()) == {0, 1}
    assert violations(device, result.trace) == []
    timing = device.timing
    data = sorted(
        (t + (timing.RL if name in ("RD", "RDA") else timing.WL), rank)
        for t, name, rank in zip(
            result.trace.cycle, result.trace.names, result.trace.rank, strict=True
        )
        if name in ("RD", "RDA", "WR", "WRA")
    )
    for (start, rank), (following, other) in itertools.pairwise(data):
        assert following >= start + 4 + timing.RTRS * (rank != other)
