"""Graph convolution (Kipf and Welling, ICLR 2017) over and-inverter graphs, in plain PyTorch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from chipgym.agents.graphs.batch import GraphBatch
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["DIRECTIONS", "Direction", "GraphConvolution", "Messages", "mean_readout", "readout"]

Direction = Literal["outputs", "inputs", "both"]
DIRECTIONS = ("outputs", "inputs", "both")


class Messages:
    """The edges that messages take, with the weights of the symmetric normalisation.

    Every node also sends a message to itself. With d the number of messages that a node receives,
    a message from u to v has the weight ``1 / sqrt(d(u) d(v))``.

    Parameters
    ----------
    batch : GraphBatch
        The graphs.
    direction : str
        ``outputs``: from fanins to the nodes that read them; ``inputs``: the other way; ``both``.
    """

    def __init__(self, batch: GraphBatch, direction: Direction) -> None:
        forward = (batch.source, batch.target)
        backward = (batch.target, batch.source)
        if direction == "both":
            self.source = torch.cat([batch.source, batch.target])
            self.target = torch.cat([batch.target, batch.source])
            self.complement = torch.cat([batch.complement, batch.complement])
        elif direction in DIRECTIONS:
            self.source, self.target = forward if direction == "outputs" else backward
            self.complement = batch.complement
        else:
            raise UnknownNameError("direction", direction, DIRECTIONS)
        degree = torch.ones(len(batch.kind)).index_add(0, self.target, torch.ones(len(self.target)))
        root = degree.rsqrt()
        self.weight = (root[self.source] * root[self.target]).unsqueeze(1)
        self.self_weight = (1.0 / degree).unsqueeze(1)


class GraphConvolution(nn.Module):
    """One layer: ``out(v) = b + sum over u of weight(u, v) (W h(u) + complement(u, v) c)``.

    The vector c tells inverted edges from plain ones; without it (`complements` False) this is the
    published layer.
    """

    def __init__(self, inputs: int, outputs: int, *, complements: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.inversion = nn.Parameter(torch.zeros(outputs)) if complements else None
        nn.init.xavier_uniform_(self.linear.weight)
        if self.inversion is not None:
            nn.init.normal_(self.inversion, std=0.1)

    def forward(self, hidden: Tensor, messages: Messages) -> Tensor:
        """Hidden states (N, inputs) to (N, outputs)."""
        sent = self.linear(hidden)
        carried = sent[messages.source]
        if self.inversion is not None:
            carried = carried + messages.complement.unsqueeze(1) * self.inversion
        own: Tensor = sent * messages.self_weight
        return own.index_add(0, messages.target, carried * messages.weight) + self.bias


def mean_readout(hidden: Tensor, batch: GraphBatch) -> Tensor:
    """Mean over the nodes of each graph, (N, H) to (G, H)."""
    sums = torch.zeros(batch.num_graphs, hidden.shape[1]).index_add(0, batch.owner, hidden)
    counts = torch.bincount(batch.owner, minlength=batch.num_graphs)
    return sums / counts.clamp(min=1).unsqueeze(1)


def readout(hidden: Tensor, batch: GraphBatch) -> Tensor:
    """Mean and maximum over the nodes of each graph, (N, H) to (G, 2 H)."""
    rows = batch.owner.unsqueeze(1).expand_as(hidden)
    low = torch.full((batch.num_graphs, hidden.shape[1]), -torch.inf)
    most = low.scatter_reduce(0, rows, hidden, "amax")
    return torch.cat([mean_readout(hidden, batch), most], dim=1)
