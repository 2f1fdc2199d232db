"""The plain-Python reference and the kernels give the same bits."""

import dataclasses
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.simulators.accelerator.design import Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.networks import nasbench201, resnet9, unet
from chipgym.simulators.accelerator.options import ODDITIES, AcceleratorOptions
from chipgym.simulators.accelerator.reference import layer_cost, simulate_reference
from chipgym.simulators.accelerator.simulate import evaluate_layers, simulate
from chipgym.simulators.accelerator.technology import TECHNOLOGIES

FLOWS = ("dla", "shi", "rs")
NETWORKS = (
    resnet9(8, (16, 32), (1, 0), (3, 16, 16)),
    unet((4, 8), (3, 16, 16)),
    nasbench201(
        "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|",
        (3, 16, 16),
        filters=8,
        cells=1,
    ),
)


@st.composite
def loop_nests(draw):
    depthwise = draw(st.integers(0, 1))
    size = st.one_of(st.integers(1, 9), st.integers(1, 520))
    return Loops(
        1 if depthwise else draw(size),
        draw(size),
        draw(st.integers(1, 11)),
        draw(st.integers(1, 11)),
        draw(st.integers(1, 224)),
        draw(st.integers(1, 224)),
        draw(st.integers(1, 4)),
        depthwise,
        draw(st.integers(1, 12)),
    )


@st.composite
def parts(draw):
    return SubAccelerator(
        dataflow=draw(st.sampled_from(FLOWS)),
        pes=draw(st.integers(0, 4096)),
        bandwidth=draw(st.integers(1, 256)),
        l1_bytes=draw(st.sampled_from([0, 0, 54, 512])),
        l2_bytes=draw(st.sampled_from([0, 0, 4096, 1 << 17])),
    )


@st.composite
def all_options(draw):
    technology = TECHNOLOGIES[draw(st.sampled_from(sorted(TECHNOLOGIES)))]
    bandwidth = draw(st.sampled_from([0.0, 0.3, 8.0]))
    return AcceleratorOptions(
        technology=technology.model_copy(update={"dram_bandwidth": bandwidth}),
        oddities=tuple(draw(st.lists(st.sampled_from(sorted(ODDITIES)), unique=True))),
        order=draw(st.sampled_from(["graph", "chain"])),
    )


@settings(max_examples=400, deadline=None)
@given(loop_nests(), parts(), all_options())
def test_layers_cost_the_same_bits(loops, part, options):
    expected = layer_cost(loops, part, options)
    costs = evaluate_layers([loops], [part], options)
    assert costs.supported[0, 0] == (expected is not None)
    if expected is not None:
        names = [field.name for field in dataclasses.fields(expected)]
        assert {name: getattr(costs, name)[0, 0] for name in names} == vars(expected)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=2),
    st.lists(parts(), min_size=1, max_size=3),
    all_options(),
    st.sampled_from([None, 0.0, 0.5, 0.9]),
)
def test_complete_designs_are_the_same_bits(networks, units, options, tightness):
    chip = Chip(sub_accelerators=tuple(units))
    free = simulate(networks, chip, None, options)
    limit = None if tightness is None else max(1, int(tightness * free.latency_cycles))
    fast = simulate(networks, chip, limit, options)
    slow = simulate_reference(networks, chip, limit, options)
    for name, value in vars(fast).items():
        other = getattr(slow, name)
        if isinstance(value, float) and math.isnan(value):
            assert math.isnan(other)
        else:
            assert np.array_equal(value, other), name
