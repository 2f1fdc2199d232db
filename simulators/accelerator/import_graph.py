"""What the importers of networks share: foreign tensors and operators as nodes of a `Network`.

Foreign tensors have any number of axes, with a batch of one in front; the shapes here have three.
What has no multiply-accumulates keeps its place in the graph, as it orders the layers around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from chipgym.simulators.accelerator.layer import (
    Add,
    Concat,
    Conv,
    GlobalPool,
    Layer,
    Linear,
    MatMul,
    Pass,
    Pool,
    Resize,
    Shape,
    TransposedConv,
)
from chipgym.simulators.accelerator.network import INPUT, Network, NetworkBuilder
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError

__all__ = ["GraphBuilder", "Tensor", "UnsupportedOperatorError", "Window", "three_axes", "words"]

Axes = tuple[int, ...]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


class UnsupportedOperatorError(ChipGymError):
    """A foreign network has an operator that cannot be imported.

    Parameters
    ----------
    operator, node : str
        Its name, and the node that has it.
    reason : str
        What is not supported.
    """

    def __init__(self, operator: str, node: str, reason: str) -> None:
        self.operator = operator
        self.node = node
        self.reason = reason
        super().__init__(f"operator {operator!r} of node {node!r} cannot be imported: {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.operator, self.node, self.reason)


class Tensor(NamedTuple):
    """A foreign tensor: the node of the network that makes it, and its own axes."""

    node: str
    axes: Axes


class Window(NamedTuple):
    """What operators with sliding windows have; pairs are (height, width).

    Attributes
    ----------
    kernel, stride, dilation : (int, int)
    padding : (int, int, int, int)
        Top, left, bottom, right.
    """

    kernel: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int] = (1, 1)


def three_axes(axes: Axes) -> Shape:
    """Return a foreign tensor's (channels, height, width); sequences have their vectors first.

    (1, C, H, W) is (C, H, W); (1, T, D) is (D, T, 1); (1, F) is (F, 1, 1).
    """
    if len(axes) >= 4:
        return (math.prod(axes[:-2]), axes[-2], axes[-1])
    if len(axes) == 3:
        return (axes[2], axes[0] * axes[1], 1)
    return (axes[-1] if axes else 1, axes[0] if len(axes) == 2 else 1, 1)


class GraphBuilder:
    """Adds foreign operators to a network; every method returns the tensor that it makes.

    Parameters
    ----------
    name : str
    axes : tuple of int
        Axes of the input, with the batch.
    source : str
        Where the network is from.
    """

    def __init__(self, name: str, axes: Axes, source: str) -> None:
        self._builder = NetworkBuilder(name, three_axes(axes), source)
        self._names: dict[str, int] = {}
        self.input = Tensor(INPUT, axes)

    def build(self) -> Network:
        """Return the network."""
        if self._builder.last == INPUT:
            raise InvalidValueError("model", self._builder.name, "a network with a layer")
        return self._builder.build()

    def _add(self, operator: str, node: str, layer: Layer, *inputs: str) -> str:
        """Add a layer under a free name; what does not fit names the foreign node."""
        count = self._names.get(node, 0) + 1
        self._names[node] = count
        name = node if count == 1 and node != INPUT else f"{node}#{count}"
        try:
            return self._builder.add(name, layer, *inputs)
        except InvalidValueError as error:
            raise UnsupportedOperatorError(operator, node, str(error)) from error

    def _shaped(self, operator: str, node: str, tensor: Tensor, shape: Shape) -> str:
        """Return the node whose output is a tensor in another shape; adds one where needed."""
        present = self._builder.shape(tensor.node)
        if present == shape:
            return tensor.node
        same = math.prod(present) == math.prod(shape)
        layer = Pass(shape=shape) if same else Resize(shape=shape)
        return self._add(operator, node, layer, tensor.node)

    def elementwise(self, operator: str, node: str, tensors: list[Tensor], axes: Axes) -> Tensor:
        """Join tensors element by element, smaller ones repeated; one alone passes."""
        shape = three_axes(axes)
        inputs = [self._shaped(operator, f"{node}.shape", tensor, shape) for tensor in tensors]
        layer = Pass() if len(inputs) == 1 else Add()
        return Tensor(self._add(operator, node, layer, *inputs), axes)

    def move(self, operator: str, node: str, tensor: Tensor, axes: Axes) -> Tensor:
        """Reshape, permute, select or repeat."""
        return Tensor(self._shaped(operator, node, tensor, three_axes(axes)), axes)

    def concat(
        self, operator: str, node: str, tensors: list[Tensor], axis: int, axes: Axes
    ) -> Tensor:
        """Put tensors behind one another."""
        whole = sum(tensor.axes[axis] for tensor in tensors) == axes[axis]
        if whole and len(tensors) > 1 and len(axes) == 4 and axis % 4 == 1 and axes[0] == 1:
            inputs = [tensor.node for tensor in tensors]
            return Tensor(self._add(operator, node, Concat(), *inputs), axes)
        return self.elementwise(operator, node, tensors, axes)

    def _padded(
        self, operator: str, node: str, tensor: Tensor, window: Window
    ) -> tuple[str, tuple[int, int]]:
        """Return the input of a window and its even padding; uneven padding becomes a node."""
        if len(tensor.axes) != 4 or tensor.axes[0] != 1:
            raise UnsupportedOperatorError(
                operator, node, f"an input of axes (1, C, H, W), not {tensor.axes}"
            )
        if tuple(window.dilation) != (1, 1):
            raise UnsupportedOperatorError(operator, node, f"dilation {tuple(window.dilation)}")
        if window.stride[0] != window.stride[1]:
            raise UnsupportedOperatorError(
                operator, node, f"different strides {tuple(window.stride)}"
            )
        top, left, bottom, right = window.padding
        if (top, left) == (bottom, right):
            return tensor.node, (top, left)
        channels, height, width = three_axes(tensor.axes)
        shape = (channels, height + top + bottom, width + left + right)
        return self._shaped(operator, f"{node}.pad", tensor, shape), (0, 0)

    def conv(
        self, operator: str, node: str, tensor: Tensor, filters: int, groups: int, window: Window
    ) -> Tensor:
        """Convolution; depthwise where groups have one channel."""
        source, padding = self._padded(operator, node, tensor, window)
        kernel = tuple(window.kernel)
        layer = Conv.parse(
            {
                "filters": filters,
                "groups": groups,
                "kernel": kernel,
                "stride": window.stride[0],
                "padding": padding,
            }
        )
        name = self._add(operator, node, layer, source)
        return Tensor(name, (1, *self._builder.shape(name)))

    def transposed(
        self,
        operator: str,
        node: str,
        tensor: Tensor,
        filters: int,
        groups: int,
        window: Window,
        output_padding: Sequence[int],
    ) -> Tensor:
        """Transposed convolution."""
        if groups != 1:
            raise UnsupportedOperatorError(operator, node, f"{groups} groups")
        if output_padding[0] != output_padding[1]:
            raise UnsupportedOperatorError(operator, node, "different output paddings")
        if tuple(window.padding[:2]) != tuple(window.padding[2:]):
            raise UnsupportedOperatorError(operator, node, "uneven padding")
        source, padding = self._padded(operator, node, tensor, window)
        layer = TransposedConv.parse(
            {
                "filters": filters,
                "kernel": tuple(window.kernel),
                "stride": window.stride[0],
                "padding": padding,
                "output_padding": output_padding[0],
            }
        )
        name = self._add(operator, node, layer, source)
        return Tensor(name, (1, *self._builder.shape(name)))

    def pool(self, operator: str, node: str, tensor: Tensor, window: Window, ceil: bool) -> Tensor:
        """Maximum or average over windows."""
        source, padding = self._padded(operator, node, tensor, window)
        layer = Pool.parse(
            {
                "kernel": tuple(window.kernel),
                "stride": window.stride[0],
                "padding": padding,
                "ceil_mode": ceil,
            }
        )
        name = self._add(operator, node, layer, source)
        return Tensor(name, (1, *self._builder.shape(name)))

    def adaptive_pool(self, operator: str, node: str, tensor: Tensor, axes: Axes) -> Tensor:
        """Pool to a given extent, which must divide the input's."""
        if axes[-2:] == (1, 1):
            return Tensor(self._add(operator, node, GlobalPool(), tensor.node), axes)
        if axes == tensor.axes:
            return self.elementwise(operator, node, [tensor], axes)
        sizes = [before // after for before, after in zip(tensor.axes[-2:], axes[-2:], strict=True)]
        even = all(
            size * after == before
            for size, before, after in zip(sizes, tensor.axes[-2:], axes[-2:], strict=True)
        )
        if not even or sizes[0] != sizes[1]:
            raise UnsupportedOperatorError(
                operator, node, f"windows of different sizes, from {tensor.axes} to {axes}"
            )
        return self.pool(operator, node, tensor, Window(sizes, sizes, (0, 0, 0, 0)), False)

    def linear(self, operator: str, node: str, tensor: Tensor, features: int) -> Tensor:
        """Fully connected layer along the last axis."""
        *before, inner = tensor.axes
        axes = (*before, features)
        shape = (inner, math.prod(before), 1)
        source = self._shaped(operator, f"{node}.input", tensor, shape)
        layer = Linear.parse({"features": features, "per_position": shape[1] > 1})
        name = self._add(operator, node, layer, source)
        shaped = self._shaped(operator, f"{node}.output", Tensor(name, axes), three_axes(axes))
        return Tensor(shaped, axes)

    def matmul(self, operator: str, node: str, left: Tensor, right: Tensor, axes: Axes) -> Tensor:
        """Product of two activations over the last two axes, one for each of those before."""
        if min(len(left.axes), len(right.axes)) < 2 or left.axes[:-2] != right.axes[:-2]:
            raise UnsupportedOperatorError(
                operator, node, f"axes {left.axes} times {right.axes}, which are broadcast"
            )
        heads = math.prod(left.axes[:-2])
        rows, inner = left.axes[-2:]
        columns = right.axes[-1]
        sources = (
            self._shaped(operator, f"{node}.left", left, (heads * inner, rows, 1)),
            self._shaped(operator, f"{node}.right", right, (heads * columns, inner, 1)),
        )
        name = self._add(operator, node, MatMul.parse({"heads": heads}), *sources)
        shaped = self._shaped(operator, f"{node}.output", Tensor(name, axes), three_axes(axes))
        return Tensor(shaped, axes)

    def attention(
        self, operator: str, node: str, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Scores and values of an attention; tensors are (..., positions, width)."""
        turned = self.move(operator, f"{node}.keys", key, (*key.axes[:-2], *key.axes[:-3:-1]))
        scored = (*query.axes[:-1], key.axes[-2])
        scores = self.matmul(operator, f"{node}.scores", query, turned, scored)
        axes = (*query.axes[:-1], value.axes[-1])
        return self.matmul(operator, f"{node}.values", scores, value, axes)
