"""What search agents are given: a simulation that they can reset, step, save and restore.

The experiments build one from an environment; agents know nothing else of it. Besides the protocol
there is the record that every search keeps: the recipes that were evaluated, and the best of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from chipgym.agents.graphs.aig import AigGraph

__all__ = [
    "CurvePoint",
    "RecipeLog",
    "RecipeProblem",
    "Simulation",
    "SimulationFactory",
    "SimulationStep",
]


class CurvePoint(NamedTuple):
    """The best score, and after how many evaluations it was reached."""

    evaluations: int
    score: float


class RecipeProblem(Protocol):
    """One decision of logic synthesis, as agents see it."""

    @property
    def commands(self) -> Sequence[str]:
        """The command of each action; without the action that ends a recipe, if there is one."""
        ...

    @property
    def stop_action(self) -> int:
        """Action that ends the recipe, -1 where there is none."""
        ...

    @property
    def num_actions(self) -> int:
        """Number of actions, the one that ends the recipe included."""
        ...

    @property
    def num_steps(self) -> int:
        """Most commands of a recipe."""
        ...

    @property
    def recipe(self) -> Sequence[int]:
        """Actions taken so far."""
        ...

    @property
    def aig(self) -> AigGraph:
        """The circuit as it is now."""
        ...

    @property
    def initial_aig(self) -> AigGraph:
        """The circuit before the first command."""
        ...


class SimulationStep(NamedTuple):
    """What a step gives: the reward of the environment's objective, and whether it was the last."""

    reward: float
    done: bool


class Simulation(Protocol):
    """An environment of recipes that can be saved and restored.

    Equal states have equal futures: what `step` and `score` give depends on the circuit, on the
    number of commands so far, and on nothing else.
    """

    @property
    def num_actions(self) -> int:
        """Number of actions, numbered from 0; all are allowed at any time."""
        ...

    @property
    def problem(self) -> RecipeProblem:
        """The decision at hand; read it again after each step."""
        ...

    @property
    def digest(self) -> str:
        """Hash of the present circuit: equal for equal circuits, however they were reached."""
        ...

    @property
    def evaluations(self) -> int:
        """Measurements of quality since this object was made, repeated ones included."""
        ...

    def reset(self, instance: str) -> None:
        """Begin a recipe for a circuit."""
        ...

    def step(self, action: int) -> SimulationStep:
        """Apply a command."""
        ...

    def score(self) -> float:
        """Return the quality of the present circuit, higher is better.

        This is a measurement and counts as one evaluation, unless the state's quality has been
        measured since the state was entered (by the last `step`, say).
        """
        ...

    def get_state(self) -> bytes:
        """Return a snapshot."""
        ...

    def set_state(self, state: bytes) -> None:
        """Return to a snapshot of the same instance."""
        ...


SimulationFactory = Callable[[], Simulation]
"""Makes an independent simulation."""


@dataclass
class RecipeLog:
    """Recipes that a search has evaluated on one circuit.

    Attributes
    ----------
    simulation : Simulation
        Its counter of evaluations is the clock.
    actions : tuple of int
        The best recipe (the first of equals).
    score : float
        Its score, minus infinity before the first.
    curve : list of CurvePoint
        Every improvement.
    """

    simulation: Simulation
    actions: tuple[int, ...] = ()
    score: float = -math.inf
    curve: list[CurvePoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start = self.simulation.evaluations

    @property
    def evaluations(self) -> int:
        """Evaluations since this record was begun."""
        return self.simulation.evaluations - self._start

    def measure(self) -> float:
        """Measure the present state of the simulation and record it under its recipe."""
        score = self.simulation.score()
        self.add(self.simulation.problem.recipe, score)
        return score

    def add(self, actions: Sequence[int], score: float) -> None:
        """Record a measured recipe."""
        if score > self.score:
            self.actions, self.score = tuple(int(action) for action in actions), float(score)
            self.curve.append(CurvePoint(self.evaluations, self.score))
