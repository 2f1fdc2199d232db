"""The ranking of verified submissions, and the best-known solution of each instance.

Reads result records only: what `chipgym.leaderboards.verify` recomputed, never what was claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipgym.leaderboards.schema import (
    RECORDS_FILE,
    SUBMISSION_FILE,
    VERIFIED_FILE,
    Submission,
    TaskResult,
    Verification,
    file_hash,
    load_submission,
)
from chipgym.simulators.core.errors import FileFormatError

__all__ = ["BestKnown", "Entry", "best_known", "load_entries", "rank", "submission_folders"]


@dataclass(frozen=True)
class Entry:
    """A verified submission."""

    folder: str
    submission: Submission
    verification: Verification

    def document(self) -> dict[str, Any]:
        """Return what the ranking shows, as JSON."""
        head, found = self.submission, self.verification
        return {
            "name": head.name,
            "suite": head.suite,
            "authors": list(head.authors),
            "kind": head.kind,
            "date": head.date,
            "seeds": len(head.seeds),
            "verified": {
                "iqm": found.iqm,
                "iqm_low": found.iqm_low,
                "iqm_high": found.iqm_high,
                "mean_metric": {task.label: task.mean_metric for task in found.tasks},
                "metric": {task.label: task.metric for task in found.tasks},
                "simulator_version": {task.label: task.simulator_version for task in found.tasks},
            },
            "attested": {
                "training_steps": head.training_steps,
                "training_evaluations": head.training_evaluations,
            },
        }


@dataclass(frozen=True)
class BestKnown:
    """Best verified solution of one instance."""

    env: str
    scenario: str | None
    objective: str | None
    instance: int
    instance_id: str
    metric: str
    value: float
    score: float | None
    name: str
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
            now = file_hash(folder / RECORDS_FILE), file_hash(folder / SUBMISSION_FILE)
            if verification.passed and hashes == now:
                entries.append(Entry(folder.name, load_submission(folder), verification))
    return entries


def rank(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each suite, best first; equal scores share the order of their names."""
    suites: dict[str, list[Entry]] = {}
    for entry in entries:
        suites.setdefault(entry.submission.suite, []).append(entry)
    for group in suites.values():
        group.sort(key=lambda entry: (-_score(entry), entry.submission.name))
    return dict(sorted(suites.items()))


def best_known(entries: Sequence[Entry]) -> list[BestKnown]:
    """Best verified solution of every instance, over all suites that contain it."""
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
            env=task.env,
            scenario=task.scenario,
            objective=task.objective,
            instance=result.instance,
            instance_id=result.instance_id,
            metric=task.metric,
            value=result.metric,
            score=result.score,
            name=entry.submission.name,
            seed=result.seed,
        )
        for result in task.results
    ]


def _score(entry: Entry) -> float:
    value = entry.verification.iqm
    return float("-inf") if value is None else value
