"""The summary of a run: scores, ranking and costs, recomputed from the raw records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.optima import known_optima, regret
from chipgym.experiments.ranks import RankSummary, rank_methods
from chipgym.experiments.results import JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import (
    Interval,
    bootstrap_interval,
    iqm,
    performance_profile,
    pooled,
    probability_of_improvement,
)
from chipgym.simulators.core.errors import SimulationError

__all__ = [
    "AgentSummary",
    "Summary",
    "agent_scores",
    "metric_values",
    "on_common_tasks",
    "summarise",
]

Scores = npt.NDArray[np.float64]
PROFILE_POINTS = 201
QUOTED = frozenset({"cost_vs_etf", "cost_vs_default", "feasible"})
"""Metrics that are quoted in the field, besides ratios of the primary one."""

NO_RANKS = RankSummary((), (), 0, math.nan, math.nan, math.nan, ())


@dataclass(frozen=True)
class AgentSummary:
    """One line of the ranking.

    Attributes
    ----------
    name : str
        The method.
    complete : bool
        Whether it took part in all tasks. The scores of others are over fewer tasks, and compare
        on each task only.
    seeds : int
        Number of its seeds.
    iqm : Interval
        Interquartile mean of the score over all seeds and instances of its tasks, 95 % interval.
    task_iqm : dict
        The same on each of its tasks.
    mean_metric : dict
        Mean primary metric of each task, in its unit.
    quoted : dict
        By task the mean of what the field quotes: ratios such as ``cost_vs_etf``, and of
        ``feasible`` the share.
    improvement : Interval or None
        Probability of a better score than the reference method's; None if that is not in the run.
    task_evaluations : dict
        Simulator evaluations by task: all of a training, or the search on one instance, and one
        test episode; mean over seeds.
    task_training_steps : dict
        Environment steps of a training, by task; the most of all seeds.
    """

    name: str
    complete: bool
    seeds: int
    iqm: Interval
    task_iqm: dict[str, Interval]
    mean_metric: dict[str, float]
    quoted: dict[str, dict[str, float]]
    improvement: Interval | None
    task_evaluations: dict[str, float]
    task_training_steps: dict[str, int]

    @property
    def evaluations(self) -> float:
        """Mean of `task_evaluations` over the tasks."""
        return sum(self.task_evaluations.values()) / len(self.task_evaluations)

    @property
    def training_steps(self) -> int:
        """The most of `task_training_steps`."""
        return max(self.task_training_steps.values())

    def document(self) -> dict[str, Any]:
        """Return the line as JSON."""
        return {
            "name": self.name,
            "complete": self.complete,
            "seeds": self.seeds,
            "iqm": self.iqm.document(),
            "task_iqm": {label: entry.document() for label, entry in self.task_iqm.items()},
            "mean_metric": self.mean_metric,
            "quoted_metrics": self.quoted,
            "improvement": None if self.improvement is None else self.improvement.document(),
            "evaluations": self.evaluations,
            "task_evaluations": self.task_evaluations,
            "training_steps": self.training_steps,
            "task_training_steps": self.task_training_steps,
        }


@dataclass(frozen=True)
class Summary:
    """The summary of a run.

    Attributes
    ----------
    suite : str
        Name of the suite.
    agents : tuple of AgentSummary
        Those that took part in all tasks, best first; then the others, by number of tasks and name.
    metrics : dict
        Name of the primary metric of each task.
    excluded : dict
        Instances of each task that are excluded from the score.
    instances : dict
        Number of instances of each task.
    thresholds, profiles : tuple of float, dict
        Performance profile over score thresholds of each agent that took part in all tasks.
    ranks : RankSummary
        Average ranks of the same agents over all instances, with Friedman's test and the critical
        difference.
    regret : dict
        Where the optimum is known, by task and agent: mean regret as a fraction of the optimum,
        with its 95 % interval.
    """

    suite: str
    agents: tuple[AgentSummary, ...]
    metrics: dict[str, str]
    excluded: dict[str, tuple[int, ...]]
    instances: dict[str, int]
    thresholds: tuple[float, ...]
    profiles: dict[str, tuple[float, ...]]
    ranks: RankSummary
    regret: dict[str, dict[str, Interval]]

    @property
    def complete(self) -> tuple[AgentSummary, ...]:
        """Agents that took part in all tasks, whose scores compare; best first."""
        return tuple(agent for agent in self.agents if agent.complete)

    def lines(self) -> list[tuple[str, str, AgentSummary]]:
        """Place and name of each agent as a ranking shows them.

        An agent that took part in some of the tasks has a dash for its place, and the number of its
        tasks after its name.
        """
        lines = []
        for place, agent in enumerate(self.agents, 1):
            tasks = f" ({len(agent.task_iqm)} of {len(self.metrics)} tasks)"
            part = "" if agent.complete else tasks
            lines.append((str(place) if agent.complete else "–", agent.name + part, agent))
        return lines

    @property
    def common_metric(self) -> str | None:
        """The primary metric if all tasks share it."""
        names = set(self.metrics.values())
        return names.pop() if len(names) == 1 else None

    def document(self) -> dict[str, Any]:
        """Return the summary as JSON."""
        return {
            "suite": self.suite,
            "ranking": [agent.document() for agent in self.agents],
            "metrics": self.metrics,
            "instances": self.instances,
            "excluded_instances": {name: list(values) for name, values in self.excluded.items()},
            "profiles": {
                "thresholds": list(self.thresholds),
                "agents": {name: list(values) for name, values in self.profiles.items()},
            },
            "ranks": self.ranks.document(),
            "regret": {
                label: {name: entry.document() for name, entry in agents.items()}
                for label, agents in self.regret.items()
            },
        }


def summarise(run: Run) -> Summary:
    """Compute every statistic of a run from its records."""
    by_task = {agent.name: agent_scores(run, agent.name) for agent in run.suite.agents}
    baseline = by_task.get(_reference_agent(run) or "")
    agents = [
        _agent_summary(run, agent.name, by_task[agent.name], baseline) for agent in run.suite.agents
    ]
    agents.sort(
        key=lambda a: (-len(a.task_iqm), -_or_lowest(a.iqm.value) if a.complete else 0.0, a.name)
    )
    # Scores over few of the tasks do not compare with scores over all of them.
    scores = {agent.name: list(by_task[agent.name].values()) for agent in agents if agent.complete}
    thresholds = _thresholds(list(scores.values()))
    return Summary(
        suite=run.suite.name,
        agents=tuple(agents),
        metrics={label: entry.metric for label, entry in run.references.items()},
        excluded={
            task.label: tuple(
                sorted(set(task.instance_indexes) & set(run.references[task.label].excluded))
            )
            for task in run.suite.tasks
        },
        instances={task.label: len(task.instance_indexes) for task in run.suite.tasks},
        thresholds=tuple(thresholds.tolist()),
        profiles={name: tuple(_profile(strata, thresholds)) for name, strata in scores.items()},
        ranks=rank_methods(scores) if scores else NO_RANKS,
        regret=_regrets(run),
    )


def metric_values(run: Run, result: JobResult) -> list[float]:
    """Primary metric on each instance of one result."""
    name = run.references[result.task].metric
    values = []
    for record in result.records:
        value = record.metrics.get(name)
        if value is None:
            raise SimulationError(
                f"{result.agent} on {result.task}, instance {record.instance}: no value of {name}"
            )
        values.append(value)
    return values


def agent_scores(run: Run, agent: str) -> dict[str, Scores]:
    """Scores of an agent: an array of shape (seeds, instances) for each task that it took part in.

    Excluded instances have nan.
    """
    strata = {}
    spec = next(entry for entry in run.suite.agents if entry.name == agent)
    for task in run.suite.tasks:
        if not spec.applies_to(task):
            continue
        references = run.references[task.label]
        rows = [
            [
                references.score(record.instance, value)
                for record, value in zip(result.records, metric_values(run, result), strict=True)
            ]
            for result in _of(run, agent, task.label)
        ]
        strata[task.label] = np.array(rows, dtype=np.float64)
    return strata


def on_common_tasks(scores: Mapping[str, Mapping[str, Scores]]) -> dict[str, list[Scores]]:
    """Scores of some agents on the tasks that all of them took part in, in one order."""
    common = [
        label
        for label in next(iter(scores.values()), {})
        if all(label in strata for strata in scores.values())
    ]
    return {name: [strata[label] for label in common] for name, strata in scores.items()}


def _regrets(run: Run) -> dict[str, dict[str, Interval]]:
    """Mean regret of each agent on the tasks whose optimum is known."""
    found: dict[str, dict[str, Interval]] = {}
    for task in run.suite.tasks:
        optima = known_optima(task)
        for agent in run.suite.agents if optima else ():
            if not agent.applies_to(task):
                continue
            rows = [
                [
                    regret(value, optima.get(record.instance, math.nan))
                    for record, value in zip(
                        result.records, metric_values(run, result), strict=True
                    )
                ]
                for result in _of(run, agent.name, task.label)
            ]
            interval = bootstrap_interval([np.array(rows, dtype=np.float64)], _mean)
            found.setdefault(task.label, {})[agent.name] = interval
    return found


def _mean(values: Scores) -> Scores:
    return np.asarray(values.mean(axis=-1), dtype=np.float64)


def _agent_summary(
    run: Run, name: str, scores: dict[str, Scores], baseline: dict[str, Scores] | None
) -> AgentSummary:
    results = {label: _of(run, name, label) for label in scores}
    strata = list(scores.values())
    compared = None if baseline is None else [baseline[label] for label in scores]
    return AgentSummary(
        name=name,
        complete=len(scores) == len(run.suite.tasks),
        seeds=len({result.seed for found in results.values() for result in found}),
        iqm=bootstrap_interval(strata),
        task_iqm={label: bootstrap_interval([stratum]) for label, stratum in scores.items()},
        mean_metric={
            label: float(np.mean([metric_values(run, r) for r in found]))
            for label, found in results.items()
        },
        quoted={
            label: _quoted(found, run.references[label].metric) for label, found in results.items()
        },
        improvement=None if compared is None else probability_of_improvement(strata, compared),
        task_evaluations={label: _evaluations(found) for label, found in results.items()},
        task_training_steps={
            label: max(result.training_steps for result in found)
            for label, found in results.items()
        },
    )


def _evaluations(results: list[JobResult]) -> float:
    training = [result.training_evaluations for result in results]
    episodes = [record.evaluations for result in results for record in result.records]
    return float(np.mean(training) + np.mean(episodes))


def _quoted(results: list[JobResult], metric: str) -> dict[str, float]:
    """Means of the ratios and shares beside the primary metric that all records have."""
    records = [record.metrics for result in results for record in result.records]
    names = [
        name
        for name in records[0]
        if name != metric and (name in QUOTED or name.startswith(f"{metric}_vs_"))
    ]
    found = {}
    for name in names:
        values = [entry.get(name) for entry in records]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            found[name] = float(np.mean(known))
    return found


def _of(run: Run, agent: str, task: str) -> list[JobResult]:
    return [result for result in run.results if result.agent == agent and result.task == task]


def _reference_agent(run: Run) -> str | None:
    """Name of the agent in the run that is the reference method of every task, if there is one."""
    policies = {entry.reference_policy for entry in run.references.values()}
    for agent in run.suite.agents:
        everywhere = all(agent.applies_to(task) for task in run.suite.tasks)
        if policies == {agent.policy} and not agent.kwargs and everywhere:
            return agent.name
    return None


def _thresholds(scores: list[list[Scores]]) -> Scores:
    """Evenly spaced thresholds over what the better half of the agents score."""
    flat = [pooled(strata) for strata in scores]
    flat = sorted((f for f in flat if len(f)), key=lambda f: -float(iqm(f)))
    better = flat[: max(1, (len(flat) + 1) // 2)]
    if not better:
        return np.linspace(0.0, 1.0, PROFILE_POINTS)
    low = min(float(values.min()) for values in better)
    high = max(1.0, *(float(values.max()) for values in flat))
    pad = 0.05 * max(high - low, 0.01)
    return np.linspace(low - pad, high + pad, PROFILE_POINTS)


def _profile(strata: list[Scores], thresholds: Scores) -> list[float]:
    profile = performance_profile(strata, thresholds)
    return [] if np.isnan(profile).any() else profile.tolist()


def _or_lowest(value: float) -> float:
    return -math.inf if math.isnan(value) else value
