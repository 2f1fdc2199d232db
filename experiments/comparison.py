"""Several runs as one: what tasks and instances they share, and how their results differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.references import TaskReferences
from chipgym.experiments.results import JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import BOOTSTRAP_SEED, Interval
from chipgym.experiments.suite import AgentSpec, Suite, TaskSpec, slug
from chipgym.experiments.summary import metric_values
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["Comparison", "Difference", "compare_runs", "difference", "manifest_differences"]

Array = npt.NDArray[np.float64]
RESAMPLES = 2000
LEFT_OUT = frozenset({"env_specs", "configuration", "started", "finished", "wall_s"})
"""What of two manifests is not compared: it differs always, or is shown elsewhere."""


@dataclass(frozen=True)
class Difference:
    """How one method differs from another on a task, instance by instance.

    Attributes
    ----------
    task, method, baseline : str
    score : Interval
        Mean difference of the score, method minus baseline, with its 95 % interval.
    metric_change : float
        Mean of (method's metric / baseline's) - 1 over the instances.
    wins, ties, losses : int
        Instances on which the method's score, averaged over seeds, is higher, equal, lower.
    paired_seeds : bool
        Whether the two had the same seeds, which are then drawn together.
    """

    task: str
    method: str
    baseline: str
    score: Interval
    metric_change: float
    wins: int
    ties: int
    losses: int
    paired_seeds: bool

    def document(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        change = self.metric_change
        return {
            "task": self.task,
            "method": self.method,
            "baseline": self.baseline,
            "score_difference": self.score.document(),
            "metric_change": None if math.isnan(change) else change,
            "instances": {"wins": self.wins, "ties": self.ties, "losses": self.losses},
            "paired_seeds": self.paired_seeds,
        }


@dataclass(frozen=True)
class Comparison:
    """Runs on what they share.

    Attributes
    ----------
    names : tuple of str
        A name for each run.
    runs : tuple of Run
        The runs as they are.
    merged : Run
        Their agents on the tasks and instances that all runs have. An agent that differs between
        runs is named with its run.
    versions : dict
        Of agents that several runs have in different form or with different results: their names
        in `merged`, in the order of the runs.
    baseline : str
        What the others are compared with.
    left_out : dict
        Tasks of each run that the others do not have.
    """

    names: tuple[str, ...]
    runs: tuple[Run, ...]
    merged: Run
    versions: dict[str, tuple[str, ...]]
    baseline: str
    left_out: dict[str, tuple[str, ...]]

    def differences(self) -> list[Difference]:
        """Every version of an agent against its first, then every method against the baseline.

        Each on the tasks that both took part in.
        """
        agents = {agent.name: agent for agent in self.merged.suite.agents}

        def took_part(name: str, task: TaskSpec) -> bool:
            return agents[name].applies_to(task)

        pairs = [(later, names[0]) for names in self.versions.values() for later in names[1:]]
        rest = [a.name for a in self.merged.suite.agents if a.name != self.baseline]
        pairs += [(n, self.baseline) for n in rest if (n, self.baseline) not in pairs]
        return [
            difference(self.merged, task.label, method, baseline)
            for method, baseline in pairs
            for task in self.merged.suite.tasks
            if took_part(method, task) and took_part(baseline, task)
        ]


def compare_runs(runs: Sequence[Run], baseline: str | None = None) -> Comparison:
    """Put runs side by side on the tasks and instances that they share.

    Parameters
    ----------
    runs : sequence of Run
        At least two.
    baseline : str, optional
        Agent that the others are compared with, by its name in the merged run; by default the
        reference method, or the first version of an agent that differs between the runs, or the
        first agent.

    Raises
    ------
    InvalidValueError
        There are fewer than two runs, they share no task, or a task's references differ: scores of
        such runs do not compare.
    UnknownNameError
        No such baseline.
    """
    if len(runs) < 2:
        raise InvalidValueError("runs", len(runs), "at least two")
    names = _names([run.folder for run in runs])
    tasks = _common_tasks(runs)
    if not tasks:
        raise InvalidValueError("runs", list(names), "runs that share a task and its instances")
    references = {label: _references(runs, task) for label, task in tasks.items()}
    agents, results, versions = _agents(runs, names, tasks)
    suite = Suite.model_construct(
        **{
            **dict(runs[0].suite),
            "name": " and ".join(names),
            "description": "",
            "tasks": tuple(tasks.values()),
            "agents": tuple(agents),
        }
    )
    merged = Run(suite, runs[0].folder, tuple(results), references)
    known = [agent.name for agent in agents]
    if baseline is not None and baseline not in known:
        raise UnknownNameError("baseline", baseline, known)
    kept = {_identity(task) for task in tasks.values()}
    left_out = {
        name: tuple(t.label for t in run.suite.tasks if _identity(t) not in kept)
        for name, run in zip(names, runs, strict=True)
    }
    chosen = baseline or _default_baseline(merged, versions)
    return Comparison(names, tuple(runs), merged, versions, chosen, left_out)


def difference(run: Run, task: str, method: str, baseline: str) -> Difference:
    """Compare two agents of a run on a task, paired by instance, and by seed where seeds are equal.

    The bootstrap draws instances jointly; and seeds jointly if both have the same, else separately.
    """
    x, y = (_by_seed(run, task, name) for name in (method, baseline))
    paired = list(x) == list(y)
    mine, theirs = (np.array([row[0] for row in part.values()]) for part in (x, y))
    scored = ~(np.isnan(mine).any(axis=0) | np.isnan(theirs).any(axis=0))
    metrics = [np.array([row[1] for row in part.values()]).mean(axis=0) for part in (x, y)]
    with np.errstate(divide="ignore", invalid="ignore"):
        change = metrics[0] / metrics[1] - 1.0
    change = change[np.isfinite(change)]
    mine, theirs = mine[:, scored], theirs[:, scored]
    gaps = mine.mean(axis=0) - theirs.mean(axis=0)
    return Difference(
        task=task,
        method=method,
        baseline=baseline,
        score=_paired_interval(mine, theirs, paired),
        metric_change=float(change.mean()) if len(change) else math.nan,
        wins=int((gaps > 0).sum()),
        ties=int((gaps == 0).sum()),
        losses=int((gaps < 0).sum()),
        paired_seeds=paired,
    )


def manifest_differences(names: Sequence[str], runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Facts of the manifests that are not equal, by their dotted names, as text for each run."""
    flat = [_flat(run.manifest) for run in runs]
    keys = sorted({key for facts in flat for key in facts})
    rows = {key: tuple(facts.get(key, "–") for facts in flat) for key in keys}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    """Name of each folder, with as much of its path as tells it from the others."""
    resolved = [folder.resolve() for folder in folders]
    for depth in (1, 2, 3):
        names = [" ".join(folder.parts[-depth:]) for folder in resolved]
        if len(set(names)) == len(names):
            return tuple(names)
    return tuple(f"run {number}" for number in range(1, len(folders) + 1))


