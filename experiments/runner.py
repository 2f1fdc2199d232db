"""Running a suite: plan the jobs, run those that are not finished, read the results."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chipgym.experiments.environments import EnvFacts, probe
from chipgym.experiments.executors import Executor
from chipgym.experiments.jobs import Job, JobOutcome, Progress, ProgressCallback, make_job
from chipgym.experiments.manifest import MANIFEST_FIELDS, build_manifest, timestamp
from chipgym.experiments.policies import build_policy
from chipgym.experiments.references import (
    TaskReferences,
    build_references,
    reference_jobs,
    stored_references,
)
from chipgym.experiments.results import TRAINING, JobResult, is_finished, read_result
from chipgym.experiments.search_policy import check_searcher, search_policy
from chipgym.experiments.suite import AgentSpec, Suite, TaskSpec
from chipgym.simulators.core.errors import ChipGymError, FileFormatError, InvalidValueError
from chipgym.simulators.core.files import DISK_FULL, read_json, write_json
from chipgym.simulators.core.hashing import content_hash

__all__ = [
    "Plan",
    "Run",
    "RunError",
    "default_folder",
    "load_run",
    "plan_suite",
    "run_jobs",
    "run_suite",
]

SUITE_FILE = "suite.json"
REFERENCES_FILE = "references.json"
MANIFEST_FILE = "manifest.json"


class RunError(ChipGymError):
    """Some jobs of a run failed; the finished ones are kept."""


@dataclass(frozen=True)
class Plan:
    """The jobs of a suite.

    Attributes
    ----------
    suite, folder : Suite, Path
        What is run, and where its results go.
    facts : dict
        What each task's environment says of itself, by task label.
    jobs : tuple of Job
        The suite's jobs.
    reference_jobs : dict
        Jobs that make the references of those tasks that have none stored.
    references : dict
        Stored references, by task label.
    """

    suite: Suite
    folder: Path
    facts: dict[str, EnvFacts]
    jobs: tuple[Job, ...]
    reference_jobs: dict[str, list[Job]]
    references: dict[str, TaskReferences]

    @property
    def all_jobs(self) -> list[Job]:
        """All jobs, training first (longest first), so that no core idles at the end."""
        jobs = [*self.jobs, *(job for jobs in self.reference_jobs.values() for job in jobs)]
        return sorted(jobs, key=_size, reverse=True)

    @property
    def unfinished(self) -> list[Job]:
        """Jobs that are still to be run."""
        return [job for job in self.all_jobs if not is_finished(Path(job.folder))]


@dataclass(frozen=True)
class Run:
    """A finished run, read back from its folder."""

    suite: Suite
    folder: Path
    results: tuple[JobResult, ...]
    references: dict[str, TaskReferences]
    manifest: dict[str, Any] = field(default_factory=dict)


def _size(job: Job) -> tuple[int, int]:
    agent = job.config["agent"]
    return int(agent.get("steps") or 0), int(agent.get("budget") or 0)


def default_folder(suite: Suite) -> Path:
    """Folder of a suite's run: one a configuration, so that the same command resumes it."""
    return Path("runs") / f"{suite.name}-{content_hash(suite.identity())[:8]}"


def plan_suite(suite: Suite, folder: Path, track: tuple[str, ...] = ("tensorboard",)) -> Plan:
    """Check a suite against the installed environments and agents, and list its jobs.

    Parameters
    ----------
    suite : Suite
    folder : Path
        Of the run.
    track : tuple of str
        Trackers of the trainings, see `chipgym.experiments.tracking`.

    Raises
    ------
    ChipGymError
        An environment, scenario, instance, policy or algorithm does not exist, or a budget is
        exceeded.
    """
    for agent in suite.agents:
        _check_agent(agent, [task for task in suite.tasks if agent.applies_to(task)])
    facts = {task.label: probe(task) for task in suite.tasks}
    jobs, to_make, stored = [], {}, {}
    for task in suite.tasks:
        fact = facts[task.label]
        references = stored_references(task, fact.simulator_version)
        if references is None:
            to_make[task.label] = reference_jobs(folder, task, fact)
        else:
            stored[task.label] = references
    for task, agent in suite.pairs():
        fact = facts[task.label]
        version, content = fact.simulator_version, fact.content
        jobs += [
            make_job(folder, task, agent, seed, suite.curve, version, content, track)
            for seed in agent.seed_list(suite.seeds)
        ]
    return Plan(suite, folder, facts, tuple(jobs), to_make, stored)


