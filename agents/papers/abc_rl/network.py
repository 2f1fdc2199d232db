"""The network of ABC-RL: the initial circuit and the recipe so far give a policy and a value.

The paper encodes the recipe with a pretrained language model (BERT, frozen); here a small
transformer over the commands is trained with the rest. Vaswani et al., "Attention is all you need"
(NeurIPS 2017), with the normalisation before each block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from chipgym.agents.graphs.aig import AigGraph, NodeArrays, node_arrays
from chipgym.agents.graphs.batch import GraphBatch, batch_graphs
from chipgym.agents.graphs.network import Direction, GraphConvolution, Messages, readout
from chipgym.agents.papers.abc_rl.settings import NetworkSettings

__all__ = ["AbcRlNetwork", "GraphEncoder", "RecipeEncoder", "policy_loss"]

KINDS, KIND_WIDTH = 3, 3
"""Node types, and the width of their embedding (the paper's)."""


class GraphEncoder(nn.Module):
    """Graph convolutions and a readout: a circuit as ``2 * graph_width`` numbers."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.kinds = nn.Embedding(KINDS, KIND_WIDTH)
        width = settings.graph_width
        inputs = KIND_WIDTH + 1 + int(settings.levels)
        self.layers = nn.ModuleList(
            GraphConvolution(width if k else inputs, width, complements=settings.complements)
            for k in range(settings.graph_layers)
        )

    def arrays(self, graph: AigGraph) -> NodeArrays:
        """A circuit as this encoder reads it."""
        return node_arrays(graph, self.settings.max_nodes)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Embeddings of the graphs, shape (G, 2 * graph_width)."""
        features = [self.kinds(batch.kind), 0.5 * batch.inverted.unsqueeze(1).float()]
        if self.settings.levels:
            features.append(batch.level.unsqueeze(1))
        hidden = torch.cat(features, dim=1)
        messages = Messages(batch, cast(Direction, self.settings.direction))
        for layer in self.layers:
            hidden = torch.relu(layer(hidden, messages))
        return readout(hidden, batch)


class _Block(nn.Module):
    """Self-attention and two dense layers, each added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.projections = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.before_dense = nn.LayerNorm(width)
        self.dense = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def forward(self, hidden: Tensor, present: Tensor) -> Tensor:
        rows, length, width = hidden.shape
        shape = (rows, length, 3, self.heads, width // self.heads)
        projected = self.projections(self.before_attention(hidden)).view(shape)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        weights = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        weights = weights.masked_fill(~present[:, None, None, :], -torch.inf).softmax(dim=3)
        mixed = (weights @ value).transpose(1, 2).reshape(rows, length, width)
        hidden = hidden + self.joined(mixed)
        result: Tensor = hidden + self.dense(self.before_dense(hidden))
        return result


class RecipeEncoder(nn.Module):
    """A transformer over the commands so far; the last one's state stands for the recipe."""

    def __init__(self, num_actions: int, num_steps: int, settings: NetworkSettings) -> None:
        super().__init__()
        width = settings.recipe_width
        # Token 0 begins every recipe; action a is token a + 1.
        self.tokens = nn.Embedding(num_actions + 1, width)
        self.positions = nn.Embedding(num_steps + 1, width)
        self.blocks = nn.ModuleList(
            _Block(width, settings.recipe_heads) for _ in range(settings.recipe_layers)
        )
        self.last = nn.LayerNorm(width)

    def forward(self, prefixes: Sequence[Sequence[int]]) -> Tensor:
        """States of B recipes, shape (B, recipe_width)."""
        length = 1 + max(len(prefix) for prefix in prefixes)
        tokens = torch.zeros((len(prefixes), length), dtype=torch.int64)
        ends = torch.tensor([len(prefix) for prefix in prefixes])
        for row, prefix in enumerate(prefixes):
            if len(prefix):
                tokens[row, 1 : 1 + len(prefix)] = torch.tensor(prefix) + 1
        present = torch.arange(length) <= ends[:, None]
        hidden = self.tokens(tokens) + self.positions.weight[:length]
        for block in self.blocks:
            hidden = block(hidden, present)
        state: Tensor = self.last(hidden[torch.arange(len(prefixes)), ends])
        return state


class AbcRlNetwork(nn.Module):
    """Policy and value from an embedding of the initial circuit and the recipe so far.

    Parameters
    ----------
    num_actions, num_steps : int
        Of the environment.
    settings : NetworkSettings
        The shape.
    """

    def __init__(self, num_actions: int, num_steps: int, settings: NetworkSettings) -> None:
        super().__init__()
        self.num_actions, self.num_steps, self.settings = num_actions, num_steps, settings
        self.graphs = GraphEncoder(settings)
        self.recipes = RecipeEncoder(num_actions, num_steps, settings)
        width = settings.head_width
        self.joint = nn.Linear(2 * settings.graph_width + settings.recipe_width, width)
        self.policy = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, num_actions)
        )
        self.value = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def embed(self, graphs: Sequence[NodeArrays]) -> Tensor:
        """Embeddings of circuits, shape (G, 2 * graph_width)."""
        embedding: Tensor = self.graphs(batch_graphs(graphs))
        return embedding

    def forward(self, circuits: Tensor, prefixes: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Logits (B, A) and values (B,) in -1 … 1 for the embeddings of circuits and B recipes."""
        if not self.settings.sees_circuit:
            circuits = torch.zeros_like(circuits)
        hidden = torch.relu(self.joint(torch.cat([circuits, self.recipes(prefixes)], dim=1)))
        return self.policy(hidden), torch.tanh(self.value(hidden)).squeeze(1)


def policy_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy between the shares of visits (B, A) and the policy."""
    return -(shares * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
