"""Scores, regrets and their spread over the entries of each algorithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.archgym_lottery.records import Entry, best_so_far
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.statistics import bootstrap_interval, iqm

__all__ = ["Outcomes", "measure"]

Floats = npt.NDArray[np.float64]

SAME = 1e-9
"""Regret in percent that is none: rounding of logarithms."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Best so far of every entry, in order; P problems, S seeds, B evaluations.

    Attributes
    ----------
    algorithms : tuple of str
    normalised : dict of float64 arrays, shape (entries, P, S, B)
        By algorithm: 0 is the mean score of a random design, 1 the optimum.
    regret : dict of float64 arrays, shape (entries, P, S, B)
        By algorithm: what the objective costs more than at the optimum, in percent.
    """

    algorithms: tuple[str, ...]
    normalised: dict[str, Floats]
    regret: dict[str, Floats]

    @property
    def budget(self) -> int:
        """Evaluations of a search."""
        return int(self.normalised[self.algorithms[0]].shape[-1])

    @property
    def checkpoints(self) -> list[int]:
        """Numbers of evaluations at which tables look."""
        steps = (10, 30, 100, 300, 1000)
        return [*(step for step in steps if step < self.budget), self.budget]

    def stored_curve(self, algorithm: str) -> Floats:
        """Mean normalised score of the stored entry after each evaluation, shape (B,)."""
        return np.asarray(self.normalised[algorithm][0].mean(axis=(0, 1)))

    def stored_regret(self, algorithm: str) -> Floats:
        """Mean regret of the stored entry after each evaluation in percent, shape (B,)."""
        return np.asarray(self.regret[algorithm][0].mean(axis=(0, 1)))

    def entry_regrets(self, algorithm: str) -> Floats:
        """Mean regret of every entry at the end in percent, shape (entries,)."""
        return np.asarray(self.regret[algorithm][..., -1].mean(axis=(1, 2)))

    def entry_curves(self, algorithm: str) -> Floats:
        """Mean normalised score of every entry after each evaluation, shape (entries, B)."""
        return np.asarray(self.normalised[algorithm].mean(axis=(1, 2)))

    def document(self, algorithm: str) -> dict[str, Any]:
        """Return an algorithm's numbers at the end of the budget."""
        final = self.normalised[algorithm][..., -1]
        regret, regrets = self.regret[algorithm][..., -1], self.entry_regrets(algorithm)
        found = regret <= SAME
        return {
            "entries": len(final),
            "stored_normalised_iqm": _interval(final[0], iqm),
            "entry_normalised_means": final.mean(axis=(1, 2)).tolist(),
            "stored_regret_percent": _interval(regret[0], _mean),
            "entry_regret_percent": regrets.tolist(),
            "stored_optimum_found_percent": float(100 * found[0].mean()),
            "optimum_found_percent": float(100 * found.mean()),
        }


def measure(entries: Sequence[Entry]) -> Outcomes:
    """Score every entry against random designs and the optimum."""
    algorithms = tuple(dict.fromkeys(entry.algorithm for entry in entries))
    normalised: dict[str, Floats] = {}
    regret: dict[str, Floats] = {}
    for algorithm in algorithms:
        rows: dict[int, list[tuple[Floats, Floats]]] = {}
        for entry in entries:
            if entry.algorithm == algorithm:
                rows.setdefault(entry.number, []).append(_scores(entry))
        normalised[algorithm] = np.array([[curve for curve, _ in row] for row in rows.values()])
        regret[algorithm] = np.array([[end for _, end in row] for row in rows.values()])
    return Outcomes(algorithms, normalised, regret)


def _scores(entry: Entry) -> tuple[Floats, Floats]:
    """Normalised score and regret in percent over evaluations, a row a seed."""
    problem = tabulated_problem(entry.workload, entry.objective)
    best = best_so_far(problem, entry)
    low, high = problem.random_score, problem.optimum
    return (best - low) / (high - low), 100 * np.expm1(high - best)


def _mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1))


def _interval(final: Floats, statistic: Callable[[Floats], Floats]) -> list[float]:
    """Statistic over problems and seeds with its 95 % interval, stratified by problem."""
    interval = bootstrap_interval([row[:, None] for row in final], statistic)
    return [float(interval.value), float(interval.low), float(interval.high)]