def _identity(task: TaskSpec) -> str:
    return repr(sorted({**task.identity(), "wrapper": task.wrapper}.items()))


def _common_tasks(runs: Sequence[Run]) -> dict[str, TaskSpec]:
    """Tasks that every run has, by label, on the instances that every run has."""
    found: dict[str, TaskSpec] = {}
    for task in runs[0].suite.tasks:
        twins = [
            next((t for t in run.suite.tasks if _identity(t) == _identity(task)), None)
            for run in runs
        ]
        known = [twin for twin in twins if twin is not None]
        shared = set.intersection(*(set(twin.instance_indexes) for twin in known))
        if len(known) == len(runs) and shared:
            update = {"instances": tuple(sorted(shared)), "name": task.label}
            found[task.label] = task.model_copy(update=update)
    return found


def _references(runs: Sequence[Run], task: TaskSpec) -> TaskReferences:
    """References of a shared task, which must be the same in all runs."""
    entries = []
    for run in runs:
        label = next(t.label for t in run.suite.tasks if _identity(t) == _identity(task))
        entries.append(run.references[label])
    first = entries[0]
    for other in entries[1:]:
        for instance in task.instance_indexes:
            if first.of(instance) != other.of(instance) or first.metric != other.metric:
                raise InvalidValueError(
                    f"references of task {task.label!r}",
                    f"instance {instance} differs",
                    "the same in all runs, or their scores do not compare",
                )
    return first


