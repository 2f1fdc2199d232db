"""Submissions to a suite of two families, made up: a ranking needs records, not simulations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.experiments.statistics import bootstrap_interval
from chipgym.leaderboards.schema import (
    FamilyResult,
    InstanceResult,
    Submission,
    TaskResult,
    Verification,
    family_of,
    file_hash,
)

SUITE_TASKS = {
    "calm": "chipgym/SocScheduling-v0",
    "bursty": "chipgym/SocScheduling-v0",
    "mapping": "chipgym/SocTaskMapping-v0",
    "tuning": "chipgym/DramTuning-v0",
}
SEEDS, INSTANCES = 2, 3


def scores_of(mean: float) -> np.ndarray:
    """Scores of the seeds on the instances."""
    return mean + 0.01 * np.arange(SEEDS * INSTANCES).reshape(SEEDS, INSTANCES)


def make_submission(
    root: Path,
    name: str,
    means: Mapping[str, float],
    kind: str = "heuristic",
    *,
    date: str = "2026-01-02",
    version: str = "1.0.0",
    kwargs: Mapping[str, Any] | None = None,
) -> Path:
    """Write a submission with its passed verification; `means` has the mean score of each task."""
    folder = root / name
    folder.mkdir(parents=True)
    tasks = [_task(label, mean, version) for label, mean in means.items()]
    head = Submission.parse(
        {
            "name": name,
            "suite": "mixed",
            "authors": ["M. Maker"],
            "date": date,
            "package_version": "0.1.0",
            "kind": kind,
            "seeds": list(range(SEEDS)),
            "tasks": [
                {
                    "label": label,
                    "env": SUITE_TASKS[label],
                    "kwargs": dict(kwargs or {}),
                    "instances": list(range(INSTANCES)),
                    "simulator_version": version,
                }
                for label in means
            ],
            "claims": {"iqm": None, "mean_metric": {}},
        }
    )
    head.save(folder / "submission.json")
    records = [_record(name, task, result) for task in tasks for result in task.results]
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in records))
    Verification(
        passed=True,
        records=len(records),
        records_sha256=file_hash(folder / "records.jsonl"),
        submission_sha256=file_hash(folder / "submission.json"),
        package_version="0.1.0",
        suite_tasks=SUITE_TASKS,
        families=_families(means),
        tasks=tuple(tasks),
        **_interval(list(means.values())),
    ).save(folder / "verified.json")
    return folder


def make_mixed(root: Path) -> Path:
    """One submission that has all tasks, and three that do not."""
    make_submission(root, "generalist", dict.fromkeys(SUITE_TASKS, 0.6), "learned")
    make_submission(root, "list-scheduler", {"calm": 0.9, "bursty": 0.8})
    make_submission(root, "only-calm", {"calm": 2.0})
    make_submission(root, "tuner", {"tuning": 1.2}, "search")
    return root


def _interval(means: list[float]) -> dict[str, Any]:
    found = bootstrap_interval([scores_of(mean) for mean in means]).document()
    return {"iqm": found["value"], "iqm_low": found["low"], "iqm_high": found["high"]}


def _families(means: Mapping[str, float]) -> dict[str, FamilyResult]:
    found = {}
    for family in dict.fromkeys(map(family_of, SUITE_TASKS.values())):
        labels = [label for label, env in SUITE_TASKS.items() if family_of(env) == family]
        if set(labels) <= set(means):
            own = _interval([means[label] for label in labels])
            found[family] = FamilyResult(tasks=tuple(labels), **own)
    return found


def _task(label: str, mean: float, version: str) -> TaskResult:
    scores = scores_of(mean)
    results = tuple(
        InstanceResult(
            seed=seed,
            instance=instance,
            instance_id=f"test-{instance}",
            metric=round(100.0 * (1.0 - scores[seed, instance] / 2), 6),
            score=float(scores[seed, instance]),
        )
        for seed in range(SEEDS)
        for instance in range(INSTANCES)
    )
    return TaskResult(
        label=label,
        env=SUITE_TASKS[label],
        scenario=label,
        objective=None,
        metric="mean_latency_us",
        lower_is_better=True,
        simulator_version=version,
        mean_metric=math.fsum(result.metric for result in results) / len(results),
        feasibility="checked",
        results=results,
        **_interval([mean]),
    )


def _record(agent: str, task: TaskResult, result: InstanceResult) -> dict[str, Any]:
    return {
        "task": task.label,
        "agent": agent,
        "seed": result.seed,
        "instance": result.instance,
        "instance_id": result.instance_id,
        "actions": [result.seed, result.instance],
        "episode_return": 0.0,
        "metrics": {task.metric: result.metric},
        "evaluations": 1,
        "steps": 2,
    }
