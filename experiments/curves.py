"""Curves of sample efficiency: scores of a run against steps and evaluations; searches likewise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chipgym.experiments.results import CurvePoint, JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.search_record import SearchRun
from chipgym.experiments.statistics import Interval, bootstrap_interval
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["ScoredPoint", "learning_curves", "search_curve"]

LAST_SHARE = 0.97
"""Share of the training after which a point gives way to the trained agent itself."""


@dataclass(frozen=True)
class ScoredPoint:
    """A point of a learning curve over all seeds of an agent.

    Attributes
    ----------
    steps, evaluations : float
        Environment steps and simulator evaluations of training, mean over seeds. A search has no
        steps: `learning_curves` gives its evaluations for both, `search_curve` its proposals.
    score : Interval
        Interquartile mean of the score over seeds and curve instances, 95 % interval over seeds.
    """

    steps: float
    evaluations: float
    score: Interval


def learning_curves(run: Run) -> dict[str, dict[str, tuple[ScoredPoint, ...]]]:
    """Curves by task label, then agent: of agents that were trained, and of searches.

    A search's curve is the score of its best design by then.
    """
    curves: dict[str, dict[str, tuple[ScoredPoint, ...]]] = {}
    for task in run.suite.tasks:
        for agent in run.suite.agents:
            if agent.policy is not None or not agent.applies_to(task):
                continue
            results = [r for r in run.results if r.task == task.label and r.agent == agent.name]
            if all(result.curve for result in results):
                searched = agent.searcher is not None
                points = _scored(run, results, _shared if searched else _with_last_points)
                if points:
                    curves.setdefault(task.label, {})[agent.name] = points
    return curves


def _scored(
    run: Run,
    results: list[JobResult],
    curves: Callable[[Run, list[JobResult]], list[list[CurvePoint]]],
) -> tuple[ScoredPoint, ...]:
    """Score the points that all seeds share."""
    references = run.references[results[0].task]
    by_seed = curves(run, results)
    points = []
    for group in zip(*by_seed, strict=False):
        rows = [
            [references.score(k, v) for k, v in zip(p.instances, p.metrics, strict=True)]
            for p in group
        ]
        score = bootstrap_interval(
            [np.array(rows, dtype=np.float64)], resamples=500, resample_instances=False
        )
        if np.isfinite(score.value):
            steps = float(np.mean([point.steps for point in group]))
            evaluations = float(np.mean([point.evaluations for point in group]))
            points.append(ScoredPoint(steps, evaluations, score))
    return tuple(points)


def _shared(run: Run, results: list[JobResult]) -> list[list[CurvePoint]]:
    """Curves of a search without the points at which some seed has found nothing yet."""
    spent = [{point.evaluations for point in result.curve} for result in results]
    common = set.intersection(*spent)
    return [[p for p in result.curve if p.evaluations in common] for result in results]


def _with_last_points(run: Run, results: list[JobResult]) -> list[list[CurvePoint]]:
    return [_with_last_point(run, result) for result in results]


def _with_last_point(run: Run, result: JobResult) -> list[CurvePoint]:
    """A result's curve, with the trained agent itself as its last point."""
    metric = run.references[result.task].metric
    instances = result.curve[0].instances
    found = {record.instance: record.metrics.get(metric) for record in result.records}
    last = tuple(found.get(instance) for instance in instances)
    earlier = [p for p in result.curve if p.steps <= LAST_SHARE * result.training_steps]
    if any(value is None for value in last):
        return earlier
    values = tuple(value for value in last if value is not None)
    end = CurvePoint(result.training_steps, result.training_evaluations, instances, values)
    return [*earlier, end]


def search_curve(runs: Sequence[SearchRun], points: int = 50) -> tuple[ScoredPoint, ...]:
    """Best score so far against distinct evaluations, over the runs of one searcher.

    Parameters
    ----------
    runs : sequence of SearchRun
        Of the same instance or of several; a search that ended early keeps its best.
    points : int
        Number of points, at most, evenly spaced in evaluations.
    """
    if not runs or not all(run.evaluations for run in runs):
        raise InvalidValueError("runs", len(runs), "at least one search, each with an evaluation")
    most = max(run.evaluations for run in runs)
    wanted = np.unique(np.linspace(1, most, min(points, most)).astype(np.int64))
    curves = [run.best_so_far() for run in runs]
    asks = [np.array([step.evaluations for step in run.steps]) for run in runs]
    found = []
    for count in wanted.tolist():
        rows = np.array([[curve[min(count, len(curve)) - 1]] for curve in curves])
        if np.isnan(rows).any():
            continue
        steps = float(np.mean([(spent <= count).sum() for spent in asks]))
        found.append(ScoredPoint(steps, float(count), bootstrap_interval([rows], resamples=500)))
    return tuple(found)
