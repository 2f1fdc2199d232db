"""The protocol of everything that plans with a simulation instead of acting on observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from chipgym.agents.core.simulation import CurvePoint, RecipeLog, Simulation

__all__ = ["PlanResult", "Planner"]


@dataclass(frozen=True)
class PlanResult:
    """What a planner found.

    Attributes
    ----------
    actions : tuple of int
        The best recipe, from the first command on.
    score : float
        Its score.
    curve : tuple of CurvePoint
        Every improvement, with the evaluations spent by then.
    evaluations : int
        All evaluations spent.
    """

    actions: tuple[int, ...]
    score: float
    curve: tuple[CurvePoint, ...]
    evaluations: int

    @classmethod
    def of(cls, log: RecipeLog) -> PlanResult:
        """What a record holds."""
        return cls(log.actions, log.score, tuple(log.curve), log.evaluations)


@runtime_checkable
class Planner(Protocol):
    """Searches for a good recipe from the present state of a simulation."""

    name: str

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Search within a budget; the same arguments give the same result.

        Parameters
        ----------
        simulation : Simulation
            Where the search starts; it is used and left in some other state.
        budget : int
            Most evaluations. A planner that is done earlier returns earlier.
        seed : int
            Seed of the planner's random numbers.
        """
        ...
