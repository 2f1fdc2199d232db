"""Tree search on a simulation whose best recipes are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from recipe_toy import ACTIONS, HORIZON, ToySimulation

from chipgym.agents.core.planner import Planner
from chipgym.agents.core.settings import default_settings, make_settings, plain_settings
from chipgym.agents.core.simulation import RecipeLog
from chipgym.agents.search.tree_search import Tree, TreeSearch, UniformGuide, play
from chipgym.agents.search.tree_settings import TreeSettings
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

SETTINGS = (
    TreeSettings(rollout="uniform"),
    TreeSettings(rule="uct", rollout="uniform"),
    TreeSettings(rollout="prior-first", normalise=False, virtual_visits=1, unvisited="zero"),
    TreeSettings(rollout="policy", shares=(4, 2, 1, 1), noise_share=0.3),
)


def start(instance: str = "c") -> ToySimulation:
    simulation = ToySimulation()
    simulation.reset(instance)
    return simulation


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("instance", ["a", "b", "c"])
def test_the_optimum_is_found_with_fewer_evaluations_than_there_are_recipes(
    settings: TreeSettings, instance: str
) -> None:
    planner = TreeSearch(settings)
    assert isinstance(planner, Planner)
    result = planner.plan(start(instance), 60, seed=3)
    assert result.evaluations <= 60 < ACTIONS**HORIZON
    assert result.score == 0.0
    assert len(result.actions) == HORIZON


def test_every_evaluation_is_counted_and_the_curve_rises() -> None:
    simulation = start()
    result = TreeSearch(TreeSettings()).plan(simulation, 20, seed=0)
    assert result.evaluations == simulation.evaluations == 20 or result.score == 0.0
    counts = [point.evaluations for point in result.curve]
    scores = [point.score for point in result.curve]
    assert counts == sorted(set(counts))
    assert scores == sorted(set(scores))
    assert scores[-1] == result.score


def test_recipes_that_reach_one_circuit_share_a_node() -> None:
    simulation = start()
    generator = np.random.default_rng(0)
    tree = Tree(simulation, UniformGuide(), TreeSettings(), generator, RecipeLog(simulation))
    while not tree.exhausted:
        tree.simulate()
    assert tree.exhausted
    # Permutations coincide: of the 81 recipes, 15 circuits are left at the end.
    multisets = math.comb(HORIZON + ACTIONS - 1, HORIZON)
    assert simulation.evaluations < ACTIONS**HORIZON
    ends = {key for key in tree._table if key[2]}
    assert len(ends) == multisets
    first = tree.root.children[0]
    second = tree.root.children[1]
    assert first is not None
    assert second is not None
    assert first.children[1] is second.children[0]


def test_the_search_ends_where_everything_has_been_evaluated() -> None:
    simulation = start()
    result = TreeSearch(TreeSettings(rollout="uniform")).plan(simulation, 10_000, seed=1)
    assert result.score == 0.0
    assert result.evaluations < ACTIONS**HORIZON


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_seed_gives_one_result(settings: TreeSettings) -> None:
    first, again, other = (TreeSearch(settings).plan(start("b"), 12, seed) for seed in (5, 5, 6))
    assert first == again
    assert isinstance(other.score, float)


def test_moves_follow_the_shares_of_the_budget() -> None:
    simulation = start()
    settings = TreeSettings(rollout="uniform", shares=(2, 1, 1, 0))
    log = RecipeLog(simulation)
    generator = np.random.default_rng(0)
    moves = play(simulation, UniformGuide(), settings, 24, generator, log).moves
    assert [len(move.prefix) for move in moves] == [0, 1, 2, 3]
    assert moves[0].visits.sum() == 12
    for move, after in itertools.pairwise(moves):
        assert after.prefix[:-1] == move.prefix
        assert move.visits[after.prefix[-1]] == move.visits.max()
    assert log.evaluations <= 24


class Sure:
    """Puts all weight on one action and values every state alike."""

    def __init__(self, action: int, value: float = 0.0) -> None:
        self.action, self.value = action, value

    def start(self, problem: object) -> None:
        pass

    def evaluate(self, problem: object) -> tuple[np.ndarray, float]:
        prior = np.full(ACTIONS, 1e-6)
        prior[self.action] = 1.0
        return prior, self.value


def test_the_prior_decides_what_is_tried_first() -> None:
    for action in range(ACTIONS):
        result = TreeSearch(TreeSettings(), Sure(action)).plan(start(), 1, seed=0)
        assert result.actions == (action,) * HORIZON


def test_the_value_replaces_the_rollout_as_far_as_it_has_weight() -> None:
    simulation = start()
    settings = TreeSettings(value_weight=1.0)
    generator = np.random.default_rng(0)
    tree = Tree(simulation, Sure(0, 0.25), settings, generator, RecipeLog(simulation))
    tree.simulate()
    assert tree.root.total == 0.25


def test_noise_changes_the_prior_of_the_root_only() -> None:
    simulation = start()
    settings = TreeSettings(noise_share=0.5)
    generator = np.random.default_rng(0)
    tree = Tree(simulation, UniformGuide(), settings, generator, RecipeLog(simulation))
    assert not np.allclose(tree.root.prior, 1 / ACTIONS)
    assert tree.root.prior.sum() == pytest.approx(1.0)
    tree.simulate()
    child = next(node for _, node in tree.root.known_children())
    np.testing.assert_allclose(child.prior, 1 / ACTIONS)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"rule": "puck"}, UnknownNameError),
        ({"rollout": "none"}, UnknownNameError),
        ({"unvisited": "one"}, UnknownNameError),
        ({"exploration": -1.0}, InvalidValueError),
        ({"value_weight": 1.5}, InvalidValueError),
        ({"shares": [0.0]}, InvalidValueError),
        ({"shares": [-1.0, 2.0]}, InvalidValueError),
        ({"depth": 3}, UnknownNameError),
    ],
)
def test_bad_settings_are_refused(values: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make_settings(TreeSettings, values)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="budget"):
        TreeSearch(TreeSettings()).plan(start(), 0, seed=0)
    simulation = start()
    for _ in range(HORIZON):
        simulation.step(0)
    with pytest.raises(InvalidValueError, match="decision"):
        TreeSearch(TreeSettings()).plan(simulation, 5, seed=0)


@pytest.mark.parametrize("entry", [None, "published"])
def test_the_stored_entries_are_settings(entry: str | None) -> None:
    settings = default_settings(TreeSettings, "tree_search", entry)
    assert make_settings(TreeSettings, plain_settings(settings)) == settings
    assert settings.exploration == {None: 2.0, "published": 1.38}[entry]
