"""The network of DeepSoCS and its view of a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from chipgym.agents.core.problem import JobsView
from chipgym.agents.core.settings import plain_settings
from chipgym.agents.core.torch_tools import seeded
from chipgym.agents.papers.decima.graphs import TaskGraph, join_graphs, open_tasks
from chipgym.agents.papers.decima.network import TaskScorer
from chipgym.agents.papers.deepsocs.features import num_features, task_features
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DeepSocsAgent", "OrderingDecision"]


@dataclass(frozen=True, eq=False)
class OrderingDecision:
    """A decision among the visible ready tasks.

    Attributes
    ----------
    graph : TaskGraph
        The unfinished tasks; its candidates are the visible ready ones.
    actions : int64, shape (C,)
        Action that puts each of them on the PE where it is estimated to finish first.
    """

    graph: TaskGraph
    actions: npt.NDArray[np.int64]


class DeepSocsAgent:
    """Chooses the next task by its graph embedding, and its PE by earliest finish.

    Acts in the forms that let a task be chosen: ``SocTaskOrdering``, and ``SocScheduling``, where
    it never waits. All ready tasks of an instant are placed one after the other, each decision
    seeing those before it.

    Parameters
    ----------
    settings : DeepSocsSettings
        The hyperparameters.
    seed : int
        Seed of the weights.
    """

    algorithm = "deepsocs"

    def __init__(self, settings: DeepSocsSettings, seed: int) -> None:
        self.settings = settings
        with seeded(seed):
            self.network = TaskScorer(
                num_features(settings),
                settings.width,
                settings.hidden,
                settings.depth,
                settings.score_hidden,
                summaries=settings.summaries,
            )

    def check(self, problem: JobsView) -> None:
        """Raise `InvalidValueError` where tasks cannot be chosen."""
        if problem.num_slots == 1:
            raise InvalidValueError(
                "environment", "one slot", "a form in which tasks are chosen, such as task ordering"
            )

    def observe(self, problem: JobsView) -> OrderingDecision:
        """Return the graph of the unfinished tasks, with the ready ones to choose from."""
        jobs = problem.jobs
        unfinished, place, source, target = open_tasks(jobs)
        graph = TaskGraph(
            features=task_features(problem, unfinished, self.settings),
            source=source,
            target=target,
            job=jobs.task_job[unfinished],
            num_jobs=len(jobs.job),
            candidates=place[jobs.ready_node],
        )
        pes = problem.estimated_finish_us.argmin(axis=1).tolist()
        actions = [problem.encode(slot, pe) for slot, pe in enumerate(pes)]
        return OrderingDecision(graph, np.array(actions, dtype=np.int64))

    def evaluate(self, decisions: Sequence[OrderingDecision]) -> tuple[Tensor, None]:
        """Log probabilities of the ready tasks, shape (B, C); there is no critic."""
        scores = self.network(join_graphs([decision.graph for decision in decisions]))
        return scores.log_softmax(dim=1), None

    def sizes(self) -> Mapping[str, int]:
        """Return nothing: the network fits every platform and application."""
        return {}

    def settings_document(self) -> Mapping[str, Any]:
        """Return the settings as plain values."""
        return plain_settings(self.settings)
