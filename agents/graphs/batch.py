"""Several graphs as one: the disjoint union of their nodes and edges, as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from chipgym.agents.graphs.aig import NodeArrays
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["GraphBatch", "batch_graphs"]


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """G graphs with N nodes and E edges in all; attributes as in `NodeArrays`.

    Attributes
    ----------
    owner : int64[N]
        Graph of each node.
    """

    kind: Tensor
    inverted: Tensor
    level: Tensor
    source: Tensor
    target: Tensor
    complement: Tensor
    owner: Tensor
    num_graphs: int


def batch_graphs(graphs: Sequence[NodeArrays]) -> GraphBatch:
    """Join graphs, in order."""
    if not graphs:
        raise InvalidValueError("graphs", [], "at least one graph")
    sizes = [graph.num_nodes for graph in graphs]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def join(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(graph, name) for graph in graphs]))

    def shifted(name: str) -> Tensor:
        parts = [getattr(g, name) + o for g, o in zip(graphs, offsets, strict=True)]
        return torch.from_numpy(np.concatenate(parts))

    return GraphBatch(
        join("kind"),
        join("inverted"),
        join("level"),
        shifted("source"),
        shifted("target"),
        join("complement"),
        torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
        len(graphs),
    )
