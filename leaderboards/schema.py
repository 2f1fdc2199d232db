"""What a submission consists of: JSON artefacts within size limits, checked before use.

A submission is a folder with two files: ``submission.json`` (who, what, on which tasks, and what is
claimed) and ``records.jsonl`` (one line an episode: the actions, the schedule, the metrics).
Nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date as calendar_date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.core.files import read_json

__all__ = [
    "Claims",
    "EpisodeRecord",
    "InstanceResult",
    "Submission",
    "SubmittedTask",
    "TaskResult",
    "Verification",
    "load_submission",
    "read_records",
]

SUBMISSION_FILE = "submission.json"
RECORDS_FILE = "records.jsonl"
VERIFIED_FILE = "verified.json"
ALLOWED_FILES = frozenset({SUBMISSION_FILE, RECORDS_FILE, VERIFIED_FILE, "README.md"})
MAX_SUBMISSION_BYTES = 1_000_000
MAX_RECORDS_BYTES = 200_000_000
MAX_LINE_BYTES = 20_000_000
MAX_RECORDS = 20_000

Text = Annotated[str, Field(max_length=2000)]
Label = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][\w .+()/-]*$")]
Number = int | float
Index = Annotated[int, Field(ge=0, lt=2**31)]


class EpisodeRecord(Description):
    """One episode of one policy on one instance.

    Attributes
    ----------
    task, agent : str
        Labels of the task and of the method.
    seed : int
        Seed of the method (of its training, where it is trained).
    instance : int
        Index of the instance in the task's split.
    instance_id : str
        Identity of the instance, as the environment names it.
    actions : list
        The actions, in order.
    episode_return : float
        Sum of the rewards.
    metrics : dict
        Metrics at the end of the episode, units in their names; null where undefined.
    evaluations : int
        Simulator evaluations spent in the episode.
    steps : int
        Environment steps of the episode.
    schedule : dict or None
        The finished schedule, column by column.
    """

    task: Label
    agent: Label
    seed: Index
    instance: Index
    instance_id: Text
    actions: list[int] | list[list[Number]]
    episode_return: float
    metrics: dict[Text, float | None]
    evaluations: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=0)]
    schedule: dict[Text, list[Number]] | None = None


class SubmittedTask(Description):
    """A task as a submission names it.

    Attributes
    ----------
    simulator_version : str
        Version of the results: the simulator's, and that of a tool behind it.
    content : str
        Hash of the instances where `kwargs` has arguments, which may name files; else empty.
    """

    label: Label
    env: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\w./-]+-v\d+$")]
    scenario: Text | None = None
    objective: Text | None = None
    split: Literal["test"] = "test"
    kwargs: dict[str, Any] = {}
    parallel_kwargs: dict[str, Any] = {}
    wrapper: Text | None = None
    instances: Annotated[tuple[Index, ...], Field(min_length=1, max_length=10_000)]
    simulator_version: Text
    content: Text = ""


class Claims(Description):
    """What the submitter says the statistics are; ranked only if recomputed equal.

    Attributes
    ----------
    iqm : float or None
        Interquartile mean of the score over all seeds and instances.
    mean_metric : dict
        Mean primary metric of each task, by label.
    """

    iqm: float | None
    mean_metric: dict[Label, float]


class Submission(Description):
    """The head of a submission.

    Attributes
    ----------
    multi_agent : bool
        Whether the actions are joint ones of the environment's PettingZoo form.
    training_steps, training_evaluations : int
        Budget spent per task and seed before the test episodes. Cannot be proven from artefacts:
        shown as *attested*.
    """

    format: Literal[1] = 1
    name: Label
    suite: Label
    authors: tuple[Text, ...] = ()
    description: Text = ""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    package_version: Text
    kind: Literal["heuristic", "learned", "search"]
    multi_agent: bool = False
    seeds: Annotated[tuple[Index, ...], Field(min_length=1, max_length=1000)]
    training_steps: Annotated[int, Field(ge=0)] = 0
    training_evaluations: Annotated[int, Field(ge=0)] = 0
    tasks: Annotated[tuple[SubmittedTask, ...], Field(min_length=1, max_length=200)]
    claims: Claims

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be distinct")
        try:
            calendar_date.fromisoformat(self.date)
        except ValueError as error:
            raise ValueError(f"date {self.date!r} is not in the calendar") from error
        return self


class InstanceResult(Description):
    """One recomputed result; a null score marks an instance that is excluded from scoring."""

    seed: int
    instance: int
    instance_id: str
    metric: float
    score: float | None


class TaskResult(Description):
    """Recomputed results of one task."""

    label: str
    env: str
    scenario: str | None
    objective: str | None
    metric: str
    lower_is_better: bool
    simulator_version: str
    mean_metric: float
    iqm: float | None
    feasibility: Literal["checked", "not checked"]
    results: tuple[InstanceResult, ...]


class Verification(Description):
    """Outcome of a verification: all that a ranking may use.

    Attributes
    ----------
    passed : bool
        Whether everything was equal and feasible.
    reasons : tuple of str
        Why not; the first twenty.
    records_sha256 : str
        Hash of the records that were verified.
    iqm, iqm_low, iqm_high : float or None
        Recomputed interquartile mean of the score with its 95 % interval.
    """

    format: Literal[1] = 1
    passed: bool
    reasons: tuple[str, ...] = ()
    records: Annotated[int, Field(ge=0)] = 0
    records_sha256: str = ""
    package_version: str
    iqm: float | None = None
    iqm_low: float | None = None
    iqm_high: float | None = None
    tasks: tuple[TaskResult, ...] = ()


def load_submission(folder: str | Path) -> Submission:
    """Read and check the head of a submission, and that the folder holds nothing else.

    Raises
    ------
    FileFormatError
        A file is missing, too large, not allowed, or breaks the schema.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileFormatError(root, "not a submission: no such folder")
    for entry in sorted(root.iterdir()):
        if entry.name not in ALLOWED_FILES or entry.is_symlink() or not entry.is_file():
            raise FileFormatError(
                entry, f"not allowed in a submission; allowed: {', '.join(sorted(ALLOWED_FILES))}"
            )
    _check_size(root / SUBMISSION_FILE, MAX_SUBMISSION_BYTES)
    _check_size(root / RECORDS_FILE, MAX_RECORDS_BYTES)
    try:
        return Submission.parse(read_json(root / SUBMISSION_FILE))
    except InvalidValueError as error:
        raise FileFormatError(root / SUBMISSION_FILE, str(error)) from error


def read_records(path: str | Path) -> Iterator[EpisodeRecord]:
    """Read a file of records line by line.

    Raises
    ------
    FileFormatError
        The file is unreadable, or a line is too long, not JSON, or breaks the schema.
    """
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                if number > MAX_RECORDS:
                    raise FileFormatError(path, f"more than {MAX_RECORDS} records")
                if len(line) > MAX_LINE_BYTES:
                    raise FileFormatError(path, f"line {number}: over {MAX_LINE_BYTES} bytes")
                yield _parse_line(path, number, line)
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def _parse_line(path: str | Path, number: int, line: bytes) -> EpisodeRecord:
    try:
        return EpisodeRecord.parse(json.loads(line))
    except InvalidValueError as error:
        raise FileFormatError(path, f"line {number}: {error}") from error
    except (ValueError, RecursionError) as error:  # not text, not JSON, or too long a number
        raise FileFormatError(path, f"line {number}: not JSON: {error}") from error


def _check_size(path: Path, limit: int) -> None:
    if not path.is_file():
        raise FileFormatError(path, "missing from the submission")
    if path.stat().st_size > limit:
        raise FileFormatError(path, f"{path.stat().st_size} bytes; allowed: at most {limit}")
