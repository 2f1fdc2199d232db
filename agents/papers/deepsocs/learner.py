"""How DeepSoCS learns: policy gradient, average reward, a baseline aligned in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent
from chipgym.agents.papers.scheduling.agent import entropy_of
from chipgym.agents.papers.scheduling.credit import (
    AverageReward,
    discounted,
    merge_instants,
    time_aligned_baselines,
)
from chipgym.agents.papers.scheduling.episodes import Episode
from chipgym.agents.papers.scheduling.steps import Adam, stream_seeds

__all__ = ["DeepSocsLearner"]

Floats = npt.NDArray[np.float64]


class DeepSocsLearner:
    """Takes one step of policy gradient on the episodes of an update.

    What a decision leads to comes late, and several decisions fall on one instant, of which only
    the last sees time pass. Rewards are therefore summed up by instants, the average reward of the
    time that passes is subtracted, and what follows from an instant on, less what follows in the
    other rollouts at the same time on the average, is the advantage of all its decisions.

    Parameters
    ----------
    agent : DeepSocsAgent
        It learns in place.
    """

    def __init__(self, agent: DeepSocsAgent) -> None:
        self.agent, self.settings = agent, agent.settings
        self._steps = Adam(agent.network, self.settings)
        self._average = AverageReward(max(self.settings.average_rewards, 1))

    def seeds(self, update: int, seed: int, num_envs: int) -> list[int]:
        """Return the seeds of the copies' streams."""
        group = self._group(num_envs) if self.settings.same_stream else 1
        return stream_seeds(update, seed, num_envs, group)

    def _group(self, count: int) -> int:
        return min(self.settings.rollouts or count, count)

    def gap_factor(self, update: int, progress: float) -> float:
        """Return the factor on the gaps between arrivals: from `gap_start` down to 1."""
        updates = self.settings.gap_updates
        left = 1.0 - (update / updates if updates else 2.0 * progress)
        return 1.0 + (self.settings.gap_start - 1.0) * max(left, 0.0)

    def entropy_weight(self, update: int, progress: float) -> float:
        """Return the weight of the entropy: from `entropy_start` to `entropy_end`."""
        updates = self.settings.entropy_updates
        done = min(update / updates if updates else progress, 1.0)
        return self.settings.entropy_start * (1.0 - done) + self.settings.entropy_end * done

    def advantages(self, episodes: Sequence[Episode]) -> list[Floats]:
        """Advantage of each decision of each episode."""
        intervals = [self._intervals(episode) for episode in episodes]
        if self.settings.average_rewards:
            for rewards, durations_us, _ in intervals:
                self._average.add(rewards, durations_us)
        rate = self._average.per_us
        returns, times = [], []
        for episode, (rewards, durations_us, instant) in zip(episodes, intervals, strict=True):
            following = discounted(rewards - rate * durations_us, self.settings.discount)
            returns.append(following[instant])
            times.append(np.array(episode.time_us))
        group = self._group(len(episodes))
        baselines: list[Floats] = []
        for at in range(0, len(episodes), group):
            baselines += time_aligned_baselines(times[at : at + group], returns[at : at + group])
        found = [value - base for value, base in zip(returns, baselines, strict=True)]
        if self.settings.normalise_advantages:
            deviation = float(np.concatenate(found).std())
            found = [values / (deviation if deviation > 0.0 else 1.0) for values in found]
        return found

    def _intervals(self, episode: Episode) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Rewards and durations between instants (or decisions), and the interval of each."""
        rewards, durations_us = np.array(episode.rewards), episode.durations_us
        if not self.settings.share_instants:
            return rewards, durations_us, np.arange(len(rewards))
        first, instant = merge_instants(episode.pass_index)
        return np.add.reduceat(rewards, first), np.add.reduceat(durations_us, first), instant

    def learn(self, episodes: Sequence[Episode], update: int, progress: float) -> None:
        """Take the gradient steps of an update."""
        advantages = torch.from_numpy(np.concatenate(self.advantages(episodes))).float()
        decisions = [decision for episode in episodes for decision in episode.decisions]
        choices = torch.tensor([choice for episode in episodes for choice in episode.choices])
        weight = self.entropy_weight(update, progress)

        def loss_of(rows: npt.NDArray[np.int64]) -> Tensor:
            logs, _ = self.agent.evaluate([decisions[row] for row in rows])
            chosen = logs.gather(1, choices[rows].unsqueeze(1)).squeeze(1)
            return -(chosen * advantages[rows]).sum() - weight * entropy_of(logs).sum()

        self._steps.take(loss_of, len(decisions), update, progress)

    def save(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what the rest of a training depends on."""
        return {}, self._steps.save() | self._average.save()

    def load(self, document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `save` gave."""
        self._steps.load(arrays)
        self._average.load(arrays)
