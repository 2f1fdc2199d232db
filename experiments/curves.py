"""Curves of sample efficiency: scores of a run against steps and evaluations; searches likewise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipgym.experiments.results import CurvePoint, JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.search_record import SearchRun
from chipgym.experiments.statistics import Interval, bootstrap_interval, iqm
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["ScoredPoint", "best_policy", "learning_curves", "search_curve"]

LAST_SHARE = 0.97
"""Share of the training after which a point gives way to the trained agent itself."""


@dataclass(frozen=True)
class ScoredPoint:
    """A point of a learning curve over all seeds of an agent.

    Attributes
    ----------
    steps, evaluations : float
        Environment steps and simulator evaluations of training, mean over seeds. Of a search both
        are evaluations on one instance; in `search_curve` the steps are proposals.
    score : Interval
        Interquartile mean of the score over seeds and curve instances, 95 % interval over seeds.
    """

    steps: float
    evaluations: float
    score: Interval


def learning_curves(run: Run) -> dict[str, dict[str, tuple[ScoredPoint, ...]]]:
    """Curves by task label, then agent: of agents that were trained, and of searchers.

    The curve of a searcher is that of the best design by then. Its evaluations are those of one
    instance; those of a training serve all instances.
    """
    curves: dict[str, dict[str, tuple[ScoredPoint, ...]]] = {}
    for task in run.suite.tasks:
        for agent in run.suite.agents:
            if agent.policy is not None or not agent.applies_to(task):
                continue
            results = [r for r in run.results if r.task == task.label and r.agent == agent.name]
            if results and all(result.curve for result in results):
                points = _scored(run, results, searched=agent.searcher is not None)
                if points:
                    curves.setdefault(task.label, {})[agent.name] = points
    return curves


def best_policy(run: Run, task: str) -> tuple[str, float] | None:
    """Name and score of the best ready policy on the instances that a task's curves are drawn on.

    The score is the interquartile mean over seeds and those instances. None where the task has no
    curve, or no ready policy has a score there.
    """
    instances = next((r.curve[0].instances for r in run.results if r.task == task and r.curve), ())
    references = run.references[task]
    ready = {agent.name for agent in run.suite.agents if agent.policy is not None}
    found: dict[str, list[float]] = {}
    for result in run.results:
        if result.task == task and result.agent in ready:
            values = [_value(run, result, instance) for instance in instances]
            scores = [
                references.score(instance, value)
                for instance, value in zip(instances, values, strict=True)
                if value is not None
            ]
            found.setdefault(result.agent, []).extend(x for x in scores if math.isfinite(x))
    means = {name: float(iqm(scores)) for name, scores in found.items() if scores}
    best = max(means, key=lambda name: means[name], default=None)
    return None if best is None else (best, means[best])


def _scored(run: Run, results: list[JobResult], searched: bool) -> tuple[ScoredPoint, ...]:
    """Score the points that all seeds share."""
    references = run.references[results[0].task]
    points = []
    for group in _by_cost(results) if searched else _by_number(run, results):
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


def _by_number(run: Run, results: list[JobResult]) -> list[tuple[CurvePoint, ...]]:
    """Points of trainings, the n-th of each seed together."""
    return list(zip(*(_with_last_point(run, result) for result in results), strict=False))


def _by_cost(results: list[JobResult]) -> list[tuple[CurvePoint, ...]]:
    """Points of searches after the same evaluations; a search may have no design at first."""
    curves = [{point.evaluations: point for point in result.curve} for result in results]
    shared = sorted(set.intersection(*(set(curve) for curve in curves)))
    return [tuple(curve[cost] for curve in curves) for cost in shared]


def _with_last_point(run: Run, result: JobResult) -> list[CurvePoint]:
    """A result's curve, with the trained agent itself as its last point."""
    instances = result.curve[0].instances
    last = tuple(_value(run, result, instance) for instance in instances)
    earlier = [p for p in result.curve if p.steps <= LAST_SHARE * result.training_steps]
    if any(value is None for value in last):
        return earlier
    values = tuple(value for value in last if value is not None)
    end = CurvePoint(result.training_steps, result.training_evaluations, instances, values)
    return [*earlier, end]


def _value(run: Run, result: JobResult, instance: int) -> float | None:
    """Primary metric of a result on an instance."""
    metric = run.references[result.task].metric
    found = (r.metrics.get(metric) for r in result.records if r.instance == instance)
    return next(found, None)


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
