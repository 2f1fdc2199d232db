"""Trains abcRL, on one circuit as in the paper or on several in turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.settings import default_settings
from chipgym.agents.core.simulation import Simulation, SimulationFactory
from chipgym.agents.papers.abcrl_graph.agent import AbcrlGraphAgent, AbcrlGraphSettings
from chipgym.agents.papers.episodes import EpisodeTraining, Record, train_by_episodes
from chipgym.agents.papers.single_circuit import FromHere

__all__ = ["AbcrlGraphPlanner", "AbcrlGraphTraining", "train_abcrl_graph"]


@dataclass(frozen=True)
class AbcrlGraphTraining:
    """The trained agent, and what the training saw."""

    agent: AbcrlGraphAgent
    training: EpisodeTraining


def train_abcrl_graph(
    simulation_factory: SimulationFactory,
    instances: Sequence[str],
    budget: int,
    seed: int,
    settings: AbcrlGraphSettings | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
) -> AbcrlGraphTraining:
    """Train by episodes; arguments as in `train_by_episodes`.

    Parameters
    ----------
    settings : AbcrlGraphSettings, optional
        By default the entry ``default`` of ``abcrl_graph.yaml``.
    """
    simulation = simulation_factory()
    settings = settings or default_settings(AbcrlGraphSettings, "abcrl_graph")
    agent = AbcrlGraphAgent(simulation.num_actions, settings, seed)
    training = train_by_episodes(
        simulation, instances, budget, seed, agent, callback, checkpoint=checkpoint
    )
    return AbcrlGraphTraining(agent, training)


class AbcrlGraphPlanner:
    """abcRL as the paper uses it: trained anew on the circuit, the best episode counts."""

    name = "abcrl-graph"

    def __init__(self, settings: AbcrlGraphSettings | None = None) -> None:
        self.settings = settings

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Train on this circuit within the budget; see `Planner.plan`."""
        here = FromHere(simulation)
        found = train_abcrl_graph(lambda: here, [FromHere.NAME], budget, seed, self.settings)
        return found.training.best[FromHere.NAME]
