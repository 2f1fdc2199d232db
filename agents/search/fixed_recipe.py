"""The best fixed recipe of a training set: a search that never sees a circuit.

What it finds tells how much of a learnt policy's merit needs no state: "Rethinking reinforcement
learning based logic synthesis" (arXiv 2205.07614) reports that learnt policies hardly depend on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.agents.core.simulation import Simulation, SimulationFactory
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["TrainedRecipe", "load_recipe", "train_fixed_recipe"]

FORMAT = "chipgym-recipe-1"
SECOND_CHANGE = 0.3
"""Chance that a neighbour differs in a second place."""


@dataclass(frozen=True)
class TrainedRecipe:
    """A recipe, and how it was found.

    Attributes
    ----------
    commands : tuple of str
        The recipe.
    score : float
        Its mean score on the training circuits.
    circuits : tuple of str
        These circuits.
    evaluations : int
        Evaluations spent.
    records : list of dict
        ``evaluations`` and ``score`` of every improvement.
    """

    commands: tuple[str, ...]
    score: float
    circuits: tuple[str, ...]
    evaluations: int
    records: list[dict[str, Any]] = field(default_factory=list, hash=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recipe as JSON."""
        document = {
            "format": FORMAT,
            "commands": list(self.commands),
            "score": self.score,
            "circuits": list(self.circuits),
            "evaluations": self.evaluations,
            "records": self.records,
        }
        write_json(path, document)


def load_recipe(path: str | os.PathLike[str]) -> TrainedRecipe:
    """Load what `TrainedRecipe.save` wrote.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or no such recipe.
    """
    document = read_json(Path(path))
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not a recipe of format {FORMAT}")
    try:
        commands = tuple(str(command) for command in document["commands"])
        circuits = tuple(str(circuit) for circuit in document["circuits"])
        score, evaluations = float(document["score"]), int(document["evaluations"])
        return TrainedRecipe(commands, score, circuits, evaluations, list(document["records"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(path, f"does not describe a recipe: {error}") from error


def train_fixed_recipe(
    simulation_factory: SimulationFactory,
    instances: Sequence[str],
    budget: int,
    seed: int,
    callback: Callable[[dict[str, Any]], bool | None] | None = None,
) -> TrainedRecipe:
    """Search the recipe of the best mean score.

    Half of the budget goes to random recipes, the rest to hill climbing from the best of them. It
    changes one command, with probability 0.3 a second one, and accepts what is not
    worse. A recipe costs one evaluation a circuit, and is given up as soon as it cannot reach the
    best any more if it had the best score seen so far on all circuits left.

    Parameters
    ----------
    simulation_factory : callable
        Makes the simulation.
    instances : sequence of str
        The training circuits.
    budget : int
        Evaluations, at least one a circuit.
    seed : int
        Seed of the search.
    callback : callable, optional
        Called with the record of each improvement; False ends the search.
    """
    if not instances:
        raise InvalidValueError("instances", [], "at least one circuit")
    check_range("budget", budget, len(instances))
    simulation = simulation_factory()
    generator = np.random.default_rng(seed)
    simulation.reset(instances[0])
    problem = simulation.problem
    commands, num_steps = tuple(problem.commands), problem.num_steps
    tops = np.full(len(instances), -np.inf)
    best: tuple[int, ...] = ()
    best_score, spent = -np.inf, 0
    records: list[dict[str, Any]] = []
    while spent + len(instances) <= budget:
        if not best or spent < budget // 2:
            candidate = tuple(generator.integers(len(commands), size=num_steps).tolist())
        else:
            candidate = _neighbour(best, len(commands), generator)
        before = simulation.evaluations
        score = _mean_score(simulation, instances, candidate, best_score, tops)
        spent += simulation.evaluations - before
        improved = score > best_score
        if score >= best_score:
            best, best_score = candidate, score
        if improved:
            records.append({"evaluations": spent, "score": score})
            if callback is not None and callback(records[-1]) is False:
                break
    recipe = tuple(commands[action] for action in best)
    return TrainedRecipe(recipe, float(best_score), tuple(instances), spent, records)


def _neighbour(
    recipe: tuple[int, ...], num_actions: int, generator: np.random.Generator
) -> tuple[int, ...]:
    changed = list(recipe)
    for _ in range(1 + int(generator.random() < SECOND_CHANGE)):
        changed[int(generator.integers(len(changed)))] = int(generator.integers(num_actions))
    return tuple(changed)


def _mean_score(
    simulation: Simulation,
    instances: Sequence[str],
    recipe: Sequence[int],
    goal: float,
    tops: np.ndarray[Any, np.dtype[np.float64]],
) -> float:
    """Mean score of a recipe, or minus infinity once it cannot reach `goal`; raises `tops`."""
    scores = np.full(len(instances), np.nan)
    for index, name in enumerate(instances):
        simulation.reset(name)
        for action in recipe:
            if simulation.step(action).done:
                break
        scores[index] = simulation.score()
        tops[index] = max(tops[index], scores[index])
        hopeful = np.where(np.isnan(scores), tops, scores)
        if hopeful.mean() < goal:
            return -np.inf
    return float(scores.mean())
