"""SCARL's view of a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.core.problem import JobsView
from chipgym.agents.core.settings import plain_settings
from chipgym.agents.core.torch_tools import seeded
from chipgym.agents.papers.scarl.network import ScarlNetwork
from chipgym.agents.papers.scarl.settings import ScarlSettings
from chipgym.agents.papers.socrates.mapping import check_mapping, next_valid

__all__ = ["PE_FEATURES", "TASK_FEATURES", "ScarlAgent", "SetDecision"]

TASK_FEATURES = (
    "outstanding",
    "ready",
    "assigned",
    "executing",
    "waiting",
    "missing_predecessors",
    "height",
    "rest",
    "upward_rank",
    "job_age",
    "same_job",
)
PE_FEATURES = ("idle", "available", "speed", "supported", "execution", "delay", "finish")
"""Features of a PE; the last three are left out without estimates."""
REAL_TIME_TASK = [TASK_FEATURES.index(name) for name in ("waiting", "rest", "job_age")]
COMPLETED = 4


@dataclass(frozen=True, eq=False)
class SetDecision:
    """A decision about the PE of one of K unfinished tasks.

    Attributes
    ----------
    tasks : float32, shape (K, F)
    current : int
        The task to be placed.
    pes : float32, shape (P, G)
    allowed : bool, shape (P,)
        PEs to draw from.
    actions : int64, shape (P,)
        Action behind each PE.
    task : tuple of int
        Job and task number.
    """

    tasks: npt.NDArray[np.float32]
    current: int
    pes: npt.NDArray[np.float32]
    allowed: npt.NDArray[np.bool_]
    actions: npt.NDArray[np.int64]
    task: tuple[int, int]


class ScarlAgent:
    """Chooses the PE of the first ready task, on any number of PEs.

    Parameters
    ----------
    settings : ScarlSettings
        The hyperparameters.
    seed : int
        Seed of the weights.
    """

    algorithm = "scarl"

    def __init__(self, settings: ScarlSettings, seed: int) -> None:
        self.settings = settings
        self._pe_features = len(PE_FEATURES) - (0 if settings.estimates else 3)
        with seeded(seed):
            self.network = ScarlNetwork(
                len(TASK_FEATURES), self._pe_features, settings.width, self._starting_weights()
            )

    def _starting_weights(self) -> tuple[float, ...]:
        """Of execution, data delay and estimated finish."""
        if not self.settings.estimates:
            return ()
        prior = self.settings.finish_prior
        return (0.0, 0.0, prior) if self.settings.real_time else (prior, 0.0, 0.0)

    def check(self, problem: JobsView) -> None:
        """Raise `InvalidValueError` where PEs cannot be chosen."""
        check_mapping(problem)

    def observe(self, problem: JobsView) -> SetDecision:
        """Return the unfinished tasks and the PEs."""
        valid = np.isfinite(problem.exec_us[0])
        tasks, current = self._tasks(problem)
        return SetDecision(
            tasks=tasks,
            current=current,
            pes=self._pes(problem, valid),
            allowed=valid if self.settings.masked else np.ones(len(valid), dtype=np.bool_),
            actions=np.array(
                [problem.encode(0, int(pe)) for pe in next_valid(valid)], dtype=np.int64
            ),
            task=(int(problem.ready_job[0]), int(problem.ready_task[0])),
        )

    def _tasks(self, problem: JobsView) -> tuple[npt.NDArray[np.float32], int]:
        jobs, node = problem.jobs, int(problem.jobs.ready_node[0])
        features = np.empty((len(jobs.state), len(TASK_FEATURES)), dtype=np.float32)
        features[:, 0:4] = jobs.state[:, None] == np.arange(4)
        features[:, 4] = self._squash(jobs.waiting_us)
        features[:, 5] = jobs.missing / (jobs.missing + 2.0)
        features[:, 6] = jobs.height / (jobs.height + 4.0)
        features[:, 7] = self._squash(jobs.remaining_us)
        features[:, 8] = self._squash(jobs.upward_rank_us)
        features[:, 9] = self._squash(jobs.job_age_us)[jobs.task_job]
        features[:, 10] = jobs.task_job == jobs.task_job[node]
        if not self.settings.real_time:
            features[:, REAL_TIME_TASK] = 0.0
        unfinished = jobs.state != COMPLETED
        return features[unfinished], int(unfinished[:node].sum())

    def _pes(self, problem: JobsView, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        features = np.ones((problem.num_pes, self._pe_features), dtype=np.float32)
        features[:, 0] = ~problem.pe_busy
        features[:, 1] = self._squash(problem.pe_available_us)
        features[:, 2] = 1.0 / problem.slowdown
        features[:, 3] = valid
        if self.settings.estimates:
            for at, times in enumerate(
                (problem.exec_us[0], problem.delay_us[0], problem.estimated_finish_us[0]), 4
            ):
                features[valid, at] = self._squash(times[valid])
            if not self.settings.real_time:
                features[:, 5:] = 0.0
        return features

    def _squash(self, times_us: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return times_us / (times_us + self.settings.time_scale_us)

    def evaluate(self, decisions: Sequence[SetDecision]) -> tuple[Tensor, Tensor]:
        """Log probabilities of the PEs, shape (B, P), and values, shape (B,)."""
        counts = [len(decision.tasks) for decision in decisions]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        current = starts + [decision.current for decision in decisions]
        scores, values = self.network(
            torch.from_numpy(np.concatenate([decision.tasks for decision in decisions])),
            torch.from_numpy(np.repeat(np.arange(len(decisions)), counts)),
            torch.from_numpy(current.astype(np.int64)),
            torch.from_numpy(np.stack([decision.pes for decision in decisions])),
        )
        allowed = torch.from_numpy(np.stack([decision.allowed for decision in decisions]))
        return scores.masked_fill(~allowed, -torch.inf).log_softmax(dim=1), values

    def sizes(self) -> Mapping[str, int]:
        """Return nothing: the network fits every platform and application."""
        return {}

    def settings_document(self) -> Mapping[str, Any]:
        """Return the settings as plain values."""
        return plain_settings(self.settings)