def _agents(
    runs: Sequence[Run], names: Sequence[str], tasks: Mapping[str, TaskSpec]
) -> tuple[list[AgentSpec], list[JobResult], dict[str, tuple[str, ...]]]:
    """Agents of all runs with their results, under names that tell them apart."""
    forms: dict[str, list[tuple[str, AgentSpec, list[JobResult]]]] = {}
    for run, name in zip(runs, names, strict=True):
        for agent in run.suite.agents:
            results = _results(run, agent.name, tasks)
            if not results:
                continue
            known = forms.setdefault(agent.name, [])
            if not any(_same(results, other) for _, _, other in known):
                known.append((name, agent, results))
    agents: list[AgentSpec] = []
    kept: list[JobResult] = []
    versions: dict[str, tuple[str, ...]] = {}
    for agent_name, entries in forms.items():
        for run_name, agent, results in entries:
            label = agent_name if len(entries) == 1 else f"{agent_name} ({slug(run_name)})"
            # Patterns may be of labels that the tasks have in one of the runs only.
            labels = tuple(dict.fromkeys(result.task for result in results))
            agents.append(agent.model_copy(update={"name": label, "tasks": labels}))
            kept += [replace(result, agent=label) for result in results]
            if len(entries) > 1:
                versions[agent_name] = (*versions.get(agent_name, ()), label)
    return agents, kept, versions


def _same(results: Sequence[JobResult], others: Sequence[JobResult]) -> bool:
    """Whether an agent did the same twice; its learning curve may be on other instances."""
    bare = [replace(result, curve=()) for result in results]
    return bare == [replace(result, curve=()) for result in others]


def _results(run: Run, agent: str, tasks: Mapping[str, TaskSpec]) -> list[JobResult]:
    """Results of an agent on the shared tasks and instances, under the shared labels."""
    found = []
    for label, task in tasks.items():
        own = next(t.label for t in run.suite.tasks if _identity(t) == _identity(task))
        wanted = set(task.instance_indexes)
        for result in run.results:
            if (result.task, result.agent) == (own, agent):
                records = sorted(
                    (r for r in result.records if r.instance in wanted), key=lambda r: r.instance
                )
                found.append(replace(result, task=label, records=tuple(records)))
    return found


def _default_baseline(merged: Run, versions: Mapping[str, tuple[str, ...]]) -> str:
    policies = {entry.reference_policy for entry in merged.references.values()}
    references = [agent.name for agent in merged.suite.agents if agent.policy in policies]
    first = [names[0] for names in versions.values()]
    return (references + first + [merged.suite.agents[0].name])[0]


def _by_seed(run: Run, task: str, agent: str) -> dict[int, tuple[list[float], list[float]]]:
    """Scores and metrics on each instance, by seed."""
    references = run.references[task]
    found = {}
    for result in run.results:
        if (result.task, result.agent) == (task, agent):
            values = metric_values(run, result)
            scores = [
                references.score(record.instance, value)
                for record, value in zip(result.records, values, strict=True)
            ]
            found[result.seed] = (scores, values)
    return dict(sorted(found.items()))


def _paired_interval(x: Array, y: Array, paired: bool) -> Interval:
    """Mean of x - y over instances and seeds, with its 95 % bootstrap interval."""
    if not x.size:
        return Interval(math.nan, math.nan, math.nan)
    generator = np.random.Generator(np.random.PCG64(BOOTSTRAP_SEED))
    draws = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        rows = generator.integers(len(x), size=len(x))
        others = rows if paired else generator.integers(len(y), size=len(y))
        columns = generator.integers(x.shape[1], size=x.shape[1])
        gaps = x[rows].mean(axis=0) - y[others].mean(axis=0)
        draws[index] = gaps[columns].mean()
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(float(x.mean() - y.mean()), float(low), float(high))


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in document.items():
        if not prefix and key in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = (
                ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            )
    return found
