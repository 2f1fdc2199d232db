"""Trains ABC-RL on circuits by self-play, interruptible after every iteration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.agents.core.arrays_file import read_arrays, write_arrays
from chipgym.agents.core.settings import default_settings, plain_settings
from chipgym.agents.core.simulation import RecipeLog, Simulation, SimulationFactory
from chipgym.agents.core.torch_tools import seeded, use_one_thread
from chipgym.agents.graphs.aig import AigGraph, graph_digest
from chipgym.agents.papers.abc_rl.agent import AbcRlAgent
from chipgym.agents.papers.abc_rl.guide import embedding_of
from chipgym.agents.papers.abc_rl.learner import Learner, self_play
from chipgym.agents.papers.abc_rl.network import AbcRlNetwork
from chipgym.agents.papers.abc_rl.retrieval import Neighbours
from chipgym.agents.papers.abc_rl.settings import AbcRlSettings
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range
from chipgym.simulators.core.hashing import content_hash

__all__ = ["AbcRlTraining", "Record", "train_abc_rl"]

Record = dict[str, Any]
FORMAT = "chipgym-abc-rl-training-1"


@dataclass(frozen=True)
class AbcRlTraining:
    """What training leaves.

    Attributes
    ----------
    agent : AbcRlAgent
        The trained agent.
    records : list of dict
        One for each iteration: ``iteration``, ``evaluations``, ``policy_loss``, ``value_loss`` and
        ``score``, the mean best score of its episodes.
    evaluations : int
        Evaluated recipes.
    """

    agent: AbcRlAgent
    records: list[Record]
    evaluations: int


@dataclass
class _Progress:
    iteration: int
    evaluations: int
    records: list[Record]


def train_abc_rl(
    simulation_factory: SimulationFactory,
    instances: Sequence[str],
    budget: int,
    seed: int,
    settings: AbcRlSettings | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    description: Mapping[str, Any] | None = None,
) -> AbcRlTraining:
    """Train on circuits; the same arguments give the same agent, interrupted or not.

    In each iteration the next circuits are played by tree search with the present network as guide,
    and the network learns the shares of the visits and the final scores.

    Parameters
    ----------
    simulation_factory : callable
        Makes the simulation.
    instances : sequence of str
        The training circuits, taken in turn.
    budget : int
        Evaluated recipes; the last iteration may exceed it by less than an episode's.
    seed : int
        Seed of the weights and of all choices.
    settings : AbcRlSettings, optional
        By default the entry ``default`` of ``abc_rl.yaml``.
    callback : callable, optional
        Called with the record of each iteration; False ends the training.
    checkpoint : path, optional
        File that is rewritten after each iteration; where it exists, training goes on from it.
    description : mapping, optional
        Plain facts to keep with the agent.

    Raises
    ------
    FileFormatError
        The checkpoint is damaged, or of another training.
    """
    if not instances:
        raise InvalidValueError("instances", [], "at least one circuit")
    check_range("budget", budget, 1)
    settings = settings or default_settings(AbcRlSettings, "abc_rl")
    use_one_thread()
    simulation = simulation_factory()
    graphs, commands, num_steps = _circuits(simulation, instances)
    with seeded(seed):
        network = AbcRlNetwork(simulation.num_actions, num_steps, settings.network)
    learner = Learner(network, settings)
    progress = _Progress(0, 0, [])
    identity = content_hash(
        {
            "settings": plain_settings(settings),
            "seed": seed,
            "commands": list(commands),
            "circuits": {name: graph_digest(graph) for name, graph in graphs.items()},
        }
    )
    if checkpoint is not None and Path(checkpoint).exists():
        progress = _resume(Path(checkpoint), identity, learner, graphs)
    while progress.evaluations < budget:
        record = _iterate(simulation, instances, learner, progress, seed, budget)
        if checkpoint is not None:
            _save(Path(checkpoint), identity, learner, progress)
        if callback is not None and callback(record) is False:
            break
    names = list(dict.fromkeys(instances))
    embeddings = np.stack([embedding_of(network, graphs[name]) for name in names])
    agent = AbcRlAgent(network, settings, Neighbours(names, embeddings), description=description)
    return AbcRlTraining(agent, progress.records, progress.evaluations)


def _circuits(
    simulation: Simulation, instances: Sequence[str]
) -> tuple[dict[str, AigGraph], tuple[str, ...], int]:
    graphs = {}
    for name in dict.fromkeys(instances):
        simulation.reset(name)
        graphs[name] = simulation.problem.initial_aig
    return graphs, tuple(simulation.problem.commands), simulation.problem.num_steps


def _iterate(
    simulation: Simulation,
    instances: Sequence[str],
    learner: Learner,
    progress: _Progress,
    seed: int,
    budget: int,
) -> Record:
    rates = learner.settings.learning
    generator = np.random.default_rng([seed, progress.iteration])
    scores = []
    for episode in range(rates.episodes):
        left = budget - progress.evaluations
        if left <= 0:
            break
        name = instances[(progress.iteration * rates.episodes + episode) % len(instances)]
        simulation.reset(name)
        graph, log = simulation.problem.initial_aig, RecipeLog(simulation)
        count = min(rates.simulations, left)
        samples = self_play(
            simulation, name, learner.guide(), learner.settings, count, generator, log
        )
        learner.remember(samples, graph)
        progress.evaluations += log.evaluations
        scores.append(log.score)
    losses = learner.learn(generator)
    progress.iteration += 1
    record = {
        "iteration": progress.iteration,
        "evaluations": progress.evaluations,
        "policy_loss": losses.policy,
        "value_loss": losses.value,
        "score": float(np.mean(scores)),
    }
    progress.records.append(record)
    return record


def _save(path: Path, identity: str, learner: Learner, progress: _Progress) -> None:
    document, arrays = learner.save()
    content = {
        "format": FORMAT,
        "identity": identity,
        "iteration": progress.iteration,
        "evaluations": progress.evaluations,
        "records": progress.records,
        "learner": document,
    }
    write_arrays(path, content, arrays)


def _resume(
    path: Path, identity: str, learner: Learner, graphs: Mapping[str, AigGraph]
) -> _Progress:
    document, arrays = read_arrays(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not a checkpoint of format {FORMAT}")
    if document.get("identity") != identity:
        raise FileFormatError(path, "is the checkpoint of a training with other arguments")
    try:
        learner.load(document["learner"], arrays, graphs)
        return _Progress(
            int(document["iteration"]), int(document["evaluations"]), list(document["records"])
        )
    except (KeyError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise FileFormatError(path, f"does not fit this training: {error}") from error
