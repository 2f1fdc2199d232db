"""The best-known solution of each instance, over all verified submissions that have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chipgym.leaderboards.ranking import Entry
from chipgym.leaderboards.schema import FAMILIES, SubmittedTask, TaskResult, family_of

__all__ = ["BestKnown", "best_known"]

RELATIVE_TOLERANCE = 1e-9
"""Values as near as this are equal: so near must replays agree."""

Candidate = tuple[float, Entry, TaskResult, int]


@dataclass(frozen=True)
class BestKnown:
    """Best verified solution of one instance, and whose it is.

    Attributes
    ----------
    value : float
        The metric of the solution.
    score : float or None
        Its score; None where the instance is excluded from scoring.
    optimum : float or None
        The metric's optimum, where it is known.
    gap : float or None
        Distance from the optimum as a fraction of it.
    name, folder, seed : str, str, int
        The submission that holds it: the first by date of those that reach the value.
    equalled_by : int
        Further submissions that reach the value.
    """

    suite: str
    task: str
    env: str
    scenario: str | None
    objective: str | None
    instance: int
    instance_id: str
    metric: str
    value: float
    score: float | None
    optimum: float | None
    gap: float | None
    lower_is_better: bool
    name: str
    folder: str
    date: str
    seed: int
    equalled_by: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


def best_known(entries: Sequence[Entry]) -> list[BestKnown]:
    """Best verified solution of every instance, over all suites that contain it.

    What is infeasible is no solution, however good its metric.
    """
    found: dict[tuple[str, ...], list[Candidate]] = {}
    for entry in entries:
        for task in entry.verification.tasks:
            head = _problem(entry, task)
            for place, result in enumerate(task.results):
                if not result.feasible:
                    continue
                worth = -result.metric if task.lower_is_better else result.metric
                key = (*head, result.instance_id)
                found.setdefault(key, []).append((worth, entry, task, place))
    optima = _Optima()
    best = [_holder(candidates, optima) for candidates in found.values()]
    return sorted(best, key=_place)


def _problem(entry: Entry, task: TaskResult) -> tuple[str, ...]:
    """What makes instances of one name the same instance."""
    arguments = json.dumps(_submitted(entry, task).kwargs, sort_keys=True)
    return task.env, task.scenario or "", task.objective or "", task.metric, arguments


def _submitted(entry: Entry, task: TaskResult) -> SubmittedTask:
    return next(t for t in entry.submission.tasks if t.label == task.label)


def _place(best: BestKnown) -> tuple[str | int, ...]:
    families = [*FAMILIES.values(), family_of(best.env)]
    parts = (best.env, best.scenario or "", best.objective or "", best.metric)
    where = (best.instance, best.instance_id, best.task, best.suite)
    return families.index(family_of(best.env)), *parts, *where


def _holder(candidates: Sequence[Candidate], optima: _Optima) -> BestKnown:
    most = max(worth for worth, *_ in candidates)
    near = RELATIVE_TOLERANCE * abs(most)
    reached = [candidate for candidate in candidates if candidate[0] >= most - near]
    _, entry, task, place = min(
        reached, key=lambda c: (c[1].submission.date, c[1].folder, c[2].results[c[3]].seed)
    )
    result = task.results[place]
    optimum = optima.of(entry, task, result.instance)
    return BestKnown(
        suite=entry.submission.suite,
        task=task.label,
        env=task.env,
        scenario=task.scenario,
        objective=task.objective,
        instance=result.instance,
        instance_id=result.instance_id,
        metric=task.metric,
        value=result.metric,
        score=result.score,
        optimum=optimum,
        gap=abs(result.metric - optimum) / abs(optimum) if optimum else None,
        lower_is_better=task.lower_is_better,
        name=entry.submission.name,
        folder=entry.folder,
        date=entry.submission.date,
        seed=result.seed,
        equalled_by=len({candidate[1].folder for candidate in reached}) - 1,
    )


class _Optima:
    """Known optima, looked up once a task."""

    def __init__(self) -> None:
        self.known: dict[str, dict[int, float]] = {}

    def of(self, entry: Entry, task: TaskResult, instance: int) -> float | None:
        submitted = _submitted(entry, task)
        key = submitted.model_dump_json()
        if key not in self.known:
            self.known[key] = _known_optima(submitted)
        return self.known[key].get(instance)


def _known_optima(task: SubmittedTask) -> dict[int, float]:
    from chipgym.experiments.optima import known_optima
    from chipgym.experiments.suite import TaskSpec

    document = task.model_dump(mode="json", exclude={"label", "simulator_version", "content"})
    return known_optima(TaskSpec.parse(document | {"name": task.label}))
