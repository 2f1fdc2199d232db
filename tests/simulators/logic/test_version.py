"""Results of a fixed set of runs: whoever changes them raises SIMULATOR_VERSION."""

import hashlib

import pytest

from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.locate import PINNED_PACKAGE
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION, run_recipe

CIRCUITS = ("adder-16", "divider-8", "priority-encoder-32", "control-80", "sqrt-16")
RECIPES = ("resyn", "resyn2", "compress2rs")
RESULTS = {"1.0.0": "3a787178ab3a70cb"}


def test_results_belong_to_the_version(session):
    if session.executable.package != PINNED_PACKAGE:
        pytest.skip(f"recorded with {PINNED_PACKAGE}")
    digest = hashlib.sha256()
    for name in CIRCUITS:
        for recipe in RECIPES:
            run = run_recipe(Circuit.named(name).body, recipe, session)
            digest.update("".join(state.digest for state in run.states).encode())
            digest.update(repr((run.nodes, run.levels)).encode())
            for mapper in ("map", "nf"):
                digest.update(repr(session.map(run.final, mapper=mapper)).encode())
            digest.update(repr(session.luts(run.final)).encode())
    assert digest.hexdigest()[:16] == RESULTS[SIMULATOR_VERSION]
