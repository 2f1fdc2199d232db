"""What DeepSoCS sees of the unfinished tasks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.problem import JobsView
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings

__all__ = ["FULL_FEATURES", "PUBLISHED_FEATURES", "num_features", "task_features"]

PUBLISHED_FEATURES = (
    "idle_pes",
    "job_flag",
    "busy_pes",
    "rest_times_execution",
    "rest",
    "unused",
)
"""The features of the released code, in its units; the last is zero there too."""

FULL_FEATURES = (
    "idle_pes",
    "job_started",
    "busy_pes",
    "outstanding",
    "ready",
    "assigned",
    "executing",
    "visible",
    "missing_predecessors",
    "height",
    "mean_execution",
    "upward_rank",
    "rest",
    "waiting",
    "job_age",
    "finish",
    "regret",
)
"""Ours: shares, the task's state, and squashed times; from ``rest`` on they are of the moment."""

FIRST_OF_THE_MOMENT = FULL_FEATURES.index("rest")
PE_SCALE = 6.5
WORK_SCALE = 10_000.0
REST_SCALE_US = 200.0


def num_features(settings: DeepSocsSettings) -> int:
    """Features of a task."""
    return len(PUBLISHED_FEATURES if settings.features == "published" else FULL_FEATURES)


def task_features(
    problem: JobsView, unfinished: npt.NDArray[np.bool_], settings: DeepSocsSettings
) -> npt.NDArray[np.float32]:
    """Features of the unfinished tasks, float32, shape (N, F)."""
    if settings.features == "published":
        return _published(problem, unfinished)
    return _full(problem, unfinished, settings)


def _published(problem: JobsView, unfinished: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Six features, of which the last two concern tasks that have a PE."""
    jobs = problem.jobs
    busy = int(problem.pe_busy.sum())
    rest = np.where(jobs.pe >= 0, jobs.remaining_us, 0.0)[unfinished]
    started = jobs.job_started_us[jobs.task_job[unfinished]] >= 0.0
    features = np.zeros((len(rest), len(PUBLISHED_FEATURES)), dtype=np.float32)
    features[:, 0] = (problem.num_pes - busy) / PE_SCALE
    features[:, 1] = np.where(started, -2.0, 2.0)
    features[:, 2] = busy / PE_SCALE
    features[:, 3] = rest * jobs.mean_exec_us[unfinished] / WORK_SCALE
    features[:, 4] = rest / REST_SCALE_US
    return features


def _full(
    problem: JobsView, unfinished: npt.NDArray[np.bool_], settings: DeepSocsSettings
) -> npt.NDArray[np.float32]:
    jobs, scale = problem.jobs, settings.time_scale_us
    busy = float(problem.pe_busy.mean())
    features = np.zeros((len(unfinished), len(FULL_FEATURES)), dtype=np.float32)
    features[:, 0] = 1.0 - busy
    features[:, 1] = jobs.job_started_us[jobs.task_job] >= 0.0
    features[:, 2] = busy
    features[:, 3:7] = jobs.state[:, None] == np.arange(4)
    features[jobs.ready_node, 7] = 1.0
    features[:, 8] = jobs.missing / (jobs.missing + 2.0)
    features[:, 9] = jobs.height / (jobs.height + 4.0)
    features[:, 10] = jobs.mean_exec_us / (jobs.mean_exec_us + scale)
    features[:, 11] = jobs.upward_rank_us / (jobs.upward_rank_us + scale)
    if settings.real_time:
        age = jobs.job_age_us[jobs.task_job]
        features[:, 12] = jobs.remaining_us / (jobs.remaining_us + scale)
        features[:, 13] = jobs.waiting_us / (jobs.waiting_us + scale)
        features[:, 14] = age / (age + scale)
        finish = problem.estimated_finish_us
        best = finish.min(axis=1)
        features[jobs.ready_node, 15] = best / (best + scale)
        features[jobs.ready_node, 16] = _regret(finish, best, scale)
    return features[unfinished]


def _regret(
    finish: npt.NDArray[np.float64], best: npt.NDArray[np.float64], scale: float
) -> npt.NDArray[np.float64]:
    """What the second-best PE would cost more, squashed; 1 if there is none."""
    if finish.shape[1] == 1:
        return np.ones(len(finish))
    more = np.partition(finish, 1, axis=1)[:, 1] - best
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(more), more / (more + scale), 1.0)
