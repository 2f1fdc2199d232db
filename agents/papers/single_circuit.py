"""A simulation seen from one of its states: every reset returns there."""

from __future__ import annotations

from chipgym.agents.core.simulation import RecipeProblem, Simulation, SimulationStep
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["FromHere"]


class FromHere:
    """Turns the present state of a simulation into the only instance there is.

    Parameters
    ----------
    simulation : Simulation
        Its present state is the start of every recipe.
    """

    NAME = "here"

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._start = simulation.get_state()

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self._simulation.num_actions

    @property
    def problem(self) -> RecipeProblem:
        """The decision at hand."""
        return self._simulation.problem

    @property
    def digest(self) -> str:
        """Hash of the present circuit."""
        return self._simulation.digest

    @property
    def evaluations(self) -> int:
        """Measurements since the simulation was made."""
        return self._simulation.evaluations

    def reset(self, instance: str) -> None:
        """Return to the start."""
        if instance != self.NAME:
            raise UnknownNameError("instance", instance, [self.NAME])
        self._simulation.set_state(self._start)

    def step(self, action: int) -> SimulationStep:
        """Apply a command."""
        return self._simulation.step(action)

    def score(self) -> float:
        """Measure the present circuit."""
        return self._simulation.score()

    def get_state(self) -> bytes:
        """Return a snapshot."""
        return self._simulation.get_state()

    def set_state(self, state: bytes) -> None:
        """Return to a snapshot."""
        self._simulation.set_state(state)
