"""Import from ONNX: equal layer tables, and errors that name operator and node."""

import builtins

import pytest

onnx = pytest.importorskip("onnx")

import onnx_models  # noqa: E402

from chipgym.simulators.accelerator.import_graph import UnsupportedOperatorError  # noqa: E402
from chipgym.simulators.accelerator.import_onnx import network_from_onnx  # noqa: E402
from chipgym.simulators.accelerator.layer import Loops  # noqa: E402
from chipgym.simulators.accelerator.networks import (  # noqa: E402
    mobilenetv2,
    nasbench201,
    resnet9,
    resnet18,
    unet,
    vit,
)
from chipgym.simulators.core.errors import (  # noqa: E402
    FileFormatError,
    InvalidValueError,
    MissingLibraryError,
)

IMAGE = (3, 32, 32)
CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"


@pytest.mark.parametrize(
    "network",
    [
        resnet9(16, (32, 64, 64), (1, 2, 0)),
        resnet18(IMAGE),
        unet((8, 16, 32), IMAGE),
        mobilenetv2(IMAGE),
        nasbench201(CELL, filters=8, cells=1),
        vit(48, 3, 2, patch=8, input_shape=IMAGE),
    ],
    ids=lambda network: network.name,
)
def test_built_in_networks_come_back(network, tmp_path):
    path = onnx_models.save(onnx_models.write(network, batch="N"), tmp_path / "model.onnx")
    found = network_from_onnx(path)
    assert list(found.loops.items()) == list(network.loops.items())
    assert found.lowered.predecessors == network.lowered.predecessors
    assert found.output_shape == network.output_shape


def test_other_input_shapes():
    model = onnx_models.write(mobilenetv2(IMAGE))
    for shape in (IMAGE, (3, 64, 96)):
        found = network_from_onnx(model, shape, "mine")
        assert list(found.loops.values()) == list(mobilenetv2(shape).loops.values())
        assert found.name == "mine"
    with pytest.raises(InvalidValueError, match="without the batch"):
        network_from_onnx(model, (32, 32))
    with pytest.raises(UnsupportedOperatorError, match=r"'stem'.*3 channels"):
        network_from_onnx(model, (4, 32, 32))
    with pytest.raises(InvalidValueError, match="input_shape"):
        network_from_onnx(onnx_models.write(unet((4, 8))), (3, 33, 32))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    with pytest.raises(InvalidValueError, match="input_shape"):
        network_from_onnx(model)


def odd_model():
    w = onnx_models.Writer()
    x = w.add("Conv", "x", w.weight(8, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
    x = w.add("BatchNormalization", x, *(w.weight(8) for _ in range(4)))
    gate = w.add("Conv", w.add("GlobalMaxPool", x), w.weight(8, 8, 1, 1), name="gate")
    x = w.add("Mul", x, w.add("Sigmoid", gate))
    x = w.add("Resize", x, "", w.weight(values=[1, 1, 2, 2]))
    # Extents that are computed from the input's.
    shape = w.add("Shape", x)
    count = w.add("Gather", shape, w.integers(1))
    x = w.add("Reshape", x, w.add("Concat", w.integers(1), count, w.integers(-1), axis=0))
    x = w.add("Concat", w.weight(1, 8, 1), x, axis=2)
    x = w.add("MatMul", w.add("Transpose", x, perm=[0, 2, 1]), w.weight(8, 4), name="last")
    return w.model((3, 9, 8), x)


def test_shapes_and_dependencies_of_odd_networks():
    network = network_from_onnx(odd_model())
    assert list(network.loops.values()) == [
        Loops(8, 3, 3, 3, 5, 4, 2),
        Loops(8, 8),
        Loops(4, 8, height=81),
    ]
    assert network.lowered.predecessors == ((), (0,), (0, 1))
    assert network.output_shape == (4, 81, 1)


def one(kind, *weights, shape=(3, 8, 8), **attributes):
    w = onnx_models.Writer()
    made = w.add(kind, "x", *(w.weight(*axes) for axes in weights), name="bad", **attributes)
    return w.model(shape, made)


@pytest.mark.parametrize(
    ("model", "operator"),
    [
        (one("LpPool", kernel_shape=[2, 2]), "LpPool"),
        (one("NonZero"), "NonZero"),
        (one("Conv", (4, 3, 3, 3), dilations=[2, 2]), "Conv"),
        (one("Conv", (4, 3, 3, 3), strides=[1, 2]), "Conv"),
        (one("Conv", (4, 3, 3), shape=(3, 8)), "Conv"),
        (one("ConvTranspose", (3, 1, 2, 2), group=3), "ConvTranspose"),
        (one("ConvTranspose", (3, 4, 3, 3), pads=[0, 0, 1, 1]), "ConvTranspose"),
        (one("MatMul", (3, 8, 8)), "MatMul"),
    ],
)
def test_what_is_not_known_is_named(model, operator):
    with pytest.raises(UnsupportedOperatorError, match="cannot be imported") as caught:
        network_from_onnx(model)
    assert (caught.value.operator, caught.value.node) == (operator, "bad")


def test_two_inputs():
    model = one("Relu")
    model.graph.input.append(onnx.helper.make_tensor_value_info("y", 1, [1]))
    with pytest.raises(UnsupportedOperatorError, match="one input"):
        network_from_onnx(model)


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(FileFormatError, match=r"model\.onnx"):
        network_from_onnx(path)
    path.write_bytes(b"not a model")
    with pytest.raises(FileFormatError, match=r"model\.onnx"):
        network_from_onnx(path)


def test_without_the_library(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingLibraryError, match=r"chipgym\[onnx\]"):
        network_from_onnx("model.onnx")
