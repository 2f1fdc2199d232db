"""The ranking of verified submissions, over tasks that all who are ranked have.

Reads result records only: what `chipgym.leaderboards.verify` recomputed, never what was claimed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from chipgym.leaderboards.schema import (
    SUBMISSION_FILE,
    VERIFIED_FILE,
    Submission,
    TaskResult,
    Verification,
    family_of,
    file_hash,
    load_submission,
    records_hash,
)
from chipgym.simulators.core.errors import FileFormatError

__all__ = [
    "Board",
    "Entry",
    "Ranked",
    "boards_of",
    "by_suite",
    "load_entries",
    "submission_folders",
    "task_result",
]


@dataclass(frozen=True)
class Entry:
    """A verified submission, and where it lies."""

    folder: str
    path: Path
    submission: Submission
    verification: Verification

    def document(self) -> dict[str, Any]:
        """Return what the ranking shows, as JSON."""
        head, found = self.submission, self.verification
        return {
            "name": head.name,
            "suite": head.suite,
            "folder": self.folder,
            "complete": found.complete,
            "authors": list(head.authors),
            "kind": head.kind,
            "date": head.date,
            "seeds": len(head.seeds),
            "verified": {
                "iqm": found.iqm,
                "iqm_low": found.iqm_low,
                "iqm_high": found.iqm_high,
                "families": {name: entry.document() for name, entry in found.families.items()},
                "mean_metric": {task.label: task.mean_metric for task in found.tasks},
                "metric": {task.label: task.metric for task in found.tasks},
                "simulator_version": {task.label: task.simulator_version for task in found.tasks},
            },
            "attested": {
                "training_steps": head.training_steps,
                "training_evaluations": head.training_evaluations,
                "budgets": {name: entry.document() for name, entry in head.budgets.items()},
            },
        }


@dataclass(frozen=True)
class Ranked:
    """A place in a ranking: a submission, its score over the board's tasks, and 95 % interval."""

    entry: Entry
    iqm: float | None
    iqm_low: float | None
    iqm_high: float | None


@dataclass(frozen=True)
class Board:
    """A ranking over a set of tasks.

    Attributes
    ----------
    level : {"suite", "family", "environment", "task"}
        What the tasks are: all, those of a family, those of an environment, or a single one.
    name : str
        Name of the suite, the family, the environment or the task.
    tasks : tuple of str
        Labels of the tasks.
    rows : tuple of Ranked
        Submissions that have all of the tasks, best first.
    partial : tuple of (Entry, tuple of str)
        Submissions that have only some of them, and which; those with the most come first.
    """

    level: Literal["suite", "family", "environment", "task"]
    name: str
    tasks: tuple[str, ...]
    rows: tuple[Ranked, ...]
    partial: tuple[tuple[Entry, tuple[str, ...]], ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "level": self.level,
            "name": self.name,
            "tasks": list(self.tasks),
            "ranking": [
                {
                    "rank": place,
                    "name": row.entry.submission.name,
                    "folder": row.entry.folder,
                    "iqm": row.iqm,
                    "iqm_low": row.iqm_low,
                    "iqm_high": row.iqm_high,
                }
                for place, row in enumerate(self.rows, 1)
            ],
            "partial": {entry.folder: list(tasks) for entry, tasks in self.partial},
        }


def submission_folders(root: str | Path) -> list[Path]:
    """Folders of submissions below a folder, in order of name."""
    base = Path(root)
    if not base.is_dir():
        raise FileFormatError(base, "cannot be read: no such folder")
    return sorted(path.parent for path in base.glob("*/submission.json"))


def load_entries(root: str | Path) -> list[Entry]:
    """Read the submissions below a folder that carry a passed verification of just these files."""
    entries = []
    for folder in submission_folders(root):
        if (folder / VERIFIED_FILE).is_file():
            verification = Verification.load(folder / VERIFIED_FILE)
            hashes = verification.records_sha256, verification.submission_sha256
            now = records_hash(folder), file_hash(folder / SUBMISSION_FILE)
            if verification.passed and hashes == now:
                entries.append(Entry(folder.name, folder, load_submission(folder), verification))
    return entries


