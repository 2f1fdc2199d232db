"""What is asked: commands, horizon, objective, mapper and library, resolved and checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chipgym.envs.logic_synthesis.presets import ACTION_SETS, SCENARIOS, Scenario
from chipgym.envs.logic_synthesis.reward import OBJECTIVES, Objective
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range
from chipgym.simulators.core.hashing import content_hash
from chipgym.simulators.logic.library import Library
from chipgym.simulators.logic.mapping import MAPPERS
from chipgym.simulators.logic.recipes import check_command
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION

__all__ = ["Task", "build_task", "find_scenario"]

BUNDLED_LIBRARY = "logical-effort"
MAX_STEPS = 1000
MAX_COMMANDS = 100
WHERE = "chipgym/LogicSynthesis-v0"


@dataclass(frozen=True)
class Task:
    """What every episode of an environment has in common.

    Attributes
    ----------
    objective : str
        A key of `reward.OBJECTIVES`.
    commands : tuple of str
        ABC commands by action.
    stop : bool
        Whether one more action ends the recipe.
    steps : int
        Commands of a recipe, at most.
    mapper : str
        ``"nf"`` or ``"map"``.
    library : Library
    buffered : bool
        Buffer and size the gates after mapping.
    clock_ps : float or None
        Delay constraint of the objective ``drills``; None: the delay of resyn2.
    """

    objective: str
    commands: tuple[str, ...]
    stop: bool
    steps: int
    mapper: str
    library: Library
    buffered: bool
    clock_ps: float | None

    @property
    def goal(self) -> Objective:
        """The objective, described."""
        return OBJECTIVES[self.objective]

    @property
    def num_actions(self) -> int:
        """Actions of a step."""
        return len(self.commands) + self.stop

    @property
    def stop_action(self) -> int:
        """Action that ends the recipe; -1 where there is none."""
        return len(self.commands) if self.stop else -1

    def identity(self) -> dict[str, Any]:
        """Everything that the results depend on beside circuit and ABC, as JSON."""
        return {
            "objective": self.objective,
            "commands": list(self.commands),
            "stop": self.stop,
            "steps": self.steps,
            "mapper": self.mapper,
            "library": self.library.digest,
            "buffered": self.buffered,
            "clock_ps": self.clock_ps,
            "simulator": SIMULATOR_VERSION,
        }

    @property
    def content_hash(self) -> str:
        """Hash of the identity."""
        return content_hash(self.identity())


def find_scenario(scenario: str | Scenario) -> Scenario:
    """Return a scenario by name, or the scenario itself.

    Raises
    ------
    UnknownNameError
        No such scenario; the nearest name is suggested.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, WHERE)
    return SCENARIOS[scenario]


def _commands(action_set: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(action_set, str):
        if action_set not in ACTION_SETS:
            raise UnknownNameError("action set", action_set, ACTION_SETS, WHERE)
        return ACTION_SETS[action_set]
    commands = tuple(check_command(command) for command in action_set)
    if not 1 <= len(commands) <= MAX_COMMANDS or len(set(commands)) < len(commands):
        raise InvalidValueError("action_set", commands, f"1 to {MAX_COMMANDS} different commands")
    return commands


@lru_cache(maxsize=8)
def _bundled() -> Library:
    return Library.default()


def _library(library: str | os.PathLike[str] | Library | None) -> Library:
    if isinstance(library, Library):
        return library
    if library is None or library == BUNDLED_LIBRARY:
        return _bundled()
    return Library.load(library)


def build_task(
    scenario: Scenario,
    objective: str | None = None,
    action_set: str | Sequence[str] | None = None,
    steps: int | None = None,
    stop_action: bool = False,
    mapper: str | None = None,
    library: str | os.PathLike[str] | Library | None = None,
    buffered: bool = False,
    clock_ps: float | None = None,
) -> Task:
    """Return the task of a scenario with the arguments in place of its own settings.

    Raises
    ------
    UnknownNameError, InvalidValueError
        A name is unknown, a command not allowed, or a number out of range.
    FileFormatError
        The library cannot be read.
    """
    objective = scenario.objective if objective is None else objective
    if objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES, WHERE)
    mapper = scenario.mapper if mapper is None else mapper
    if mapper not in MAPPERS:
        raise UnknownNameError("mapper", mapper, MAPPERS, WHERE)
    steps = scenario.steps if steps is None else steps
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer):
        raise InvalidValueError("steps", steps, f"an integer, 1 to {MAX_STEPS}")
    check_range("steps", int(steps), 1, MAX_STEPS)
    if clock_ps is not None:
        check_range("clock_ps", clock_ps, 0.0, low_open=True)
        if objective != "drills":
            raise InvalidValueError("clock_ps", clock_ps, "None, unless objective='drills'")
    return Task(
        objective,
        _commands(scenario.action_set if action_set is None else action_set),
        bool(stop_action),
        int(steps),
        mapper,
        _library(library),
        bool(buffered),
        clock_ps,
    )
