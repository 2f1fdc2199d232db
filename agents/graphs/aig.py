"""And-inverter graphs (AIGs) as node and edge arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import check_range
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["AND", "INPUT", "OUTPUT", "AigGraph", "NodeArrays", "graph_digest", "node_arrays"]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

INPUT, OUTPUT, AND = 0, 1, 2
WINDOWS = 16
"""Windows of a graph that is too large; see `node_arrays`."""


class AigGraph(Protocol):
    """A combinational AIG with I inputs, A ANDs and O outputs.

    Variable 0 is the constant false, then come inputs, then ANDs in topological order. A literal is
    twice a variable, plus one if it is inverted.
    """

    @property
    def num_inputs(self) -> int:
        """Inputs I."""
        ...

    @property
    def fanin0(self) -> npt.NDArray[Any]:
        """One fanin literal of each AND, integers of shape (A,)."""
        ...

    @property
    def fanin1(self) -> npt.NDArray[Any]:
        """The other one, integers of shape (A,)."""
        ...

    @property
    def outputs(self) -> npt.NDArray[Any]:
        """Literals of the outputs, integers of shape (O,)."""
        ...

    @property
    def levels(self) -> npt.NDArray[Any]:
        """Longest path from the inputs in ANDs, by variable, integers of shape (1 + I + A,)."""
        ...


@dataclass(frozen=True, eq=False)
class NodeArrays:
    """N nodes and E edges of a graph; an edge leads from a fanin to the node that reads it.

    Attributes
    ----------
    kind : int64[N]
        `INPUT` (constants too), `OUTPUT` or `AND`.
    inverted : int64[N]
        Inverted fanins, 0 to 2.
    level : float32[N]
        Level over the depth of the circuit, 0 to 1; an output has that of its driver.
    source, target : int64[E]
        Nodes at the ends of each edge.
    complement : float32[E]
        1 where the edge inverts.
    """

    kind: IntArray
    inverted: IntArray
    level: FloatArray
    source: IntArray
    target: IntArray
    complement: FloatArray

    @property
    def num_nodes(self) -> int:
        """Nodes N."""
        return len(self.kind)


def node_arrays(graph: AigGraph, max_nodes: int = 20_000) -> NodeArrays:
    """Return a graph as arrays, or an evenly spread part of it.

    Nodes are the variables, then the outputs. Of a graph with more than `max_nodes` nodes, 16
    windows of consecutive nodes are kept, evenly spaced from the first to the last, with the edges
    among them. Nodes with neighbouring numbers are close in the circuit, so most edges within a
    window survive, and the windows cover all levels.

    Parameters
    ----------
    graph : AigGraph
        The circuit.
    max_nodes : int
        Most nodes, at least 16.
    """
    check_range("max_nodes", max_nodes, WINDOWS)
    first = 1 + graph.num_inputs
    fanins = np.stack([graph.fanin0, graph.fanin1], axis=1).astype(np.int64)
    outputs = graph.outputs.astype(np.int64)
    ands, variables = len(fanins), first + len(fanins)
    count = variables + len(outputs)
    kind = np.full(count, AND, dtype=np.int64)
    kind[:first], kind[variables:] = INPUT, OUTPUT
    inverted = np.zeros(count, dtype=np.int64)
    inverted[first:variables] = (fanins & 1).sum(axis=1)
    inverted[variables:] = outputs & 1
    levels = np.concatenate([graph.levels, graph.levels[outputs >> 1]]).astype(np.float32)
    level = levels / max(float(levels.max(initial=0.0)), 1.0)
    literals = np.concatenate([fanins[:, 0], fanins[:, 1], outputs])
    readers = np.arange(first, variables)
    target = np.concatenate([readers, readers, np.arange(variables, count)])
    assert len(target) == 2 * ands + len(outputs)
    arrays = NodeArrays(
        kind, inverted, level, literals >> 1, target, (literals & 1).astype(np.float32)
    )
    return arrays if count <= max_nodes else _windows(arrays, max_nodes)


def _windows(arrays: NodeArrays, max_nodes: int) -> NodeArrays:
    width = max_nodes // WINDOWS
    starts = np.linspace(0, arrays.num_nodes - width, WINDOWS).astype(np.int64)
    kept = np.unique((starts[:, None] + np.arange(width)).ravel())
    number = np.full(arrays.num_nodes, -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    source, target = number[arrays.source], number[arrays.target]
    inside = (source >= 0) & (target >= 0)
    return NodeArrays(
        arrays.kind[kept],
        arrays.inverted[kept],
        arrays.level[kept],
        source[inside],
        target[inside],
        arrays.complement[inside],
    )


def graph_digest(graph: AigGraph) -> str:
    """Hash of a graph's structure."""
    size = np.array([graph.num_inputs])
    return hash_arrays(
        size, *(a.astype(np.int64) for a in (graph.fanin0, graph.fanin1, graph.outputs))
    )
