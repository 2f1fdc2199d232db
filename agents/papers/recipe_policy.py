"""Trained recipe agents as policies on problem views, saved as arrays and JSON."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.archive import hash_named_arrays
from chipgym.agents.core.arrays_file import Arrays, read_arrays, write_arrays
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.simulation import RecipeProblem
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

__all__ = ["RecipeAgent", "RecipePolicy", "read_recipe_agent", "write_recipe_agent"]


class RecipeAgent(Protocol):
    """An agent that sees a problem view and gives probabilities."""

    name: str
    num_actions: int

    def begin(self, problem: RecipeProblem) -> None:
        """Forget the last episode; the next one begins here."""
        ...

    def observe(self, problem: RecipeProblem) -> Any:
        """Return what the agent needs to know of a state; once a state, in their order."""
        ...

    def probabilities(self, state: Any) -> npt.NDArray[np.float64]:
        """Return the policy in a state, shape (A,)."""
        ...


class RecipePolicy:
    """Acts with an agent in any number of environments.

    Parameters
    ----------
    agent : RecipeAgent
        It is copied for each environment, for it may remember the episode.
    deterministic : bool
        Take the likeliest action (the first of equals); otherwise draw with generators seeded by
        `reset`.
    """

    def __init__(self, agent: RecipeAgent, *, deterministic: bool = True) -> None:
        self.agent, self.deterministic, self.name = agent, deterministic, agent.name
        self.reset(1, 0)

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed one generator an environment, and forget the episodes."""
        self._generators = [np.random.default_rng([seed, i]) for i in range(num_envs)]
        self._agents = [copy.deepcopy(self.agent) for _ in range(num_envs)]

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose an action for each environment from its problem view."""
        if problems is None:
            raise InvalidValueError("problems", None, f"the problem views, which {self.name} reads")
        views = cast(Sequence[RecipeProblem], problems)
        if len(views) != len(self._agents):
            raise InvalidValueError(
                "problems", len(views), f"{len(self._agents)} views, as told to reset"
            )
        return np.array([self._choose(i, view) for i, view in enumerate(views)], dtype=np.int64)

    def _choose(self, index: int, view: RecipeProblem) -> int:
        agent = self._agents[index]
        if view.num_actions != agent.num_actions:
            raise InvalidValueError(
                "commands", tuple(view.commands), f"{agent.num_actions} commands, as in training"
            )
        if not len(view.recipe):
            agent.begin(view)
        chances = agent.probabilities(agent.observe(view))
        if self.deterministic:
            return int(chances.argmax())
        return int(self._generators[index].choice(len(chances), p=chances / chances.sum()))


def write_recipe_agent(
    path: str | os.PathLike[str], kind: str, document: Mapping[str, Any], arrays: Arrays
) -> None:
    """Write an agent of some kind to one safetensors file, with a hash of its weights."""
    write_arrays(path, {"format": kind, "weights": hash_named_arrays(arrays), **document}, arrays)


def read_recipe_agent(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], Arrays]:
    """Read what `write_recipe_agent` wrote.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or of another kind.
    """
    document, arrays = read_arrays(path)
    if not isinstance(document, dict) or document.get("format") != kind:
        raise FileFormatError(path, f"is not an agent of format {kind}")
    if document.get("weights") != hash_named_arrays(arrays):
        raise FileFormatError(path, "has weights that are not those it names")
    return document, arrays
