"""Graphs of unfinished tasks, one a decision, and many of them as one disjoint union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.core.problem import JobGraphsView
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["GraphUnion", "TaskGraph", "join_graphs", "open_tasks"]

COMPLETED = 4
"""State of a completed task in a problem view."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TaskGraph:
    """The unfinished tasks of the jobs in flight: N nodes, E edges, J jobs.

    Attributes
    ----------
    features : float32, shape (N, F)
        What is known of each task.
    source, target : int64, shape (E,)
        Edges.
    job : int64, shape (N,)
        Job of each task, 0 to J - 1.
    num_jobs : int
        Number J of jobs.
    candidates : int64, shape (C,)
        Tasks that can be chosen.
    """

    features: npt.NDArray[np.float32]
    source: Ints
    target: Ints
    job: Ints
    num_jobs: int
    candidates: Ints


def open_tasks(jobs: JobGraphsView) -> tuple[npt.NDArray[np.bool_], Ints, Ints, Ints]:
    """Which tasks are unfinished, the place of each among them, and the edges between them.

    A completed task has completed predecessors only, so without it no message is lost that would
    run from a task to one before it.

    Returns
    -------
    unfinished : bool, shape (N,)
    place : int64, shape (N,)
    source, target : int64
    """
    unfinished = jobs.state != COMPLETED
    place = np.cumsum(unfinished) - 1
    kept = unfinished[jobs.edge_source]
    return unfinished, place, place[jobs.edge_source[kept]], place[jobs.edge_target[kept]]


@dataclass(frozen=True, eq=False)
class GraphUnion:
    """B graphs as one, as tensors; attributes as in `TaskGraph`, numbered through.

    Attributes
    ----------
    job_owner : int64, shape (J,)
        Graph of each job.
    choice_owner, choice_place : int64, shape (C,)
        Graph of each candidate, and its place among the candidates of that graph.
    """

    features: Tensor
    source: Tensor
    target: Tensor
    job: Tensor
    candidates: Tensor
    job_owner: Tensor
    choice_owner: Tensor
    choice_place: Tensor
    num_graphs: int
    num_jobs: int
    max_choices: int


def _starts(sizes: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)


def _shifted(parts: Sequence[Ints], starts: Ints) -> Tensor:
    joined = [part + start for part, start in zip(parts, starts, strict=True)]
    return torch.from_numpy(np.concatenate(joined))


def join_graphs(graphs: Sequence[TaskGraph]) -> GraphUnion:
    """Join graphs, in order."""
    if not graphs:
        raise InvalidValueError("graphs", [], "at least one graph")
    nodes = _starts([len(graph.features) for graph in graphs])
    jobs = _starts([graph.num_jobs for graph in graphs])
    counts = [len(graph.candidates) for graph in graphs]
    owners: Any = np.arange(len(graphs))
    num_jobs = [graph.num_jobs for graph in graphs]
    return GraphUnion(
        features=torch.from_numpy(np.concatenate([graph.features for graph in graphs])),
        source=_shifted([graph.source for graph in graphs], nodes),
        target=_shifted([graph.target for graph in graphs], nodes),
        job=_shifted([graph.job for graph in graphs], jobs),
        candidates=_shifted([graph.candidates for graph in graphs], nodes),
        job_owner=torch.from_numpy(np.repeat(owners, num_jobs)),
        choice_owner=torch.from_numpy(np.repeat(owners, counts)),
        choice_place=torch.from_numpy(np.concatenate([np.arange(count) for count in counts])),
        num_graphs=len(graphs),
        num_jobs=sum(num_jobs),
        max_choices=max(counts),
    )
