"""From runs to numbers: what each flow reached, and NASAIC against the flows of two steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.hypervolume import hypervolume, pareto_front
from chipgym.experiments.statistics import Interval, bootstrap_interval, iqm

__all__ = ["PUBLISHED", "Comparison", "Results", "Summary"]

Floats = npt.NDArray[np.float64]
Runs = dict[tuple[str, str, int], dict[str, Any]]

PUBLISHED = {
    "latency_reduction_percent": 17.77,
    "energy_factor": 2.49,
    "area_factor": 2.32,
    "accuracy_loss_points": 0.76,
}
"""NASAIC against NAS -> ASIC in the abstract of Yang et al. (DAC 2020)."""

DECADES = 1.0
"""Decades below its limit over which a cost counts in the hypervolume."""


@dataclass(frozen=True)
class Summary:
    """What a flow reached in a scenario, over the seeds.

    Attributes
    ----------
    specs_met : float
        Share of the runs that end with a design that meets all specifications.
    meeting : float
        Share of the evaluated designs that do.
    first_meeting : float
        Mean number of evaluations up to the first of them; nan where a run found none.
    accuracy : Interval
        Interquartile mean of the best weighted accuracy under the specifications, 0 without one.
    regret : Interval
        How far it is below the optimum of the grid.
    volume : Interval
        Hypervolume over that of all runs of the scenario together.
    evaluations, trainings : float
        Means.
    measured : float
        Share of the final designs whose accuracies were measured, not predicted.
    """

    flow: str
    specs_met: float
    meeting: float
    first_meeting: float
    accuracy: Interval
    regret: Interval
    volume: Interval
    evaluations: float
    trainings: float
    measured: float

    def document(self) -> dict[str, Any]:
        """The summary as plain values."""
        return _document(self)


@dataclass(frozen=True)
class Comparison:
    """NASAIC's final designs against another flow's, paired by seed; interquartile means.

    Attributes
    ----------
    latency : Interval
        Reduction in percent.
    energy, area : Interval
        The other's over NASAIC's.
    accuracy : Interval
        Loss in points, of pairs of which both accuracies are known.
    pairs : int
        Seeds that enter: those in which NASAIC meets the specifications.
    """

    flow: str
    latency: Interval
    energy: Interval
    area: Interval
    accuracy: Interval
    pairs: int

    def document(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return _document(self)


class Results:
    """The runs of a study.

    Parameters
    ----------
    runs : dict
        By (scenario, flow, seed).
    optima : dict
        For each scenario the accuracy of the grid's optimum; nan where the grid has none.
    """

    def __init__(self, runs: Runs, optima: dict[str, float]) -> None:
        self.runs, self.optima = runs, optima
        self.scenarios = list(dict.fromkeys(scenario for scenario, _, _ in runs))
        self.flows = list(dict.fromkeys(flow for _, flow, _ in runs))
        self.seeds = sorted({seed for _, _, seed in runs})
        self._volumes: dict[str, dict[str, Floats]] = {}

    def of(self, scenario: str, flow: str) -> list[dict[str, Any]]:
        """Runs of a flow, in the order of the seeds."""
        return [self.runs[scenario, flow, seed] for seed in self.seeds]

    def best_after(self, scenario: str, flow: str, evaluations: int) -> Floats:
        """Best weighted accuracy under the specifications by then, one a seed; 0 without one."""
        return np.array(
            [
                max((a for spent, _, a in run["curve"] if spent <= evaluations), default=0.0)
                for run in self.of(scenario, flow)
            ]
        )

    @staticmethod
    def middle(values: Floats) -> float:
        """Interquartile mean."""
        return float(iqm(values))

    def accuracies(self, scenario: str, flow: str) -> Floats:
        """The same at the end."""
        return np.array(
            [run["curve"][-1][2] if run["curve"] else 0.0 for run in self.of(scenario, flow)]
        )

    def volumes(self, scenario: str, flow: str) -> Floats:
        """Share of the hypervolume of all runs that each run reaches, one a seed."""
        if scenario not in self._volumes:
            fronts = {
                name: [_box(run["front"]) for run in self.of(scenario, name)] for name in self.flows
            }
            points = np.concatenate([front for own in fronts.values() for front in own])
            whole = hypervolume(_thinned(points)) if len(points) else 0.0
            self._volumes[scenario] = {
                name: np.array(
                    [hypervolume(_thinned(front)) / whole if whole else 0.0 for front in own]
                )
                for name, own in fronts.items()
            }
        return self._volumes[scenario][flow]

    def summary(self, scenario: str, flow: str) -> Summary:
        """What a flow reached."""
        runs = self.of(scenario, flow)
        accuracies = self.accuracies(scenario, flow)
        firsts = [run["first_meeting"] for run in runs]
        optimum = self.optima[scenario]
        return Summary(
            flow,
            float(np.mean([run["final"]["meets"] for run in runs])),
            float(np.mean([run["meeting"] / run["evaluations"] for run in runs])),
            math.nan if None in firsts else float(np.mean(firsts)),
            _interval(accuracies),
            _interval(optimum - accuracies),
            _interval(self.volumes(scenario, flow)),
            float(np.mean([run["evaluations"] for run in runs])),
            float(np.mean([run["trainings"] for run in runs])),
            float(np.mean([run["final"]["measured"] for run in runs])),
        )

    def comparison(self, scenario: str, ours: str, other: str) -> Comparison:
        """Compare a flow's final designs with another's, as the paper does."""
        pairs = [
            (a["final"], b["final"])
            for a, b in zip(self.of(scenario, ours), self.of(scenario, other), strict=True)
            if a["final"]["meets"]
        ]

        def over(cost: int, change: Callable[[float], float]) -> Interval:
            return _interval([change(b["costs"][cost] / a["costs"][cost]) for a, b in pairs])

        known = [
            (a, b) for a, b in pairs if a["accuracy"] is not None and b["accuracy"] is not None
        ]
        return Comparison(
            other,
            over(0, lambda factor: 100.0 * (1.0 - 1.0 / factor)),
            over(1, float),
            over(2, float),
            _interval([100.0 * (b["accuracy"] - a["accuracy"]) for a, b in known]),
            len(pairs),
        )


def _document(record: Summary | Comparison) -> dict[str, Any]:
    """Plain values; nan is null."""
    found: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Interval):
            found[field.name] = value.document()
        else:
            missing = isinstance(value, float) and math.isnan(value)
            found[field.name] = None if missing else value
    return found


def _interval(values: Sequence[float] | Floats) -> Interval:
    """Interquartile mean over seeds with its 95 % bootstrap interval."""
    if not len(values) or np.isnan(values).any():
        return Interval(math.nan, math.nan, math.nan)
    return bootstrap_interval([np.asarray(values, dtype=np.float64)[:, None]], iqm)


def _box(front: Sequence[Sequence[float]]) -> Floats:
    """Points in the unit box: the accuracy, and decades below each limit."""
    if not front:
        return np.empty((0, 4))
    rows = np.array(front, dtype=np.float64)
    decades = np.clip(-np.log10(rows[:, 1:]) / DECADES, 0.0, 1.0)
    return np.column_stack([rows[:, 0], decades])


def _thinned(points: Floats) -> Floats:
    return pareto_front(points) if len(points) else points
