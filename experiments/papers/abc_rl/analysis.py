"""From raw records to numbers: reductions against resyn2, intervals, cost of equal quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.statistics import Interval, bootstrap_interval

__all__ = ["YARDSTICK", "Outcome", "Results", "reduction_percent"]

Floats = npt.NDArray[np.float64]

YARDSTICK = "random"
"""The method whose final quality is the mark that others are timed to."""


def _mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1), dtype=np.float64)


def reduction_percent(log_ratio: float) -> float:
    """Reduction in percent of a product whose logarithm falls by so much."""
    return 100.0 * (1.0 - math.exp(log_ratio))


@dataclass(frozen=True)
class Outcome:
    """One method at the end of the budget.

    Attributes
    ----------
    method : str
    reduction : Interval
        Reduction of the area-delay product against resyn2 in percent, of the geometric mean over
        circuits and seeds, with 95 % intervals over both.
    evaluations, commands, seconds : float
        Means of a search.
    reached : float
        Share of the searches that reach the mean final quality of random recipes on the circuit.
    evaluations_to_reach : float
        Geometric mean; a search that does not reach it counts with the whole budget.
    speed_up : float
        Geometric mean of random search's whole run time over the run time to equal quality, over
        the searches that reach it (nan: none).
    """

    method: str
    reduction: Interval
    evaluations: float
    commands: float
    seconds: float
    reached: float
    evaluations_to_reach: float
    speed_up: float

    def document(self) -> dict[str, Any]:
        """The outcome for JSON."""
        return {
            "reduction_percent": self.reduction.document(),
            "evaluations": self.evaluations,
            "commands": self.commands,
            "seconds": self.seconds,
            "reached": self.reached,
            "evaluations_to_reach": self.evaluations_to_reach,
            "speed_up": None if math.isnan(self.speed_up) else self.speed_up,
        }


class Results:
    """All raw records of a study.

    Parameters
    ----------
    records : sequence of mappings
        As `solve` returns, with ``method``, ``circuit`` and ``seed``.
    budget : int
        Evaluated recipes of a search.
    """

    def __init__(self, records: Sequence[Mapping[str, Any]], budget: int) -> None:
        self.budget = budget
        self.methods = list(dict.fromkeys(str(r["method"]) for r in records))
        self.circuits = list(dict.fromkeys(str(r["circuit"]) for r in records))
        self.seeds = sorted({int(r["seed"]) for r in records})
        self._records = {(r["method"], int(r["seed"]), r["circuit"]): r for r in records}

    def record(self, method: str, seed: int, circuit: str) -> Mapping[str, Any]:
        """The record of one search; methods without chance have one for all seeds."""
        return (
            self._records.get((method, seed, circuit))
            or self._records[method, self.seeds[0], circuit]
        )

    def log_ratios(self, method: str) -> Floats:
        """Logarithm of the final product over resyn2's, shape (seeds, circuits)."""
        rows = [
            [math.log(1.0 - self.record(method, s, c)["score"]) for c in self.circuits]
            for s in self.seeds
        ]
        return np.array(rows, dtype=np.float64)

    def curve(self, method: str) -> Floats:
        """Reduction in percent after each evaluation, of the geometric mean, shape (budget,)."""
        total = np.zeros(self.budget)
        for seed in self.seeds:
            for circuit in self.circuits:
                total += np.log(1.0 - self._best_so_far(self.record(method, seed, circuit)))
        mean = total / (len(self.seeds) * len(self.circuits))
        return np.array([reduction_percent(value) for value in mean])

    def _best_so_far(self, record: Mapping[str, Any]) -> Floats:
        """Best score after each evaluation; before the first, resyn2's 0 at best."""
        best = np.full(self.budget, np.nan)
        for evaluations, score, _ in record["curve"]:
            best[int(evaluations) - 1 :] = score
        first = best[~np.isnan(best)][0] if not np.isnan(best).all() else 0.0
        return np.where(np.isnan(best), min(first, 0.0), best)

    def outcome(self, method: str) -> Outcome:
        """A method in numbers."""
        ratios = self.log_ratios(method)
        interval = bootstrap_interval([ratios], _mean)
        reduction = Interval(
            reduction_percent(interval.value),
            reduction_percent(interval.high),
            reduction_percent(interval.low),
        )
        chosen = [self.record(method, s, c) for s in self.seeds for c in self.circuits]
        reached, needed, speeds = self._equal_quality(method)
        return Outcome(
            method,
            reduction,
            float(np.mean([record["evaluations"] for record in chosen])),
            float(np.mean([record["commands"] for record in chosen])),
            float(np.mean([record["seconds"] for record in chosen])),
            float(np.mean(reached)),
            float(np.exp(np.mean(np.log(needed)))),
            float(np.exp(np.mean(np.log(speeds)))) if speeds else math.nan,
        )

    def marks(self) -> dict[str, float]:
        """The quality to reach on each circuit: the mean final score of random recipes."""
        method = YARDSTICK if YARDSTICK in self.methods else self.methods[0]
        return {
            c: float(np.mean([self.record(method, s, c)["score"] for s in self.seeds]))
            for c in self.circuits
        }

    def _equal_quality(self, method: str) -> tuple[list[bool], list[float], list[float]]:
        """Whether, after how many evaluations and how much faster than random search."""
        yardstick = YARDSTICK if YARDSTICK in self.methods else self.methods[0]
        marks = self.marks()
        reached, needed, speeds = [], [], []
        for seed in self.seeds:
            for circuit in self.circuits:
                curve = self.record(method, seed, circuit)["curve"]
                hit = next((p for p in curve if p[1] >= marks[circuit] - 1e-12), None)
                reached.append(hit is not None)
                needed.append(float(hit[0]) if hit else float(self.budget))
                if hit:
                    whole = self.record(yardstick, seed, circuit)["seconds"]
                    speeds.append(whole / max(hit[2], 1e-9))
        return reached, needed, speeds
