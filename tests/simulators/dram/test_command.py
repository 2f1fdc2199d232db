"""The per-command engine: legal play keeps JEDEC, and equals a slow reference bit for bit."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_commands import ReferenceCommands

from chipgym.simulators.core.errors import InvalidValueError, SimulationError, UnknownNameError
from chipgym.simulators.dram.command_engine import CommandRun, simulate_commands
from chipgym.simulators.dram.command_scheduling import COMMAND_SCHEDULERS
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import simulate

DEVICES = ("ddr3-1600", "ddr4-2400")
ROW, BANK, BURST = 1 << 16, 1 << 13, 1 << 6


def play_randomly(run, seed):
    rng = np.random.default_rng(seed)
    while not run.finished:
        run.step(int(rng.choice(np.flatnonzero(run.legal()))))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    device=st.sampled_from(DEVICES),
    entries=st.sampled_from([1, 2, 8, 16]),
    gap=st.sampled_from([0, 300]),
)
def test_random_legal_play_equals_the_reference(prepared, seed, device, entries, gap):
    rng = np.random.default_rng(seed)
    size = 60
    cycles = np.cumsum(rng.choice([0, 1, 5, gap], size))
    addresses = (rng.integers(0, 3, size) << 17) + rng.integers(0, 1 << 10, size) * 64
    # A refresh falls due in the middle.
    cycles += 6000 if device == "ddr3-1600" else 9200
    workload = prepared(cycles, addresses, rng.random(size) < 0.4, device)
    run = CommandRun(workload, entries, record=True)
    reference = ReferenceCommands(workload, entries)
    while not run.finished:
        assert run.cycle == reference.now
        legal = run.legal()
        assert legal.tolist() == reference.legal()
        action = int(rng.choice(np.flatnonzero(legal)))
        run.step(action)
        reference.step(action)
    assert reference.finished
    result = run.result()
    columns = zip(result.trace.cycle, result.trace.command, result.trace.rank, strict=True)
    assert list(columns) == [entry[:3] for entry in reference.history]
    clock_ns = workload.memory.device.clock_ps / 1000
    ends = [reference.data_end[i] * clock_ns for i in range(size)]
    assert result.finish_ns.tolist() == ends
    waits = [(reference.data_end[i] - reference.arrival[i]) * clock_ns for i in range(size)]
    assert result.latency_ns.tolist() == waits


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), device=st.sampled_from(DEVICES))
def test_random_legal_play_serves_all_and_keeps_jedec(mixed, seed, device):
    workload = mixed(seed, device, 250)
    run = CommandRun(workload, 8, record=True)
    play_randomly(run, seed)
    result = run.result()
    served = {name: result.counts[name] for name in ("RD", "RDA", "WR", "WRA")}
    assert served["RD"] + served["RDA"] == 250 - workload.trace.is_write.sum()
    assert sum(served.values()) == 250
    assert violations(workload.memory.device, result.trace) == []
    assert result.counts["REFAB"] >= result.total_cycles // workload.memory.device.timing.REFI - 1


@pytest.mark.parametrize("name", ["ddr3-1066-2r-udimm", "ddr5-3200", "hbm2-2000-pc", "lpddr4-3200"])
def test_further_devices_keep_their_rules(scattered, name):
    """Several ranks, bank groups, commands of several cycles; the first against the reference."""
    workload = scattered(load_device(name), size=90)
    run, rng = CommandRun(workload, 6, record=True), np.random.default_rng(0)
    reference = ReferenceCommands(workload, 6)
    while not run.finished:
        assert (run.cycle, run.legal().tolist()) == (reference.now, reference.legal())
        action = int(rng.choice(np.flatnonzero(run.legal())))
        run.step(action)
        reference.step(action)
    trace = run.result().trace
    assert list(zip(trace.cycle, trace.command, strict=True)) == [e[:2] for e in reference.history]
    assert violations(workload.memory.device, trace) == []


def test_several_channels_are_refused(scattered):
    with pytest.raises(InvalidValueError, match="channels"):
        CommandRun(scattered(load_device("hbm2-2000")), 8)


@pytest.mark.parametrize("scheduler", COMMAND_SCHEDULERS)
@pytest.mark.parametrize("device", DEVICES)
def test_built_in_schedulers_keep_jedec(mixed, scheduler, device):
    workload = mixed(5, device)
    result = simulate_commands(workload, scheduler, entries=8, record_trace=True)
    assert violations(workload.memory.device, result.trace) == []
    assert sum(result.counts[name] for name in ("RD", "RDA", "WR", "WRA")) == len(workload.trace)
    # Closed forms precharge with the last hit; open rows wait for a conflict.
    automatic = result.counts["RDA"] + result.counts["WRA"]
    assert (automatic > 0) == scheduler.endswith("CLOSED")


def test_in_order_banks_are_the_controller_s_first_in_first_out(prepared):
    """Reads one a cycle: the controller with Fifo and one shared buffer does the same."""
    rng = np.random.default_rng(2)
    workload = prepared(np.arange(400), rng.integers(0, 1 << 14, 400) * 64)
    config = ControllerConfig(
        scheduler="Fifo", scheduler_buffer="Shared", request_buffer_size=16, page_policy="Open"
    )
    controller = simulate(workload, config, record_trace=True)
    ours = simulate_commands(workload, "FCFS", entries=16, record_trace=True)
    assert ours.total_cycles == controller.total_cycles
    assert np.array_equal(ours.trace.cycle, controller.trace.cycle)
    assert np.array_equal(ours.trace.command, controller.trace.command)
    assert ours.energy_pj == controller.energy_pj
    assert ours.rows.hits.tolist() == controller.rows.hits.tolist()
    assert ours.rows.conflicts.tolist() == controller.rows.conflicts.tolist()
    assert ours.latency_ns.tolist() == controller.latency_ns.tolist()


def test_hits_first_beats_in_order_on_two_streams(prepared):
    """Two rows of one bank in turn: in order every request conflicts, hits first few do."""
    addresses = [(i % 2) * ROW + (i // 2) * BURST for i in range(128)]
    workload = prepared(np.arange(128), addresses)
    hits_first, in_order = (simulate_commands(workload, s) for s in ("FR_FCFS", "FCFS"))
    assert in_order.counts["ACT"] == 128
    assert hits_first.counts["ACT"] < 32
    assert hits_first.total_cycles < 0.4 * in_order.total_cycles


def test_one_read_by_hand(prepared):
    run = CommandRun(prepared([5], [0]), 2, record=True)
    assert run.cycle == 5
    assert run.legal().tolist() == [True, False, False, False, False]
    run.step(0)
    # tRCD 10; then RD and RDA are legal, and waiting leads nowhere.
    assert run.cycle == 15
    assert run.legal().tolist() == [True, False, True, False, False]
    assert run.step(2)
    assert run.result().total_cycles == 15 + 10 + 4
    assert run.result().trace.names == ["ACT", "RDA"]


def test_illegal_actions_change_nothing(mixed):
    run = CommandRun(mixed(1), 4)
    for action in (*np.flatnonzero(~run.legal()).tolist(), -1, 9, 1 << 40):
        before = [array.copy() for array in run._buffers()]
        with pytest.raises(InvalidValueError, match="legal"):
            run.step(action)
        assert all(np.array_equal(a, b) for a, b in zip(before, run._buffers(), strict=True))
    with pytest.raises(InvalidValueError):
        CommandRun(mixed(1), 0)
    with pytest.raises(UnknownNameError):
        simulate_commands(mixed(1), "FRFCFS")
    with pytest.raises(SimulationError, match="0 of 400"):
        run.result()


def test_runs_can_be_copied(mixed):
    run = CommandRun(mixed(1), 4, record=True)
    for _ in range(100):
        run.step(int(np.flatnonzero(run.legal())[0]))
    clones = [copy.deepcopy(run), pickle.loads(pickle.dumps(run))]
    play_randomly(run, 0)
    for clone in clones:
        play_randomly(clone, 0)
        assert clone.result().trace.cycle.tolist() == run.result().trace.cycle.tolist()
        assert clone.result().energy_pj == run.result().energy_pj


def test_long_runs_grow_their_records(prepared):
    rng = np.random.default_rng(0)
    workload = prepared(np.arange(9000), rng.integers(0, 1 << 20, 9000) * 64)
    result = simulate_commands(workload, record_trace=True)
    assert len(result.trace) == sum(result.counts.values()) > 1 << 14
