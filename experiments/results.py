"""Reading the result folders of jobs, and knowing which are finished."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipgym.experiments.jobs import Job
from chipgym.leaderboards.records import read_records
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import read_json

__all__ = [
    "CurvePoint",
    "JobResult",
    "file_hash",
    "is_finished",
    "read_curve",
    "read_result",
    "result_hashes",
]

DONE = "done.json"
RECORDS = "records.jsonl"
CURVE = "curve.jsonl"
TRAINING = "training.json"


@dataclass(frozen=True)
class CurvePoint:
    """A point of a learning curve.

    Attributes
    ----------
    steps, evaluations : int
        Environment steps and simulator evaluations of training so far.
    instances : tuple of int
        The instances that were evaluated.
    metrics : tuple of float
        Primary metric on each of them.
    """

    steps: int
    evaluations: int
    instances: tuple[int, ...]
    metrics: tuple[float, ...]

    def document(self) -> dict[str, Any]:
        """Return the point as JSON."""
        return {
            "steps": self.steps,
            "evaluations": self.evaluations,
            "instances": list(self.instances),
            "metrics": list(self.metrics),
        }


@dataclass(frozen=True)
class JobResult:
    """The results of one finished job.

    Attributes
    ----------
    task, agent : str
        Labels.
    seed : int
        Seed of the method.
    records : tuple of EpisodeRecord
        One for each instance, in the task's order.
    curve : tuple of CurvePoint
        Learning curve; for a searcher the best design by then; empty for ready policies.
    training_steps, training_evaluations : int
        Budget spent in training, or in the search on each instance.
    """

    task: str
    agent: str
    seed: int
    records: tuple[EpisodeRecord, ...]
    curve: tuple[CurvePoint, ...] = field(default=())
    training_steps: int = 0
    training_evaluations: int = 0


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_finished(folder: Path) -> bool:
    """Whether a job's folder carries the finish marker."""
    return (folder / DONE).is_file()


def read_result(job: Job) -> JobResult:
    """Read the results of a finished job.

    Raises
    ------
    FileFormatError
        It is not finished, or its records were changed since.
    """
    folder = Path(job.folder)
    if not is_finished(folder):
        raise FileFormatError(folder, "not finished; run the suite again to resume it")
    _check_unchanged(folder)
    spent = job.agent.policy is None or (folder / TRAINING).is_file()
    training = read_json(folder / TRAINING) if spent else {}
    return JobResult(
        task=job.task.label,
        agent=job.agent.name,
        seed=job.seed,
        records=tuple(read_records(folder / RECORDS)),
        curve=read_curve(folder / CURVE),
        training_steps=int(training.get("steps", 0)),
        training_evaluations=int(training.get("evaluations", 0)),
    )


def result_hashes(folder: Path) -> dict[str, str]:
    """Hashes of the result files of a folder, as its finish marker holds them."""
    present = [name for name in (RECORDS, CURVE, TRAINING) if (folder / name).is_file()]
    return {f"{name.partition('.')[0]}_sha256": file_hash(folder / name) for name in present}


def _check_unchanged(folder: Path) -> None:
    """Compare the result files with the hashes of the finish marker."""
    marker = read_json(folder / DONE)
    found = result_hashes(folder)
    stated = marker if isinstance(marker, dict) else {}
    for name in (RECORDS, CURVE, TRAINING):
        key = f"{name.partition('.')[0]}_sha256"
        if (name == RECORDS or key in stated) and stated.get(key) != found.get(key):
            raise FileFormatError(
                folder / name,
                f"missing, or changed since the job finished; to run the job again delete {folder}",
            )


def read_curve(path: Path) -> tuple[CurvePoint, ...]:
    """Read a learning curve; a missing file is an empty curve."""
    if not path.is_file():
        return ()
    points = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = json.loads(line)
            points.append(
                CurvePoint(
                    int(entry["steps"]),
                    int(entry["evaluations"]),
                    tuple(int(value) for value in entry["instances"]),
                    tuple(float(value) for value in entry["metrics"]),
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FileFormatError(path, f"line {number}: not a curve point: {error}") from error
    return tuple(points)
