"""Layers: shapes, loop nests and what they refuse."""

import pytest
import torch

from chipgym.simulators.accelerator.layer import (
    Add,
    Concat,
    Conv,
    Depthwise,
    GlobalPool,
    Linear,
    Loops,
    MatMul,
    Pass,
    Pool,
    TransposedConv,
)
from chipgym.simulators.core.errors import InvalidValueError

SHAPE = (12, 17, 23)


def torch_shape(module, shape=SHAPE):
    with torch.no_grad():
        return tuple(module(torch.zeros(1, *shape)).shape[1:])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 2)])
@pytest.mark.parametrize("padding", [(0, 0), (1, 2)])
def test_shapes_are_those_of_torch(kernel, stride, padding):
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    assert Conv(filters=6, groups=3, **window).output(SHAPE) == torch_shape(
        torch.nn.Conv2d(12, 6, kernel, stride, padding, groups=3)
    )
    assert Depthwise(multiplier=2, **window).output(SHAPE) == torch_shape(
        torch.nn.Conv2d(12, 24, kernel, stride, padding, groups=12)
    )
    assert TransposedConv(filters=5, **window).output(SHAPE) == torch_shape(
        torch.nn.ConvTranspose2d(12, 5, kernel, stride, padding)
    )


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_pooling_shapes_are_those_of_torch(size, stride, padding, ceil_mode):
    pool = Pool(kernel=(size, size), stride=stride, padding=(padding, padding), ceil_mode=ceil_mode)
    assert pool.lower(SHAPE) is None
    assert pool.output(SHAPE) == torch_shape(
        torch.nn.MaxPool2d(size, stride, padding, ceil_mode=ceil_mode)
    )


def test_convolutions_lower_to_nests():
    conv = Conv(filters=24, kernel=(3, 5), stride=2, padding=(1, 2))
    assert conv.lower((12, 16, 16)) == Loops(24, 12, 3, 5, 8, 8, 2)
    grouped = conv.model_copy(update={"groups": 4}).lower((12, 16, 16))
    assert grouped == Loops(6, 3, 3, 5, 8, 8, 2, repeats=4)
    assert grouped.macs == 24 * 3 * 15 * 64
    depthwise = conv.model_copy(update={"groups": 12}).lower((12, 16, 16))
    assert depthwise == Loops(1, 12, 3, 5, 8, 8, 2, depthwise=1, repeats=2)
    assert depthwise.macs == 24 * 15 * 64
    assert depthwise == Depthwise(kernel=(3, 5), stride=2, padding=(1, 2), multiplier=2).lower(
        (12, 16, 16)
    )


def test_up_convolution_is_a_1x1_convolution_with_four_times_the_filters():
    up = TransposedConv(filters=16, kernel=(2, 2), stride=2)
    assert up.output((32, 8, 8)) == (16, 16, 16)
    assert up.lower((32, 8, 8)) == Loops(64, 32, 1, 1, 8, 8)
    # A kernel that the stride does not divide is filled up.
    assert up.model_copy(update={"kernel": (3, 3)}).lower((32, 8, 8)) == Loops(64, 32, 2, 2, 8, 8)


def test_linear_layers():
    assert Linear(features=10).output((4, 3, 2)) == (10, 1, 1)
    assert Linear(features=10).lower((4, 3, 2)) == Loops(10, 24)
    each = Linear(features=10, per_position=True)
    assert each.output((4, 7, 1)) == (10, 7, 1)
    assert each.lower((4, 7, 1)) == Loops(10, 4, height=7)


def test_attention_products():
    query, key = (24, 5, 1), (24, 7, 1)
    scores = MatMul(heads=3, transpose=True)
    assert scores.output(query, key) == (21, 5, 1)
    assert scores.lower(query, key) == Loops(7, 8, height=5, repeats=3)
    values = MatMul(heads=3)
    assert values.output((21, 5, 1), (24, 7, 1)) == (24, 5, 1)
    assert values.lower((21, 5, 1), (24, 7, 1)) == Loops(8, 7, height=5, repeats=3)


def test_layers_without_products():
    assert GlobalPool().output(SHAPE) == (12, 1, 1)
    assert Pass().output(SHAPE) == SHAPE
    assert Pass(shape=(12, 391, 1)).output(SHAPE) == (12, 391, 1)
    assert Add().output(SHAPE, SHAPE) == SHAPE
    assert Concat().output(SHAPE, (3, 17, 23)) == (15, 17, 23)
    assert all(layer.lower(SHAPE) is None for layer in (GlobalPool(), Pass(), Add(), Concat()))


@pytest.mark.parametrize(
    ("layer", "inputs", "field"),
    [
        (Conv(filters=4, kernel=(19, 1)), [SHAPE], r"kernel\.0"),
        (Conv(filters=4, kernel=(1, 24)), [SHAPE], r"kernel\.1"),
        (Conv(filters=4, kernel=(1, 1), groups=5), [SHAPE], "channels"),
        (Conv(filters=5, kernel=(1, 1), groups=4), [SHAPE], "filters"),
        (Conv(filters=5, kernel=(1, 1)), [SHAPE, SHAPE], "inputs"),
        (TransposedConv(filters=1, kernel=(1, 1), padding=(9, 0)), [SHAPE], "padding"),
        (MatMul(heads=5, transpose=True), [(24, 5, 1), (24, 5, 1)], r"inputs\.0"),
        (MatMul(heads=3), [(24, 5, 1), (24, 5, 1)], r"inputs\.1"),
        (MatMul(), [(24, 5, 1)], "inputs"),
        (Pass(shape=(1, 2, 3)), [SHAPE], "shape"),
        (Add(), [SHAPE, (12, 17, 22)], r"inputs\.1"),
        (Add(), [], "inputs"),
        (Concat(), [SHAPE, (12, 16, 23)], r"inputs\.1"),
        (Concat(), [], "inputs"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(layer, inputs, field):
    with pytest.raises(InvalidValueError, match=field):
        layer.lower(*inputs)


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"filters": 0, "kernel": [3, 3]}, "filters"),
        ({"filters": 1, "kernel": [3, 0]}, r"kernel\.1"),
        ({"filters": 1, "kernel": [3, 3], "stride": 0}, "stride"),
        ({"filters": 1, "kernel": [3, 3], "padding": [0, -1]}, r"padding\.1"),
        ({"filters": 1, "kernel": [3, 3], "dilation": 2}, "dilation"),
    ],
)
def test_bad_fields_are_named(fields, bad):
    with pytest.raises(InvalidValueError, match=bad):
        Conv.parse(fields)
