"""Recipes: sequences of ABC commands, by the numbers that agents use and by name.

Sources: ABC-RL (arXiv 2401.12205), abcRL (Zhu et al., MLCAD 2020), BOiLS (DATE 2022); the named
scripts are ABC's own aliases of those names, spelled out (ABC runs without its start-up file).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["ACTION_SETS", "ALLOWED", "RECIPES", "check_command", "recipe", "recipe_from_digits"]

_ABC_RL = (
    "refactor",
    "refactor -z",
    "rewrite",
    "rewrite -z",
    "resub",
    "resub -z",
    "balance",
)

ACTION_SETS: dict[str, tuple[str, ...]] = {
    "abc-rl": _ABC_RL,
    "abcrl": ("balance", "rewrite", "refactor", "rewrite -z", "refactor -z"),
    "boils": (
        *_ABC_RL,
        "fraig",
        "&get -n; &sopb; &put",
        "&get -n; &blut; &put",
        "&get -n; &dsdb; &put",
    ),
}
"""Commands by action, for each published formulation."""


def _script(text: str) -> tuple[str, ...]:
    """Spell out a script in ABC's usual abbreviations."""
    short = {"b": "balance", "rw": "rewrite", "rf": "refactor", "rs": "resub", "st": "strash"}
    short |= {"rwz": "rewrite -z", "rfz": "refactor -z", "rsz": "resub -z"}
    commands = []
    for part in text.split(";"):
        name, _, switches = part.strip().partition(" ")
        commands.append(f"{short[name]} {switches}".strip())
    return tuple(commands)


RECIPES: dict[str, tuple[str, ...]] = {
    "resyn": _script("b; rw; rwz; b; rwz; b"),
    "resyn2": _script("b; rw; rf; b; rw; rwz; b; rfz; rwz; b"),
    "resyn2a": _script("b; rw; b; rw; rwz; b; rwz; b"),
    "resyn3": _script("b; rs; rs -K 6; b; rsz; rsz -K 6; b; rsz -K 5; b"),
    "compress": _script("b -l; rw -l; rwz -l; b -l; rwz -l; b -l"),
    "compress2": _script("b -l; rw -l; rf -l; b -l; rw -l; rwz -l; b -l; rfz -l; rwz -l; b -l"),
    "rwsat": _script("st; rw -l; b -l; rw -l; rf -l"),
    "resyn2rs": _script(
        "b; rs -K 6; rw; rs -K 6 -N 2; rf; rs -K 8; b; rs -K 8 -N 2; rw; rs -K 10; rwz; "
        "rs -K 10 -N 2; b; rs -K 12; rfz; rs -K 12 -N 2; rwz; b"
    ),
    "compress2rs": _script(
        "b -l; rs -K 6 -l; rw -l; rs -K 6 -N 2 -l; rf -l; rs -K 8 -l; b -l; rs -K 8 -N 2 -l; "
        "rw -l; rs -K 10 -l; rwz -l; rs -K 10 -N 2 -l; b -l; rs -K 12 -l; rfz -l; "
        "rs -K 12 -N 2 -l; rwz -l; b -l"
    ),
}
"""Well-known recipes. `resyn2` is the baseline of the literature."""

# Command to its flags: those with a whole number behind them, and those without.
_SWITCHES: dict[str, tuple[str, str]] = {
    "balance": ("", "lds"),
    "rewrite": ("", "lz"),
    "refactor": ("NM", "lz"),
    "resub": ("KNMF", "lz"),
    "strash": ("", ""),
    "fraig": ("RDC", ""),
    "dc2": ("", "bl"),
    "drw": ("CN", "lz"),
    "drf": ("KC", "lz"),
    "dch": ("CS", ""),
    "ifraig": ("C", ""),
    "irw": ("", "lz"),
    "irws": ("", "lz"),
    "iresyn": ("", "l"),
    "&get": ("", "n"),
    "&put": ("", ""),
    "&sopb": ("C", ""),
    "&blut": ("K", "a"),
    "&dsdb": ("", ""),
    "&syn2": ("", ""),
    "&syn3": ("", ""),
    "&syn4": ("", ""),
    "&dc2": ("", ""),
    "&st": ("", ""),
    "&b": ("", "as"),
    "&dch": ("", ""),
    "&fraig": ("", "xy"),
}

ALLOWED = tuple(sorted(_SWITCHES))
"""Commands that a recipe may use: they turn an AIG into an equivalent AIG and touch no files."""

_NUMBER = re.compile(r"\d{1,6}")


def _check_part(part: str, command: str) -> str:
    words = part.split()
    if not words:
        raise InvalidValueError("command", command, "commands separated by ';', none of them empty")
    name, rest = words[0], words[1:]
    if name not in _SWITCHES:
        raise UnknownNameError("command", name, ALLOWED, "recipes")
    valued, plain = _SWITCHES[name]
    while rest:
        word = rest.pop(0)
        if re.fullmatch(r"-[A-Z]", word) and word[1] in valued:
            if not rest or not _NUMBER.fullmatch(rest.pop(0)):
                raise InvalidValueError("command", command, f"a whole number after {word}")
        elif not re.fullmatch(r"-[a-z]+", word) or set(word[1:]) - set(plain):
            known = [f"-{flag}" for flag in plain] + [f"-{flag} number" for flag in valued]
            raise InvalidValueError(
                "command", command, f"{name} takes {', '.join(known) or 'none'}"
            )
    return " ".join(words)


def check_command(command: str) -> str:
    """Check a command of a recipe, and return it with single spaces.

    Parameters
    ----------
    command : str
        One of `ALLOWED` with its switches, or several separated by semicolons where the ``&``
        commands take the circuit over and hand it back (``"&get -n; &sopb; &put"``).

    Raises
    ------
    UnknownNameError, InvalidValueError
        The command, a switch or the order of `&get` and `&put` is not allowed.
    """
    if not isinstance(command, str) or not command.isascii() or len(command) > 200:
        raise InvalidValueError("command", command, "ASCII text of at most 200 characters")
    parts = [_check_part(part, command) for part in command.split(";")]
    inside = False
    for part in parts:
        name = part.split()[0]
        if inside != (name.startswith("&") and name != "&get"):
            raise InvalidValueError(
                "command", command, "'&' commands between '&get -n' and '&put', others outside"
            )
        inside = name.startswith("&") and name != "&put"
    if inside:
        raise InvalidValueError("command", command, "'&put' at the end of '&' commands")
    return "; ".join(parts)


def recipe(name_or_commands: str | Sequence[str]) -> tuple[str, ...]:
    """Return a recipe by name, or the given commands checked."""
    if isinstance(name_or_commands, str):
        if name_or_commands not in RECIPES:
            raise UnknownNameError("recipe", name_or_commands, RECIPES)
        return RECIPES[name_or_commands]
    return tuple(check_command(command) for command in name_or_commands)


def recipe_from_digits(digits: str, actions: str = "abc-rl") -> tuple[str, ...]:
    """Return the commands of a string of action digits, such as resyn2's ``"6206236136"``."""
    if actions not in ACTION_SETS:
        raise UnknownNameError("action set", actions, ACTION_SETS)
    commands = ACTION_SETS[actions]
    allowed = "".join(str(index) for index in range(min(10, len(commands))))
    if set(digits) - set(allowed):
        raise InvalidValueError("digits", digits, f"digits of {allowed}")
    return tuple(commands[int(digit)] for digit in digits)
