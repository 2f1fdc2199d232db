"""Runs whose settings change: nothing lost, JEDEC kept, and no trace of a change to the same."""

import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Run, decode
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.runtime import RUNTIME_SETTINGS, advance, progress, reconfigure
from chipgym.simulators.dram.simulate import simulate

DEVICES = ("ddr3-1600", "ddr4-2400")
configs = st.builds(
    ControllerConfig,
    page_policy=st.sampled_from(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]),
    scheduler=st.sampled_from(["Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"]),
    scheduler_buffer=st.sampled_from(["Bankwise", "ReadWrite", "Shared"]),
    request_buffer_size=st.sampled_from([1, 4, 16]),
    refresh_max_postponed=st.sampled_from([0, 2, 8]),
    refresh_max_pulledin=st.sampled_from([0, 2, 8]),
    power_down_policy=st.sampled_from(["NoPowerDown", "Staggered"]),
    high_watermark=st.just(6),
    low_watermark=st.integers(1, 5),
)


def same(first, second, but=()):
    for spec in dataclasses.fields(first):
        if spec.name in but:
            continue
        a, b = getattr(first, spec.name), getattr(second, spec.name)
        if spec.name in ("trace", "rows"):
            assert all(np.array_equal(vars(a)[name], vars(b)[name]) for name in vars(a)), spec.name
        else:
            assert np.array_equal(a, b), spec.name


def play(workload, plan, step):
    """Run with a configuration a window; the last stays to the end."""
    run = Run(workload, plan[0], record=True)
    for window, config in enumerate(plan[1:], start=1):
        if run.run(window * step):
            break
        reconfigure(run, config)
    run.run()
    return run.result()


@settings(max_examples=25, deadline=None)
@given(plan=st.lists(configs, min_size=2, max_size=8), seed=st.integers(0, 5), device=st.data())
def test_any_sequence_of_settings_serves_all_and_keeps_jedec(mixed, plan, seed, device):
    workload = mixed(seed, device.draw(st.sampled_from(DEVICES)), 250)
    step = device.draw(st.sampled_from([37, 400, 3000]))
    result = play(workload, plan, step)
    served = [result.trace.names.count(name) for name in ("RD", "RDA", "WR", "WRA")]
    writes = int(workload.trace.is_write.sum())
    assert served[0] + served[1] == 250 - writes
    assert served[2] + served[3] == writes
    columns = np.isin(result.trace.names, ["RD", "RDA", "WR", "WRA"])
    assert sorted(result.trace.request[columns]) == list(range(1, 251))
    assert (result.latency_ns > 0).all()
    assert violations(workload.memory.device, result.trace) == []


