"""Recipes: published action sets, named scripts, and what a command may say."""

import pytest

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.logic.recipes import (
    ACTION_SETS,
    ALLOWED,
    RECIPES,
    check_command,
    recipe,
    recipe_from_digits,
)


def test_published_sets_have_their_sizes_and_order():
    assert [len(ACTION_SETS[name]) for name in ("abc-rl", "abcrl", "boils")] == [7, 5, 11]
    assert ACTION_SETS["abc-rl"][6] == "balance"
    assert ACTION_SETS["boils"][:7] == ACTION_SETS["abc-rl"]


def test_resyn2_is_the_published_digit_string():
    assert recipe_from_digits("6206236136") == recipe("resyn2")


def test_every_command_that_ships_is_allowed_and_in_its_plain_form():
    commands = [c for group in (*ACTION_SETS.values(), *RECIPES.values()) for c in group]
    assert [check_command(command) for command in commands] == commands


@pytest.mark.parametrize(
    "command",
    ["", ";", "balance;", "quit", "source x", "!ls", "write_aiger /tmp/x", "map", "&get -n",
     "&sopb", "&put", "balance; &put", "&get -n; balance; &put", "&get -n; &get -n; &put",
     "&get -n; &put; &put", "resub -K", "resub -K x", "resub -Q 3", "rewrite -q", "rewrite >f",
     "balance\nquit", "balance -", "resub -K -N 2", "réwrite", "read x.aig"],
)  # fmt: skip
def test_other_commands_are_refused(command):
    with pytest.raises(InvalidValueError):
        check_command(command)


def test_spaces_are_normalised():
    assert check_command("  resub   -K 6 -z ") == "resub -K 6 -z"
    assert check_command("&get -n;&dsdb;&put") == "&get -n; &dsdb; &put"


def test_unknown_names_are_told():
    with pytest.raises(UnknownNameError, match="did you mean 'resyn2'"):
        recipe("resyn2x")
    with pytest.raises(InvalidValueError, match="digits"):
        recipe_from_digits("67")
    with pytest.raises(UnknownNameError):
        recipe_from_digits("1", "none")


def test_every_allowed_command_runs_and_keeps_the_function(session, divider):
    from chipgym.simulators.logic.equivalence import check_equivalence

    start = session.load(divider)
    for name in ALLOWED:
        if name in ("&get", "&put"):
            continue
        command = f"&get -n; {name}; &put" if name.startswith("&") else name
        state = session.step(start, command)
        verdict = check_equivalence(divider, state.body, session)
        assert verdict.verdict == "equivalent", command
