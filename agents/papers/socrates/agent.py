"""The network of SoCRATES and its view of a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chipgym.agents.core.problem import JobsView
from chipgym.agents.core.settings import plain_settings
from chipgym.agents.core.torch_tools import seeded
from chipgym.agents.papers.socrates.direct import DirectEstimates
from chipgym.agents.papers.socrates.mapping import check_mapping, next_valid, pair_features
from chipgym.agents.papers.socrates.settings import SocratesSettings
from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["RowDecision", "SocratesAgent", "SocratesNetwork", "SocratesSizes"]

STATUSES = 3
"""Ready or assigned, executing, outstanding."""
HEIGHT_SCALE, MISSING_SCALE = 5.0, 10.0


@dataclass(frozen=True)
class SocratesSizes:
    """Shape of the state: PEs, jobs shown, tasks of the largest application."""

    num_pes: int
    num_jobs: int
    num_tasks: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            check_range(name, value, 1)

    @classmethod
    def of(cls, problem: JobsView, settings: SocratesSettings) -> SocratesSizes:
        """Sizes for an environment."""
        jobs = problem.jobs
        return cls(problem.num_pes, min(settings.max_jobs, jobs.max_jobs), jobs.max_tasks)

    @property
    def rows(self) -> int:
        """Places for tasks."""
        return self.num_jobs * self.num_tasks

    def state(self, settings: SocratesSettings) -> int:
        """Numbers of the state: 247 for 3 PEs and 3 jobs of 10 tasks, as published."""
        pairs = 2 * self.num_pes if settings.estimates else 0
        return 2 * self.num_jobs + 1 + self.rows * (self.num_pes + 2 + STATUSES) + pairs


def starting_weights(settings: SocratesSettings) -> tuple[float, float]:
    """Weights of estimated finish and execution at the start."""
    prior = settings.finish_prior
    return (prior, 0.0) if settings.real_time else (0.0, prior)


@dataclass(frozen=True, eq=False)
class RowDecision:
    """A decision about the PE of one task.

    Attributes
    ----------
    state : float32, shape (S,)
        The flat state.
    row : int
        Place of the task in it.
    allowed : bool, shape (P,)
        PEs to draw from.
    actions : int64, shape (P,)
        Action behind each PE.
    task : tuple of int
        Job and task number.
    """

    state: npt.NDArray[np.float32]
    row: int
    allowed: npt.NDArray[np.bool_]
    actions: npt.NDArray[np.int64]
    task: tuple[int, int]


class SocratesNetwork(nn.Module):
    """Layers shared by an actor with one row of logits for each place and a critic.

    Parameters
    ----------
    size : int
        Numbers of a state.
    hidden : tuple of int
        Widths of the shared layers.
    rows, num_pes : int
        Places of tasks, and PEs.
    estimates : sequence of 2 float
        Weights, at the start, of the two estimates of each PE in which a state ends; none: it does
        not.
    """

    def __init__(
        self,
        size: int,
        hidden: tuple[int, ...],
        rows: int,
        num_pes: int,
        estimates: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.direct = DirectEstimates(estimates) if estimates else None
        parts: list[nn.Module] = []
        for width in hidden:
            parts += [nn.Linear(size, width), nn.ReLU()]
            size = width
        self.body = nn.Sequential(*parts)
        self.actor = nn.Linear(size, rows * num_pes)
        self.critic = nn.Linear(size, 1)
        self._shape = (rows, num_pes)

    def forward(self, states: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of one row each, shape (B, P), and values, shape (B,)."""
        seen = self.body(states)
        weight = self.actor.weight.view(*self._shape, -1)[rows]
        logits = torch.bmm(weight, seen.unsqueeze(2)).squeeze(2)
        logits = logits + self.actor.bias.view(self._shape)[rows]
        if self.direct is not None:
            pairs = states[:, -2 * self._shape[1] :].reshape(len(states), -1, 2)
            logits = logits + self.direct(pairs)
        return logits, self.critic(seen).squeeze(1)


