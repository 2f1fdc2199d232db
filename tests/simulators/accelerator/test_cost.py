"""The cost kernel against a plain model that walks the loops, and what must always hold."""

import numpy as np
import pytest
import reference_accelerator
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.accelerator.design import SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.options import MAESTRO_ODDITIES, AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_layers, evaluate_rows
from chipgym.simulators.accelerator.technology import TECHNOLOGIES
from chipgym.simulators.core.errors import InvalidValueError

FLOWS = ("dla", "shi", "rs")
REPORTED = (
    "cycles",
    "energy_nj",
    "area_um2",
    "power_mw",
    "utilisation",
    "macs",
    "input_reads",
    "weight_reads",
    "output_reads",
    "output_writes",
    "l1_bytes",
    "l2_bytes",
    "l1_accesses",
    "l2_accesses",
    "dram_accesses",
)


@st.composite
def loop_nests(draw):
    depthwise = draw(st.integers(0, 1))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (2, 2), (3, 1), (1, 5), (7, 7)]))
    return Loops(
        1 if depthwise else draw(st.integers(1, 9)),
        draw(st.sampled_from([1, 2, 3, 5, 64, 65, 100, 130])),
        *kernel,
        draw(st.integers(1, 9)),
        draw(st.integers(1, 20)),
        draw(st.integers(1, 3)),
        depthwise,
        draw(st.integers(1, 3)),
    )


