"""Complete designs: sums, schedules, batches and budgets."""

import itertools
import json
import math

import numpy as np
import pytest

from chipgym.simulators.accelerator.design import NASAIC_BUDGET, Budget, Chip, SubAccelerator
from chipgym.simulators.accelerator.mapping import (
    Mapping,
    bounds,
    check_mapping,
    map_by_ratio,
    mapping_problem,
)
from chipgym.simulators.accelerator.networks import nasbench201, resnet9, unet
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import (
    evaluate_layers,
    simulate,
    simulate_batch,
    simulate_chips,
)
from chipgym.simulators.accelerator.technology import TECHNOLOGIES, Technology
from chipgym.simulators.accelerator.workload import lower_workload
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

NETWORKS = (resnet9(16, (32, 64), (1, 2)), unet((8, 16, 32), (3, 32, 32)))
CHIP = Chip.of(("dla", 576, 40), ("shi", 1792, 24))
BRANCHES = nasbench201(
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|nor_conv_3x3~0|skip_connect~1|skip_connect~2|",
    cells=1,
)


def as_mapping(result):
    return Mapping(
        result.latency_cycles,
        result.energy_nj,
        result.unit,
        result.start_cycle,
        result.finish_cycle,
        result.within_limit,
    )


@pytest.mark.parametrize("tightness", [None, 0.7, 0.3, 0.0])
def test_a_chip_is_the_sum_of_its_parts(tightness):
    problem = mapping_problem(NETWORKS, CHIP)
    slow, fast = map_by_ratio(problem).makespan_cycles, bounds(problem).makespan_cycles
    limit = None if tightness is None else int(fast + tightness * (slow - fast))
    result = simulate(NETWORKS, CHIP, limit)
    check_mapping(problem, as_mapping(result))
    expected = map_by_ratio(problem, limit)
    assert result.unit.tolist() == expected.unit.tolist()
    assert result.energy_nj == expected.energy_nj
    assert result.within_limit == expected.within_limit

    layers = lower_workload(NETWORKS).layers
    area = power = 0.0
    for u, part in enumerate(CHIP.sub_accelerators):
        mine = layers[result.unit == u]
        costs = evaluate_layers(mine, [part])
        assert result.l1_bytes[u] == costs.l1_bytes.max(initial=0)
        assert result.l2_bytes[u] == costs.l2_bytes.max(initial=0)
        sizes = {"l1_bytes": int(result.l1_bytes[u]), "l2_bytes": int(result.l2_bytes[u])}
        if all(sizes.values()):
            built = part.model_copy(update=sizes)
            one = evaluate_layers(mine[:1], [built])
            area += one.area_um2[0, 0]
            power += one.power_mw[0, 0]
        else:
            area += math.inf
    if math.isfinite(area):
        assert result.area_um2 == pytest.approx(area, rel=1e-12)
        assert result.power_mw == pytest.approx(power, rel=1e-12)


def test_a_limit_trades_energy_for_latency():
    free = simulate(NETWORKS, CHIP)
    assert free.within_limit
    tight = simulate(NETWORKS, CHIP, free.latency_cycles - 1)
    assert tight.latency_cycles < free.latency_cycles
    assert tight.energy_nj > free.energy_nj
    hopeless = simulate(NETWORKS, CHIP, 1)
    assert not hopeless.within_limit
    assert hopeless.supported
    assert hopeless.latency_cycles <= tight.latency_cycles


def test_the_order_of_sub_accelerators_changes_nothing():
    parts = [("dla", 576, 40), ("shi", 256, 8), ("rs", 768, 16), ("shi", 256, 8)]
    limit = simulate(NETWORKS, Chip.of(*parts)).latency_cycles * 2 // 3
    first = None
    for order in itertools.permutations(range(4)):
        result = simulate(NETWORKS, Chip.of(*(parts[u] for u in order)), limit)
        flows = [parts[order[u]] for u in result.unit]
        seen = (result.latency_cycles, result.energy_nj, result.area_um2, result.power_mw, flows)
        first = first or seen
        assert seen == first


