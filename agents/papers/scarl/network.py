"""Additive attention over sets of different sizes, and the network of SCARL."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from chipgym.agents.papers.socrates.direct import DirectEstimates

__all__ = ["Attention", "ScarlNetwork", "attend"]


def _embedding(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())


class Attention(nn.Module):
    """Scores ``v . tanh(Q query + R item)`` of the items of B sets."""

    def __init__(self, query_width: int, item_width: int, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_width, width)
        self.item = nn.Linear(item_width, width, bias=False)
        self.vector = nn.Linear(width, 1, bias=False)

    def forward(self, queries: Tensor, items: Tensor, owner: Tensor) -> Tensor:
        """Return scores, shape (K,), of the items (K, W) for the queries (B, Q) of their sets."""
        seen: Tensor = self.vector(torch.tanh(self.query(queries)[owner] + self.item(items)))
        return seen.squeeze(1)


def attend(scores: Tensor, items: Tensor, owner: Tensor, num_sets: int) -> Tensor:
    """Mean of the items of each set, weighted by the softmax of their scores; shape (B, W)."""
    highest = scores.new_full((num_sets,), -torch.inf).scatter_reduce(
        0, owner, scores.detach(), "amax", include_self=True
    )
    weights = (scores - highest[owner]).exp()
    totals = scores.new_zeros(num_sets).index_add(0, owner, weights)
    shares = (weights / totals[owner]).unsqueeze(1)
    return items.new_zeros(num_sets, items.shape[1]).index_add(0, owner, shares * items)


class ScarlNetwork(nn.Module):
    """Scores the PEs for a task, by what attention finds among tasks and PEs.

    The critic, which the published network lacks, does not shape what the scores see.

    Parameters
    ----------
    task_features, pe_features : int
        Features of a task and of a PE.
    width : int
        Numbers of an embedding.
    estimates : sequence of float
        Weights, at the start, of the times in which the features of a PE end, straight to its
        score; none: there are no such times.
    """

    def __init__(
        self, task_features: int, pe_features: int, width: int, estimates: Sequence[float] = ()
    ) -> None:
        super().__init__()
        self.direct = DirectEstimates(estimates) if estimates else None
        self.task = _embedding(task_features, width)
        self.pe = _embedding(pe_features, width)
        self.among_tasks = Attention(width, width, width)
        self.among_pes = Attention(width, width, width)
        self.choose = Attention(3 * width, width, width)
        self.critic = nn.Sequential(nn.Linear(3 * width, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(
        self, tasks: Tensor, task_owner: Tensor, current: Tensor, pes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of the PEs, shape (B, P), and values, shape (B,).

        Parameters
        ----------
        tasks : float, shape (K, F)
            Tasks of all decisions.
        task_owner : int64, shape (K,)
            Decision of each.
        current : int64, shape (B,)
            The task to be placed, of each decision.
        pes : float, shape (B, P, G)
            PEs of each decision.
        """
        batch, count, _ = pes.shape
        task, pe = self.task(tasks), self.pe(pes).flatten(0, 1)
        pe_owner = torch.arange(batch).repeat_interleave(count)
        query = task[current]
        others = attend(self.among_tasks(query, task, task_owner), task, task_owner, batch)
        places = attend(self.among_pes(query, pe, pe_owner), pe, pe_owner, batch)
        seen = torch.cat([query, others, places], dim=1)
        scores = self.choose(seen, pe, pe_owner).view(batch, count)
        if self.direct is not None:
            scores = scores + self.direct(pes[:, :, -len(self.direct.weights) :])
        return scores, self.critic(seen.detach()).squeeze(1)
