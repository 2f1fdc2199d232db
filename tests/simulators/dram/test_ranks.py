"""Several ranks of a channel: refresh, power-down and energy of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace

RANK = 1 << 16  # of the map of `widened`


def of_rank(result, rank, name):
    chosen = (result.trace.rank == rank) & (np.array(result.trace.names) == name)
    return result.trace.cycle[chosen].tolist()


@pytest.mark.parametrize(("ranks", "first"), [(2, [6240, 3120]), (4, [6240, 3120, 4680, 1560])])
def test_refreshes_of_ranks_are_spread_over_the_interval(widened, ranks, first):
    device, wide = widened(ranks=ranks)
    workload = prepare(device, wide, Trace(np.array([20000]), np.array([0]), np.array([0])))
    result = simulate(workload, record_trace=True)
    for rank in range(ranks):
        due = np.arange(first[rank], 20000, 6240).tolist()
        assert of_rank(result, rank, "REFAB") == due


def test_a_rank_sleeps_while_another_works(widened):
    device, wide = widened(ranks=2)
    size = 3000
    trace = Trace(np.arange(size) * 10, np.arange(size) % 64 * 64, np.zeros(size))
    config = ControllerConfig(power_down_policy="Staggered")
    result = simulate(prepare(device, wide, trace), config, record_trace=True)
    assert of_rank(result, 1, "SREFEN")
    assert not of_rank(result, 0, "SREFEN")
    awake = simulate(prepare(device, wide, trace))
    assert result.energy_pj < awake.energy_pj
    assert violations(device, result.trace) == []


def test_energy_of_ranks_adds_up_and_power_is_its_mean(widened):
    idle = Trace(np.array([40000]), np.array([0]), np.array([0]))
    results = {}
    for ranks in (1, 2, 4):
        device, wide = widened(ranks=ranks)
        results[ranks] = simulate(prepare(device, wide, idle))
    for ranks in (2, 4):
        assert results[ranks].energy_pj == pytest.approx(ranks * results[1].energy_pj, rel=0.02)
        assert results[ranks].power_mw == pytest.approx(ranks * results[1].power_mw, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    name=st.sampled_from(["ddr3-1600", "ddr4-2400", "lpddr4-3200"]),
    ranks=st.sampled_from([2, 4]),
    page=st.sampled_from(["Open", "ClosedAdaptive"]),
    scheduler=st.sampled_from(["Fifo", "FrFcfsGrp", "GrpFrFcfs"]),
    power_down=st.sampled_from(["NoPowerDown", "Staggered"]),
    mux=st.sampled_from(["Oldest", "Strict"]),
)
def test_ranks_share_the_buses_by_the_standard(
    widened, seed, name, ranks, page, scheduler, power_down, mux
):
    device, wide = widened(name, ranks=ranks)
    rng = np.random.default_rng(seed)
    size = 150
    addresses = rng.integers(0, device.capacity_bytes // device.burst_bytes, size)
    cycles = np.cumsum(rng.choice([0, 2, 30, 3000], size, p=[0.5, 0.3, 0.15, 0.05]))
    trace = Trace(cycles, addresses * device.burst_bytes, rng.random(size) < 0.4)
    config = ControllerConfig(
        page_policy=page,
        scheduler="Fifo" if mux == "Strict" else scheduler,
        command_mux=mux,
        power_down_policy=power_down,
        refresh_policy=device.refresh_policies[-1],
        refresh_max_postponed=seed % 3,
        refresh_max_pulledin=seed % 2,
    )
    result = simulate(prepare(device, wide, trace), config, record_trace=True)
    assert violations(device, result.trace) == []
    assert sum(result.counts[name] for name in ("RD", "RDA", "WR", "WRA")) == size