def by_suite(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each suite.

    Raises
    ------
    FileFormatError
        Submissions to a suite were verified against different tasks, instances or simulators, so
        that their scores do not compare.
    """
    suites: dict[str, list[Entry]] = {}
    for entry in entries:
        suites.setdefault(entry.submission.suite, []).append(entry)
    for group in suites.values():
        _check_comparable(group)
    return dict(sorted(suites.items()))


def _check_comparable(group: Sequence[Entry]) -> None:
    known: dict[str, tuple[Entry, Any]] = {}
    for entry in group:
        facts: list[tuple[str, Any]] = [("the suite", entry.verification.suite_tasks)]
        facts += [(f"task {task.label!r}", _made_on(task)) for task in entry.verification.tasks]
        for what, fact in facts:
            other, expected = known.setdefault(what, (entry, fact))
            if fact != expected:
                raise FileFormatError(
                    entry.path / VERIFIED_FILE,
                    f"{what} is not that of {other.folder}: the suite or the simulator has "
                    "changed in between; verify all again: chipgym leaderboard verify --all",
                )


def _made_on(task: TaskResult) -> tuple[object, ...]:
    instances = tuple(sorted({result.instance for result in task.results}))
    same = (task.env, task.scenario, task.objective, task.metric, task.simulator_version)
    return *same, instances


def boards_of(group: Sequence[Entry]) -> list[Board]:
    """Boards of a suite: over all tasks, over those of each family, of each environment, and each.

    Scores over different tasks do not compare. A board therefore ranks the submissions that have
    all of its tasks, and names the others with what they have. A board over the same tasks as a
    wider one is left out.
    """
    suite = group[0].submission.suite
    tasks = group[0].verification.suite_tasks
    wanted: list[tuple[Any, str, tuple[str, ...]]] = [("suite", suite, tuple(tasks))]
    for family in dict.fromkeys(map(family_of, tasks.values())):
        labels = tuple(label for label, env in tasks.items() if family_of(env) == family)
        wanted.append(("family", family, labels))
    wanted += [
        ("environment", env, tuple(label for label, own in tasks.items() if own == env))
        for env in dict.fromkeys(tasks.values())
    ]
    wanted += [("task", label, (label,)) for label in tasks]
    seen: set[tuple[str, ...]] = set()
    boards = []
    for level, name, labels in wanted:
        if level == "task" or labels not in seen:
            seen.add(labels)
            boards.append(_board(group, level, name, labels))
    return boards


def _board(group: Sequence[Entry], level: Any, name: str, labels: tuple[str, ...]) -> Board:
    rows, partial = [], []
    for entry in group:
        own = {task.label for task in entry.verification.tasks}
        had = tuple(label for label in labels if label in own)
        if len(had) == len(labels):
            rows.append(_ranked(entry, level, name, labels))
        elif had:
            partial.append((entry, had))
    rows.sort(key=lambda row: (-_or_lowest(row.iqm), _cost(row, labels), *_id(row.entry)))
    partial.sort(key=lambda pair: (-len(pair[1]), labels.index(pair[1][0]), *_id(pair[0])))
    return Board(level, name, labels, tuple(rows), tuple(partial))


def _ranked(entry: Entry, level: str, name: str, labels: tuple[str, ...]) -> Ranked:
    """The score over the tasks: as verified, or recomputed from the verified results."""
    found = entry.verification
    if level == "suite":
        return Ranked(entry, found.iqm, found.iqm_low, found.iqm_high)
    if level == "family" and (family := found.families.get(name)) is not None:
        return Ranked(entry, family.iqm, family.iqm_low, family.iqm_high)
    tasks = [task for task in found.tasks if task.label in labels]
    if len(tasks) == 1:
        return Ranked(entry, tasks[0].iqm, tasks[0].iqm_low, tasks[0].iqm_high)
    return _recomputed(entry, tasks)


def _recomputed(entry: Entry, tasks: Sequence[TaskResult]) -> Ranked:
    import numpy as np

    from chipgym.experiments.statistics import bootstrap_interval

    strata = []
    for task in tasks:
        scores = [math.nan if result.score is None else result.score for result in task.results]
        strata.append(np.array(scores, dtype=np.float64).reshape(len(entry.submission.seeds), -1))
    found = bootstrap_interval(strata).document()
    return Ranked(entry, found["value"], found["low"], found["high"])


def _cost(row: Ranked, labels: tuple[str, ...]) -> float:
    """Where nothing is scored, a single task is ranked by its metric."""
    if row.iqm is not None or len(labels) > 1:
        return 0.0
    task = next(t for t in row.entry.verification.tasks if t.label == labels[0])
    return task.mean_metric if task.lower_is_better else -task.mean_metric


def _id(entry: Entry) -> tuple[str, str]:
    return entry.submission.name, entry.folder


def task_result(entry: Entry, label: str) -> TaskResult | None:
    """What a submission reached on a task; None where it does not have it."""
    return next((task for task in entry.verification.tasks if task.label == label), None)


def _or_lowest(value: float | None) -> float:
    return float("-inf") if value is None else value