class SocratesAgent:
    """Chooses the PE of the first ready task.

    Each job shown has a block of rows, one a task. The released code finds a task's row by its
    number modulo 30, so that two tasks may share one; here a task's row is its own.

    Parameters
    ----------
    sizes : SocratesSizes
        Shape of the state.
    settings : SocratesSettings
        The hyperparameters.
    seed : int
        Seed of the weights.
    """

    algorithm = "socrates"

    def __init__(self, sizes: SocratesSizes, settings: SocratesSettings, seed: int) -> None:
        self.shape, self.settings = sizes, settings
        with seeded(seed):
            self.network = SocratesNetwork(
                sizes.state(settings),
                settings.hidden,
                sizes.rows,
                sizes.num_pes,
                starting_weights(settings) if settings.estimates else (),
            )

    def check(self, problem: JobsView) -> None:
        """Raise `InvalidValueError` where PEs cannot be chosen, or other sizes were trained for."""
        check_mapping(problem)
        here = SocratesSizes.of(problem, self.settings)
        if here.num_pes != self.shape.num_pes or here.num_tasks > self.shape.num_tasks:
            raise InvalidValueError("environment", asdict(here), f"{asdict(self.shape)}")

    def observe(self, problem: JobsView) -> RowDecision:
        """Return the flat state and the place of the first ready task in it."""
        jobs, shape = problem.jobs, self.shape
        node = int(jobs.ready_node[0])
        current = int(jobs.task_job[node])
        shown = np.arange(min(len(jobs.job), shape.num_jobs))
        if current >= len(shown):
            shown[-1] = current
        place = np.full(len(jobs.job), -1)
        place[shown] = np.arange(len(shown))
        parts: list[npt.NDArray[Any]] = [self._jobs(problem, shown), self._tasks(problem, place)]
        if self.settings.estimates:
            settings = self.settings
            found = pair_features(problem, settings.time_scale_us, real_time=settings.real_time)
            parts.append(found.ravel())
        valid = np.isfinite(problem.exec_us[0])
        pes = next_valid(valid)
        return RowDecision(
            state=np.concatenate(parts).astype(np.float32),
            row=int(place[current] * shape.num_tasks + jobs.task[node]),
            allowed=valid if self.settings.masked else np.ones(len(valid), dtype=np.bool_),
            actions=np.array([problem.encode(0, int(pe)) for pe in pes], dtype=np.int64),
            task=(int(problem.ready_job[0]), int(problem.ready_task[0])),
        )

    def _jobs(self, problem: JobsView, shown: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Remaining heights, share of tasks not placed yet, and waiting shares of the jobs."""
        jobs, count = problem.jobs, self.shape.num_jobs
        state = np.zeros(2 * count + 1)
        waiting = jobs.state <= 1
        heights = np.zeros(len(jobs.job))
        np.maximum.at(heights, jobs.task_job[waiting], jobs.height[waiting])
        state[: len(shown)] = heights[shown] / HEIGHT_SCALE
        state[count] = waiting.sum() / self.shape.rows
        started = jobs.job_started_us[shown]
        waited = jobs.job_age_us[shown] - started
        began = problem.time_us - started
        share = np.where(started >= 0.0, waited / (np.maximum(began, 0.0) + 1e-5), 0.0)
        if self.settings.real_time:
            state[count + 1 : count + 1 + len(shown)] = share
        return state

    def _tasks(self, problem: JobsView, place: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """One row a task: PE, share of the time spent waiting, missing predecessors, status."""
        jobs, shape = problem.jobs, self.shape
        pes = shape.num_pes
        rows = np.zeros((shape.rows, pes + 2 + STATUSES))
        kept = np.flatnonzero(place[jobs.task_job] >= 0)
        at = place[jobs.task_job[kept]] * shape.num_tasks + jobs.task[kept]
        placed = jobs.pe[kept] >= 0
        rows[at[placed], jobs.pe[kept][placed]] = 1.0
        state = jobs.state[kept]
        if self.settings.real_time:
            rows[at, pes] = jobs.waiting_us[kept] / (problem.time_us + 1e-5)
        rows[at, pes + 1] = jobs.missing[kept] / MISSING_SCALE
        rows[at, pes + 2] = (state == 1) | (state == 2)
        rows[at, pes + 3] = state == 3
        rows[at, pes + 4] = state == 0
        return rows.ravel()

    def evaluate(self, decisions: Sequence[RowDecision]) -> tuple[Tensor, Tensor]:
        """Log probabilities of the PEs, shape (B, P), and values, shape (B,)."""
        states = torch.from_numpy(np.stack([decision.state for decision in decisions]))
        rows = torch.tensor([decision.row for decision in decisions])
        allowed = torch.from_numpy(np.stack([decision.allowed for decision in decisions]))
        logits, values = self.network(states, rows)
        return logits.masked_fill(~allowed, -torch.inf).log_softmax(dim=1), values

    def sizes(self) -> Mapping[str, int]:
        """Return the shape of the state."""
        return asdict(self.shape)

    def settings_document(self) -> Mapping[str, Any]:
        """Return the settings as plain values."""
        return plain_settings(self.settings)
