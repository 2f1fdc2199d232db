"""One entry of the lottery: an algorithm with given hyperparameters, run over seeds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from chipgym.agents.search.registry import (
    hyperparameter_grid,
    make_searcher,
    searcher_hyperparameters,
)
from chipgym.experiments.papers.dram_exhaustive.problem import TabulatedProblem, tabulated_problem

__all__ = ["entries", "search", "search_entry"]

ASKS_PER_EVALUATION = 20
"""Designs that may be asked for each evaluation of the budget, known ones included: a searcher that
proposes the same designs for ever must end."""


def entries(algorithm: str, limit: int) -> list[dict[str, Any]]:
    """Return the stored hyperparameters of an algorithm, and others of its grid.

    Parameters
    ----------
    algorithm : str
    limit : int
        At most so many; the whole grid if it is that small, otherwise a fixed sample.
    """
    grid = hyperparameter_grid(algorithm)
    stored = dict(searcher_hyperparameters(algorithm).values)
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    others = [entry for entry in every if entry and (stored | entry) != stored]
    if len(others) > limit - 1:
        rng = np.random.default_rng(len(every))
        chosen = np.sort(rng.choice(len(others), limit - 1, replace=False))
        others = [others[int(index)] for index in chosen]
    return [stored, *({**stored, **entry} for entry in others)]


def search_entry(
    workload: str,
    objective: str,
    algorithm: str,
    hyperparameters: dict[str, Any],
    seeds: list[int],
    budget: int,
    version: str,
) -> list[list[int]]:
    """Return the designs that an algorithm evaluated, by number in order, for each seed.

    `version` is that of the simulator: results of another one are not used again.
    """
    problem = tabulated_problem(workload, objective)
    return [search(problem, algorithm, hyperparameters, seed, budget) for seed in seeds]


def search(
    problem: TabulatedProblem,
    algorithm: str,
    hyperparameters: dict[str, Any],
    seed: int,
    budget: int,
) -> list[int]:
    """Search until `budget` distinct controllers are evaluated; a known one costs nothing."""
    space = problem.space.designs.space()
    searcher = make_searcher(algorithm, space, seed, **hyperparameters)
    known: set[int] = set()
    evaluated: list[int] = []
    for _ in range(ASKS_PER_EVALUATION * budget):
        design = searcher.ask()
        controller = problem.controller(design)
        if controller not in known:
            known.add(controller)
            evaluated.append(problem.space.number(design))
        searcher.tell(design, problem.outcome(design).score)
        if len(evaluated) == budget:
            break
    return evaluated
