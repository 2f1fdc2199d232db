"""Networks: graphs of layers with shape inference, lowered to loop nests and dependencies."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from chipgym.simulators.accelerator.layer import (
    MAX_SIZE,
    SIZE_RULE,
    AnyLayer,
    Layer,
    Loops,
    Shape,
)
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["INPUT", "LoweredNetwork", "Network", "NetworkBuilder", "Node"]

Ints = npt.NDArray[np.int64]

INPUT = "input"
"""Name by which nodes refer to the network's input."""


class Node(Description):
    """A layer with a name and the names of what it reads."""

    name: str = Field(min_length=1)
    layer: AnyLayer
    inputs: tuple[str, ...] = Field(min_length=1)


class LoweredNetwork(NamedTuple):
    """The layers with multiply-accumulates, in order, and what each has to wait for.

    Attributes
    ----------
    names : tuple of str
        [L]
    layers : int64 array
        [L, columns of the layout]; each row a `Loops`.
    predecessors : tuple of int tuples
        [L]; the nearest earlier layers with multiply-accumulates on every path to the layer.
    """

    names: tuple[str, ...]
    layers: Ints
    predecessors: tuple[tuple[int, ...], ...]


class Network(Description):
    """A network: nodes that read the network's input or nodes before them.

    Attributes
    ----------
    input_shape : (channels, height, width)
    nodes : tuple of Node
    """

    name: str = Field(min_length=1)
    source: str = ""
    input_shape: tuple[
        Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]
    ]
    nodes: tuple[Node, ...] = Field(min_length=1, max_length=100_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = {INPUT}
        for node in self.nodes:
            if node.name in known:
                raise ValueError(f"the name {node.name!r} is used twice")
            for name in node.inputs:
                if name not in known:
                    raise ValueError(f"node {node.name!r} reads {name!r}, which is not before it")
            known.add(node.name)
        _ = self.loops
        return self

    # By content alone: what was derived and kept holds arrays, whose equality is no truth value.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return super().__hash__()

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of the input and of every node's output, by name."""
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        for node in self.nodes:
            shapes[node.name] = _infer(node, shapes)
        return shapes

    @property
    def output_shape(self) -> Shape:
        """Shape of the last node's output."""
        return self.shapes[self.nodes[-1].name]

    @cached_property
    def loops(self) -> dict[str, Loops]:
        """Loop nests of the layers with multiply-accumulates, by name, in order."""
        nests = {}
        for node in self.nodes:
            nest = node.layer.lower(*(self.shapes[name] for name in node.inputs))
            if nest is None:
                continue
            size = nest.macs * nest.stride**2
            if size > MAX_SIZE:
                raise InvalidValueError(f"nodes.{node.name}", size, SIZE_RULE)
            nests[node.name] = nest
        return nests

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return sum(nest.macs for nest in self.loops.values())

    @cached_property
    def lowered(self) -> LoweredNetwork:
        """The network as the kernels see it."""
        numbers = {name: number for number, name in enumerate(self.loops)}
        sources: dict[str, tuple[int, ...]] = {INPUT: ()}
        predecessors = []
        for node in self.nodes:
            reached = tuple(sorted({p for name in node.inputs for p in sources[name]}))
            if node.name in numbers:
                predecessors.append(reached)
                reached = (numbers[node.name],)
            sources[node.name] = reached
        layers = np.array([tuple(nest) for nest in self.loops.values()], dtype=np.int64)
        layers = layers.reshape(len(numbers), len(Loops._fields))
        layers.flags.writeable = False
        return LoweredNetwork(tuple(numbers), layers, tuple(predecessors))


def _infer(node: Node, shapes: dict[str, Shape]) -> Shape:
    """Return the node's output shape; an error names the node."""
    try:
        return node.layer.output(*(shapes[name] for name in node.inputs))
    except InvalidValueError as error:
        raise InvalidValueError(
            f"nodes.{node.name}.{error.field}", error.value, error.allowed
        ) from error


class NetworkBuilder:
    """Collects nodes; each new one reads the last, unless told otherwise.

    Parameters
    ----------
    name : str
    input_shape : (channels, height, width)
    source : str
        Where the architecture is described.
    """

    def __init__(self, name: str, input_shape: Shape, source: str = "") -> None:
        self.name = name
        self.source = source
        self.last = INPUT
        self._input_shape = input_shape
        self._nodes: list[Node] = []
        self._shapes: dict[str, Shape] = {INPUT: input_shape}

    def add(self, name: str, layer: Layer, *inputs: str) -> str:
        """Add a node and return its name."""
        node = Node.parse({"name": name, "layer": layer, "inputs": inputs or (self.last,)})
        if name in self._shapes:
            raise InvalidValueError("name", name, "a name that no other node has")
        for source in node.inputs:
            if source not in self._shapes:
                raise UnknownNameError("input", source, self._shapes, f"node {name!r}")
        self._shapes[name] = _infer(node, self._shapes)
        self._nodes.append(node)
        self.last = name
        return name

    def shape(self, name: str | None = None) -> Shape:
        """Shape of a node's output; of the last one by default."""
        return self._shapes[name or self.last]

    def build(self) -> Network:
        """Return the network."""
        return Network.parse(
            {
                "name": self.name,
                "source": self.source,
                "input_shape": self._input_shape,
                "nodes": tuple(self._nodes),
            }
        )
