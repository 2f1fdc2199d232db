"""Networks from PyTorch modules, by symbolic tracing (``torch.fx``)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from chipgym.simulators.accelerator.import_graph import (
    GraphBuilder,
    Tensor,
    UnsupportedOperatorError,
    Window,
    words,
)
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["network_from_torch"]

ELEMENTWISE_MODULES = words(
    """
    AlphaDropout BatchNorm1d BatchNorm2d BatchNorm3d CELU Dropout Dropout1d Dropout2d ELU GELU
    GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh Identity InstanceNorm2d LayerNorm
    LeakyReLU LocalResponseNorm LogSigmoid LogSoftmax Mish PReLU ReLU ReLU6 RMSNorm SELU
    Sigmoid SiLU Softmax Softmax2d Softplus Softsign Tanh
    """
)
ELEMENTWISE = words(
    """
    abs add batch_norm clamp clamp_ clone contiguous div dropout dropout_ elu exp float
    floordiv gelu group_norm hardsigmoid hardswish hardtanh iadd imul isub itruediv layer_norm
    leaky_relu log log_softmax masked_fill maximum minimum mish mul neg normalize pow pow_
    relu relu6 relu_ rsqrt sigmoid sigmoid_ silu softmax softplus sqrt sub tanh tanh_ to
    truediv where
    """
)
MOVES = words(
    """
    amax amin chunk expand expand_as flatten flip getitem index_select interpolate max mean
    min movedim narrow pad permute pixel_shuffle pixel_unshuffle repeat repeat_interleave
    reshape roll select split squeeze std sum swapaxes t tile transpose unbind unflatten
    unsqueeze upsample var view
    """
)
MOVING_MODULES = words(
    """
    ConstantPad2d Flatten GLU PixelShuffle PixelUnshuffle ReflectionPad2d ReplicationPad2d
    Unflatten Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad2d
    """
)
Values = list[Tensor]


def network_from_torch(model: Any, input_shape: Sequence[int], name: str | None = None) -> Network:
    """Import a PyTorch module.

    Layers become nodes named after their modules. Convolution (with groups), transposed
    convolution, linear layers, attention and products of activations carry multiply-accumulates;
    pooling, normalisation, activation and whatever moves elements do not. Nothing is computed and
    the module is left as it is.

    Parameters
    ----------
    model : torch.nn.Module
    input_shape : sequence of int
        Of one input without the batch: (channels, height, width), (length, width) or (features,).
    name : str, optional
        The name of the module's class by default.

    Raises
    ------
    UnsupportedOperatorError
        An operator is not known, or is used in a way that is not; it is named, with its node.
    InvalidValueError
        The module cannot be traced (its control flow depends on data), or does not accept the
        shape.
    """
    name = name or type(model).__name__
    axes = (1, *(int(size) for size in input_shape))
    graph = _trace(model, axes, name)
    return _Reader(graph, axes, name).read()


def _trace(model: Any, axes: tuple[int, ...], name: str) -> Any:
    """Return the traced module; every node's ``meta["axes"]`` tells of its tensors."""
    import torch
    from torch import fx

    class Shapes(fx.Interpreter):
        """Runs the graph on tensors without data."""

        def run_node(self, n: Any) -> Any:
            result = super().run_node(n)
            n.meta["axes"] = _axes_of(result)
            n.meta["many"] = isinstance(result, list | tuple)
            return result

    if not isinstance(model, torch.nn.Module):
        raise InvalidValueError("model", type(model).__name__, "a torch.nn.Module")
    try:
        traced = fx.symbolic_trace(copy.deepcopy(model).eval())
    except Exception as error:
        raise InvalidValueError(
            "model", name, f"what torch.fx can trace ({_first_line(error)})"
        ) from error
    _check_modules(traced)
    with torch.device("meta"), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            Shapes(traced.to("meta")).run(torch.empty(axes))
        except Exception as error:
            raise InvalidValueError(
                "input_shape", axes[1:], f"what {name} accepts ({_first_line(error)})"
            ) from error
    return traced