def run_suite(
    plan: Plan,
    executor: Executor,
    on_progress: ProgressCallback | None = None,
    on_outcome: Callable[[JobOutcome], None] | None = None,
) -> Run:
    """Run what is not finished of a plan, and read the whole run.

    Raises
    ------
    FileFormatError
        The folder holds a run of something else, or jobs with other hyperparameters than those
        that are stored now.
    RunError
        Jobs failed. Everything else was run and is kept.
    OSError
        The disk is full.
    """
    started, clock = timestamp(), time.monotonic()
    _claim_folder(plan)
    _check_hyperparameters(plan)
    failed = run_jobs(plan.unfinished, executor, on_progress, on_outcome)
    if failed:
        raise RunError(f"{len(failed)} of {len(plan.all_jobs)} jobs failed: {_causes(failed)}")
    _write_references(plan)
    if not (plan.folder / MANIFEST_FILE).exists():
        _write_manifest(plan, started, time.monotonic() - clock)
    return load_run(plan.folder)


def run_jobs(
    jobs: Sequence[Job],
    executor: Executor,
    on_progress: ProgressCallback | None = None,
    on_outcome: Callable[[JobOutcome], None] | None = None,
) -> list[JobOutcome]:
    """Run jobs to their end and return those that failed; a full disk ends the run at once."""
    failed = []
    try:
        for job in jobs:
            executor.submit(job)
        for outcome in executor.outcomes(on_progress or _ignore):
            if outcome.errno in DISK_FULL:
                raise OSError(outcome.errno, os.strerror(outcome.errno), outcome.key)
            if outcome.status == "failed":
                failed.append(outcome)
            if on_outcome is not None:
                on_outcome(outcome)
    finally:
        executor.close()
    return failed


def _causes(failed: Sequence[JobOutcome]) -> str:
    """What failed, each cause once."""
    causes: dict[str, list[JobOutcome]] = {}
    for outcome in failed:
        causes.setdefault(outcome.error, []).append(outcome)
    lines = [
        outcomes[0].key
        + (f" and {len(outcomes) - 1} more" if len(outcomes) > 1 else "")
        + f": {error}"
        + (f" (see {outcomes[0].details})" if outcomes[0].details else "")
        for error, outcomes in causes.items()
    ]
    more = f" (and {len(lines) - 3} other causes)" if len(lines) > 3 else ""
    return "; ".join(lines[:3]) + more


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read a finished run.

    Raises
    ------
    FileFormatError
        The folder is not a run, or not finished, or was changed since.
    """
    root = Path(folder)
    if not (root / SUITE_FILE).is_file():
        raise FileFormatError(root, f"not the folder of a run: no {SUITE_FILE} in it")
    with _damaged(root / SUITE_FILE):
        document = read_json(root / SUITE_FILE)
        suite = Suite.parse(document["suite"])
        versions = {task.label: document["simulator_versions"][task.label] for task in suite.tasks}
        contents = {
            task.label: document.get("contents", {}).get(task.label) for task in suite.tasks
        }
    if not all((root / name).is_file() for name in (REFERENCES_FILE, MANIFEST_FILE)):
        raise FileFormatError(root, "not finished; run the suite again to resume it")
    with _damaged(root / REFERENCES_FILE):
        entries = read_json(root / REFERENCES_FILE)
        references = {task.label: TaskReferences.parse(entries[task.label]) for task in suite.tasks}
    with _damaged(root / MANIFEST_FILE):
        manifest = read_json(root / MANIFEST_FILE)
        missing = MANIFEST_FIELDS - set(manifest)
        if missing:
            raise InvalidValueError(
                "fields", sorted(manifest), f"also {', '.join(sorted(missing))}"
            )
    results = [
        read_result(
            make_job(
                root, task, agent, seed, suite.curve, versions[task.label], contents[task.label]
            )
        )
        for task, agent in suite.pairs()
        for seed in agent.seed_list(suite.seeds)
    ]
    return Run(suite, root, tuple(results), references, manifest)


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Say of a file of the run that it is damaged, whatever its content has led to."""
    try:
        yield
    except FileFormatError:
        raise
    except (InvalidValueError, AttributeError, KeyError, TypeError) as error:
        text = str(error) if isinstance(error, InvalidValueError) else f"unexpected: {error!r}"
        raise FileFormatError(path, f"damaged: {text}") from error


