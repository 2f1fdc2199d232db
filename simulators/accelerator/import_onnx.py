"""Networks from ONNX files (``[onnx]``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chipgym.simulators.accelerator.import_graph import (
    GraphBuilder,
    Tensor,
    UnsupportedOperatorError,
    Window,
    words,
)
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, MissingLibraryError

__all__ = ["network_from_onnx"]

ELEMENTWISE = words(
    """
    Abs Add BatchNormalization BitShift Cast CastLike Celu Clip Cos DequantizeLinear Div
    Dropout DynamicQuantizeLinear Elu Equal Erf Exp Floor Gelu Greater GroupNormalization
    HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less Log
    LogSoftmax LpNormalization LRN Max MeanVarianceNormalization Min Mish Mod Mul Neg Not Pow
    PRelu QuantizeLinear Reciprocal Relu RMSNormalization Round Selu Sigmoid Sign
    SimplifiedLayerNormalization Sin Softmax Softplus Softsign Sqrt Sub Sum Tanh
    ThresholdedRelu Where
    """
)
MOVES = words(
    """
    ArgMax DepthToSpace Expand Flatten Gather GatherElements GatherND Pad ReduceL2 ReduceMax
    ReduceMean ReduceMin ReduceSum Reshape Resize Slice SpaceToDepth Split Squeeze Tile TopK
    Transpose Unsqueeze Upsample
    """
)
CONSTANTS = words("Constant ConstantOfShape Range Shape Size")
Axes = tuple[int, ...]
Attributes = Mapping[str, Any]


def network_from_onnx(
    model: str | os.PathLike[str] | Any,
    input_shape: Sequence[int] | None = None,
    name: str | None = None,
) -> Network:
    """Import an ONNX model.

    Nodes keep their names. Convolution (with groups), transposed convolution, products with
    weights and products of activations carry multiply-accumulates; pooling, normalisation,
    activation and whatever moves elements do not.

    Parameters
    ----------
    model : path or onnx.ModelProto
    input_shape : sequence of int, optional
        Of one input without the batch; the model's own by default, whose first axis is the batch
        and taken as one.
    name : str, optional
        The name of the graph by default.

    Raises
    ------
    UnsupportedOperatorError
        An operator is not known, or is used in a way that is not; it is named, with its node.
    FileFormatError
        The file cannot be read, or is no valid model.
    InvalidValueError
        The shapes of the model are not fixed and `input_shape` is missing, or does not fit.
    MissingLibraryError
        The library onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingLibraryError("network_from_onnx", "onnx", "onnx") from error
    proto = model if isinstance(model, onnx.ModelProto) else _load(onnx, Path(model))
    _check_operators(proto.graph.node)
    title = name or proto.graph.name or "onnx"
    axes, proto = _with_input(onnx, proto, input_shape)
    return _Reader(onnx, proto, axes, title).read()


def _load(onnx: Any, path: Path) -> Any:
    """Read a model; weights in other files are not needed."""
    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FileFormatError(path, reason) from error
    return model


def _check_operators(nodes: Any) -> None:
    """Raise for an unknown operator before shapes are inferred."""
    for number, node in enumerate(nodes):
        name, kind = _name(node, number), node.op_type
        if node.domain not in ("", "ai.onnx", "com.microsoft"):
            raise UnsupportedOperatorError(kind, name, f"unknown domain {node.domain!r}")
        if kind not in ELEMENTWISE | MOVES | CONSTANTS and kind not in _OPERATORS:
            raise UnsupportedOperatorError(kind, name, "unknown operator")


def _name(node: Any, number: int) -> str:
    return node.name or f"{node.op_type}_{number}"


