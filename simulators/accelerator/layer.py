"""Layers: what they do to shapes, and the loop nest that the cost model sees.

A shape is (channels, height, width). Sequences of T vectors of D numbers are (D, T, 1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "MAX_SIZE",
    "SIZE_RULE",
    "Add",
    "AnyLayer",
    "Concat",
    "Conv",
    "Depthwise",
    "GlobalPool",
    "Layer",
    "Linear",
    "Loops",
    "MatMul",
    "Pass",
    "Pool",
    "Resize",
    "Shape",
    "TransposedConv",
]

Shape = tuple[int, int, int]
Pair = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
Padding = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


# Counts stay exact in 64-bit integers and in doubles.
MAX_SIZE = 1 << 48
SIZE_RULE = "at most 2^48 multiply-accumulates times stride squared"


class Loops(NamedTuple):
    """A loop nest of multiply-accumulates; the row of a lowered layer.

    Attributes
    ----------
    filters, channels, kernel_height, kernel_width, height, width, stride : int
        K, C, R, S, output rows OY, output columns OX, stride in both directions.
    depthwise : int
        1 if every channel has one filter of its own; `filters` is 1 then.
    repeats : int
        Equal nests that run one after the other: groups of a convolution, heads of an attention.
    """

    filters: int
    channels: int
    kernel_height: int = 1
    kernel_width: int = 1
    height: int = 1
    width: int = 1
    stride: int = 1
    depthwise: int = 0
    repeats: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        kernel = self.kernel_height * self.kernel_width
        filters = 1 if self.depthwise else self.filters
        positions = self.height * self.width
        return self.repeats * filters * self.channels * kernel * positions

    @property
    def weights(self) -> int:
        """Elements of the stationary operand."""
        filters = 1 if self.depthwise else self.filters
        return self.repeats * filters * self.channels * self.kernel_height * self.kernel_width


class Layer(Description, ABC):
    """Base class of the layers."""

    kind: str

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep the kind, by which a layer is told apart, although it is a default."""
        return {"kind": self.kind, **handler(self)}

    @abstractmethod
    def output(self, *inputs: Shape) -> Shape:
        """Return the shape of the output, or raise `InvalidValueError`."""

    def lower(self, *inputs: Shape) -> Loops | None:
        """Return the loop nest, or None for a layer without multiply-accumulates."""
        self.output(*inputs)
        return None


def _single(inputs: tuple[Shape, ...]) -> Shape:
    """Return the only input."""
    if len(inputs) != 1:
        raise InvalidValueError("inputs", len(inputs), "exactly 1")
    return inputs[0]


