"""Verification of a submission: replay every action, check what came out, recompute every number.

Decisions, counts and times must be equal exactly; energies, returns and scores within 1e-9
relative, so that another processor verifies too. Run as a program it verifies in a fresh process:
``python -m chipgym.leaderboards.verify FOLDER``.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chipgym.leaderboards.replay import (
    RELATIVE_TOLERANCE,
    RejectionError,
    feasibility_checker,
    place,
    replay,
)
from chipgym.leaderboards.schema import (
    RECORDS_FILE,
    EpisodeRecord,
    InstanceResult,
    Submission,
    SubmittedTask,
    TaskResult,
    Verification,
    load_submission,
    read_records,
)
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError, SimulationError

__all__ = ["verify_in_fresh_process", "verify_submission"]

MADE_WITH = ("simulator_version", "content")
MAX_REASONS = 20
VERIFY_TIMEOUT_S = 24 * 3600


def verify_in_fresh_process(
    folder: str | Path, *, suite: str | None = None, imports: Sequence[str] = ()
) -> Verification:
    """Verify a submission in a new Python process, which knows nothing of the present one.

    Parameters
    ----------
    folder : path
        The submission.
    suite : str, optional
        Path of the suite, if it is not one of the package.
    imports : sequence of str
        Modules to import first, which register environments of one's own.
    """
    command = [sys.executable, "-m", "chipgym.leaderboards.verify", str(folder)]
    command += [json.dumps({"suite": suite, "imports": list(imports)})]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=VERIFY_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SimulationError(f"the verifying process failed: {last[0]}")
    try:
        return Verification.parse(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, json.JSONDecodeError) as error:
        raise SimulationError("the verifying process gave no result") from error


def verify_submission(
    folder: str | Path, *, suite: str | None = None, imports: Sequence[str] = ()
) -> Verification:
    """Verify a submission in this process; see `verify_in_fresh_process`."""
    import chipgym

    for module in imports:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise InvalidValueError(
                "--import", module, f"an importable module ({error})"
            ) from error
    version = chipgym.__version__
    try:
        submission = load_submission(folder)
        records = list(read_records(Path(folder) / RECORDS_FILE))
        _check_tasks(submission, suite)
        by_task = _sorted_records(submission, records)
    except (ChipGymError, RejectionError) as error:
        return Verification(passed=False, reasons=(str(error),), package_version=version)
    reasons: list[str] = []
    tasks = []
    for task in submission.tasks:
        try:
            tasks.append(_verify_task(submission, task, by_task[task.label], reasons))
        except (ChipGymError, RejectionError) as error:
            reasons.append(f"task {task.label}: {error}")
    outcome: dict[str, Any] = {}
    if not reasons:
        outcome, wrong = _statistics(submission, tasks)
        reasons += wrong
    content = (Path(folder) / RECORDS_FILE).read_bytes()
    return Verification(
        passed=not reasons,
        reasons=tuple(reasons[:MAX_REASONS]),
        records=len(records),
        records_sha256=hashlib.sha256(content).hexdigest(),
        package_version=version,
        tasks=tuple(tasks) if not reasons else (),
        **outcome,
    )


def _check_tasks(submission: Submission, suite_path: str | None) -> None:
    """The tasks must be those of the suite: no instance may be left out, none chosen."""
    from chipgym.experiments.suite import load_suite, suite_names

    smoke = submission.suite.endswith("-smoke")
    name = suite_path or submission.suite.removesuffix("-smoke")
    if suite_path is None and name not in suite_names():
        # A submission may name a suite, but never a file.
        raise RejectionError(
            f"suite {name!r} is not shipped (shipped: {', '.join(suite_names())}); "
            "for another one give its file with --suite"
        )
    suite = load_suite(name)
    suite = suite.shortened() if smoke else suite
    if suite.name != submission.suite:
        raise RejectionError(
            f"the submission is for suite {submission.suite!r}, not {suite.name!r}"
        )
    wanted = {
        task.label: {
            **task.identity(),
            "env": task.env.rpartition(":")[2],
            "parallel_kwargs": task.parallel_kwargs,
            "wrapper": task.wrapper,
            "instances": task.instance_indexes,
        }
        for task in suite.tasks
    }
    given = {
        task.label: task.model_dump(exclude={"label", *MADE_WITH}) for task in submission.tasks
    }
    if given != wanted or len(submission.tasks) != len(wanted):
        raise RejectionError(f"the tasks are not those of suite {suite.name!r}")


def _sorted_records(
    submission: Submission, records: Sequence[EpisodeRecord]
) -> dict[str, list[EpisodeRecord]]:
    """Records by task, exactly one for each (seed, instance)."""
    wanted = {
        (task.label, seed, instance)
        for task in submission.tasks
        for seed in submission.seeds
        for instance in task.instances
    }
    agents = sorted({record.agent for record in records})
    if len(agents) > 1:
        raise RejectionError(f"records of several agents: {', '.join(agents)}")
    found: dict[tuple[str, int, int], EpisodeRecord] = {}
    for record in records:
        key = (record.task, record.seed, record.instance)
        if key not in wanted:
            raise RejectionError(f"a record of {place(record)} does not belong to the submission")
        if key in found:
            raise RejectionError(f"two records of {place(record)}")
        found[key] = record
    missing = sorted(wanted - set(found))
    if missing:
        task, seed, instance = missing[0]
        raise RejectionError(
            f"{len(missing)} records are missing, the first of task {task}, seed {seed}, "
            f"instance {instance}"
        )
    return {
        task.label: [
            found[task.label, seed, instance]
            for seed in submission.seeds
            for instance in task.instances
        ]
        for task in submission.tasks
    }


def _verify_task(
    submission: Submission,
    task: SubmittedTask,
    records: Sequence[EpisodeRecord],
    reasons: list[str],
) -> TaskResult:
    """Replay the records of a task, collecting reasons to reject."""
    from chipgym.experiments.environments import make_env, probe
    from chipgym.experiments.parallel import JointEnv, make_parallel_env
    from chipgym.experiments.references import measure_references, stored_references
    from chipgym.experiments.suite import TaskSpec

    spec = TaskSpec.parse(
        task.model_dump(mode="json", exclude={"label", *MADE_WITH}) | {"name": task.label}
    )
    facts = probe(spec)
    if facts.simulator_version != task.simulator_version:
        raise RejectionError(
            f"made with simulator version {task.simulator_version}, installed is "
            f"{facts.simulator_version}; run it again and submit anew"
        )
    if facts.content != task.content:
        raise RejectionError(
            f"made on instances {task.content or '(unnamed)'}, here they are "
            f"{facts.content or '(unnamed)'}: files that the arguments name differ"
        )
    references = stored_references(spec, facts.simulator_version)
    if references is None:
        references = measure_references(spec, facts, "chipgym leaderboard verify")
    feasibility = feasibility_checker(task.env)
    env = JointEnv(make_parallel_env(spec)) if submission.multi_agent else make_env(spec)
    results = []
    try:
        for record in records:
            try:
                metric = replay(env, record, facts.metric, feasibility)
            except RejectionError as error:
                reasons.append(f"{place(record)}: {error}")
                continue
            score = references.score(record.instance, metric)
            results.append(
                InstanceResult(
                    seed=record.seed,
                    instance=record.instance,
                    instance_id=record.instance_id,
                    metric=metric,
                    score=None if math.isnan(score) else score,
                )
            )
    finally:
        env.close()
    metrics = [result.metric for result in results]
    return TaskResult(
        label=task.label,
        env=task.env,
        scenario=task.scenario,
        objective=task.objective,
        metric=facts.metric,
        lower_is_better=facts.lower_is_better,
        simulator_version=facts.simulator_version,
        mean_metric=sum(metrics) / len(metrics) if metrics else 0.0,
        iqm=None,
        feasibility="not checked" if feasibility is None else "checked",
        results=tuple(results),
    )


def _statistics(
    submission: Submission, tasks: list[TaskResult]
) -> tuple[dict[str, Any], list[str]]:
    """Recompute the statistics, and compare the claims with them."""
    import numpy as np

    from chipgym.experiments.statistics import bootstrap_interval

    strata = []
    for index, task in enumerate(tasks):
        flat = [math.nan if r.score is None else r.score for r in task.results]
        stratum = np.array(flat, dtype=np.float64).reshape(len(submission.seeds), -1)
        strata.append(stratum)
        value = bootstrap_interval([stratum], resamples=1).value
        tasks[index] = task.model_copy(update={"iqm": None if math.isnan(value) else value})
    interval = bootstrap_interval(strata).document()
    claims = submission.claims
    labels = {task.label for task in tasks}
    wrong = [
        f"claimed mean metric of {label}, which is no task of the suite"
        for label in sorted(set(claims.mean_metric) - labels)
    ]
    for name, stated, recomputed in [
        ("iqm", claims.iqm, interval["value"]),
        *(
            (f"mean metric of {t.label}", claims.mean_metric.get(t.label), t.mean_metric)
            for t in tasks
        ),
    ]:
        same = stated == recomputed or (
            stated is not None
            and recomputed is not None
            and math.isclose(stated, recomputed, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
        )
        if not same:
            wrong.append(f"claimed {name} = {stated!r}, recomputed {recomputed!r}")
    found = {"iqm": interval["value"], "iqm_low": interval["low"], "iqm_high": interval["high"]}
    return found, wrong


def _main() -> None:
    arguments = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    try:
        verification = verify_submission(sys.argv[1], **arguments)
    except ChipGymError as error:
        sys.exit(str(error))
    print(json.dumps(verification.document()))


if __name__ == "__main__":
    _main()
