"""Scripts, random recipes and greedy look-ahead; the best fixed recipe of a training set."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recipe_toy import ACTIONS, HORIZON, ToySimulation

from chipgym.agents.core.planner import Planner
from chipgym.agents.core.policy import Policy
from chipgym.agents.core.registry import make_policy
from chipgym.agents.heuristics.recipes import (
    SCRIPTS,
    FixedRecipe,
    FixedRecipePlanner,
    GreedyPlanner,
    RandomRecipes,
    recipe_actions,
)
from chipgym.agents.search.fixed_recipe import load_recipe, train_fixed_recipe
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

ABC_RL = (
    "refactor",
    "refactor -z",
    "rewrite",
    "rewrite -z",
    "resub",
    "resub -z",
    "balance",
)


def start(instance: str = "c") -> ToySimulation:
    simulation = ToySimulation()
    simulation.reset(instance)
    return simulation


def test_the_scripts_are_those_of_the_simulator() -> None:
    # Agents may not import simulators, so the table stands twice; it must not drift apart.
    from chipgym.simulators.logic.recipes import RECIPES

    assert {name: RECIPES[name] for name in SCRIPTS} == SCRIPTS


def test_resyn2_has_the_digits_of_the_paper() -> None:
    actions = recipe_actions("resyn2", ABC_RL, 10)
    assert "".join(str(action) for action in actions) == "6206236136"


def test_short_recipes_stop_or_begin_anew() -> None:
    resyn = recipe_actions("resyn", ABC_RL, 10)
    assert resyn[:6] == (6, 2, 3, 6, 3, 6)
    assert resyn[6:] == resyn[:4]
    assert recipe_actions("resyn", ABC_RL, 10, 7) == (*resyn[:6], 7)
    assert recipe_actions(["balance", "resub -z"], ABC_RL, 3) == (6, 5, 6)
    assert recipe_actions([1, 2], ABC_RL, 2) == (1, 2)


@pytest.mark.parametrize("name", ["compress2", "compress2rs", "resyn2rs", "resyn3"])
def test_commands_that_are_no_actions_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="action set"):
        recipe_actions(name, ABC_RL, 20)
    commands = tuple(dict.fromkeys(SCRIPTS[name]))
    assert [commands[a] for a in recipe_actions(name, commands, 18)][: len(SCRIPTS[name])] == list(
        SCRIPTS[name]
    )


def test_bad_recipes_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="resyn2"):
        recipe_actions("resyn22", ABC_RL, 10)
    with pytest.raises(UnknownNameError):
        FixedRecipe("resyn22")
    with pytest.raises(InvalidValueError, match="commands"):
        recipe_actions("resyn2", ABC_RL, 9)
    with pytest.raises(InvalidValueError, match="commands"):
        recipe_actions([], ABC_RL, 9)
    with pytest.raises(InvalidValueError, match="actions 0 to 6"):
        recipe_actions([7], ABC_RL, 9)
    with pytest.raises(InvalidValueError, match="problems"):
        make_policy("resyn2").act(np.zeros((1, 1)), None, None)


def test_the_policy_follows_the_recipe_in_each_environment() -> None:
    policy = make_policy("resyn2")
    assert isinstance(policy, Policy)
    assert policy.name == "resyn2"
    views: list[Any] = [
        dataclasses.replace(start().problem, commands=ABC_RL, num_steps=10, recipe=(0,) * length)
        for length in range(10)
    ]
    actions = policy.act(np.zeros((10, 1)), None, views)
    assert tuple(actions.tolist()) == recipe_actions("resyn2", ABC_RL, 10)


def test_planners_evaluate_what_they_say() -> None:
    for planner, count in (
        (FixedRecipePlanner([0, 1, 2, 2]), 1),
        (RandomRecipes(), 9),
    ):
        assert isinstance(planner, Planner)
        simulation = start()
        result = planner.plan(simulation, 9, 0)
        assert result.evaluations == simulation.evaluations == count
        assert result == planner.plan(start(), 9, 0)
    assert FixedRecipePlanner([0, 1, 2, 2]).plan(start(), 1, 0).score == 0.0


def test_random_recipes_differ_by_seed() -> None:
    recipes = {RandomRecipes().plan(start(), 1, seed).actions for seed in range(10)}
    assert len(recipes) > 3


def test_greedy_takes_the_best_next_command() -> None:
    simulation = start("b")
    result = GreedyPlanner().plan(simulation, 100, 0)
    # On this simulation each step towards the target is an improvement, so greedy is optimal.
    assert result.score == 0.0
    assert result.actions == (1,) * HORIZON
    assert simulation.evaluations <= 100


def test_greedy_stops_in_the_middle_of_a_look() -> None:
    simulation = start("b")
    result = GreedyPlanner().plan(simulation, 5, 0)
    assert result.evaluations == simulation.evaluations == 5
    assert len(result.actions) <= 2
    whole = GreedyPlanner().plan(start("b"), ACTIONS * HORIZON, 0)
    assert whole.evaluations == ACTIONS * HORIZON
    assert whole.score > result.score


def test_the_best_fixed_recipe_serves_all_circuits(tmp_path: Path) -> None:
    # Of the targets (4, 0, 0) and (1, 1, 2), every recipe with 1 to 4 balances and rest in the
    # second's has the same mean; more training circuits of one kind pull the recipe there.
    trained = train_fixed_recipe(ToySimulation, ["a", "large-a", "c"], 600, 0)
    assert trained.commands == ("balance",) * HORIZON
    assert trained.score == pytest.approx(-0.75 / 3)
    assert trained.evaluations <= 600
    assert [record["score"] for record in trained.records] == sorted(
        record["score"] for record in trained.records
    )
    again = train_fixed_recipe(ToySimulation, ["a", "large-a", "c"], 600, 0)
    assert again == trained
    trained.save(tmp_path / "recipe.json")
    assert load_recipe(tmp_path / "recipe.json") == trained
    result = FixedRecipePlanner(trained.commands).plan(start("a"), 1, 0)
    assert result.score == 0.0


def test_bad_searches_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="instances"):
        train_fixed_recipe(ToySimulation, [], 10, 0)
    with pytest.raises(InvalidValueError, match="budget"):
        train_fixed_recipe(ToySimulation, ["a", "b"], 1, 0)
    path = tmp_path / "recipe.json"
    path.write_text('{"format": "chipgym-recipe-1", "commands": ["balance"]}')
    with pytest.raises(FileFormatError, match="describe"):
        load_recipe(path)
    path.write_text("[]")
    with pytest.raises(FileFormatError, match="format"):
        load_recipe(path)