def _check_agent(agent: AgentSpec, tasks: Sequence[TaskSpec]) -> None:
    """Find mistakes in an agent before hours are spent on the others."""
    if agent.policy is not None:
        build_policy(agent.policy, agent.kwargs)
        return
    if agent.searcher is not None:
        for task in tasks:
            check_searcher(agent, task)
            _check_budget(agent, task, "budget", agent.budget_for(task), task.max_evaluations)
        return
    from chipgym.experiments.training import check_algorithm, check_form

    check_algorithm(agent.algorithm or "", agent.hyperparameters)
    for task in tasks:
        check_form(agent.algorithm or "", task)
        _check_budget(agent, task, "steps", agent.steps_for(task), task.max_steps)


def _check_budget(
    agent: AgentSpec, task: TaskSpec, field: str, spent: int | None, most: int | None
) -> None:
    if most is not None and (spent or 0) > most:
        raise InvalidValueError(
            f"{field} of agent {agent.name!r}",
            spent,
            f"at most {most}, the budget of task {task.label!r}",
        )


def _claim_folder(plan: Plan) -> None:
    """Write the suite into a new run folder; refuse one that belongs to another suite."""
    document: dict[str, Any] = {
        "suite": plan.suite.identity(),
        "simulator_versions": {name: fact.simulator_version for name, fact in plan.facts.items()},
    }
    contents = {name: fact.content for name, fact in plan.facts.items() if fact.content}
    if contents:
        document["contents"] = contents
    path = plan.folder / SUITE_FILE
    if not path.is_file():
        write_json(path, document)
    elif read_json(path) != document:
        raise FileFormatError(
            plan.folder,
            "holds a run of another suite, instances or simulator version; choose another --out",
        )


def _check_hyperparameters(plan: Plan) -> None:
    """Refuse finished jobs whose stored hyperparameters, no part of a job, have changed since."""
    stored: dict[tuple[str, str], Any] = {}
    for job in plan.jobs:
        path = Path(job.folder) / TRAINING
        agent, task = job.agent, job.task
        if agent.policy is not None or not is_finished(path.parent):
            continue
        key = (agent.name, task.label)
        if key not in stored:
            stored[key] = json.loads(json.dumps(_hyperparameters(agent, task)))
        with _damaged(path):
            used = read_json(path)["hyperparameters"]
            names = {n for n in (*used, *stored[key]) if used.get(n) != stored[key].get(n)}
        if names:
            raise FileFormatError(
                path,
                "made with other hyperparameters than those stored now: "
                f"{', '.join(sorted(names))} differ; choose another --out, or delete the folder to "
                "run the job again",
            )


def _hyperparameters(agent: AgentSpec, task: TaskSpec) -> dict[str, Any]:
    """What a job of an agent that is trained or searches is to use."""
    if agent.algorithm is None:
        return search_policy(agent, task).hyperparameters
    from chipgym.experiments.training import task_hyperparameters

    return task_hyperparameters(agent.algorithm, task, agent.hyperparameters)


def _write_references(plan: Plan) -> None:
    """Store the references that this run's scores are made with."""
    command = shlex.join(["chipgym", *sys.argv[1:]])
    path = plan.folder / REFERENCES_FILE
    if path.is_file():
        return
    references = dict(plan.references)
    for task in plan.suite.tasks:
        if task.label in plan.reference_jobs:
            jobs = plan.reference_jobs[task.label]
            references[task.label] = build_references(task, plan.facts[task.label], jobs, command)
    write_json(path, {label: entry.document() for label, entry in sorted(references.items())})


def _write_manifest(plan: Plan, started: str, wall_s: float) -> None:
    manifest = build_manifest(
        configuration=plan.suite.document(),
        seeds=sorted({job.seed for job in plan.jobs}),
        simulator_versions={
            task.env: plan.facts[task.label].simulator_version for task in plan.suite.tasks
        },
        env_specs={name: json.loads(fact.spec) for name, fact in plan.facts.items()},
        started=started,
        wall_s=wall_s,
    )
    write_json(plan.folder / MANIFEST_FILE, manifest)


def _ignore(progress: Progress) -> None:
    """Progress that nobody watches."""
