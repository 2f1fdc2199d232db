"""The ZigZag back end: descriptions, errors and, where ZigZag is installed, results."""

import builtins
import dataclasses
import math

import numpy as np
import pytest

from chipgym.simulators.accelerator.design import Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.networks import resnet9
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_layers, simulate
from chipgym.simulators.accelerator.zigzag_backend import (
    evaluate_with_zigzag,
    reevaluate_with_zigzag,
)
from chipgym.simulators.accelerator.zigzag_description import describe_for_zigzag
from chipgym.simulators.accelerator.zigzag_validation import kendall, spearman
from chipgym.simulators.core.errors import InvalidValueError, MissingLibraryError, SimulationError

CONV, DEPTHWISE = Loops(40, 24, 3, 3, 12, 12), Loops(1, 24, 3, 3, 12, 12, 2, 1)


def unit(flow, **sizes):
    return SubAccelerator(dataflow=flow, pes=256, bandwidth=16, **sizes)


@pytest.mark.parametrize(
    ("flow", "loops", "sizes", "unrolled", "order"),
    [
        (
            "dla",
            CONV,
            [4, 64],
            {"D1": ["K, 4"], "D2": ["C, 24"]},
            [["FX", 3], ["FY", 3], ["OX", 12], ["OY", 12], ["K", 10]],
        ),
        (
            "dla",
            DEPTHWISE,
            [256, 1],
            {"D1": ["G, 24"]},
            [["FX", 3], ["FY", 3], ["OX", 12], ["OY", 12]],
        ),
        (
            "shi",
            CONV,
            [32, 8],
            {"D1": ["OY, 12"], "D2": ["OX, 8"]},
            [["FX", 3], ["FY", 3], ["OX", 2], ["C", 24], ["K", 40]],
        ),
        (
            "rs",
            CONV,
            [85, 3],
            {"D1": ["OY, 12"], "D2": ["FY, 3"]},
            [["FX", 3], ["C", 4], ["K", 2], ["OX", 12], ["C", 6], ["K", 20]],
        ),
    ],
)
def test_templates_are_described(flow, loops, sizes, unrolled, order):
    description = describe_for_zigzag(loops, unit(flow))
    assert description["accelerator"]["operational_array"]["sizes"] == sizes
    for entry in description["mapping"]:
        assert entry["spatial_mapping"] == unrolled
        assert entry["temporal_ordering"] == order
    layer = description["workload"][0]
    steps = dict(zip(layer["loop_dims"], layer["loop_sizes"], strict=True))
    assert math.prod(steps.values()) == loops.macs
    free = describe_for_zigzag(loops, unit(flow), order="search")
    assert "temporal_ordering" not in free["mapping"][0]


def test_buffers_and_constants_are_those_of_the_design():
    required = evaluate_layers([CONV], [unit("dla")])
    memories = describe_for_zigzag(CONV, unit("dla"))["accelerator"]["memories"]
    assert memories["shared"]["size"] == 8 * required.l2_bytes[0, 0]
    assert memories["off_chip"]["r_cost"] == 0.0
    given = unit("dla", l1_bytes=540, l2_bytes=1 << 16)
    options = AcceleratorOptions(technology="eyeriss")
    larger = describe_for_zigzag(CONV, given, options)["accelerator"]["memories"]
    assert larger["shared"]["size"] == 8 << 16
    assert larger["registers_I1"]["size"] == memories["registers_I1"]["size"] == 8 * 18
    word = larger["off_chip"]["ports"][0]["bandwidth_max"] // 8
    assert larger["off_chip"]["r_cost"] / word == pytest.approx(200 * 0.23)


def test_what_cannot_be_described():
    with pytest.raises(SimulationError, match="dla with 32 PEs"):
        describe_for_zigzag(CONV, SubAccelerator(dataflow="dla", pes=32, bandwidth=8))
    with pytest.raises(InvalidValueError, match="order"):
        describe_for_zigzag(CONV, unit("dla"), order="random")


def test_without_the_library(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "zigzag":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[zigzag\]"):
        evaluate_with_zigzag(CONV, unit("dla"))


def test_rank_correlations_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 8, (2, 15))
        assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
        assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)
    assert math.isnan(spearman([1, 1], [1, 2]))
    assert math.isnan(kendall([1, 1], [1, 2]))


@pytest.mark.filterwarnings("ignore")
class TestWithZigZag:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("zigzag")

    @pytest.mark.parametrize("flow", ["dla", "shi", "rs"])
    def test_layers_cost_about_what_the_model_says(self, flow):
        ours = evaluate_layers([CONV], [unit(flow)])
        cost = evaluate_with_zigzag(CONV, unit(flow))
        assert cost.latency_cycles >= CONV.macs / 256
        assert 1 / 3 < cost.latency_cycles / ours.cycles[0, 0] < 3
        assert 1 / 3 < cost.energy_nj / ours.energy_nj[0, 0] < 3
        twice = evaluate_with_zigzag(CONV._replace(repeats=2), unit(flow))
        assert twice.latency_cycles == 2 * cost.latency_cycles
        assert twice.energy_nj == 2 * cost.energy_nj

    def test_a_search_is_no_slower_than_the_template(self):
        fixed = evaluate_with_zigzag(CONV, unit("shi"))
        searched = evaluate_with_zigzag(CONV, unit("shi"), order="search", effort=4)
        assert searched.latency_cycles <= fixed.latency_cycles

    def test_a_finished_design_is_evaluated_again(self):
        networks = [resnet9(8, (16, 16), (1, 1), (3, 16, 16))]
        chip = Chip.of(("dla", 128, 16), ("shi", 128, 16))
        result = simulate(networks, chip)
        design = reevaluate_with_zigzag(networks, chip, result)
        assert len(design.layers) == len(result.layers)
        assert design.energy_nj == pytest.approx(sum(cost.energy_nj for cost in design.layers))
        # One network without branches: layer after layer.
        assert design.latency_cycles == sum(cost.latency_cycles for cost in design.layers)
        with pytest.raises(InvalidValueError, match="the result of these networks"):
            reevaluate_with_zigzag(networks * 2, chip, result)
        with pytest.raises(InvalidValueError, match="the result of these networks"):
            reevaluate_with_zigzag(networks, chip, dataclasses.replace(result, supported=False))
