"""The work of one job: train if need be, evaluate, write the results, and last the finish marker.

The folder of a job holds ``config.json``; for a trained agent the saved policy, ``curve.jsonl``,
``training.json`` and what trackers write; for a searcher ``searches/``, ``curve.jsonl`` and
``training.json``; ``records.partial.jsonl`` while episodes are being recorded and ``records.jsonl``
afterwards; ``manifest.json``; and ``done.json``, written last. Without the marker nothing counts.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from chipgym.experiments.environments import probe
from chipgym.experiments.evaluation import run_episode
from chipgym.experiments.jobs import Job, Progress, ProgressCallback
from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.experiments.parallel import make_env_for
from chipgym.experiments.policies import build_policy
from chipgym.experiments.random_episodes import RandomEpisodes
from chipgym.experiments.results import DONE, RECORDS, TRAINING, is_finished, result_hashes
from chipgym.experiments.search_policy import SearchPolicy, keep_searches, search_policy
from chipgym.experiments.tracking import Tracking
from chipgym.leaderboards.records import read_records
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.errors import ChipGymError
from chipgym.simulators.core.files import read_json, remove_unfinished, write_json

__all__ = [
    "record_line",
    "work",
]

PARTIAL = "records.partial.jsonl"


def work(job: Job, report: ProgressCallback) -> bool:
    """Do a job. Returns False where it was finished before."""
    folder = Path(job.folder)
    if is_finished(folder):
        return False
    remove_unfinished(folder)
    started, clock = timestamp(), time.monotonic()
    write_json(folder / "config.json", job.config)
    with Tracking(job.track, folder) as tracking:
        policy = _policy(job, report, tracking)
        trained = time.monotonic()
        _record(job, policy, report)
        if job.agent.algorithm is not None:
            _track_result(job, tracking)
    if isinstance(policy, SearchPolicy):
        keep_searches(folder, policy, job.task, job.seed, job.curve)
    elif isinstance(policy, RandomEpisodes):
        spent = {"policy": policy.name, "seed": job.seed, "steps": 0, "evaluations": policy.budget}
        write_json(folder / TRAINING, spent)
    ended = time.monotonic()
    facts = probe(job.task)
    manifest = build_manifest(
        configuration=job.config,
        seeds=[job.seed],
        simulator_versions={job.task.env: facts.simulator_version},
        env_specs={job.task.label: json.loads(facts.spec)},
        started=started,
        wall_s=time.monotonic() - clock,
    )
    # What was done before an interruption is in neither.
    manifest["training_s"] = round(trained - clock, 3)
    manifest["evaluation_s"] = round(ended - trained, 3)
    write_json(folder / "manifest.json", manifest)
    done = {"records": len(job.task.instance_indexes), **result_hashes(folder)}
    write_json(folder / DONE, {**done, "finished": timestamp()})
    return True


def _policy(job: Job, report: ProgressCallback, tracking: Tracking) -> Any:
    """Build the policy, or train it, or load it where it was trained before an interruption."""
    if job.agent.policy is not None:
        return build_policy(job.agent.policy, job.agent.kwargs)
    if job.agent.searcher is not None:
        return search_policy(job.agent, job.task, Path(job.folder))
    from chipgym.experiments.training import train_in

    assert job.agent.algorithm is not None
    steps = job.agent.steps_for(job.task)
    assert steps is not None
    return train_in(
        Path(job.folder),
        task=job.task,
        algorithm=job.agent.algorithm,
        steps=steps,
        seed=job.seed,
        hyperparameters=job.agent.hyperparameters,
        curve=job.curve,
        tracking=tracking,
        on_progress=lambda done, total: report(Progress(job.key, "training", done, total)),
    )


def _record(job: Job, policy: Any, report: ProgressCallback) -> None:
    """Evaluate the instances that are not recorded yet, a line each; then name the file whole."""
    folder = Path(job.folder)
    if (folder / RECORDS).exists():
        return
    instances = job.task.instance_indexes
    done = _keep_whole_lines(folder / PARTIAL)
    env = make_env_for(job.task, policy)
    try:
        with (folder / PARTIAL).open("ab") as file:
            for count, instance in enumerate(instances[done:], done):
                report(Progress(job.key, "evaluating", count, len(instances)))
                record = run_episode(
                    env,
                    policy,
                    task=job.task.label,
                    agent=job.agent.name,
                    seed=job.seed,
                    instance=instance,
                )
                file.write(record_line(record))
                file.flush()
            os.fsync(file.fileno())
    finally:
        env.close()
    report(Progress(job.key, "evaluating", len(instances), len(instances)))
    os.replace(folder / PARTIAL, folder / RECORDS)


def _track_result(job: Job, tracking: Tracking) -> None:
    """Tell the trackers the mean metrics; where the training was done before, of it as well."""
    training = read_json(Path(job.folder) / TRAINING)
    if not tracking.started:
        config = {"task": job.task.document(), "algorithm": job.agent.algorithm, "seed": job.seed}
        told = {name: training.get(name) for name in ("steps", "hyperparameters")}
        tracking.start({**config, **told}, resumed=True)
    tracking.log_result(int(training["steps"]), _mean_metrics(Path(job.folder)))


def _mean_metrics(folder: Path) -> dict[str, float]:
    """Mean of each metric that is known on all instances."""
    records = list(read_records(folder / RECORDS))
    columns = {
        name: [record.metrics.get(name) for record in records] for name in records[0].metrics
    }
    known = {name: [v for v in column if v is not None] for name, column in columns.items()}
    return {name: sum(v) / len(v) for name, v in known.items() if len(v) == len(records)}


def record_line(record: EpisodeRecord) -> bytes:
    """One line of ``records.jsonl``."""
    text = json.dumps(record.model_dump(mode="json"), separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def _keep_whole_lines(path: Path) -> int:
    """Cut a file after its last valid record, in case it was being written; count the records."""
    if not path.exists():
        return 0
    content, kept, count = path.read_bytes(), 0, 0
    for line in content.splitlines(keepends=True):
        try:
            EpisodeRecord.parse(json.loads(line))
        except (ValueError, ChipGymError):
            break
        if not line.endswith(b"\n"):
            break
        kept, count = kept + len(line), count + 1
    os.truncate(path, kept)
    return count
