"""The simulator as a function: what a recipe makes of a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipgym.simulators.logic.recipes import recipe
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.state import LogicState

__all__ = ["SIMULATOR_VERSION", "RecipeRun", "run_recipe"]

SIMULATOR_VERSION = "1.0.0"


@dataclass(frozen=True)
class RecipeRun:
    """States of a circuit under a recipe.

    Attributes
    ----------
    commands : tuple of str
    states : tuple of LogicState
        One more than commands: the first is the initial state.
    identity : str
        ABC's build.
    """

    commands: tuple[str, ...]
    states: tuple[LogicState, ...]
    identity: str

    @property
    def final(self) -> LogicState:
        """State at the end."""
        return self.states[-1]

    @property
    def nodes(self) -> tuple[int, ...]:
        """AND nodes of every state."""
        return tuple(state.nodes for state in self.states)

    @property
    def levels(self) -> tuple[int, ...]:
        """Logic levels of every state."""
        return tuple(state.levels for state in self.states)


def run_recipe(data: bytes, commands: str | Sequence[str], session: AbcSession) -> RecipeRun:
    """Run a recipe on a circuit.

    Parameters
    ----------
    data : bytes
        Binary AIGER.
    commands : str or sequence of str
        Name of a recipe, or commands.
    session : AbcSession
        Where it runs; the result does not depend on what the session did before.
    """
    checked = recipe(commands)
    states = [session.load(data)]
    for command in checked:
        states.append(session.step(states[-1], command))
    return RecipeRun(checked, tuple(states), session.identity)