def _with_input(
    onnx: Any, proto: Any, input_shape: Sequence[int] | None
) -> tuple[tuple[str, Axes], Any]:
    """Return name and axes of the only input, and the model with all shapes inferred."""
    constants = {each.name for each in proto.graph.initializer}
    inputs = [each for each in proto.graph.input if each.name not in constants]
    if len(inputs) != 1:
        names = [each.name for each in inputs]
        raise UnsupportedOperatorError("input", ", ".join(names), "one input is needed")
    dims = inputs[0].type.tensor_type.shape.dim
    axes = (
        [1, *(int(size) for size in input_shape)]
        if input_shape is not None
        else [1 if place == 0 else dim.dim_value for place, dim in enumerate(dims)]
    )
    if min(axes) < 1 or len(axes) != len(dims):
        raise InvalidValueError(
            "input_shape",
            None if input_shape is None else tuple(input_shape),
            f"the {len(dims) - 1} extents of {inputs[0].name!r} without the batch",
        )
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    target = next(each for each in fixed.graph.input if each.name == inputs[0].name)
    for dim, size in zip(target.type.tensor_type.shape.dim, axes, strict=True):
        dim.dim_value = size
    # Shapes that were stored may be of another batch.
    del fixed.graph.value_info[:]
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(fixed, strict_mode=True, data_prop=True)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidValueError("input_shape", tuple(axes[1:]), f"what fits ({reason})") from error
    return (inputs[0].name, tuple(axes)), inferred


class _Reader:
    """Walks a graph in its order; what depends on constants alone is left out."""

    def __init__(self, onnx: Any, proto: Any, given: tuple[str, Axes], title: str) -> None:
        graph = proto.graph
        self.onnx = onnx
        self.nodes = graph.node
        self.builder = GraphBuilder(title, given[1], "ONNX model")
        self.values: dict[str, Tensor] = {given[0]: self.builder.input}
        self.axes: dict[str, Axes] = {each.name: tuple(each.dims) for each in graph.initializer}
        for each in (*graph.value_info, *graph.output):
            dims = each.type.tensor_type.shape.dim
            if all(dim.HasField("dim_value") for dim in dims):
                self.axes[each.name] = tuple(dim.dim_value for dim in dims)

    def read(self) -> Network:
        """Return the network."""
        for number, node in enumerate(self.nodes):
            name = _name(node, number)
            inputs = [self.values[each] for each in node.input if each in self.values]
            if not inputs or node.op_type in CONSTANTS:
                continue
            attributes = {
                each.name: self.onnx.helper.get_attribute_value(each) for each in node.attribute
            }
            for place, output in enumerate(node.output):
                if output and (place == 0 or node.op_type in MOVES):
                    own = name if place == 0 else f"{name}.{place}"
                    self.values[output] = self._node(node, own, inputs, attributes, output)
        return self.builder.build()

    def _output(self, node: Any, name: str, output: str) -> Axes:
        if output not in self.axes:
            raise UnsupportedOperatorError(node.op_type, name, "an output of unknown shape")
        return self.axes[output]

    def _node(
        self, node: Any, name: str, inputs: list[Tensor], attributes: Attributes, output: str
    ) -> Tensor:
        """Import one node."""
        kind, build = node.op_type, self.builder
        if kind in _OPERATORS:
            axes = self._output(node, name, output)
            weights = [self.axes.get(each, ()) for each in node.input[1:]]
            return _OPERATORS[kind](build, name, inputs, attributes, weights, axes)
        if kind in ELEMENTWISE:
            return build.elementwise(kind, name, inputs, self._output(node, name, output))
        if kind in MOVES:
            return build.move(kind, name, inputs[0], self._output(node, name, output))
        raise UnsupportedOperatorError(kind, name, "unknown operator")


