"""Trains SCARL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.problem import JobsView
from chipgym.agents.core.settings import make_settings
from chipgym.agents.multi_agent.curve import Record
from chipgym.agents.papers.scarl.agent import ScarlAgent
from chipgym.agents.papers.scarl.settings import ScarlSettings
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.agents.papers.scheduling.training import EnvFactory, TrainingResult, run_training
from chipgym.agents.papers.socrates.learner import MatchingLearner

__all__ = ["train_scarl"]


def train_scarl(
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
    """Train SCARL; the same arguments give the same weights on the same machine.

    Parameters
    ----------
    env_factory : callable
        Given the number of copies, returns a vector environment of ``SocTaskMapping`` (or of
        ``SocScheduling``, where the first ready task is placed) in autoreset mode SAME_STEP.
    total_steps : int
        Decisions, all copies together; the last episodes are finished.
    seed : int
        Seed of the weights, the exploration and the environment.
    hyperparams : mapping, optional
        Values as in `agents/hyperparams/scarl.yaml`, see `ScarlSettings`; by default the
        default entry.
    num_envs : int, optional
        Copies, by default the ``num_envs`` of the hyperparameters.
    callback, evaluate, record_every, name
        As in `run_training`.
    """
    values = load_hyperparameters("scarl").values if hyperparams is None else hyperparams
    settings = make_settings(ScarlSettings, values)

    def make_learner(problem: JobsView) -> MatchingLearner:
        agent = ScarlAgent(settings, seed)
        return MatchingLearner(agent, settings.learning)

    return run_training(
        env_factory,
        settings.learning.num_envs if num_envs is None else num_envs,
        total_steps,
        seed,
        make_learner,
        callback,
        evaluate=evaluate,
        record_every=record_every,
        name=name,
    )
