"""The ranking of verified submissions, and the best-known solution of each instance.

Reads result records only: what `chipgym.leaderboards.verify` recomputed, never what was claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipgym.leaderboards.schema import (
    SUBMISSION_FILE,
    VERIFIED_FILE,
    FamilyResult,
    Submission,
    TaskResult,
    Verification,
    file_hash,
    load_submission,
    records_hash,
)
from chipgym.simulators.core.errors import FileFormatError

__all__ = [
    "BestKnown",
    "Entry",
    "best_known",
    "load_entries",
    "rank",
    "rank_family",
    "rank_task",
    "submission_folders",
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
class BestKnown:
    """Best verified solution of one instance, and whose it is."""

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
    lower_is_better: bool
    name: str
    folder: str
    seed: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return dict(vars(self))


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


def rank(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each suite, best first; equal scores share the order of their names.

    Scores over some of the tasks do not compare with scores over all of them, so entries that do
    not have all tasks come last.
    """
    suites: dict[str, list[Entry]] = {}
    for entry in entries:
        suites.setdefault(entry.submission.suite, []).append(entry)
    for group in suites.values():
        group.sort(
            key=lambda entry: (
                not entry.verification.complete,
                -_or_lowest(entry.verification.iqm),
                entry.submission.name,
            )
        )
    return dict(sorted(suites.items()))


def rank_family(group: Sequence[Entry], family: str) -> list[tuple[Entry, FamilyResult]]:
    """Entries of a suite that have all its tasks of a family, best first."""
    found = [(entry, entry.verification.families.get(family)) for entry in group]
    kept = [(entry, result) for entry, result in found if result is not None]
    return sorted(kept, key=lambda pair: (-_or_lowest(pair[1].iqm), pair[0].submission.name))


def rank_task(group: Sequence[Entry], label: str) -> list[tuple[Entry, TaskResult]]:
    """Entries of a suite that have a task, best first; where nothing is scored, by the metric."""
    found = [
        (entry, task) for entry in group for task in entry.verification.tasks if task.label == label
    ]

    def order(pair: tuple[Entry, TaskResult]) -> tuple[float, float, str]:
        entry, task = pair
        cost = task.mean_metric if task.lower_is_better else -task.mean_metric
        return -_or_lowest(task.iqm), cost, entry.submission.name

    return sorted(found, key=order)


def best_known(entries: Sequence[Entry]) -> list[BestKnown]:
    """Best verified solution of every instance, over all suites that contain it.

    What is infeasible is no solution, however good its metric.
    """
    best: dict[tuple[str, str, str, str], BestKnown] = {}
    for entry in entries:
        for task in entry.verification.tasks:
            for candidate in _solutions(entry, task):
                key = (
                    task.env,
                    task.scenario or "",
                    task.objective or "",
                    f"{candidate.metric} {candidate.instance_id}",
                )
                sign = 1.0 if task.lower_is_better else -1.0
                if key not in best or sign * candidate.value < sign * best[key].value:
                    best[key] = candidate
    return [best[key] for key in sorted(best)]


def _solutions(entry: Entry, task: TaskResult) -> list[BestKnown]:
    return [
        BestKnown(
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
            lower_is_better=task.lower_is_better,
            name=entry.submission.name,
            folder=entry.folder,
            seed=result.seed,
        )
        for result in task.results
        if result.feasible
    ]


def _or_lowest(value: float | None) -> float:
    return float("-inf") if value is None else value