def random_layers(rng, count, stride=None):
    depthwise = rng.integers(0, 2, count)
    kernel = rng.choice([1, 3, 5, 7], count)
    columns = [
        np.where(depthwise, 1, rng.integers(1, 400, count)),
        rng.integers(1, 400, count),
        kernel,
        kernel,
        rng.integers(1, 70, count),
        rng.integers(1, 70, count),
        rng.integers(1, 3, count) if stride is None else np.full(count, stride),
        depthwise,
        np.ones(count, dtype=np.int64),
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def random_designs(rng, count):
    columns = [
        rng.integers(0, 3, count),
        rng.integers(2, 129, count) * 32,
        rng.integers(1, 65, count),
        np.zeros(count),
        np.zeros(count),
    ]
    return np.stack(columns, axis=1).astype(np.int64)


@settings(max_examples=150, deadline=None)
@given(
    loop_nests(),
    st.sampled_from(FLOWS),
    st.sampled_from([1, 3, 8, 63, 64, 96, 320, 1000]),
    st.integers(1, 80),
    st.sampled_from(sorted(TECHNOLOGIES)),
)
def test_the_kernel_gives_the_bits_of_the_plain_model(loops, flow, pes, bandwidth, name):
    expected = reference_accelerator.cost(loops, flow, pes, bandwidth, TECHNOLOGIES[name])
    design = SubAccelerator(dataflow=flow, pes=pes, bandwidth=bandwidth)
    costs = evaluate_layers([loops], [design], AcceleratorOptions(technology=name))
    if expected is None:
        assert not costs.supported[0, 0]
        assert costs.cycles[0, 0] == -1
        assert costs.energy_nj[0, 0] == costs.area_um2[0, 0] == np.inf
        return
    assert {field: getattr(costs, field)[0, 0] for field in REPORTED} == expected


def test_a_hand_computed_layer():
    # 2 filters, 1 channel, 1x1 kernel, 1x2 outputs on one cluster of 64 PEs, 4 elements a cycle:
    # a step computes 1 + ceil(2 / 4) = 2 cycles. First step 2 + ceil((1 + 1) / 4) = 3; one step in
    # x 2; the second filter 2, and its step in x 2.
    costs = evaluate_layers(
        [Loops(2, 1, 1, 1, 1, 2)], [SubAccelerator(dataflow="dla", pes=64, bandwidth=4)]
    )
    assert costs.cycles[0, 0] == 9
    assert costs.macs[0, 0] == 4
    # Inputs: 2 for each filter, but the first of the second filter is still there.
    assert costs.input_reads[0, 0] == 3
    assert costs.weight_reads[0, 0] == 2
    assert costs.output_writes[0, 0] == 4
    # 18.61 x (3 + 2 + 4 + 4 + 2 + 2) + 1.68 x (16 + 3 + 2) + 4, times 0.00023 nJ.
    assert costs.energy_nj[0, 0] == pytest.approx(0.00023 * (18.61 * 17 + 1.68 * 21 + 4))


@pytest.fixture
def rng():
    return np.random.default_rng(20200720)


def test_utilisation_is_at_most_one_and_more_bandwidth_never_hurts(rng):
    layers, designs = random_layers(rng, 3000), random_designs(rng, 3000)
    costs = evaluate_rows(layers, designs)
    assert costs.supported.all()
    assert (costs.utilisation <= 1.0).all()
    assert (costs.utilisation > 0.0).all()
    wider = designs.copy()
    wider[:, 2] += rng.integers(1, 100, len(wider))
    faster = evaluate_rows(layers, wider)
    assert (faster.cycles <= costs.cycles).all()
    assert np.array_equal(faster.energy_nj, costs.energy_nj)
    assert (faster.area_um2 > costs.area_um2).all()


def test_more_pes_may_be_slower():
    layer = Loops(380, 419, 7, 7, 52, 60)
    slower = evaluate_layers(
        [layer], [SubAccelerator(dataflow="shi", pes=p, bandwidth=24) for p in (224, 352)]
    )
    assert slower.cycles[0, 1] / slower.cycles[0, 0] == pytest.approx(1.19, abs=0.005)
    layer = Loops(1, 269, 7, 7, 46, 32, depthwise=1)
    slower = evaluate_layers(
        [layer], [SubAccelerator(dataflow="dla", pes=p, bandwidth=56) for p in (192, 256)]
    )
    assert slower.cycles[0, 1] / slower.cycles[0, 0] == pytest.approx(1.011, abs=0.0005)


def test_constant_sets_scale_energy_and_leave_cycles(rng):
    layers, designs = random_layers(rng, 500), random_designs(rng, 500)
    now = evaluate_rows(layers, designs)
    then = evaluate_rows(layers, designs, AcceleratorOptions(technology="maestro-2019"))
    assert np.array_equal(now.cycles, then.cycles)
    np.testing.assert_allclose(then.energy_nj / now.energy_nj, 0.904 / 0.00023, rtol=1e-12)
    assert (then.area_um2 > now.area_um2).all()


def test_oddities_change_counts_but_not_cycles(rng):
    layers, designs = random_layers(rng, 2000), random_designs(rng, 2000)
    true = evaluate_rows(layers, designs)
    tool = evaluate_rows(layers, designs, AcceleratorOptions(oddities=MAESTRO_ODDITIES))
    assert np.array_equal(true.cycles, tool.cycles)
    depthwise, K, C = layers[:, 7] == 1, layers[:, 0], layers[:, 1]
    outputs = np.where(depthwise, C, K) * layers[:, 4] * layers[:, 5]
    assert np.array_equal(true.output_reads, outputs)
    assert (tool.output_reads >= true.output_reads).all()
    strided = layers[:, 6] > 1
    assert np.array_equal(tool.output_reads[~strided], outputs[~strided])
    padded = (designs[:, 0] == 0) & ~depthwise & (C > 64) & (C % 64 > 0)
    assert (tool.weight_reads[padded] > true.weight_reads[padded]).all()
    assert np.array_equal(tool.weight_reads[~padded], true.weight_reads[~padded])


def test_off_chip_traffic_counts_every_tensor_once_where_buffers_are_large():
    layer = Loops(64, 32, 3, 3, 16, 16)
    inputs, weights, outputs = 32 * 18 * 18, 64 * 32 * 9, 64 * 256
    designs = [
        SubAccelerator(dataflow="rs", pes=256, bandwidth=16, l2_bytes=size)
        for size in (0, 1 << 20, 1 << 13)
    ]
    costs = evaluate_layers([layer], designs, AcceleratorOptions(technology="eyeriss"))
    small = 32 * inputs + weights + (2 * 8 - 1) * outputs
    assert costs.supported.all()
    # Half of the smallest buffer holds neither the inputs (32 sweeps over them) ...
    once = inputs + weights + outputs
    # ... but the sums of two filters do fit.
    assert costs.dram_accesses.tolist() == [[once, once, once + 31 * inputs]]
    assert small > costs.dram_accesses[0, 2]
    assert costs.energy_nj[0, 2] > costs.energy_nj[0, 1]
    slow = TECHNOLOGIES["eyeriss"].model_copy(update={"dram_bandwidth": 0.25})
    bound = evaluate_layers([layer], designs[:1], AcceleratorOptions(technology=slow))
    assert bound.cycles[0, 0] == max(4 * once, costs.cycles[0, 0])


def test_buffers_of_given_size_limit_what_fits():
    layer = Loops(64, 64, 3, 3, 8, 8)
    free = evaluate_layers([layer], [SubAccelerator(dataflow="dla", pes=256, bandwidth=8)])
    l1, l2 = int(free.l1_bytes[0, 0]), int(free.l2_bytes[0, 0])
    assert l1 == 54
    for sizes, fits in (((l1, l2), True), ((l1 - 1, l2), False), ((l1, l2 - 1), False)):
        design = SubAccelerator(
            dataflow="dla", pes=256, bandwidth=8, l1_bytes=sizes[0], l2_bytes=sizes[1]
        )
        costs = evaluate_layers([layer], [design])
        assert costs.supported[0, 0] == fits
        if fits:
            assert costs.area_um2[0, 0] == free.area_um2[0, 0]


def test_area_grows_with_pes_and_bandwidth_at_fixed_buffers():
    layer = Loops(8, 8, 3, 3, 8, 8)
    for change in ({"pes": 288}, {"bandwidth": 9}):
        areas = []
        for extra in ({}, change):
            size = {"pes": 256, "bandwidth": 8, "l1_bytes": 512, "l2_bytes": 65536} | extra
            design = SubAccelerator(dataflow="shi", **size)
            areas.append(evaluate_layers([layer], [design]).area_um2[0, 0])
        assert areas[1] > areas[0]


def test_repeats_multiply_work_but_not_buffers():
    once, twice = Loops(16, 16, 3, 3, 8, 8), Loops(16, 16, 3, 3, 8, 8, repeats=2)
    costs = evaluate_layers([once, twice], [SubAccelerator(dataflow="rs", pes=96, bandwidth=8)])
    assert costs.cycles[1, 0] == 2 * costs.cycles[0, 0]
    assert costs.energy_nj[1, 0] == pytest.approx(2 * costs.energy_nj[0, 0], rel=1e-12)
    assert costs.l2_bytes[1, 0] == costs.l2_bytes[0, 0]
    assert costs.area_um2[1, 0] == costs.area_um2[0, 0]


@pytest.mark.parametrize(
    ("layers", "designs", "field"),
    [
        ([(0, 1, 1, 1, 1, 1, 1, 0, 1)], [(0, 64, 8, 0, 0)], r"layers\.0\.filters"),
        ([(1, 1, 1, 1, 1, 1, 0, 0, 1)], [(0, 64, 8, 0, 0)], r"layers\.0\.stride"),
        ([(1, 1, 1, 1, 1, 1, 1, 0, 1)], [(3, 64, 8, 0, 0)], r"designs\.dataflow"),
        ([(1, 1, 1, 1, 1, 1, 1, 0, 1)], [(0, 64, 0, 0, 0)], r"designs\.bandwidth"),
        ([(1, 1, 1, 1, 1, 1, 1, 0, 1)], [(0, 64, 8)], "designs"),
        ([(1, 1, 1, 1, 1, 1, 1, 0, 1)], [(0, 1 << 40, 8, 0, 0)], r"designs\.pes"),
        ([(1 << 20, 1 << 20, 1, 1, 1 << 20, 1, 1, 0, 1)], [(0, 64, 8, 0, 0)], r"layers\.0 "),
    ],
)
def test_bad_rows_are_refused(layers, designs, field):
    with pytest.raises(InvalidValueError, match=field):
        evaluate_layers(np.array(layers), np.array(designs))


def test_rows_need_one_design_a_layer():
    with pytest.raises(InvalidValueError, match="as many as layers"):
        evaluate_rows([Loops(1, 1)], [])
