"""The study's trained agents as an algorithm of suites: weights of a seed instead of a training.

A suite names ``chipgym.experiments.papers.deepsocs.stored:train`` as the algorithm, the agent as a
hyperparameter, and the steps with which the study has trained it; each seed then plays the weights
of the training with this seed. ``core-v0.yaml`` beside this file does so on tasks of `core-v0`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipgym.agents.papers.scheduling.policy import SchedulingPolicy, load_scheduler
from chipgym.experiments.papers.deepsocs.entrants import WEIGHTS, find_weights
from chipgym.experiments.papers.deepsocs.training import AGENTS
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["STORED", "StoredTraining", "load_policy", "train"]

STORED = ("deepsocs", "socrates", "scarl")
"""Agents that act in one form of the environment, each trained once a seed."""


@dataclass(frozen=True)
class StoredTraining:
    """What the study's training has left: the policy, and the steps that it took."""

    policy: SchedulingPolicy
    steps: int


def train(
    make_envs: Any,
    steps: int,
    seed: int,
    *,
    hyperparams: Mapping[str, Any],
    folder: Path = WEIGHTS,
    **_: Any,
) -> StoredTraining:
    """Return the agent that the study has trained with this seed.

    Parameters
    ----------
    make_envs : callable
        Not used, as nothing is trained; nor are a callback and an evaluation.
    steps, seed : int
        Of the study's training.
    hyperparams : mapping
        ``agent``: one of `STORED`.
    folder : path
        Of the weights.

    Raises
    ------
    InvalidValueError
        There is no such agent, or it was trained with other steps.
    MissingWeightsError
        It was not trained with this seed.
    """
    name = hyperparams.get("agent")
    if name not in STORED or len(hyperparams) != 1:
        allowed = f"agent, one of {', '.join(STORED)}"
        raise InvalidValueError("hyperparameters", dict(hyperparams), allowed)
    if steps != AGENTS[name].steps:
        raise InvalidValueError("steps", steps, f"{AGENTS[name].steps}, as {name} was trained")
    return StoredTraining(load_scheduler(find_weights(name, seed, "", folder)), steps)


def load_policy(folder: str | os.PathLike[str]) -> SchedulingPolicy:
    """Load the agent from the folder of a job, where a suite keeps it."""
    return load_scheduler(folder)