def _window(attributes: Attributes, kernel: Sequence[int], axes: Axes) -> Window:
    """Return the window of a node; `axes` are the input's, for padding that is computed."""
    stride = attributes.get("strides", [1, 1])
    dilation = attributes.get("dilations", [1, 1])
    padding = attributes.get("pads", [0, 0, 0, 0])
    mode = attributes.get("auto_pad", b"NOTSET")
    if mode in (b"SAME_UPPER", b"SAME_LOWER"):
        totals = [
            max((-(-size // step) - 1) * step + spread * (window - 1) + 1 - size, 0)
            for size, step, window, spread in zip(axes[-2:], stride, kernel, dilation, strict=True)
        ]
        small = [total // 2 for total in totals]
        large = [total - half for total, half in zip(totals, small, strict=True)]
        padding = [*small, *large] if mode == b"SAME_UPPER" else [*large, *small]
    return Window(kernel, stride, padding, dilation)


def _two_axes(kind: str, name: str, tensor: Tensor) -> None:
    if len(tensor.axes) != 4:
        raise UnsupportedOperatorError(
            kind, name, f"an input of axes (1, C, H, W), not {tensor.axes}"
        )


def _check_channels(kind: str, name: str, tensor: Tensor, channels: int) -> None:
    """Raise where weights do not fit, which the library does not look at."""
    if tensor.axes[1] != channels:
        reason = f"weights for {channels} channels, but the input has axes {tensor.axes}"
        raise UnsupportedOperatorError(kind, name, reason)


def _conv(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    _two_axes("Conv", name, inputs[0])
    if len(inputs) > 1 or len(weights[0]) != 4:
        raise UnsupportedOperatorError("Conv", name, "weights that are computed")
    _check_channels("Conv", name, inputs[0], weights[0][1] * a.get("group", 1))
    window = _window(a, weights[0][2:], inputs[0].axes)
    return b.conv("Conv", name, inputs[0], weights[0][0], a.get("group", 1), window)


def _transposed(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    kind = "ConvTranspose"
    _two_axes(kind, name, inputs[0])
    if len(inputs) > 1 or len(weights[0]) != 4:
        raise UnsupportedOperatorError(kind, name, "weights that are computed")
    _check_channels(kind, name, inputs[0], weights[0][0])
    if "output_shape" in a or a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise UnsupportedOperatorError(kind, name, "padding that is computed")
    window = _window(a, weights[0][2:], inputs[0].axes)
    outside = a.get("output_padding", [0, 0])
    return b.transposed(kind, name, inputs[0], weights[0][1], a.get("group", 1), window, outside)


def _gemm(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    if len(inputs) > 1 or a.get("transA", 0) or not weights[0]:
        raise UnsupportedOperatorError("Gemm", name, "anything but an activation times weights")
    return b.linear("Gemm", name, inputs[0], axes[-1])


def _matmul(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    if len(inputs) == 2:
        return b.matmul("MatMul", name, inputs[0], inputs[1], axes)
    if len(weights[0]) != 2:
        raise UnsupportedOperatorError("MatMul", name, "a constant that is no matrix on the right")
    return b.linear("MatMul", name, inputs[0], axes[-1])


def _pooling(kind: str) -> Callable[..., Tensor]:
    def build(
        b: GraphBuilder,
        name: str,
        inputs: list[Tensor],
        a: Attributes,
        weights: list[Axes],
        axes: Axes,
    ) -> Tensor:
        _two_axes(kind, name, inputs[0])
        window = _window(a, a["kernel_shape"], inputs[0].axes)
        return b.pool(kind, name, inputs[0], window, bool(a.get("ceil_mode", 0)))

    return build


def _global(kind: str) -> Callable[..., Tensor]:
    def build(
        b: GraphBuilder,
        name: str,
        inputs: list[Tensor],
        a: Attributes,
        weights: list[Axes],
        axes: Axes,
    ) -> Tensor:
        return b.adaptive_pool(kind, name, inputs[0], axes)

    return build


def _mean(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    """Mean over both positions is global pooling."""
    before = inputs[0].axes
    if len(before) == 4 and axes in (before[:2], (*before[:2], 1, 1)):
        pooled = b.adaptive_pool("ReduceMean", name, inputs[0], (*before[:2], 1, 1))
        return Tensor(pooled.node, axes)
    return b.move("ReduceMean", name, inputs[0], axes)


def _concat(
    b: GraphBuilder, name: str, inputs: list[Tensor], a: Attributes, weights: list[Axes], axes: Axes
) -> Tensor:
    return b.concat("Concat", name, inputs, a["axis"] % len(axes), axes)


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Conv": _conv,
    "ConvTranspose": _transposed,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MaxPool": _pooling("MaxPool"),
    "AveragePool": _pooling("AveragePool"),
    "GlobalAveragePool": _global("GlobalAveragePool"),
    "GlobalMaxPool": _global("GlobalMaxPool"),
    "ReduceMean": _mean,
    "Concat": _concat,
}
