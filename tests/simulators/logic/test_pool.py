"""Several sessions give what one gives."""

import random

import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.errors import AbcCommandError
from chipgym.simulators.logic.pool import SessionPool
from chipgym.simulators.logic.recipes import ACTION_SETS
from chipgym.simulators.logic.simulate import run_recipe


def test_a_pool_gives_the_results_of_one_session_in_order(session, divider):
    generator = random.Random(0)
    recipes = [[generator.choice(ACTION_SETS["abc-rl"]) for _ in range(4)] for _ in range(12)]
    with SessionPool(3, abc=session.executable.path) as pool:
        found = pool.map(lambda one, commands: run_recipe(divider, commands, one).final, recipes)
    assert found == [run_recipe(divider, commands, session).final for commands in recipes]


def test_errors_come_through_and_the_pool_lives_on(session, divider):
    with SessionPool(2, abc=session.executable.path) as pool:
        with pytest.raises(AbcCommandError):
            pool.map(
                lambda one, commands: run_recipe(divider, commands, one), [["resub -K 99"]] * 3
            )
        assert pool.map(lambda one, _: one.load(divider).nodes, [0] * 4) == [707] * 4
    with pytest.raises(InvalidValueError, match="workers"):
        SessionPool(-1)
