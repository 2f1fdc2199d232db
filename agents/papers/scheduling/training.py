"""The loop that the learned schedulers share: play an episode in every copy, learn, go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt
from gymnasium.vector import VectorEnv

from chipgym.agents.core.arrays_file import read_arrays, write_arrays
from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.settings import make_settings, plain_settings
from chipgym.agents.core.torch_tools import load_weights, save_weights, use_one_thread
from chipgym.agents.multi_agent.curve import Curve, Record
from chipgym.agents.papers.scheduling.agent import SchedulingAgent
from chipgym.agents.papers.scheduling.episodes import (
    Episode,
    check_environment,
    play_episodes,
    problems_of,
)
from chipgym.agents.papers.scheduling.names import ALGORITHMS, make_learner
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.simulators.core.errors import (
    FileFormatError,
    SimulationError,
    UnknownNameError,
    check_range,
)

__all__ = ["EnvFactory", "Learner", "TrainingResult", "train_scheduler"]

EnvFactory = Callable[[int], VectorEnv[Any, Any, Any]]
FORMAT = "chipgym-scheduler-training-1"


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
        """Take the gradient steps of an update; `progress`: share of the training that is done."""
        ...

    def save(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what, beside the weights, the rest of a training depends on."""
        ...

    def load(self, document: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `save` gave."""
        ...


def train_scheduler(
    algorithm: str,
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
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 10,
) -> TrainingResult:
    """Train a learned scheduler; the same arguments give the same weights on the same machine.

    Parameters
    ----------
    algorithm : str
        ``deepsocs``, ``socrates`` or ``scarl``.
    env_factory : callable
        Given the number of copies, returns a vector environment of SoC scheduling in autoreset mode
        SAME_STEP, in a form in which the agent can act. It is closed at the end.
    total_steps : int
        Decisions, all copies together; the last episodes are finished.
    seed : int
        Seed of the weights, the exploration and the environment.
    hyperparams : mapping, optional
        Values as in `agents/hyperparams/ALGORITHM.yaml`, by default the default entry.
    num_envs : int, optional
        Copies, by default those of the hyperparameters; each plays one episode an update.
    callback : callable, optional
        Called with each record of the learning curve; False stops the training.
    evaluate : callable, optional
        Called with the present policy at each record; what it returns joins the learning curve.
    record_every : int, optional
        Steps between records, by default a twentieth of `total_steps`.
    name : str, optional
        Of the resulting policy.
    checkpoint : path, optional
        File that is rewritten every so often; where it exists, training goes on from it, and ends
        with the weights that it would have had without the interruption.
    checkpoint_every : int
        Updates between two writings.

    Raises
    ------
    FileFormatError
        The checkpoint is damaged, or of another training.
    SimulationError
        The training diverged.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    check_range("total_steps", total_steps, 1)
    check_range("checkpoint_every", checkpoint_every, 1)
    values = load_hyperparameters(algorithm).values if hyperparams is None else hyperparams
    settings = make_settings(ALGORITHMS[algorithm], values)
    copies = getattr(settings, "learning", settings).num_envs if num_envs is None else num_envs
    check_range("num_envs", copies, 1)
    use_one_thread()
    envs = env_factory(copies)
    try:
        check_environment(envs)
        envs.reset(seed=seed)
        first = problems_of(envs)[0]
        learner = make_learner(algorithm, settings, seed, first)
        learner.agent.check(first)
        policy = SchedulingPolicy(learner.agent, name=name)
        curve = Curve(
            record_every or max(total_steps // 20, 1),
            None if evaluate is None else lambda: evaluate(policy),
            callback,
        )
        identity = {
            "format": FORMAT,
            "algorithm": algorithm,
            "settings": plain_settings(settings),
            "sizes": dict(learner.agent.sizes()),
            "num_envs": copies,
            "total_steps": total_steps,
            "seed": seed,
        }
        training = _Training(learner, curve, identity, checkpoint)
        training.resume()
        going = training.steps < total_steps
        while going:
            training.play_and_learn(envs, seed, total_steps)
            going = training.record() and training.steps < total_steps
            if not going or training.update % checkpoint_every == 0:
                training.save()
        if training.stopped is False:
            curve.finish(training.steps)
    finally:
        envs.close()
    return TrainingResult(policy, curve.records, training.steps, curve.evaluations)


class _Training:
    """A training under way: what its checkpoint holds."""

    def __init__(
        self,
        learner: Learner,
        curve: Curve,
        identity: dict[str, Any],
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.learner, self.curve, self.identity = learner, curve, identity
        self.path = None if path is None else Path(path)
        self.steps = self.update = 0
        self.stopped = False
        self._reports: list[dict[str, Any]] = []

    def play_and_learn(self, envs: VectorEnv[Any, Any, Any], seed: int, total_steps: int) -> None:
        """Play an episode in each copy and learn from them."""
        learner, progress = self.learner, self.steps / total_steps
        episodes = play_episodes(
            envs,
            learner.agent,
            learner.seeds(self.update, seed, envs.num_envs),
            [seed, self.update],
            learner.gap_factor(self.update, progress),
        )
        self.steps += sum(len(episode.choices) for episode in episodes)
        learner.learn(episodes, self.update, progress)
        _check_weights(learner.agent, self.steps)
        self._reports = [episode.report() for episode in episodes]
        self.update += 1

    def record(self) -> bool:
        """Add to the learning curve; return whether training goes on."""
        self.stopped = not self.curve.add(self.steps, self._reports)
        return not self.stopped

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.path is None:
            return
        document, arrays = self.learner.save()
        content = {
            "identity": self.identity,
            "steps": self.steps,
            "update": self.update,
            "curve": self.curve.save(),
            "learner": document,
        }
        write_arrays(self.path, content, arrays | save_weights(self.learner.agent.network, "net"))

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        if self.path is None or not self.path.exists():
            return
        document, arrays = read_arrays(self.path)
        if not isinstance(document, dict) or "identity" not in document:
            raise FileFormatError(self.path, f"is not a checkpoint of format {FORMAT}")
        if document["identity"] != self.identity:
            raise FileFormatError(self.path, "is the checkpoint of a training with other arguments")
        try:
            load_weights(self.learner.agent.network, "net", arrays)
            self.learner.load(document["learner"], arrays)
            self.curve.load(document["curve"])
            self.steps, self.update = int(document["steps"]), int(document["update"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(self.path, f"does not fit this training: {error}") from error


def _check_weights(agent: SchedulingAgent, steps: int) -> None:
    if not all(bool(weights.isfinite().all()) for weights in agent.network.parameters()):
        raise SimulationError(
            f"the training diverged after {steps} steps, its weights are not finite; a lower "
            "learning_rate may help"
        )
