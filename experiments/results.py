"""Reading the result folders of jobs, and knowing which are finished."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipgym.experiments.jobs import Job
from chipgym.leaderboards.schema import EpisodeRecord, read_records
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import read_json

__all__ = ["CurvePoint", "JobResult", "file_hash", "is_finished", "read_curve", "read_result"]

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
        Learning curve, empty for ready policies.
    training_steps, training_evaluations : int
        Budget spent in training.
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
    if read_json(folder / DONE).get("records_sha256") != file_hash(folder / RECORDS):
        raise FileFormatError(folder / RECORDS, "changed since the job finished")
    training = read_json(folder / TRAINING) if job.agent.algorithm is not None else {}
    return JobResult(
        task=job.task.label,
        agent=job.agent.name,
        seed=job.seed,
        records=tuple(read_records(folder / RECORDS)),
        curve=read_curve(folder / CURVE),
        training_steps=int(training.get("steps", 0)),
        training_evaluations=int(training.get("evaluations", 0)),
    )


def read_curve(path: Path) -> tuple[CurvePoint, ...]:
    """Read a learning curve; a missing file is an empty curve."""
    if not path.is_file():
        return ()
    points = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
            points.append(
                CurvePoint(
                    int(entry["steps"]),
                    int(entry["evaluations"]),
                    tuple(entry["instances"]),
                    tuple(entry["metrics"]),
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FileFormatError(path, f"line {number}: not a curve point: {error}") from error
    return tuple(points)