def test_units_without_pes_are_left_out():
    alone = simulate(NETWORKS, Chip.of(("shi", 1792, 24)))
    pair = simulate(NETWORKS, Chip.of(("dla", 0, 0), ("shi", 1792, 24)))
    assert set(pair.unit.tolist()) == {1}
    for field in ("latency_cycles", "energy_nj", "area_um2", "power_mw"):
        assert getattr(pair, field) == getattr(alone, field)


def test_chips_that_cannot_run_a_layer_are_reported():
    for chip in (Chip.of(("dla", 32, 8)), Chip.of(("dla", 0, 0))):
        result = simulate(NETWORKS, chip, 10**9)
        assert not result.supported
        assert not result.within_limit
        assert result.latency_cycles == -1
        assert math.isnan(result.energy_nj)
        assert math.isnan(result.area_um2)
        assert (result.unit == -1).all()


def test_batches_give_the_results_of_single_calls():
    rng = np.random.default_rng(1)
    designs = []
    for n in range(40):
        parts = [
            (str(rng.choice(["dla", "shi", "rs"])), int(pes) * 32, int(width) * 8)
            for pes, width in zip(rng.integers(1, 60, 2), rng.integers(1, 5, 2), strict=True)
        ]
        networks = NETWORKS if n % 2 else (resnet9(8, (16, int(rng.integers(8, 32))), (1, 0)),)
        designs.append((networks, Chip.of(*parts[: 1 + n % 3])))
    batch = simulate_batch(designs, 200_000, threads=2)
    for (networks, chip), result in zip(designs, batch, strict=True):
        assert json.dumps(result.document()) == json.dumps(
            simulate(networks, chip, 200_000).document()
        )


def test_arrays_of_chips_are_the_same_designs():
    workload = lower_workload(NETWORKS)
    chips = np.stack([CHIP.rows, Chip.of(("rs", 512, 32), ("rs", 512, 32)).rows])
    batch = simulate_chips(workload, chips, 300_000)
    result = simulate(NETWORKS, CHIP, 300_000)
    assert batch.latency_cycles[0] == result.latency_cycles
    assert batch.energy_nj[0] == result.energy_nj
    assert batch.unit[0].tolist() == result.unit.tolist()


def test_branches_run_side_by_side_unless_chained():
    chip = Chip.of(("shi", 512, 32), ("shi", 512, 32))
    limit = simulate([BRANCHES], chip).latency_cycles - 1
    graph = simulate([BRANCHES], chip, limit)
    assert graph.within_limit
    chain = simulate([BRANCHES], chip, limit, AcceleratorOptions(order="chain"))
    assert not chain.within_limit
    order = np.argsort(chain.start_cycle, kind="stable")
    assert order.tolist() == list(range(len(chain.layers)))
    assert (chain.finish_cycle[:-1] == chain.start_cycle[1:]).all()


def test_fixed_buffers_are_built_as_given():
    def part(flow, pes, **sizes):
        return SubAccelerator(dataflow=flow, pes=pes, bandwidth=16, **sizes)

    given = Chip(sub_accelerators=(part("rs", 512, l1_bytes=512, l2_bytes=65536), part("shi", 64)))
    result = simulate(NETWORKS, given)
    assert (result.l1_bytes[0], result.l2_bytes[0]) == (512, 65536)
    assert 0 <= result.l1_bytes[1] <= 54
    small = Chip(sub_accelerators=(part("rs", 512, l1_bytes=8, l2_bytes=65536),))
    assert not simulate(NETWORKS, small).supported


