"""Recipes without learning: published scripts, random ones, greedy look-ahead, state-blind search.

The scripts are ABC's own aliases of those names, spelled out as single commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.core.simulation import RecipeLog, RecipeProblem, Simulation
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = [
    "SCRIPTS",
    "FixedRecipe",
    "FixedRecipePlanner",
    "GreedyPlanner",
    "RandomRecipes",
    "recipe_actions",
]


def _spelled(text: str, *, levels: bool = False) -> tuple[str, ...]:
    """Spell out a script; `levels`: every command must keep the levels (``-l``)."""
    short = {"b": "balance", "rw": "rewrite", "rf": "refactor", "rs": "resub", "st": "strash"}
    commands = []
    for part in text.split(";"):
        name, *switches = part.split()
        zero = name.endswith("z")
        words = [short[name.removesuffix("z")], *(["-z"] if zero else []), *switches]
        commands.append(" ".join([*words, "-l"] if levels else words))
    return tuple(commands)


_RESYN = "b; rw; rwz; b; rwz; b"
_RESYN2 = "b; rw; rf; b; rw; rwz; b; rfz; rwz; b"
_RESYN2RS = (
    "b; rs -K 6; rw; rs -K 6 -N 2; rf; rs -K 8; b; rs -K 8 -N 2; rw; rs -K 10; rwz; "
    "rs -K 10 -N 2; b; rs -K 12; rfz; rs -K 12 -N 2; rwz; b"
)

SCRIPTS: dict[str, tuple[str, ...]] = {
    "resyn": _spelled(_RESYN),
    "resyn2": _spelled(_RESYN2),
    "resyn2a": _spelled("b; rw; b; rw; rwz; b; rwz; b"),
    "resyn3": _spelled("b; rs; rs -K 6; b; rsz; rsz -K 6; b; rsz -K 5; b"),
    "compress": _spelled(_RESYN, levels=True),
    "compress2": _spelled(_RESYN2, levels=True),
    "resyn2rs": _spelled(_RESYN2RS),
    "compress2rs": _spelled(_RESYN2RS, levels=True),
}
"""Published recipes, as commands."""


def recipe_actions(
    recipe: str | Sequence[str] | Sequence[int],
    commands: Sequence[str],
    num_steps: int,
    stop_action: int = -1,
) -> tuple[int, ...]:
    """Return a recipe as the actions of an environment.

    A recipe shorter than the episode ends with the stop action where there is one, and begins anew
    where there is none: ``resyn`` in ten steps is resyn and its first four commands.

    Parameters
    ----------
    recipe : str or sequence
        A name of `SCRIPTS`, commands, or actions.
    commands : sequence of str
        The command of each action.
    num_steps : int
        Most commands of a recipe.
    stop_action : int
        Action that ends a recipe, -1 for none.

    Raises
    ------
    UnknownNameError
        No such script, or a command that is not in the action set.
    InvalidValueError
        The recipe is empty or longer than the episode, or an action is out of range.
    """
    if isinstance(recipe, str):
        if recipe not in SCRIPTS:
            raise UnknownNameError("recipe", recipe, SCRIPTS)
        recipe = SCRIPTS[recipe]
    actions = [_action(step, commands) for step in recipe]
    if not 0 < len(actions) <= num_steps:
        raise InvalidValueError("recipe", tuple(recipe), f"1 to {num_steps} commands")
    if len(actions) == num_steps:
        return tuple(actions)
    if stop_action >= 0:
        return (*actions, stop_action)
    return tuple(actions[step % len(actions)] for step in range(num_steps))


def _actions_in(
    recipe: str | Sequence[str] | Sequence[int], problem: RecipeProblem
) -> tuple[int, ...]:
    return recipe_actions(recipe, problem.commands, problem.num_steps, problem.stop_action)


def _action(step: str | int, commands: Sequence[str]) -> int:
    if isinstance(step, str):
        if step not in commands:
            raise UnknownNameError("command", step, commands, "the action set")
        return list(commands).index(step)
    if not 0 <= int(step) < len(commands):
        raise InvalidValueError("recipe", int(step), f"actions 0 to {len(commands) - 1}")
    return int(step)


class FixedRecipe:
    """A policy that applies one recipe to every circuit.

    Parameters
    ----------
    recipe : str or sequence
        As in `recipe_actions`.
    """

    def __init__(self, recipe: str | Sequence[str] | Sequence[int] = "resyn2") -> None:
        if isinstance(recipe, str) and recipe not in SCRIPTS:
            raise UnknownNameError("recipe", recipe, SCRIPTS)
        self.recipe = recipe
        self.name = recipe if isinstance(recipe, str) else "fixed-recipe"

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing to forget: the view says how far the recipe has come."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Give the next command of the recipe for each environment."""
        if problems is None:
            raise InvalidValueError("problems", None, f"the problem views, which {self.name} reads")
        views = cast(Sequence[RecipeProblem], problems)
        actions = [_actions_in(self.recipe, view)[len(view.recipe)] for view in views]
        return np.array(actions, dtype=np.int64)


class FixedRecipePlanner:
    """A planner that evaluates one recipe.

    Parameters
    ----------
    recipe : str or sequence
        As in `recipe_actions`.
    """

    def __init__(self, recipe: str | Sequence[str] | Sequence[int] = "resyn2") -> None:
        self.recipe = recipe
        self.name = recipe if isinstance(recipe, str) else "fixed-recipe"

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Apply the recipe; see `Planner.plan`."""
        check_range("budget", budget, 1)
        log, problem = RecipeLog(simulation), simulation.problem
        for action in _actions_in(self.recipe, problem):
            if simulation.step(action).done:
                break
        log.measure()
        return PlanResult.of(log)


class RandomRecipes:
    """A planner that evaluates uniformly random recipes, the baseline of every comparison."""

    name = "random"

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Draw as many recipes as the budget has; see `Planner.plan`."""
        check_range("budget", budget, 1)
        generator, log = np.random.default_rng(seed), RecipeLog(simulation)
        start = simulation.get_state()
        while log.evaluations < budget:
            simulation.set_state(start)
            done = False
            while not done:
                done = simulation.step(int(generator.integers(simulation.num_actions))).done
            log.measure()
        return PlanResult.of(log)


class GreedyPlanner:
    """Takes the command after which the circuit scores best, step by step.

    Every look costs an evaluation, so a recipe costs the number of actions times its length. Ties
    go to the lower action. Whatever was looked at counts as a recipe: the best of them may be a
    prefix of what is built. A budget that is left starts greedy anew behind a random first command,
    each command at most once.
    """

    name = "greedy"

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Look ahead by one command at a time; see `Planner.plan`."""
        check_range("budget", budget, 1)
        log, start = RecipeLog(simulation), simulation.get_state()
        self._build(simulation, log, budget)
        for action in np.random.default_rng(seed).permutation(simulation.num_actions).tolist():
            if log.evaluations >= budget:
                break
            simulation.set_state(start)
            if not simulation.step(action).done:
                self._build(simulation, log, budget)
        return PlanResult.of(log)

    def _build(self, simulation: Simulation, log: RecipeLog, budget: int) -> None:
        done = False
        while not done:
            state, best = simulation.get_state(), (-np.inf, 0)
            found: Any = None
            for action in range(simulation.num_actions):
                if log.evaluations >= budget:
                    return
                simulation.set_state(state)
                ended = simulation.step(action).done
                score = log.measure()
                if score > best[0]:
                    best, found = (score, action), (simulation.get_state(), ended)
            simulation.set_state(found[0])
            done = found[1]
