"""What a submission consists of: JSON artefacts within size limits, checked before use.

A submission is a folder with two files: ``submission.json`` (who, what, on which tasks, and what is
claimed) and ``records.jsonl`` (one line an episode: the actions, the metrics), which may be
compressed, see `chipgym.leaderboards.records`. A README and the trained policy (ONNX or
safetensors) may lie beside them. Nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from datetime import date as calendar_date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from chipgym.leaderboards.policy_files import MAX_POLICY_BYTES, POLICY_FILES, check_policy
from chipgym.leaderboards.strict_json import parse_strict
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.core.files import write_text

__all__ = [
    "AttestedPoint",
    "Claims",
    "EpisodeRecord",
    "FamilyResult",
    "InstanceResult",
    "Submission",
    "SubmittedTask",
    "TaskBudget",
    "TaskResult",
    "Verification",
    "family_of",
    "file_hash",
    "load_submission",
    "records_hash",
    "records_path",
]

SUBMISSION_FILE = "submission.json"
RECORDS_FILE = "records.jsonl"
PACKED_FILE = "records.jsonl.gz"
VERIFIED_FILE = "verified.json"
README_FILE = "README.md"
MAX_SUBMISSION_BYTES = 1_000_000
MAX_RECORDS_BYTES = 200_000_000
MAX_PACKED_BYTES = 20_000_000
MAX_CURVE_POINTS = 500

FAMILIES = {
    "chipgym/Soc": "SoC scheduling",
    "chipgym/Dram": "DRAM controllers",
    "chipgym/Logic": "Logic synthesis",
    "chipgym/CoDesign": "Co-design",
}
"""Families by the prefix of their environments' ids."""

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
        The finished schedule, column by column. It may be left out, as the actions say it all.
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


class AttestedPoint(Description):
    """A point of a learning or search curve, as the submitter measured it.

    Attributes
    ----------
    steps, evaluations : float
        Environment steps and simulator evaluations spent until then.
    score, low, high : float
        Interquartile mean of the score over seeds, and its 95 % interval.
    """

    steps: Annotated[float, Field(ge=0)]
    evaluations: Annotated[float, Field(ge=0)]
    score: float
    low: float
    high: float


class TaskBudget(Description):
    """What a method has spent on one task, for one seed, before the episodes that count.

    Attributes
    ----------
    steps : int
        Environment steps of training.
    evaluations : int
        Simulator evaluations: of the training, or of the search on each instance.
    """

    steps: Annotated[int, Field(ge=0)] = 0
    evaluations: Annotated[int, Field(ge=0)] = 0


Curve = Annotated[tuple[AttestedPoint, ...], Field(max_length=MAX_CURVE_POINTS)]


class Submission(Description):
    """The head of a submission.

    Attributes
    ----------
    multi_agent : bool
        Whether the actions are joint ones of the environment's PettingZoo form.
    training_steps, training_evaluations : int
        Environment steps and simulator evaluations spent for one seed before the episodes that
        count, on all tasks and instances together. Cannot be proven from artefacts: shown as
        *attested*.
    budgets : dict
        What was spent on each task, by label, where each has its own training or search; attested.
    curves : dict
        Curve of each task, by label; attested like the budget.
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
    budgets: dict[Label, TaskBudget] = {}
    claims: Claims
    curves: dict[Label, Curve] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be distinct")
        for task in self.tasks:
            if len(set(task.instances)) != len(task.instances):
                raise ValueError(f"instances of task {task.label} must be distinct")
        labels = {task.label for task in self.tasks}
        for name in ("budgets", "curves"):
            foreign = sorted(set(getattr(self, name)) - labels)
            if foreign:
                raise ValueError(f"{name} of {foreign[0]}, which is no task of the submission")
        if self.kind == "heuristic" and self.training_steps:
            raise ValueError("a heuristic has no training_steps")
        try:
            calendar_date.fromisoformat(self.date)
        except ValueError as error:
            raise ValueError(f"date {self.date!r} is not in the calendar") from error
        return self


class InstanceResult(Description):
    """One recomputed result.

    Attributes
    ----------
    score : float or None
        None where the instance is excluded from scoring.
    feasible : bool
        False for a design that breaks a rule or misses a limit, for which the metric is its
        penalty: it counts for the method, and is no solution of the instance.
    """

    seed: int
    instance: int
    instance_id: str
    metric: float
    score: float | None
    feasible: bool = True


class TaskResult(Description):
    """Recomputed results of one task.

    Attributes
    ----------
    simulator_version : str
        Version that recomputed them.
    recorded_version : str
        Version with which the actions were recorded, where it is another one.
    iqm, iqm_low, iqm_high : float or None
        Interquartile mean of the score with its 95 % interval.
    """

    label: str
    env: str
    scenario: str | None
    objective: str | None
    metric: str
    lower_is_better: bool
    simulator_version: str
    recorded_version: str = ""
    mean_metric: float
    iqm: float | None
    iqm_low: float | None = None
    iqm_high: float | None = None
    feasibility: Literal["checked", "not checked"]
    results: tuple[InstanceResult, ...]


class FamilyResult(Description):
    """Recomputed score over all tasks that a suite has of a family, with its 95 % interval."""

    tasks: tuple[str, ...]
    iqm: float | None
    iqm_low: float | None
    iqm_high: float | None


class Verification(Description):
    """Outcome of a verification: all that a ranking may use.

    Attributes
    ----------
    passed : bool
        Whether everything was equal and feasible.
    reasons : tuple of str
        Why not; the first twenty.
    records_sha256, submission_sha256 : str
        Hashes of the records and of the head that were verified.
    iqm, iqm_low, iqm_high : float or None
        Recomputed interquartile mean of the score over the submitted tasks, 95 % interval.
    suite_tasks : dict
        Environment of each task of the suite, by label.
    families : dict
        Score on each family of which all tasks of the suite were submitted.
    """

    format: Literal[1] = 1
    passed: bool
    reasons: tuple[str, ...] = ()
    records: Annotated[int, Field(ge=0)] = 0
    records_sha256: str = ""
    submission_sha256: str = ""
    package_version: str
    iqm: float | None = None
    iqm_low: float | None = None
    iqm_high: float | None = None
    suite_tasks: dict[str, str] = {}
    families: dict[str, FamilyResult] = {}
    tasks: tuple[TaskResult, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a JSON file, atomically; compact, since there is a result an episode."""
        text = json.dumps(self.document(), separators=(",", ":"), allow_nan=False)
        write_text(path, text + "\n")

    @property
    def complete(self) -> bool:
        """Whether all tasks of the suite were submitted."""
        return set(self.suite_tasks) <= {task.label for task in self.tasks}


