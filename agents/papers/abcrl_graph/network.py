"""State and networks of abcRL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chipgym.agents.core.simulation import RecipeProblem
from chipgym.agents.graphs.aig import AND, OUTPUT, AigGraph, NodeArrays, node_arrays
from chipgym.agents.graphs.batch import GraphBatch, batch_graphs
from chipgym.agents.graphs.network import GraphConvolution, Messages, mean_readout

__all__ = ["GraphPolicy", "GraphState", "circuit_size", "recipe_vector", "vector_size"]

HISTORY = 3
"""Last actions that the state tells (released code)."""
KINDS = 6
"""Node types: constant, input, output, and AND with 0, 1 or 2 inverted fanins."""


@dataclass(frozen=True, eq=False)
class GraphState:
    """What abcRL sees: a vector, float32, and the present circuit."""

    vector: npt.NDArray[np.float32]
    graph: NodeArrays


def vector_size(num_actions: int) -> int:
    """Length of the vector; 10 for the paper's five actions."""
    return 5 + num_actions


def circuit_size(graph: AigGraph) -> tuple[int, int]:
    """ANDs and levels of a circuit."""
    return len(graph.fanin0), int(graph.levels[graph.outputs >> 1].max(initial=0))


def recipe_vector(
    problem: RecipeProblem, previous: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], tuple[int, int]]:
    """Nodes and levels now and one step before, over those at the start; last actions; progress.

    Returns
    -------
    float32 array, shape (5 + A,)
        The vector. Each of the last three actions adds a third to its place.
    tuple of int
        Nodes and levels now, which the next call takes as `previous`.
    """
    initial, present = circuit_size(problem.initial_aig), circuit_size(problem.aig)
    nodes, levels = max(initial[0], 1), max(initial[1], 1)
    history = np.zeros(problem.num_actions)
    for action in list(problem.recipe)[-HISTORY:]:
        history[action] += 1.0 / HISTORY
    sizes = [present[0] / nodes, present[1] / levels, previous[0] / nodes, previous[1] / levels]
    progress = len(problem.recipe) / problem.num_steps
    return np.array([*sizes, *history, progress], dtype=np.float32), present


class GraphPolicy(nn.Module):
    """Logits from the vector and the mean node state of a graph network.

    Three graph convolutions, messages from fanins to the nodes that read them; their mean joins the
    vector's first dense layer.

    Parameters
    ----------
    num_actions : int
        Of the environment.
    hidden, graph_hidden, graph_out : int
        Widths: dense layers, graph network, its output.
    max_nodes : int
        Most nodes of a graph; larger ones are thinned as `node_arrays` says.
    """

    def __init__(
        self, num_actions: int, hidden: int, graph_hidden: int, graph_out: int, max_nodes: int
    ) -> None:
        super().__init__()
        self.max_nodes = max_nodes
        widths = (KINDS, graph_hidden, graph_hidden, graph_out)
        self.layers = nn.ModuleList(
            GraphConvolution(widths[k], widths[k + 1]) for k in range(len(widths) - 1)
        )
        self.first = nn.Linear(vector_size(num_actions), hidden - graph_out)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, num_actions)

    def arrays(self, graph: AigGraph) -> NodeArrays:
        """A circuit as this network reads it."""
        return node_arrays(graph, self.max_nodes)

    def circuits(self, batch: GraphBatch) -> Tensor:
        """Mean node states, shape (G, graph_out)."""
        one_hot = torch.zeros(len(batch.kind), KINDS)
        # Nodes come in the order of variables: the first one of a graph is the constant.
        first = torch.ones(len(batch.kind), dtype=torch.bool)
        first[1:] = batch.owner[1:] != batch.owner[:-1]
        kind = torch.where(first, 0, 1)
        kind = torch.where(batch.kind == OUTPUT, 2, kind)
        kind = torch.where(batch.kind == AND, 3 + batch.inverted, kind)
        hidden = one_hot.scatter(1, kind.unsqueeze(1), 1.0)
        messages = Messages(batch, "outputs")
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden, messages)
            if index < len(self.layers) - 1:
                hidden = torch.relu(hidden)
        return mean_readout(hidden, batch)

    def forward(self, states: Sequence[GraphState]) -> Tensor:
        """Logits, shape (B, A)."""
        vectors = torch.from_numpy(np.stack([state.vector for state in states]))
        circuits = self.circuits(batch_graphs([state.graph for state in states]))
        hidden = torch.cat([torch.relu(self.first(vectors)), circuits], dim=1)
        logits: Tensor = self.last(torch.relu(self.second(hidden)))
        return logits
