"""A job: one configuration and one seed make one result folder, however often they are run."""

from __future__ import annotations

import contextlib
import os
import textwrap
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chipgym.experiments.suite import AgentSpec, CurveSpec, LimitsSpec, TaskSpec, slug
from chipgym.experiments.time_limit import time_limit
from chipgym.simulators.core.errors import ChipGymError
from chipgym.simulators.core.hashing import content_hash

__all__ = [
    "Job",
    "JobOutcome",
    "Progress",
    "ProgressCallback",
    "execute_job",
    "make_job",
]

PROGRESS_INTERVAL_S = 0.2
MAX_MESSAGE = 300
"""Length of the message of an unexpected failure; libraries put whole arrays into theirs."""

ERROR = "error.txt"
"""Traceback of a job that failed unexpectedly."""


@dataclass(frozen=True)
class Job:
    """What an executor is given: plain data that pickle and JSON both carry.

    Attributes
    ----------
    key : str
        Name of the result folder; it ends with the hash of the configuration.
    folder : str
        The result folder.
    config : dict
        Task, agent, seed, curve and simulator version.
    limits : LimitsSpec
        What it may take. Like `track` it does not change the results, and is not in `config`.
    track : tuple of str
        Trackers of its training, see `chipgym.experiments.tracking`.
    """

    key: str
    folder: str
    config: dict[str, Any] = field(hash=False)
    limits: LimitsSpec = field(default_factory=LimitsSpec)
    track: tuple[str, ...] = ("tensorboard",)

    @property
    def task(self) -> TaskSpec:
        """The task."""
        return TaskSpec.parse(self.config["task"])

    @property
    def agent(self) -> AgentSpec:
        """The agent."""
        return AgentSpec.parse(self.config["agent"])

    @property
    def curve(self) -> CurveSpec:
        """How its learning curve is drawn."""
        return CurveSpec.parse(self.config["curve"])

    @property
    def seed(self) -> int:
        """The seed."""
        return int(self.config["seed"])


@dataclass(frozen=True)
class Progress:
    """How far a running job is, in steps of its phase."""

    key: str
    phase: Literal["training", "evaluating"]
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended.

    Attributes
    ----------
    key : str
        The job.
    status : {"finished", "reused", "failed"}
        Run now, found finished, or failed.
    error, error_type : str
        Message and class name of the failure.
    details : str
        File with the traceback, if the failure is none of wrong input or of the file system.
    errno : int
        Operating system's error number of the failure, 0 if it has none.
    wall_s : float
        Time it took now.
    """

    key: str
    status: Literal["finished", "reused", "failed"]
    error: str = ""
    error_type: str = ""
    details: str = ""
    errno: int = 0
    wall_s: float = 0.0


def make_job(
    root: Path,
    task: TaskSpec,
    agent: AgentSpec,
    seed: int,
    curve: CurveSpec,
    simulator_version: str,
    content: str | None = None,
    track: tuple[str, ...] = ("tensorboard",),
) -> Job:
    """Build the job of (task, agent, seed) below a run folder.

    `content` is the hash of the task's instances where its arguments may name files: edited files
    make another job.
    """
    config: dict[str, Any] = {
        "task": {**task.document(), "instances": list(task.instance_indexes)},
        "agent": agent.for_task(task).document(),
        "seed": seed,
        "curve": curve.document() if agent.policy is None else {},
        "simulator_version": simulator_version,
    }
    if content:
        config["content"] = content
    parts = [slug(task.label), slug(agent.name), f"seed{seed}", content_hash(config)[:8]]
    key = "--".join(parts)
    return Job(key, str(root / "jobs" / key), config, agent.limits, track)


def execute_job(
    job: Job, report: ProgressCallback | None = None, own_process: bool | None = None
) -> JobOutcome:
    """Run a job, unless it is finished already; failures are returned, interrupts are raised.

    Executors call nothing else. The folder is locked meanwhile, so that two runs of the same job,
    in whatever processes, do its work once. `own_process` says whether the process may be ended
    where a time limit is not heeded; see `time_limit`.
    """
    from chipgym.experiments.work import work

    start = time.monotonic()
    try:
        folder = Path(job.folder)
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / ".lock"):
            with time_limit(job.limits.time_s, own_process):
                fresh = work(job, _throttled(report))
            (folder / ERROR).unlink(missing_ok=True)
    except Exception as error:
        return JobOutcome(
            job.key,
            "failed",
            error=_explain(error),
            details=_keep_traceback(error, Path(job.folder)),
            error_type=type(error).__name__,
            errno=getattr(error, "errno", 0) or 0,
            wall_s=time.monotonic() - start,
        )
    status: Literal["finished", "reused"] = "finished" if fresh else "reused"
    return JobOutcome(job.key, status, wall_s=time.monotonic() - start)


def _explain(error: Exception) -> str:
    """Say what went wrong; the class of an error that no input should cause is part of it."""
    if isinstance(error, ChipGymError | OSError):
        return str(error) or type(error).__name__
    text = textwrap.shorten(str(error), MAX_MESSAGE, placeholder=" …")
    return f"{type(error).__name__}: {text}"


def _keep_traceback(error: Exception, folder: Path) -> str:
    """Write the traceback of an error that no input should cause; return the file, if any."""
    if isinstance(error, ChipGymError | OSError):
        return ""
    try:
        (folder / ERROR).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return ""
    return str(folder / ERROR)


def _throttled(report: ProgressCallback | None) -> ProgressCallback:
    """Pass progress on a few times a second, and always the end of a phase."""
    last = -PROGRESS_INTERVAL_S

    def throttled(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if report is not None and (
            now - last >= PROGRESS_INTERVAL_S or progress.done >= progress.total
        ):
            last = now
            report(progress)

    return throttled


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock that the operating system releases when the process dies."""
    try:
        import fcntl
    except ImportError:  # not on Windows, where two runs of one folder are the user's business
        yield
        return
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