def family_of(env_id: str) -> str:
    """Family of an environment id; for those of other packages, their namespace."""
    found = (family for prefix, family in FAMILIES.items() if env_id.startswith(prefix))
    return next(found, env_id.partition("/")[0])


SIZE_LIMITS = {
    SUBMISSION_FILE: MAX_SUBMISSION_BYTES,
    RECORDS_FILE: MAX_RECORDS_BYTES,
    PACKED_FILE: MAX_PACKED_BYTES,
    VERIFIED_FILE: 20_000_000,
    README_FILE: 100_000,
    **dict.fromkeys(POLICY_FILES, MAX_POLICY_BYTES),
}
"""Files of a submission, and how many bytes each may have."""


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
        _check_file(entry)
    if not (root / SUBMISSION_FILE).exists():
        raise FileFormatError(root / SUBMISSION_FILE, "missing from the submission")
    records_path(root)
    for name in POLICY_FILES:
        if (root / name).exists():
            check_policy(root / name)
    path = root / SUBMISSION_FILE
    try:
        return Submission.parse(parse_strict(path.read_bytes()))
    except InvalidValueError as error:
        raise FileFormatError(path, str(error)) from error
    except ValueError as error:
        raise FileFormatError(path, f"not JSON: {error}") from error


def records_path(folder: str | Path) -> Path:
    """File of a submission's records, plain or compressed.

    Raises
    ------
    FileFormatError
        There is none, or there are two.
    """
    root = Path(folder)
    found = [root / name for name in (RECORDS_FILE, PACKED_FILE) if (root / name).exists()]
    if not found:
        raise FileFormatError(root / RECORDS_FILE, "missing from the submission")
    if len(found) > 1:
        raise FileFormatError(root, f"has both {RECORDS_FILE} and {PACKED_FILE}; allowed: one")
    return found[0]


def records_hash(folder: str | Path) -> str:
    """SHA-256 of a submission's file of records as it lies there; "" where there is none."""
    try:
        return file_hash(records_path(folder))
    except FileFormatError:
        return ""


def _check_file(path: Path) -> None:
    """Allow plain files of known names and limited size, and nothing that leads elsewhere."""
    status = os.lstat(path)
    if path.name not in SIZE_LIMITS or not stat.S_ISREG(status.st_mode):
        allowed = ", ".join(sorted(SIZE_LIMITS))
        raise FileFormatError(path, f"not allowed in a submission; allowed: plain files {allowed}")
    limit = SIZE_LIMITS[path.name]
    if status.st_size > limit:
        raise FileFormatError(path, f"{status.st_size} bytes; allowed: at most {limit}")


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file; "" where there is none."""
    if not Path(path).is_file():
        return ""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
