"""Which of the shipped circuits respond to recipes, and which are rigid.

A circuit is rigid if the best area-delay product (bundled library) of a hundred random ten-command
recipes and resyn2 lies less than `THRESHOLD` below their median: there is next to nothing to learn
on it. ``python -m chipgym.envs.logic_synthesis.response`` prints the table behind `presets.RIGID`;
with names, such as ``epfl-adder epfl-bar``, the rows of those. Shipped circuits are mapped by
`&nf`, the EPFL benchmarks by `map`, as their scenarios do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from statistics import median

import numpy as np

from chipgym.envs.logic_synthesis.generator import EPFL_PREFIX, find_circuit
from chipgym.simulators.logic.circuits import Circuit, circuit_names
from chipgym.simulators.logic.recipes import ACTION_SETS, RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe

__all__ = ["THRESHOLD", "main", "response"]

THRESHOLD = 0.02
RANDOM_RECIPES = 100
STEPS = 10


def response(circuit: Circuit, session: AbcSession, mapper: str = "nf") -> float:
    """Return how far the best recipe lies below the median one, as a share of it."""
    rng = np.random.default_rng(0)
    commands = ACTION_SETS["abc-rl"]
    recipes = [RECIPES["resyn2"]]
    numbers = rng.integers(len(commands), size=(RANDOM_RECIPES, STEPS))
    recipes += [tuple(commands[number] for number in row) for row in numbers]
    mappings = [
        session.map(run_recipe(circuit.body, recipe, session).final, mapper=mapper)
        for recipe in recipes
    ]
    products = [mapping.area_delay_product for mapping in mappings]
    return 1.0 - min(products) / median(products)


def main(names: Iterable[str] = ()) -> None:
    """Print the response of each circuit, and the rigid ones."""
    rigid = []
    for name in list(names) or circuit_names():
        with AbcSession() as session:
            mapper = "map" if name.startswith(EPFL_PREFIX) else "nf"
            share = response(find_circuit(name), session, mapper)
        print(f"{name:<22} {100 * share:5.1f} %", flush=True)
        if share < THRESHOLD:
            rigid.append(name)
    print(f"rigid: {', '.join(rigid) or 'none'}")


if __name__ == "__main__":
    main(sys.argv[1:])