def _axes_of(result: Any) -> list[tuple[int, ...]]:
    """Return the axes of a tensor, or of the tensors of a tuple; none of anything else."""
    if isinstance(result, list | tuple):
        return [axes for each in result for axes in (_axes_of(each) or [()])]
    shape = getattr(result, "shape", None)
    return [] if shape is None else [tuple(int(size) for size in shape)]


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _check_modules(traced: Any) -> None:
    """Raise for an unknown module before anything is computed."""
    for node in traced.graph.nodes:
        if node.op == "call_module":
            kind = type(traced.get_submodule(node.target)).__name__
            if kind not in ELEMENTWISE_MODULES | MOVING_MODULES and kind not in _MODULES:
                raise UnsupportedOperatorError(kind, node.target, "unknown layer")


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)


def _window(kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Window:
    """Return a window; padding is a number, a pair, or "same" or "valid"."""
    kernel, dilation = _pair(kernel), _pair(dilation)
    if padding == "valid":
        padding = 0
    if padding == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        half = [size // 2 for size in total]
        sides = (*half, total[0] - half[0], total[1] - half[1])
    else:
        sides = _pair(padding) * 2
    return Window(kernel, _pair(kernel if stride is None else stride), sides, dilation)


class _Reader:
    """Walks a traced graph; constants are left out, tuples are lists of tensors."""

    def __init__(self, traced: Any, axes: tuple[int, ...], name: str) -> None:
        self.traced = traced
        self.builder = GraphBuilder(name, axes, "PyTorch module")
        self.values: dict[Any, Values] = {}

    def read(self) -> Network:
        """Return the network."""
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                if self.values:
                    raise UnsupportedOperatorError("input", node.name, "more than one input")
                self.values[node] = [self.builder.input]
            elif node.op in ("call_module", "call_function", "call_method"):
                self._call(node)
        return self.builder.build()

    def _call(self, node: Any) -> None:
        results = node.meta["axes"]
        inputs = self._tensors((node.args, node.kwargs))
        if not any(results) or not inputs:
            return
        if node.op == "call_module":
            module = self.traced.get_submodule(node.target)
            self.values[node] = self._module(node, module, inputs, results)
        else:
            self.values[node] = self._function(node, inputs, results)

    def _tensors(self, arguments: Any) -> Values:
        """Return all tensors among nested arguments, in their order."""
        if isinstance(arguments, dict):
            arguments = list(arguments.values())
        if isinstance(arguments, list | tuple):
            return [tensor for each in arguments for tensor in self._tensors(each)]
        try:
            return self.values.get(arguments, [])
        except TypeError:
            return []

    def _module(self, node: Any, module: Any, inputs: Values, results: list[Any]) -> Values:
        kind = type(module).__name__
        if kind in ELEMENTWISE_MODULES:
            return [self.builder.elementwise(kind, node.target, inputs[:1], results[0])]
        if kind in MOVING_MODULES:
            return [self.builder.move(kind, node.target, inputs[0], results[0])]
        return _MODULES[kind](self.builder, node.target, module, inputs, results)

    def _function(self, node: Any, inputs: Values, results: list[Any]) -> Values:
        kind = node.target if isinstance(node.target, str) else node.target.__name__
        kind = kind.strip("_") if kind.startswith("__") else kind
        name = node.name
        if kind == "getitem" and node.args[0].meta["many"]:
            return [self.values[node.args[0]][node.args[1]]]
        if kind in ("cat", "concat", "concatenate"):
            axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
            axis %= len(results[0])
            return [self.builder.concat(kind, name, inputs, axis, results[0])]
        if kind == "stack":
            return [self.builder.elementwise(kind, name, inputs, results[0])]
        if kind in ("matmul", "bmm") and len(inputs) == 2:
            return [self.builder.matmul(kind, name, inputs[0], inputs[1], results[0])]
        if kind == "scaled_dot_product_attention":
            return [self.builder.attention(kind, name, *inputs[:3])]
        if kind == "linear" and len(inputs) == 1:
            return [self.builder.linear(kind, name, inputs[0], results[0][-1])]
        if kind == "conv2d" and len(inputs) == 1:
            return [self._conv(node, inputs[0])]
        if kind in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
            return [self.builder.adaptive_pool(kind, name, inputs[0], results[0])]
        if kind == "mean" and len(inputs[0].axes) == 4 and _over_positions(inputs[0], results[0]):
            pooled = self.builder.adaptive_pool(kind, name, inputs[0], (*inputs[0].axes[:2], 1, 1))
            return [Tensor(pooled.node, results[0])]
        if kind in ("max_pool2d", "avg_pool2d"):
            return [self._pool(node, kind, inputs[0])]
        if kind in ELEMENTWISE:
            return [self.builder.elementwise(kind, name, inputs, results[0])]
        if kind in MOVES:
            return [
                self.builder.move(kind, name if count == 0 else f"{name}.{count}", inputs[0], axes)
                for count, axes in enumerate(results)
            ]
        raise UnsupportedOperatorError(kind, name, "unknown function")

    def _conv(self, node: Any, tensor: Tensor) -> Tensor:
        """Functional convolution, whose weights are a parameter of the model."""
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        filters, _, *kernel = given["weight"].meta["axes"][0]
        window = _window(
            kernel, given.get("stride", 1), given.get("padding", 0), given.get("dilation", 1)
        )
        groups = given.get("groups", 1)
        return self.builder.conv("conv2d", node.name, tensor, filters, groups, window)

    def _pool(self, node: Any, kind: str, tensor: Tensor) -> Tensor:
        """Functional pooling, by position or by name."""
        names = ("input", "kernel_size", "stride", "padding")
        given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        window = _window(
            given["kernel_size"],
            given.get("stride"),
            given.get("padding", 0),
            given.get("dilation", 1),
        )
        return self.builder.pool(kind, node.name, tensor, window, bool(given.get("ceil_mode")))


def _over_positions(before: Tensor, after: tuple[int, ...]) -> bool:
    return after in (before.axes[:2], (*before.axes[:2], 1, 1))


def _conv2d(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    window = _window(m.kernel_size, m.stride, m.padding, m.dilation)
    return [b.conv("Conv2d", name, inputs[0], m.out_channels, m.groups, window)]


def _transposed(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    window = _window(m.kernel_size, m.stride, m.padding, m.dilation)
    outside = _pair(m.output_padding)
    tensor = b.transposed(
        "ConvTranspose2d", name, inputs[0], m.out_channels, m.groups, window, outside
    )
    return [tensor]


def _linear(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    return [b.linear("Linear", name, inputs[0], m.out_features)]


def _pooling(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    window = _window(m.kernel_size, m.stride, m.padding, getattr(m, "dilation", 1))
    return [b.pool(type(m).__name__, name, inputs[0], window, m.ceil_mode)]


def _adaptive(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    return [b.adaptive_pool(type(m).__name__, name, inputs[0], results[0])]


def _attention(b: GraphBuilder, name: str, m: Any, inputs: Values, results: Any) -> Values:
    """Projections, scores, values and the projection of the output."""
    kind = "MultiheadAttention"
    if m.bias_k is not None or m.add_zero_attn:
        raise UnsupportedOperatorError(kind, name, "biases or zeros among the keys")
    # One tensor for all three, or one for each.
    sources = [*inputs, *inputs[-1:] * 2][:3]
    width, heads = m.embed_dim, m.num_heads
    parts = []
    for part, tensor in zip(("query", "key", "value"), sources, strict=True):
        projected = b.linear(kind, f"{name}.{part}", tensor, width)
        length = tensor.axes[0] * tensor.axes[1]
        split = (1, heads, length, width // heads)
        parts.append(b.move(kind, f"{name}.{part}.heads", projected, split))
    mixed = b.attention(kind, name, *parts)
    joined = b.move(kind, f"{name}.join", mixed, results[0])
    return [b.linear(kind, f"{name}.project", joined, width), joined]


_MODULES: dict[str, Callable[[GraphBuilder, str, Any, Values, Any], Values]] = {
    "Conv2d": _conv2d,
    "ConvTranspose2d": _transposed,
    "Linear": _linear,
    "MaxPool2d": _pooling,
    "AvgPool2d": _pooling,
    "AdaptiveAvgPool2d": _adaptive,
    "AdaptiveMaxPool2d": _adaptive,
    "MultiheadAttention": _attention,
}
