"""Trains DRiLLS, on one circuit as in the paper or on several in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.settings import default_settings
from chipgym.agents.core.simulation import Simulation, SimulationFactory
from chipgym.agents.papers.drills.agent import DrillsAgent, DrillsSettings
from chipgym.agents.papers.episodes import EpisodeTraining, Record, train_by_episodes
from chipgym.agents.papers.single_circuit import FromHere

__all__ = ["DrillsPlanner", "DrillsTraining", "train_drills"]


@dataclass(frozen=True)
class DrillsTraining:
    """The trained agent, and what the training saw."""

    agent: DrillsAgent
    training: EpisodeTraining


def train_drills(
    simulation_factory: SimulationFactory,
    instances: Sequence[str],
    budget: int,
    seed: int,
    settings: DrillsSettings | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> DrillsTraining:
    """Train by episodes; arguments as in `train_by_episodes`.

    Parameters
    ----------
    settings : DrillsSettings, optional
        By default the entry ``default`` of ``drills.yaml``.
    """
    simulation = simulation_factory()
    settings = settings or default_settings(DrillsSettings, "drills")
    agent = DrillsAgent(simulation.num_actions, settings, seed)
    training = train_by_episodes(
        simulation, instances, budget, seed, agent, callback, checkpoint=checkpoint
    )
    return DrillsTraining(agent, training)


class DrillsPlanner:
    """DRiLLS as the paper uses it: trained anew on the circuit, the best episode counts."""

    name = "drills"

    def __init__(self, settings: DrillsSettings | None = None) -> None:
        self.settings = settings

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Train on this circuit within the budget; see `Planner.plan`."""
        here = FromHere(simulation)
        found = train_drills(lambda: here, [FromHere.NAME], budget, seed, self.settings)
        return found.training.best[FromHere.NAME]
