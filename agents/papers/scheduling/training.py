"""The loop that the learned schedulers share: play an episode in every copy, learn, go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor

from chipgym.agents.core.problem import JobsView
from chipgym.agents.core.torch_tools import use_one_thread
from chipgym.agents.multi_agent.curve import Curve, Record
from chipgym.agents.papers.scheduling.agent import SchedulingAgent
from chipgym.agents.papers.scheduling.episodes import (
    Episode,
    check_environment,
    play_episodes,
    problems_of,
)
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.simulators.core.errors import SimulationError, check_range

__all__ = [
    "EnvFactory",
    "Learner",
    "Losses",
    "TrainingResult",
    "run_training",
    "step_on",
    "stream_seeds",
]

EnvFactory = Callable[[int], VectorEnv[Any, Any, Any]]
Losses = Callable[[Sequence[int]], Tensor]


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves.

    Attributes
    ----------
    policy : SchedulingPolicy
        The trained agent, deterministic; `SchedulingPolicy.save` keeps it.
    curve : list of dict
        The learning curve, see `chipgym.agents.multi_agent.curve.Curve`.
    steps : int
        Decisions that were learnt from, all copies together.
    evaluations : int
        Simulator evaluations of the episodes that ended.
    """

    policy: SchedulingPolicy
    curve: list[Record]
    steps: int
    evaluations: int


class Learner(Protocol):
    """Learns from the episodes of one update."""

    @property
    def agent(self) -> SchedulingAgent:
        """The agent in training."""
        ...

    def seeds(self, update: int, seed: int, num_envs: int) -> list[int]:
        """Return the seeds of the copies' streams of jobs."""
        ...

    def gap_factor(self, update: int, progress: float) -> float:
        """Return the factor on the gaps between arrivals."""
        ...

    def learn(self, episodes: Sequence[Episode], update: int, progress: float) -> None:
        """Take a gradient step; `progress` is the share of the training that is done."""
        ...


def run_training(
    env_factory: EnvFactory,
    num_envs: int,
    total_steps: int,
    seed: int,
    make_learner: Callable[[JobsView], Learner],
    callback: Callable[[Record], bool | None] | None = None,
    *,
    evaluate: Callable[[SchedulingPolicy], Mapping[str, float]] | None = None,
    record_every: int | None = None,
    name: str | None = None,
) -> TrainingResult:
    """Train until enough decisions were made; the last episodes are finished.

    Parameters
    ----------
    env_factory : callable
        Given the number of copies, returns a vector environment of SoC scheduling in autoreset mode
        SAME_STEP. It is closed at the end.
    num_envs : int
        Copies; each plays one episode an update.
    total_steps : int
        Decisions, all copies together.
    seed : int
        Seed of the draws and the environments.
    make_learner : callable
        Makes the learner from a view of the environment's first decision.
    callback : callable, optional
        Called with each record of the learning curve; False stops the training.
    evaluate : callable, optional
        Called with the present policy at each record; what it returns joins the learning curve.
    record_every : int, optional
        Steps between records, by default a twentieth of `total_steps`.
    name : str, optional
        Of the resulting policy.
    """
    check_range("total_steps", total_steps, 1)
    check_range("num_envs", num_envs, 1)
    use_one_thread()
    envs = env_factory(num_envs)
    try:
        check_environment(envs)
        envs.reset(seed=seed)
        first = problems_of(envs)[0]
        learner = make_learner(first)
        learner.agent.check(first)
        policy = SchedulingPolicy(learner.agent, name=name)
        curve = Curve(
            record_every or max(total_steps // 20, 1),
            None if evaluate is None else lambda: evaluate(policy),
            callback,
        )
        steps = update = 0
        going = True
        while going and steps < total_steps:
            progress = steps / total_steps
            episodes = play_episodes(
                envs,
                learner.agent,
                learner.seeds(update, seed, num_envs),
                [seed, update],
                learner.gap_factor(update, progress),
            )
            steps += sum(len(episode.choices) for episode in episodes)
            learner.learn(episodes, update, progress)
            _check_weights(learner.agent, steps)
            going = curve.add(steps, [episode.report() for episode in episodes])
            update += 1
        if going:
            curve.finish(steps)
    finally:
        envs.close()
    return TrainingResult(policy, curve.records, steps, curve.evaluations)


def stream_seeds(update: int, seed: int, num_envs: int, *, shared: bool) -> list[int]:
    """Seeds of the copies' streams in an update: one for all if shared, or one each."""
    words = np.random.SeedSequence([seed, update]).generate_state(num_envs)
    seeds = [int(word >> 1) for word in words]
    return [seeds[0]] * num_envs if shared else seeds


def step_on(
    optimiser: torch.optim.Optimizer,
    loss_of: Losses,
    count: int,
    batch_size: int,
    max_grad_norm: float,
) -> None:
    """Take one gradient step on the sum of the losses of `count` decisions, in parts.

    Parameters
    ----------
    loss_of : callable
        Given numbers of decisions, returns the sum of their losses.
    batch_size : int
        Decisions of a part: what is in memory at a time.
    max_grad_norm : float
        Longest gradient; a longer one is cut. 0: none is.
    """
    optimiser.zero_grad()
    for start in range(0, count, batch_size):
        loss_of(range(start, min(start + batch_size, count))).backward()  # type: ignore[no-untyped-call]
    if max_grad_norm > 0.0:
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, max_grad_norm)
    optimiser.step()


def _check_weights(agent: SchedulingAgent, steps: int) -> None:
    if not all(bool(torch.isfinite(weights).all()) for weights in agent.network.parameters()):
        raise SimulationError(
            f"the training diverged after {steps} steps, its weights are not finite; a lower "
            "learning_rate may help"
        )
