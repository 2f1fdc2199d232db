"""Verification of a submission: replay every action, check what came out, recompute every number.

Decisions, counts and times must be equal exactly; energies, returns and scores within 1e-9
relative, so that another processor verifies too. `chipgym.leaderboards.fresh_process` does it in a
process of its own, within limits.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chipgym.leaderboards.records import read_records
from chipgym.leaderboards.replay import (
    RELATIVE_TOLERANCE,
    RejectionError,
    feasibility_checker,
    place,
    replay,
)
from chipgym.leaderboards.schema import (
    SUBMISSION_FILE,
    EpisodeRecord,
    FamilyResult,
    InstanceResult,
    Submission,
    SubmittedTask,
    TaskResult,
    Verification,
    family_of,
    file_hash,
    load_submission,
    records_hash,
    records_path,
)
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError

__all__ = ["verify_submission"]

MADE_WITH = ("simulator_version", "content")
MAX_REASONS = 20
MAX_REASON_LENGTH = 400


def verify_submission(
    folder: str | Path,
    *,
    suite: str | None = None,
    imports: Sequence[str] = (),
    resimulate: bool = False,
) -> Verification:
    """Verify a submission in this process.

    Parameters
    ----------
    folder : path
        The submission.
    suite : str, optional
        Path of the suite, if it is not one of the package.
    imports : sequence of str
        Modules to import first, which register environments of one's own.
    resimulate : bool
        Where a task was recorded with another version of the simulator, replay its actions with the
        installed one and take what comes out, instead of rejecting it. Actions must still be legal
        and end the episode, and the independent check must pass.
    """
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
        hashes: Any = {
            "records_sha256": records_hash(folder),
            "submission_sha256": file_hash(Path(folder) / SUBMISSION_FILE),
        }
        records = list(read_records(records_path(folder)))
        suite_tasks = _check_tasks(submission, suite)
        by_task = _sorted_records(submission, records)
    except (ChipGymError, RejectionError) as error:
        return Verification(passed=False, reasons=(_shortened(error),), package_version=version)
    reasons: list[str] = []
    tasks = []
    for task in submission.tasks:
        try:
            tasks.append(_verify_task(submission, task, by_task[task.label], reasons, resimulate))
        except (ChipGymError, RejectionError) as error:
            reasons.append(f"task {task.label}: {error}")
    outcome: dict[str, Any] = {}
    if not reasons:
        outcome = _statistics(submission, tasks, suite_tasks)
        reasons += _false_claims(submission, tasks, outcome["iqm"])
    if reasons:
        tasks, outcome = [], {}
    return Verification(
        passed=not reasons,
        reasons=tuple(map(_shortened, reasons[:MAX_REASONS])),
        records=len(records),
        package_version=version,
        suite_tasks=suite_tasks,
        tasks=tuple(tasks),
        **hashes,
        **outcome,
    )


def _shortened(reason: object) -> str:
    """A reason may quote what it is about, which can be as long as a record."""
    text = str(reason)
    return text if len(text) <= MAX_REASON_LENGTH else f"{text[: MAX_REASON_LENGTH - 2]} …"


def _check_tasks(submission: Submission, suite_path: str | None) -> dict[str, str]:
    """The tasks must be tasks of the suite, whole: no instance may be left out, none chosen.

    A method for one family may leave the tasks of the others out; it is ranked where it has all.
    Returns the environment of each task of the suite, by label.
    """
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
    labels = [task.label for task in submission.tasks]
    if len(set(labels)) != len(labels):
        raise RejectionError(f"two tasks share a label: {', '.join(labels)}")
    for task in submission.tasks:
        if wanted.get(task.label) != task.model_dump(exclude={"label", *MADE_WITH}):
            raise RejectionError(f"task {task.label} is not one of suite {suite.name!r}")
    return {label: str(fields["env"]) for label, fields in wanted.items()}


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
    resimulate: bool,
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
    same_version = facts.simulator_version == task.simulator_version
    if not (same_version or resimulate):
        raise RejectionError(
            f"made with simulator version {task.simulator_version}, installed is "
            f"{facts.simulator_version}; simulate it again (verify --all), or submit anew"
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
                found = replay(env, record, facts.metric, feasibility, compare=same_version)
            except RejectionError as error:
                reasons.append(f"{place(record)}: {error}")
                continue
            score = references.score(record.instance, found.metric)
            results.append(
                InstanceResult(
                    seed=record.seed,
                    instance=record.instance,
                    instance_id=record.instance_id,
                    metric=found.metric,
                    score=None if math.isnan(score) else score,
                    feasible=found.feasible,
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
        recorded_version="" if same_version else task.simulator_version,
        mean_metric=sum(metrics) / len(metrics) if metrics else 0.0,
        iqm=None,
        feasibility="not checked" if feasibility is None else "checked",
        results=tuple(results),
    )


def _statistics(
    submission: Submission, tasks: list[TaskResult], suite_tasks: dict[str, str]
) -> dict[str, Any]:
    """Recompute the statistics; those of each task are written into `tasks`."""
    import numpy as np

    from chipgym.experiments.statistics import bootstrap_interval

    def document(strata: list[Any]) -> dict[str, Any]:
        interval = bootstrap_interval(strata).document()
        return {
            "iqm": interval["value"],
            "iqm_low": interval["low"],
            "iqm_high": interval["high"],
        }

    strata = {}
    for index, task in enumerate(tasks):
        flat = [math.nan if r.score is None else r.score for r in task.results]
        stratum = np.array(flat, dtype=np.float64).reshape(len(submission.seeds), -1)
        strata[task.label] = stratum
        tasks[index] = task.model_copy(update=document([stratum]))
    families = {}
    for family in dict.fromkeys(map(family_of, suite_tasks.values())):
        labels = [label for label, env in suite_tasks.items() if family_of(env) == family]
        if set(labels) <= set(strata):
            found = document([strata[label] for label in labels])
            families[family] = FamilyResult(tasks=tuple(labels), **found)
    return {"families": families, **document(list(strata.values()))}


def _false_claims(
    submission: Submission, tasks: Sequence[TaskResult], iqm: float | None
) -> list[str]:
    """Compare the claims with what was recomputed, as far as it was with the same simulator."""
    claims = submission.claims
    labels = {task.label for task in tasks}
    wrong = [
        f"claimed mean metric of {label}, which is no task of the suite"
        for label in sorted(set(claims.mean_metric) - labels)
    ]
    pairs: list[tuple[str, float | None, float | None]] = []
    if not any(task.recorded_version for task in tasks):
        pairs.append(("iqm", claims.iqm, iqm))
    pairs += [
        (f"mean metric of {t.label}", claims.mean_metric.get(t.label), t.mean_metric)
        for t in tasks
        if not t.recorded_version
    ]
    for name, stated, recomputed in pairs:
        same = stated == recomputed or (
            stated is not None
            and recomputed is not None
            and math.isclose(stated, recomputed, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
        )
        if not same:
            wrong.append(f"claimed {name} = {stated!r}, recomputed {recomputed!r}")
    return wrong