def _window(field: str, size: int, window: int, stride: int, padding: int, ceil: bool) -> int:
    """Return the output extent of a sliding window."""
    room = size + 2 * padding - window
    if room < 0:
        raise InvalidValueError(
            field, window, f"<= {size + 2 * padding}, the padded input of {size}"
        )
    steps = -(-room // stride) if ceil else room // stride
    if ceil and steps * stride >= size + padding:
        # A window that starts in the padding behind the input sees nothing.
        steps -= 1
    return steps + 1


class _Windowed(Layer):
    """What all layers with a sliding window have."""

    kernel: Pair
    stride: Count = 1
    padding: Padding = (0, 0)

    def _extents(self, shape: Shape, ceil: bool = False) -> tuple[int, int]:
        _, height, width = shape
        return (
            _window("kernel.0", height, self.kernel[0], self.stride, self.padding[0], ceil),
            _window("kernel.1", width, self.kernel[1], self.stride, self.padding[1], ceil),
        )


class Conv(_Windowed):
    """Convolution with `filters` outputs; `groups` divides channels and filters evenly."""

    kind: Literal["conv"] = "conv"
    filters: Count
    groups: Count = 1

    def output(self, *inputs: Shape) -> Shape:
        """Return (filters, height, width)."""
        shape = _single(inputs)
        for field, value in (("channels", shape[0]), ("filters", self.filters)):
            if value % self.groups:
                raise InvalidValueError(field, value, f"a multiple of groups = {self.groups}")
        return (self.filters, *self._extents(shape))

    def lower(self, *inputs: Shape) -> Loops:
        """Return the nest of one group, repeated; depthwise where groups have one channel."""
        _, height, width = self.output(*inputs)
        channels = inputs[0][0]
        spatial = (*self.kernel, height, width, self.stride)
        if self.groups == channels > 1:
            return Loops(1, channels, *spatial, depthwise=1, repeats=self.filters // channels)
        return Loops(
            self.filters // self.groups,
            channels // self.groups,
            *spatial,
            repeats=self.groups,
        )


class Depthwise(_Windowed):
    """One filter for each channel (`multiplier` of them)."""

    kind: Literal["depthwise"] = "depthwise"
    multiplier: Count = 1

    def output(self, *inputs: Shape) -> Shape:
        """Return (channels x multiplier, height, width)."""
        shape = _single(inputs)
        return (shape[0] * self.multiplier, *self._extents(shape))

    def lower(self, *inputs: Shape) -> Loops:
        """Return the depthwise nest."""
        _, height, width = self.output(*inputs)
        return Loops(
            1,
            inputs[0][0],
            *self.kernel,
            height,
            width,
            self.stride,
            depthwise=1,
            repeats=self.multiplier,
        )


class TransposedConv(_Windowed):
    """Transposed ("up-") convolution.

    It runs in its sub-pixel form: stride x stride filters for each output channel at the input's
    resolution, with the kernel split among them. A kernel that the stride does not divide is
    filled up with zeros, which are computed like any other weight.
    """

    kind: Literal["transposed"] = "transposed"
    filters: Count
    output_padding: Annotated[int, Field(ge=0)] = 0

    def output(self, *inputs: Shape) -> Shape:
        """Return (filters, height, width)."""
        _, *sizes = _single(inputs)
        extents = [
            (size - 1) * self.stride - 2 * padding + kernel + self.output_padding
            for size, padding, kernel in zip(sizes, self.padding, self.kernel, strict=True)
        ]
        if min(extents) < 1:
            raise InvalidValueError("padding", self.padding, "small enough to leave an output")
        return (self.filters, extents[0], extents[1])

    def lower(self, *inputs: Shape) -> Loops:
        """Return the nest of the sub-pixel form."""
        self.output(*inputs)
        channels, height, width = inputs[0]
        stride = self.stride
        kernel = (-(-self.kernel[0] // stride), -(-self.kernel[1] // stride))
        return Loops(self.filters * stride * stride, channels, *kernel, height, width)


class Linear(Layer):
    """Fully connected layer, on the whole input or on each position of a sequence."""

    kind: Literal["linear"] = "linear"
    features: Count
    per_position: bool = False

    def output(self, *inputs: Shape) -> Shape:
        """Return (features, 1, 1), or (features, height, width) for each position."""
        _, height, width = _single(inputs)
        return (self.features, height, width) if self.per_position else (self.features, 1, 1)

    def lower(self, *inputs: Shape) -> Loops:
        """Return a 1x1 convolution; all positions are rows."""
        self.output(*inputs)
        channels, height, width = inputs[0]
        if self.per_position:
            return Loops(self.features, channels, height=height * width)
        return Loops(self.features, channels * height * width)


class MatMul(Layer):
    """Product of two activations, head by head: attention scores and attention values.

    Both inputs hold `heads` matrices side by side in their channels. The first is (heads x inner,
    rows, 1). With `transpose` the second is (heads x inner, columns, 1), as the keys of an
    attention; without, it is (heads x columns, inner, 1), as the values.
    """

    kind: Literal["matmul"] = "matmul"
    heads: Count = 1
    transpose: bool = False

    def _sizes(self, inputs: tuple[Shape, ...]) -> tuple[int, int, int]:
        """Return inner size, rows and columns."""
        if len(inputs) != 2:
            raise InvalidValueError("inputs", len(inputs), "exactly 2")
        left, right = inputs
        for field, shape in (("inputs.0", left), ("inputs.1", right)):
            if shape[2] != 1 or shape[0] % self.heads:
                raise InvalidValueError(
                    field, shape, f"(a multiple of heads = {self.heads}, length, 1)"
                )
        inner = left[0] // self.heads
        size, columns = right[0] // self.heads, right[1]
        if not self.transpose:
            size, columns = columns, size
        if size != inner:
            raise InvalidValueError("inputs.1", right, f"an inner size of {inner}, as {left} has")
        return inner, left[1], columns

    def output(self, *inputs: Shape) -> Shape:
        """Return (heads x columns, rows, 1)."""
        _, rows, columns = self._sizes(inputs)
        return (self.heads * columns, rows, 1)

    def lower(self, *inputs: Shape) -> Loops:
        """Return a 1x1 convolution whose weights are the second operand, for each head."""
        inner, rows, columns = self._sizes(inputs)
        return Loops(columns, inner, height=rows, repeats=self.heads)


class Pool(_Windowed):
    """Maximum or average over windows; no multiply-accumulates."""

    kind: Literal["pool"] = "pool"
    ceil_mode: bool = False

    def output(self, *inputs: Shape) -> Shape:
        """Return (channels, height, width)."""
        shape = _single(inputs)
        return (shape[0], *self._extents(shape, self.ceil_mode))


class GlobalPool(Layer):
    """Maximum or average over all positions."""

    kind: Literal["global-pool"] = "global-pool"

    def output(self, *inputs: Shape) -> Shape:
        """Return (channels, 1, 1)."""
        return (_single(inputs)[0], 1, 1)


class Pass(Layer):
    """Anything elementwise (activation, normalisation), or, with `shape`, a reshaping."""

    kind: Literal["pass"] = "pass"
    shape: tuple[Count, Count, Count] | None = None

    def output(self, *inputs: Shape) -> Shape:
        """Return the input's shape, or the given one with as many elements."""
        channels, height, width = _single(inputs)
        if self.shape is None:
            return (channels, height, width)
        size = channels * height * width
        if self.shape[0] * self.shape[1] * self.shape[2] != size:
            raise InvalidValueError("shape", self.shape, f"a shape of {size} elements")
        return self.shape


class Resize(Layer):
    """What only selects, moves or repeats elements: cropping, padding, slicing, enlarging."""

    kind: Literal["resize"] = "resize"
    shape: tuple[Count, Count, Count]

    def output(self, *inputs: Shape) -> Shape:
        """Return the given shape."""
        _single(inputs)
        return self.shape


class Add(Layer):
    """Elementwise sum of equal shapes."""

    kind: Literal["add"] = "add"

    def output(self, *inputs: Shape) -> Shape:
        """Return the common shape."""
        if not inputs:
            raise InvalidValueError("inputs", 0, "at least 1")
        for index, shape in enumerate(inputs):
            if shape != inputs[0]:
                raise InvalidValueError(f"inputs.{index}", shape, f"{inputs[0]}, as input 0")
        return inputs[0]


class Concat(Layer):
    """Channels of several inputs behind one another."""

    kind: Literal["concat"] = "concat"

    def output(self, *inputs: Shape) -> Shape:
        """Return (sum of channels, height, width)."""
        if not inputs:
            raise InvalidValueError("inputs", 0, "at least 1")
        for index, shape in enumerate(inputs):
            if shape[1:] != inputs[0][1:]:
                raise InvalidValueError(
                    f"inputs.{index}", shape, f"height and width of {inputs[0]}, as input 0"
                )
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


AnyLayer = Annotated[
    Conv
    | Depthwise
    | TransposedConv
    | Linear
    | MatMul
    | Pool
    | GlobalPool
    | Pass
    | Resize
    | Add
    | Concat,
    Field(discriminator="kind"),
]
"""Any layer, told apart by its `kind`."""