@pytest.mark.parametrize("name", ["ddr3-1066-2r-udimm", "ddr5-3200", "lpddr4-3200"])
def test_further_devices_and_refreshes_keep_their_rules(scattered, name):
    device = load_device(name)
    workload, rng = scattered(device, size=300), np.random.default_rng(0)
    policy = device.partial_refresh or "AllBank"

    def draw():
        return ControllerConfig(
            refresh_policy=policy,
            page_policy=str(rng.choice(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"])),
            scheduler=str(rng.choice(["Fifo", "FrFcfs", "FrFcfsGrp", "GrpFrFcfs"])),
            refresh_max_postponed=int(rng.choice([0, 2, 8])),
            refresh_max_pulledin=int(rng.choice([0, 2, 8])),
            power_down_policy=str(rng.choice(["NoPowerDown", "Staggered"])),
        )

    result = play(workload, [draw() for _ in range(60)], 500)
    assert violations(device, result.trace) == []
    assert sum(result.counts[name] for name in ("RD", "RDA", "WR", "WRA")) == 300


@settings(max_examples=15, deadline=None)
@given(config=configs, other=configs, seed=st.integers(0, 5))
def test_a_change_that_is_taken_back_at_once_leaves_no_trace(mixed, config, other, seed):
    workload = mixed(seed, size=250)
    plain = Run(workload, config, record=True)
    plain.run()
    # Other watermarks may turn the bus at the look that the change causes.
    names = ("power_down_policy", "high_watermark", "low_watermark")
    other = dataclasses.replace(other, **{name: getattr(config, name) for name in names})
    disturbed = Run(workload, config, record=True)
    for cycle in range(50, 100_000, 331):
        if disturbed.run(cycle):
            break
        reconfigure(disturbed, other)
        reconfigure(disturbed, config)
    # Only the looks at the queues that the changes caused are more.
    same(plain.result(), disturbed.result(), but=("invocations",))


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_settings_change_no_bit(mixed, device):
    workload = mixed(3, device)
    config = ControllerConfig(power_down_policy="Staggered", scheduler="GrpFrFcfs")
    run = Run(workload, config, record=True)
    for window in range(1, 41):
        if advance(run, 10 * window):
            break
        reconfigure(run, ControllerConfig(**config.document()))
        progress(run)
    same(simulate(workload, config, record_trace=True), run.result())


def test_windows_by_requests_pause_when_they_are_answered(mixed):
    run = Run(mixed(4), ControllerConfig())
    for target in (1, 50, 51, 399):
        assert not advance(run, target)
        assert progress(run).delivered == target
    assert advance(run, 400)
    assert progress(run).delivered == 400


@settings(max_examples=15, deadline=None)
@given(config=configs, seed=st.integers(0, 5), step=st.integers(20, 2000))
def test_windows_add_up_to_the_result(mixed, config, seed, step):
    workload = mixed(seed, size=250)
    run = Run(workload, config)
    before = progress(run)
    assert (before.cycle, before.energy_pj, before.response_cycles) == (0, 0.0, 0)
    served = response = energy = 0
    for cycle in range(step, 10_000_000, step):
        finished = run.run(cycle)
        now = progress(run)
        window = now.since(before)
        assert min(window.cycles, window.served, window.response_cycles, window.row_hits) >= 0
        assert window.energy_pj >= 0
        served += window.served
        response += window.response_cycles
        energy += window.energy_pj
        before = now
        if finished:
            break
    result, clock_ns = run.result(), workload.memory.device.clock_ps / 1000
    waited = result.finish_ns.sum() / clock_ns - workload.trace.cycle.sum()
    assert served == 250
    assert response == pytest.approx(waited, rel=1e-9)
    assert energy == pytest.approx(result.energy_pj, rel=1e-9)
    assert before.cycle == result.total_cycles


def test_sleeping_ranks_wake_when_power_down_is_switched_off(prepared):
    workload = prepared([0, 30_000], [0, 64])
    run = Run(workload, ControllerConfig(power_down_policy="Staggered"), record=True)
    run.run(20_000)
    assert "SREFEN" in run.result().trace.names
    reconfigure(run, ControllerConfig())
    run.run()
    names = run.result().trace.names
    assert names.count("SREFEN") == names.count("SREFEX") == 1
    assert "PDEP" not in names[names.index("SREFEX") :]
    assert run.result().latency_ns[1] == simulate(workload).latency_ns[1]
    assert violations(workload.memory.device, run.result().trace) == []


def test_postponed_refreshes_stay_owed(mixed):
    rng = np.random.default_rng(0)
    workload = mixed(0, size=400)
    addresses = rng.integers(0, 1 << 24, 9000) * 64
    trace = dataclasses.replace(
        workload.trace,
        cycle=np.arange(9000),
        address=addresses,
        is_write=np.zeros(9000),
    )
    run = Run(decode(workload.memory, trace), ControllerConfig(refresh_max_postponed=8))
    run.run(6240 * 5 + 10)
    owed = progress(run).owed_refreshes
    assert owed == 5
    reconfigure(run, ControllerConfig(refresh_max_postponed=1, refresh_max_pulledin=4))
    run.run(6240 * 7 + 10)
    # One a trigger is forced again; the debt is neither forgotten nor growing.
    assert progress(run).owed_refreshes == owed
    assert run.result().counts["REFAB"] >= 1


def test_other_settings_and_finished_runs_are_refused(mixed):
    run = Run(mixed(0), ControllerConfig())
    run.run(500)
    before = copy.deepcopy((run.static, run.state))
    for changes in ({"arbiter": "Fifo"}, {"command_mux": "Strict"}, {"phy_delay_fw_ns": 5.0}):
        with pytest.raises(InvalidValueError, match="change in a run"):
            reconfigure(run, ControllerConfig(page_policy="Closed", **changes))
    assert all(np.array_equal(a, b) for a, b in zip(before, (run.static, run.state), strict=True))
    assert "arbiter" not in RUNTIME_SETTINGS
    run.run()
    with pytest.raises(InvalidValueError, match="finished"):
        reconfigure(run, ControllerConfig(page_policy="Closed"))
