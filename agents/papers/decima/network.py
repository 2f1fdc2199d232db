"""Embeddings of tasks, of jobs and of all jobs, and a score for each candidate."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chipgym.agents.papers.decima.graphs import GraphUnion

__all__ = ["GraphEmbedding", "TaskScorer", "layers", "pad_choices"]


def layers(sizes: tuple[int, ...], *, last: bool) -> nn.Sequential:
    """Linear layers with leaky ReLUs between them, and behind the last one if `last`."""
    parts: list[nn.Module] = []
    for index in range(len(sizes) - 1):
        parts += [nn.Linear(sizes[index], sizes[index + 1]), nn.LeakyReLU(0.2)]
    return nn.Sequential(*(parts if last else parts[:-1]))


def pad_choices(scores: Tensor, owner: Tensor, place: Tensor, shape: tuple[int, int]) -> Tensor:
    """Put the scores of all candidates into rows, one a graph; the rest is minus infinity."""
    rows = scores.new_full(shape, -torch.inf)
    return rows.index_put((owner, place), scores)


class GraphEmbedding(nn.Module):
    """Messages from every task to those before it, then sums over jobs and over all of them.

    With x the features of a task, p its prepared features and C its successors,
    ``e = p + g(sum over C of f(e))``: one pass of this lets a task hear of its successors, `depth`
    passes of all tasks that at most so many edges follow. A job is the sum over its tasks of a
    function of ``[x, e]``, everything the sum over the jobs of a function of theirs.

    Parameters
    ----------
    num_features : int
        Features of a task.
    width : int
        Numbers of an embedding.
    hidden : tuple of int
        Widths of the hidden layers of each of the five functions.
    depth : int
        Passes of messages; 0: tasks do not hear of each other.
    """

    def __init__(self, num_features: int, width: int, hidden: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.prepare = layers((num_features, *hidden, width), last=True)
        if depth:
            self.send = layers((width, *hidden, width), last=True)
            self.receive = layers((width, *hidden, width), last=True)
        self.job = layers((num_features + width, *hidden, width), last=True)
        self.everything = layers((width, *hidden, width), last=True)

    def forward(self, graphs: GraphUnion) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings of tasks (N, W), of jobs (J, W) and of graphs (B, W)."""
        prepared = self.prepare(graphs.features)
        nodes = prepared
        if self.depth:
            inner = torch.zeros(len(prepared), 1).index_fill(0, graphs.source, 1.0)
        for _ in range(self.depth):
            messages = self.send(nodes)[graphs.target]
            heard = torch.zeros_like(prepared).index_add(0, graphs.source, messages)
            # A task without successors has heard nothing, which is not the same as zeros.
            nodes = prepared + inner * self.receive(heard)
        parts = self.job(torch.cat([graphs.features, nodes], dim=1))
        jobs = parts.new_zeros(graphs.num_jobs, parts.shape[1]).index_add(0, graphs.job, parts)
        terms = self.everything(jobs)
        summary = terms.new_zeros(graphs.num_graphs, terms.shape[1])
        return nodes, jobs, summary.index_add(0, graphs.job_owner, terms)


class TaskScorer(nn.Module):
    """Embeds graphs and scores their candidates by task, job and everything.

    Parameters
    ----------
    num_features, width, depth
        As in `GraphEmbedding`.
    hidden : tuple of int
        Hidden layers of the embedding.
    score_hidden : tuple of int
        Hidden layers of the score.
    summaries : bool
        Whether the score sees the job and everything beside the task.
    """

    def __init__(
        self,
        num_features: int,
        width: int,
        hidden: tuple[int, ...],
        depth: int,
        score_hidden: tuple[int, ...],
        *,
        summaries: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = GraphEmbedding(num_features, width, hidden, depth)
        self.summaries = summaries
        if not summaries:
            self.embedding.job.requires_grad_(False)
            self.embedding.everything.requires_grad_(False)
        seen = num_features + (3 if summaries else 1) * width
        self.score = layers((seen, *score_hidden, 1), last=False)

    def forward(self, graphs: GraphUnion) -> Tensor:
        """Return scores, shape (B, most candidates); minus infinity where there is none."""
        nodes, jobs, summary = self.embedding(graphs)
        chosen = graphs.candidates
        parts = [graphs.features[chosen], nodes[chosen]]
        if self.summaries:
            parts += [jobs[graphs.job[chosen]], summary[graphs.choice_owner]]
        scores = self.score(torch.cat(parts, dim=1)).squeeze(1)
        shape = (graphs.num_graphs, graphs.max_choices)
        return pad_choices(scores, graphs.choice_owner, graphs.choice_place, shape)
