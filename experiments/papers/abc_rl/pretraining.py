"""What is trained on the training circuits: ABC-RL with and without sight, and a fixed recipe.

Trained agents travel as text, so that a part of the study stays a pure function of plain values.
"""

from __future__ import annotations

import base64
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chipgym.experiments.papers.abc_rl.simulation import LogicSimulation
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["TrainedFile", "as_text", "stored", "train"]


class TrainedFile:
    """A trained agent's file, made from its text for as long as the context lasts."""

    def __init__(self, text: str) -> None:
        self._content = base64.b64decode(text)

    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="chipgym-")
        path = Path(self._folder.name) / "agent"
        path.write_bytes(self._content)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def as_text(path: Path) -> str:
    """Return a file as text."""
    return base64.b64encode(path.read_bytes()).decode()


def stored(text: str) -> bytes:
    """Return the bytes of a text, to be written to a file."""
    return base64.b64decode(text)


def train(
    what: str, scenario: str, circuits: Sequence[str], budget: int, seed: int, version: str
) -> dict[str, Any]:
    """Train one of `TRAINED`; return its text, its evaluations and its learning curve.

    `version` is that of the simulator: results of another one are not used again.
    """
    with tempfile.TemporaryDirectory(prefix="chipgym-") as folder:
        path = Path(folder) / "agent"
        simulation = LogicSimulation(scenario)
        try:
            facts = _train(what, simulation, circuits, budget, seed, path)
        finally:
            simulation.close()
        return {"agent": as_text(path), "commands": simulation.commands, **facts}


def _train(
    what: str,
    simulation: LogicSimulation,
    circuits: Sequence[str],
    budget: int,
    seed: int,
    path: Path,
) -> dict[str, Any]:
    if what == "best-fixed-recipe":
        from chipgym.agents.search.fixed_recipe import train_fixed_recipe

        recipe = train_fixed_recipe(lambda: simulation, circuits, budget, seed)
        recipe.save(path)
        return {"evaluations": recipe.evaluations, "records": recipe.records}
    from chipgym.agents.core.settings import default_settings
    from chipgym.agents.papers.abc_rl.settings import AbcRlSettings
    from chipgym.agents.papers.abc_rl.training import train_abc_rl

    settings = default_settings(AbcRlSettings, "abc_rl")
    if what == "abc-rl-blind":
        network = dataclasses.replace(settings.network, sees_circuit=False)
        settings = dataclasses.replace(settings, network=network)
    elif what != "abc-rl":
        raise UnknownNameError("agent", what, ("abc-rl", "abc-rl-blind", "best-fixed-recipe"))
    facts = {"scenario": scenario_of(simulation), "circuits": list(circuits), "seed": seed}
    trained = train_abc_rl(lambda: simulation, circuits, budget, seed, settings, description=facts)
    trained.agent.save(path)
    return {"evaluations": trained.evaluations, "records": trained.records}


def scenario_of(simulation: LogicSimulation) -> str:
    """Name of a simulation's scenario."""
    return simulation.env.scenario.name
