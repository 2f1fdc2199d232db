"""The scenarios, one table to be read like a menu.

A scenario has a list of training circuits, of which each episode draws one, and a list of test
circuits; the two share none. Circuits that hardly respond to recipes (`RIGID`) are in neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.logic.recipes import ACTION_SETS as RECIPE_ACTIONS

__all__ = ["ACTION_SETS", "DEFAULT_SCENARIO", "RIGID", "SCENARIOS", "Scenario"]

ACTION_SETS: dict[str, tuple[str, ...]] = {
    "abc-rl": RECIPE_ACTIONS["abc-rl"],
    "abcrl-5": RECIPE_ACTIONS["abcrl"],
    "boils-11": RECIPE_ACTIONS["boils"],
}
"""Commands by action: ABC-RL's seven, abcRL's five, BOiLS' eleven."""

RIGID = (
    "barrel-16",
    "barrel-32",
    "barrel-64",
    "decoder-5",
    "decoder-6",
    "popcount-32",
    "popcount-64",
    "epfl-adder",
    "epfl-arbiter",
)
"""Circuits that do not respond to recipes: what
``python -m chipgym.envs.logic_synthesis.response`` prints; `response` has the rule. Of the
benchmarks only those of ABC-RL's split were asked."""


@dataclass(frozen=True)
class Scenario:
    """A family of logic-synthesis instances.

    Attributes
    ----------
    name, description : str
    train, test : tuple of str
        Names of circuits: shipped ones such as ``"alu-8"``, benchmarks such as ``"epfl-router"``.
    objective : str
        Default objective (see `reward.OBJECTIVES`).
    action_set : str
        A key of `ACTION_SETS`.
    steps : int
        Commands of a recipe.
    mapper : str
        ``"nf"`` or ``"map"``.
    """

    name: str
    description: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    objective: str = "adp"
    action_set: str = "abc-rl"
    steps: int = 10
    mapper: str = "nf"


# Small circuits whose steps take ABC about a millisecond; tests are unseen widths and families.
_SMALL_TRAIN = (
    "alu-8",
    "arbiter-16",
    "control-40",
    "crc16-16",
    "divider-6",
    "int-to-float-11",
    "max-8",
    "multiplier-6",
    "priority-encoder-32",
    "sqrt-12",
)
_SMALL_TEST = (
    "alu-16",
    "arbiter-32",
    "control-80",
    "divider-8",
    "int-to-float-16",
    "priority-encoder-64",
    "router-3",
    "sqrt-16",
    "square-8",
    "voter-31",
)

_ALL = (
    Scenario(
        "own-small",
        "Ten circuits of 140 to 380 nodes; tested on other widths and on unseen families",
        _SMALL_TRAIN,
        _SMALL_TEST,
    ),
    Scenario(
        "own-mixed",
        "Every family but four by smaller widths; tested on the largest widths and those four",
        (
            *("adder-16", "adder-32", "alu-8", "alu-16", "arbiter-16", "arbiter-32"),
            *("control-40", "control-80", "control-120", "cordic-8", "crc16-16", "crc16-32"),
            *("divider-6", "divider-8", "divider-12", "int-to-float-11", "int-to-float-16"),
            *("max-8", "max-16", "multiplier-6", "multiplier-8", "multiplier-12"),
            *("priority-encoder-32", "priority-encoder-64", "sqrt-12", "sqrt-16", "voter-15"),
        ),
        (
            *("adder-64", "alu-32", "arbiter-64", "control-160", "cordic-12", "crc16-64"),
            *("divider-16", "int-to-float-32", "max-32", "multiplier-16"),
            *("priority-encoder-128", "sqrt-24", "voter-63"),
            *("hypotenuse-8", "router-5", "sbox-1", "square-12"),
        ),
    ),
    Scenario(
        "arithmetic",
        "Multipliers, dividers, roots and the like; tested on larger widths",
        (
            *("adder-16", "adder-32", "cordic-8", "divider-6", "divider-8", "hypotenuse-6"),
            *("multiplier-6", "multiplier-8", "sqrt-12", "sqrt-16", "square-8"),
        ),
        (
            *("adder-64", "cordic-12", "divider-12", "hypotenuse-8", "multiplier-12"),
            *("sqrt-24", "square-12"),
        ),
    ),
    Scenario(
        "control",
        "Arbiters, encoders, routers, random control logic; tested on larger widths",
        (
            *("arbiter-16", "arbiter-32", "control-40", "control-80", "int-to-float-11"),
            *("int-to-float-16", "priority-encoder-32", "priority-encoder-64", "router-3"),
        ),
        (
            *("arbiter-64", "control-120", "control-160", "int-to-float-32"),
            *("priority-encoder-128", "router-5"),
        ),
    ),
    Scenario(
        "epfl-abc-rl",
        "ABC-RL's split as far as it is EPFL's, without the rigid adder and arbiter; map (fetched)",
        (
            *("epfl-log2", "epfl-multiplier", "epfl-max"),
            *("epfl-ctrl", "epfl-int2float", "epfl-priority"),
        ),
        (
            *("epfl-bar", "epfl-div", "epfl-square", "epfl-sqrt"),
            *("epfl-cavlc", "epfl-mem_ctrl", "epfl-router", "epfl-voter"),
        ),
        mapper="map",
    ),
    Scenario(
        "single",
        "One circuit for training and test alike, alu-8 unless the argument `circuit` names one",
        ("alu-8",),
        ("alu-8",),
    ),
    Scenario(
        "abcrl",
        "abcRL's form on the small circuits: five commands, 20 steps, nodes at each step",
        _SMALL_TRAIN,
        _SMALL_TEST,
        objective="nodes",
        action_set="abcrl-5",
        steps=20,
    ),
    Scenario(
        "boils",
        "BOiLS' form on the small circuits: eleven commands, 20 steps, six-input tables",
        _SMALL_TRAIN,
        _SMALL_TEST,
        objective="lut6",
        action_set="boils-11",
        steps=20,
    ),
    Scenario(
        "drills",
        "DRiLLS' form on the small circuits: 50 steps, area under a delay constraint at each step",
        _SMALL_TRAIN,
        _SMALL_TEST,
        objective="drills",
        steps=50,
        mapper="map",
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""Scenarios by name."""

DEFAULT_SCENARIO = "own-small"