def test_areas_of_the_published_chips():
    # Six chips of Yang et al. (DAC 2020) and their areas in units of 1e9 µm², which MAESTRO's 2019
    # constants reproduce to 1-7 % with 64 B in each PE and 64 KB for each sub-accelerator.
    published = {
        (("dla", 2112, 48), ("shi", 1984, 16)): (4.71, 0.960),
        (("dla", 1088, 24), ("shi", 2368, 40)): (3.82, 0.963),
        (("dla", 576, 56), ("shi", 1792, 8)): (2.03, 0.937),
        (("dla", 2368, 56), ("shi", 1728, 8)): (4.83, 0.961),
        (("dla", 2112, 24), ("shi", 1536, 40)): (3.86, 0.954),
        (("dla", 2112, 40), ("shi", 1184, 24)): (3.34, 0.956),
    }
    options = AcceleratorOptions(technology="maestro-2019")
    tiny = [resnet9(8, (8,), (0,), (3, 8, 8))]
    for parts, (area, ratio) in published.items():
        chip = Chip(
            sub_accelerators=tuple(
                SubAccelerator(dataflow=flow, pes=pes, bandwidth=width, l1_bytes=64, l2_bytes=65536)
                for flow, pes, width in parts
            )
        )
        result = simulate(tiny, chip, options=options, budget=NASAIC_BUDGET)
        assert result.area_um2 / (area * 1e9) == pytest.approx(ratio, abs=0.001)


def test_cost_of_the_published_network_on_the_published_chip():
    # The accuracy-optimal ResNet-9 on the first chip of workload W1: the reference's own
    # evaluation of its equations gives 6.7e5 cycles and 2.5e9 nJ with the constants of 2019.
    network = resnet9(32, (128, 256, 256), (2, 2, 2))
    chip = Chip.of(("dla", 2112, 48), ("shi", 1984, 16))
    result = simulate([network], chip, options=AcceleratorOptions(technology="maestro-2019"))
    assert result.latency_cycles == pytest.approx(6.7e5, rel=0.01)
    assert result.energy_nj == pytest.approx(2.5e9, rel=0.02)


def test_budgets():
    chip = Chip.of(("dla", 4096, 32), ("shi", 32, 32))
    with pytest.raises(InvalidValueError, match="pes = 4128"):
        simulate(NETWORKS, chip, budget=NASAIC_BUDGET)
    with pytest.raises(InvalidValueError, match="bandwidth = 64"):
        simulate(NETWORKS, chip, budget=Budget(pes=5000, bandwidth=63))
    assert simulate(NETWORKS, chip, budget=Budget(pes=4128)).supported


def test_bad_input():
    with pytest.raises(InvalidValueError, match="at least one network"):
        simulate([], CHIP)
    with pytest.raises(InvalidValueError, match="latency_limit_cycles"):
        simulate(NETWORKS, CHIP, 0)
    with pytest.raises(UnknownNameError, match="did you mean 'maestro-2019'"):
        simulate(NETWORKS, CHIP, options=AcceleratorOptions(technology="maestro-2018"))
    with pytest.raises(InvalidValueError, match="64 PEs need a bandwidth"):
        SubAccelerator.parse({"dataflow": "dla", "pes": 64, "bandwidth": 0})
    with pytest.raises(InvalidValueError, match="dataflow"):
        SubAccelerator.parse({"dataflow": "tpu", "pes": 64, "bandwidth": 8})
    with pytest.raises(InvalidValueError, match="three axes"):
        simulate_chips(lower_workload(NETWORKS), CHIP.rows)


def test_a_technology_of_the_users_own(tmp_path):
    document = TECHNOLOGIES["maestro"].document() | {"name": "mine", "mac_energy_nj": 0.00046}
    Technology.parse(document).save(tmp_path / "mine.json")
    mine = AcceleratorOptions(technology=Technology.load(tmp_path / "mine.json"))
    twice = simulate(NETWORKS, CHIP, options=mine)
    assert twice.energy_nj == pytest.approx(2 * simulate(NETWORKS, CHIP).energy_nj, rel=1e-12)
