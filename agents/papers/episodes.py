"""The loop that policy-gradient agents of recipes share: play an episode, learn from it, go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.arrays_file import Arrays, read_arrays, write_arrays
from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.simulation import CurvePoint, RecipeLog, RecipeProblem, Simulation
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range
from chipgym.simulators.core.hashing import content_hash

__all__ = ["EpisodeAgent", "EpisodeTraining", "Record", "Trajectory", "train_by_episodes"]

FORMAT = "chipgym-episodes-1"
Record = dict[str, Any]


@dataclass
class Trajectory:
    """One episode: what the agent saw, did and got."""

    states: list[Any] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def returns(self, discount: float) -> npt.NDArray[np.float64]:
        """Discounted sum of the rewards from each step on, shape (T,)."""
        sums = np.zeros(len(self.rewards))
        following = 0.0
        for step in range(len(sums) - 1, -1, -1):
            following = self.rewards[step] + discount * following
            sums[step] = following
        return sums


class EpisodeAgent(Protocol):
    """What the loop asks of an agent."""

    def begin(self, problem: RecipeProblem) -> None:
        """Forget the last episode; the next one begins here."""
        ...

    def observe(self, problem: RecipeProblem) -> Any:
        """Return what the agent needs to know of a state; once a state, in their order."""
        ...

    def probabilities(self, state: Any) -> npt.NDArray[np.float64]:
        """Return the policy in a state, shape (A,)."""
        ...

    def learn(self, episode: Trajectory) -> Mapping[str, float]:
        """Learn from an episode; return losses by name."""
        ...

    def save_training(self) -> Arrays:
        """Return all that further training depends on."""
        ...

    def load_training(self, arrays: Arrays) -> None:
        """Put back what `save_training` gave."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """Return what tells this agent's training from others', for JSON."""
        ...


@dataclass(frozen=True)
class EpisodeTraining:
    """What the loop leaves.

    Attributes
    ----------
    records : list of dict
        One an episode: ``episode``, ``instance``, ``evaluations``, ``score`` and the losses.
    best : dict
        The best recipe of each circuit.
    evaluations : int
        Evaluations spent.
    """

    records: list[Record]
    best: dict[str, PlanResult]
    evaluations: int


@dataclass
class _Best:
    actions: tuple[int, ...] = ()
    score: float = -np.inf
    curve: list[CurvePoint] = field(default_factory=list)
    evaluations: int = 0


def train_by_episodes(
    simulation: Simulation,
    instances: Sequence[str],
    budget: int,
    seed: int,
    agent: EpisodeAgent,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> EpisodeTraining:
    """Let an agent play and learn on circuits in turn.

    Parameters
    ----------
    simulation : Simulation
        Used for all episodes. Its rewards are learnt from; its scores are recorded.
    instances : sequence of str
        The circuits.
    budget : int
        Most evaluations; an episode that has begun is finished.
    seed : int
        Seed of the choices of actions.
    agent : EpisodeAgent
        It learns in place.
    callback : callable, optional
        Called with the record of each episode; False ends the training.
    checkpoint : path, optional
        File that is rewritten after each episode; where it exists, training goes on from it, and
        ends with what it would have ended with.

    Raises
    ------
    FileFormatError
        The checkpoint is damaged, or of another training.
    """
    if not instances:
        raise InvalidValueError("instances", [], "at least one circuit")
    check_range("budget", budget, 1)
    identity = content_hash({"seed": seed, "instances": list(instances), **agent.identity()})
    records: list[Record] = []
    best = {name: _Best() for name in instances}
    spent = 0
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists():
        records, best, spent = _load(path, identity, agent)
    while spent < budget:
        episode = len(records)
        name = instances[episode % len(instances)]
        generator = np.random.default_rng([seed, episode])
        trajectory, log = _play(simulation, name, agent, generator)
        _record(best[name], log)
        spent += log.evaluations
        losses = agent.learn(trajectory)
        score = best[name].score if not log.curve else log.score
        records.append(
            {"episode": episode, "instance": name, "evaluations": spent, "score": score, **losses}
        )
        if path is not None:
            _save(path, identity, agent, records, best, spent)
        if callback is not None and callback(records[-1]) is False:
            break
    found = {
        name: PlanResult(b.actions, b.score, tuple(b.curve), b.evaluations)
        for name, b in best.items()
    }
    return EpisodeTraining(records, found, spent)


def _play(
    simulation: Simulation, name: str, agent: EpisodeAgent, generator: np.random.Generator
) -> tuple[Trajectory, RecipeLog]:
    simulation.reset(name)
    agent.begin(simulation.problem)
    trajectory, log = Trajectory(), RecipeLog(simulation)
    done = False
    while not done:
        state = agent.observe(simulation.problem)
        chances = agent.probabilities(state)
        action = int(generator.choice(len(chances), p=chances / chances.sum()))
        reward, done = simulation.step(action)
        trajectory.states.append(state)
        trajectory.actions.append(action)
        trajectory.rewards.append(float(reward))
    log.measure()
    return trajectory, log


def _record(best: _Best, log: RecipeLog) -> None:
    """Add an episode to what is known of its circuit; evaluations count on that circuit."""
    best.evaluations += log.evaluations
    if log.score > best.score:
        best.actions, best.score = log.actions, log.score
        best.curve.append(CurvePoint(best.evaluations, log.score))


def _save(
    path: Path,
    identity: str,
    agent: EpisodeAgent,
    records: list[Record],
    best: dict[str, _Best],
    spent: int,
) -> None:
    document = {
        "format": FORMAT,
        "identity": identity,
        "spent": spent,
        "records": records,
        "best": {
            name: [list(b.actions), b.score, [list(point) for point in b.curve], b.evaluations]
            for name, b in best.items()
            if b.curve
        },
        "circuits": list(best),
    }
    write_arrays(path, document, agent.save_training())


def _load(
    path: Path, identity: str, agent: EpisodeAgent
) -> tuple[list[Record], dict[str, _Best], int]:
    document, arrays = read_arrays(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not a checkpoint of format {FORMAT}")
    if document.get("identity") != identity:
        raise FileFormatError(path, "is the checkpoint of a training with other arguments")
    try:
        agent.load_training(arrays)
        best = {name: _Best() for name in document["circuits"]}
        for name, (actions, score, curve, evaluations) in document["best"].items():
            points = [CurvePoint(int(count), float(value)) for count, value in curve]
            best[name] = _Best(tuple(actions), float(score), points, int(evaluations))
        return list(document["records"]), best, int(document["spent"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise FileFormatError(path, f"does not fit this training: {error}") from error
