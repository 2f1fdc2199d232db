"""Actor-critic in which each decision is matched with what followed from its own time on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.papers.scheduling.agent import SchedulingAgent, entropy_of
from chipgym.agents.papers.scheduling.credit import discounted, returns_over_time
from chipgym.agents.papers.scheduling.episodes import Episode
from chipgym.agents.papers.scheduling.steps import Adam, stream_seeds
from chipgym.agents.papers.socrates.settings import MatchingSettings

__all__ = ["MatchingLearner"]

COST_PER_US, BONUS_PER_JOB = 0.5, 50.0
"""The published reward."""
COMPLETED = 4
"""State of a completed task in a problem view."""


class MatchingLearner:
    """Takes one step of actor-critic on the episodes of an update.

    The decision about a task shows its consequences only when the task is completed, and by then
    other decisions have been made. Credit therefore goes by time and not by the number of decisions
    between: a decision is credited with the return from its own time on, once its task is
    completed. Decisions whose task the episode does not see completed are left out.

    Parameters
    ----------
    agent : SchedulingAgent
        It learns in place; its decisions have a ``task``.
    settings : MatchingSettings
        How.
    """

    def __init__(self, agent: SchedulingAgent, settings: MatchingSettings) -> None:
        self.agent, self.settings = agent, settings
        self._steps = Adam(agent.network, settings)

    def seeds(self, update: int, seed: int, num_envs: int) -> list[int]:
        """Return the seeds of the copies' streams, one each."""
        return stream_seeds(update, seed, num_envs, 1)

    def gap_factor(self, update: int, progress: float) -> float:
        """Return the factor on the gaps: from `gap_start` down to `gap_end`, geometrically."""
        settings = self.settings
        updates = settings.gap_updates
        done = min(update / updates if updates else progress, 1.0)
        return float(settings.gap_start * (settings.gap_end / settings.gap_start) ** done)

    def returns(self, episode: Episode) -> npt.NDArray[np.float64]:
        """Return of each decision of an episode, shape (T,)."""
        durations_us = episode.durations_us
        if self.settings.reward == "latency":
            spread = np.array(episode.rewards) * self.settings.reward_scale
            bonus = np.zeros(len(spread))
        else:
            spread = -COST_PER_US * durations_us
            bonus = BONUS_PER_JOB * episode.completions
        if not self.settings.matching:
            return discounted(spread + bonus, self.settings.discount)
        return returns_over_time(spread, bonus, durations_us, self.settings.discount)

    def matched(self, episode: Episode) -> npt.NDArray[np.bool_]:
        """Whether each decision's task was seen completed, shape (T,)."""
        if episode.terminated or not self.settings.matching or episode.last is None:
            return np.ones(len(episode.choices), dtype=np.bool_)
        jobs = episode.last.jobs
        unfinished = jobs.state != COMPLETED
        numbers = jobs.job[jobs.task_job[unfinished]].tolist()
        going = set(zip(numbers, jobs.task[unfinished].tolist(), strict=True))
        return np.array([decision.task not in going for decision in episode.decisions])

    def learn(self, episodes: Sequence[Episode], update: int, progress: float) -> None:
        """Take the gradient steps of an update."""
        settings = self.settings
        kept = [self.matched(episode) for episode in episodes]
        found = [self.returns(e)[k] for e, k in zip(episodes, kept, strict=True)]
        returns = torch.from_numpy(np.concatenate(found)).float()
        if settings.normalise_returns and len(returns) > 1:
            returns = returns / returns.std(correction=0).clamp(min=1e-8)
        decisions, choices = [], []
        for episode, keep in zip(episodes, kept, strict=True):
            decisions += [episode.decisions[row] for row in np.flatnonzero(keep)]
            choices += [episode.choices[row] for row in np.flatnonzero(keep)]
        if not decisions:
            return
        chosen = torch.tensor(choices)
        advantages = self._advantages(decisions, returns)

        def loss_of(rows: npt.NDArray[np.int64]) -> Tensor:
            logs, values = self.agent.evaluate([decisions[row] for row in rows])
            picked = logs.gather(1, chosen[rows].unsqueeze(1)).squeeze(1)
            gain = (picked * advantages[rows]).sum() + settings.entropy * entropy_of(logs).sum()
            if not settings.critic or values is None:
                return -gain
            return settings.value_weight * (returns[rows] - values).pow(2).sum() - gain

        self._steps.take(loss_of, len(decisions), update, progress)

    def save(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the rest of a training depends on."""
        return {}, self._steps.save()

    def load(self, document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `save` gave."""
        self._steps.load(arrays)

    def _advantages(self, decisions: Sequence[object], returns: Tensor) -> Tensor:
        advantages = returns
        if self.settings.critic:
            size = self.settings.batch_size
            with torch.inference_mode():
                parts = [
                    self.agent.evaluate(decisions[start : start + size])[1]
                    for start in range(0, len(decisions), size)
                ]
            advantages = returns - torch.cat([part for part in parts if part is not None]).clone()
        if self.settings.normalise_advantages and len(advantages) > 1:
            deviation = advantages.std(correction=0)
            advantages = (advantages - advantages.mean()) / torch.clamp(deviation, min=1e-8)
        return advantages
