"""Trains DeepSoCS: policy gradient with average reward and a baseline aligned in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.settings import make_settings
from chipgym.agents.multi_agent.curve import Record
from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings
from chipgym.agents.papers.scheduling.agent import entropy_of
from chipgym.agents.papers.scheduling.credit import (
    AverageReward,
    discounted,
    merge_instants,
    time_aligned_baselines,
)
from chipgym.agents.papers.scheduling.episodes import Episode
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.agents.papers.scheduling.training import (
    EnvFactory,
    TrainingResult,
    run_training,
    step_on,
    stream_seeds,
)

__all__ = ["DeepSocsLearner", "train_deepsocs"]

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
        weights = [weight for weight in agent.network.parameters() if weight.requires_grad]
        self._optimiser = torch.optim.Adam(weights, lr=self.settings.learning_rate)
        self._average = AverageReward(max(self.settings.average_rewards, 1))

    def seeds(self, update: int, seed: int, num_envs: int) -> list[int]:
        """Return the seeds of the copies' streams."""
        return stream_seeds(update, seed, num_envs, shared=self.settings.same_stream)

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
        baselines = time_aligned_baselines(times, returns)
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
        """Take a gradient step."""
        advantages = torch.from_numpy(np.concatenate(self.advantages(episodes))).float()
        decisions = [decision for episode in episodes for decision in episode.decisions]
        choices = torch.tensor([choice for episode in episodes for choice in episode.choices])
        weight = self.entropy_weight(update, progress)

        def loss_of(rows: Sequence[int]) -> Tensor:
            logs, _ = self.agent.evaluate([decisions[row] for row in rows])
            part = slice(rows[0], rows[-1] + 1)
            chosen = logs.gather(1, choices[part].unsqueeze(1)).squeeze(1)
            gain = (chosen * advantages[part]).sum() + weight * entropy_of(logs).sum()
            return -gain / len(decisions)

        settings = self.settings
        step_on(
            self._optimiser, loss_of, len(decisions), settings.batch_size, settings.max_grad_norm
        )


def train_deepsocs(
    env_factory: EnvFactory,
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    num_envs: int | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    evaluate: Callable[[SchedulingPolicy], Mapping[str, float]] | None = None,
    record_every: int | None = None,
    name: str | None = None,
) -> TrainingResult:
    """Train DeepSoCS; the same arguments give the same weights on the same machine.

    Parameters
    ----------
    env_factory : callable
        Given the number of copies, returns a vector environment of ``SocTaskOrdering`` (or of
        ``SocScheduling``) in autoreset mode SAME_STEP.
    total_steps : int
        Decisions, all copies together; the last episodes are finished.
    seed : int
        Seed of the weights, the exploration and the environment.
    hyperparams : mapping, optional
        Values as in `agents/hyperparams/deepsocs.yaml`, see `DeepSocsSettings`; by default the
        default entry.
    num_envs : int, optional
        Copies, by default the ``num_envs`` of the hyperparameters.
    callback, evaluate, record_every, name
        As in `run_training`.
    """
    values = load_hyperparameters("deepsocs").values if hyperparams is None else hyperparams
    settings = make_settings(DeepSocsSettings, values)
    return run_training(
        env_factory,
        settings.num_envs if num_envs is None else num_envs,
        total_steps,
        seed,
        lambda problem: DeepSocsLearner(DeepSocsAgent(settings, seed)),
        callback,
        evaluate=evaluate,
        record_every=record_every,
        name=name,
    )
