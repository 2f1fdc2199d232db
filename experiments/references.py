"""Reference results: the random policy's and the reference method's metric on each instance.

They anchor the score (see `chipgym.experiments.scoring`), so they are stored with the leaderboards,
with the version of the simulator and the command that made them. A run whose tasks have no stored
references makes its own, by the same procedure.

The random policy is averaged over ten seeds, and the reference is one run. Where an environment
declares ``random-search-N`` as its reference, random is one random design averaged over fifty
seeds, and the reference is averaged over ten (`chipgym.experiments.random_episodes`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from chipgym.experiments.environments import EnvFacts, instance_hash, make_env
from chipgym.experiments.evaluation import evaluate, start_episode
from chipgym.experiments.jobs import Job, make_job
from chipgym.experiments.policies import build_policy
from chipgym.experiments.random_episodes import random_episodes
from chipgym.experiments.results import read_result
from chipgym.experiments.scoring import is_scorable, score
from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec, slug
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import SimulationError
from chipgym.simulators.core.hashing import content_hash

__all__ = [
    "STORE",
    "InstanceReference",
    "TaskReferences",
    "build_references",
    "measure_references",
    "reference_jobs",
    "reference_path",
    "stored_references",
]

STORE = Path(__file__).resolve().parents[1] / "leaderboards" / "references"
RANDOM_SEEDS = 10
DESIGN_RANDOM_SEEDS = 50
"""Seeds of the random design of a design task: each is one evaluation."""

DESIGN_REFERENCE_SEEDS = 10
"""Seeds of the random search that is the reference of a design task."""


class InstanceReference(Description):
    """References of one instance, in the metric's unit, and the hash of its description."""

    instance: Annotated[int, Field(ge=0)]
    instance_id: str
    instance_hash: str = ""
    random: float
    random_standard_error: Annotated[float, Field(ge=0)]
    reference: float


class TaskReferences(Description):
    """References of a task.

    Attributes
    ----------
    metric, lower_is_better : str, bool
        The primary metric and its direction.
    reference_policy : str
        The method whose score is 1.
    random_seeds, reference_seeds : int
        Seeds over which the random policy's and the reference method's metric are averaged.
    """

    format: Literal[1] = 1
    env: str
    scenario: str | None = None
    objective: str | None = None
    split: str = "test"
    kwargs: dict[str, Any] = {}
    metric: str
    lower_is_better: bool = True
    reference_policy: str
    random_seeds: Annotated[int, Field(ge=2)]
    reference_seeds: Annotated[int, Field(ge=1)] = 1
    simulator_version: str
    command: str
    instances: Annotated[tuple[InstanceReference, ...], Field(min_length=1)]

    def of(self, instance: int) -> InstanceReference | None:
        """References of one instance, None if there are none."""
        return next((entry for entry in self.instances if entry.instance == instance), None)

    def score(self, instance: int, value: float) -> float:
        """Score of a metric's value on an instance; nan where the instance is excluded."""
        entry = self.of(instance)
        if entry is None:
            return math.nan
        return score(
            value,
            entry.random,
            entry.reference,
            entry.random_standard_error,
            lower_is_better=self.lower_is_better,
        )

    @property
    def excluded(self) -> tuple[int, ...]:
        """Instances on which random and reference are too close for a score."""
        return tuple(
            entry.instance
            for entry in self.instances
            if not is_scorable(
                entry.random,
                entry.reference,
                entry.random_standard_error,
                lower_is_better=self.lower_is_better,
            )
        )


def reference_path(task: TaskSpec) -> Path:
    """File of a task's stored references."""
    parts = [task.env.rpartition("/")[2], task.scenario or "default", task.objective or "default"]
    if task.kwargs or task.split != "test":
        parts.append(content_hash({"kwargs": task.kwargs, "split": task.split})[:8])
    return STORE / ("--".join(slug(part) for part in parts) + ".json")


def stored_references(task: TaskSpec, simulator_version: str) -> TaskReferences | None:
    """Load stored references that cover the task's instances; None if there are none.

    References made with another version of the simulator, or on instances that have changed since,
    count as absent.
    """
    path = reference_path(task)
    if not path.is_file():
        return None
    references = TaskReferences.load(path)
    fits = (
        references.simulator_version == simulator_version
        and all(getattr(references, name) == value for name, value in task.identity().items())
        and all(references.of(instance) is not None for instance in task.instance_indexes)
    )
    if not fits:
        return None
    for instance, found in _instance_hashes(task).items():
        entry = references.of(instance)
        if entry is None or entry.instance_hash != found:
            return None
    return references


def reference_jobs(root: Path, task: TaskSpec, facts: EnvFacts) -> list[Job]:
    """Build the jobs whose records make a task's references."""
    version = facts.simulator_version
    # The references of a task in another form of actions are those of the plain one.
    task = task.without_wrapper()
    return [
        make_job(
            root,
            task,
            AgentSpec(name=name, policy=policy),
            seed,
            CurveSpec(),
            version,
            facts.content,
        )
        for name, policy, seeds in _methods(facts)
        for seed in range(seeds)
    ]


def _methods(facts: EnvFacts) -> list[tuple[str, str, int]]:
    """Name, policy and number of seeds of the random and of the reference method.

    Where the reference is a random search, random is one random design (`random-search-1`) instead
    of the random policy, and both are averaged over seeds.
    """
    if random_episodes(facts.reference_policy) is None:
        return [
            ("random (reference)", "random", RANDOM_SEEDS),
            ("reference", facts.reference_policy, 1),
        ]
    return [
        ("random (reference)", "random-search-1", DESIGN_RANDOM_SEEDS),
        ("reference", facts.reference_policy, DESIGN_REFERENCE_SEEDS),
    ]


def build_references(
    task: TaskSpec, facts: EnvFacts, jobs: Sequence[Job], command: str
) -> TaskReferences:
    """Assemble a task's references from its finished reference jobs."""
    results = [read_result(job) for job in jobs]
    random = [result.records for result in results if result.agent.startswith("random")]
    reference = [r.records for r in results if not r.agent.startswith("random")]
    return _assemble(task, facts, random, reference, command)


def measure_references(task: TaskSpec, facts: EnvFacts, command: str) -> TaskReferences:
    """Make a task's references in this process, without keeping the records."""
    env = make_env(task.without_wrapper())
    try:

        def records(policy: str, seed: int) -> list[EpisodeRecord]:
            return list(
                evaluate(
                    env,
                    build_policy(policy),
                    task=task.label,
                    agent="reference",
                    seed=seed,
                    instances=task.instance_indexes,
                )
            )

        random, reference = (
            [records(policy, seed) for seed in range(seeds)] for _, policy, seeds in _methods(facts)
        )
        return _assemble(task, facts, random, reference, command)
    finally:
        env.close()


def _assemble(
    task: TaskSpec,
    facts: EnvFacts,
    random: Sequence[Sequence[EpisodeRecord]],
    reference: Sequence[Sequence[EpisodeRecord]],
    command: str,
) -> TaskReferences:
    """Average both methods over their seeds, instance by instance."""
    entries = []
    hashes = _instance_hashes(task)
    for position, record in enumerate(reference[0]):
        values = [_metric(records[position], facts.metric) for records in random]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        entries.append(
            InstanceReference(
                instance=record.instance,
                instance_id=record.instance_id,
                instance_hash=hashes[record.instance],
                random=mean,
                random_standard_error=math.sqrt(variance / len(values)),
                reference=sum(_metric(records[position], facts.metric) for records in reference)
                / len(reference),
            )
        )
    return TaskReferences(
        **task.identity(),
        metric=facts.metric,
        lower_is_better=facts.lower_is_better,
        reference_policy=facts.reference_policy,
        random_seeds=len(random),
        reference_seeds=len(reference),
        simulator_version=facts.simulator_version,
        command=command,
        instances=tuple(entries),
    )


def _instance_hashes(task: TaskSpec) -> dict[int, str]:
    """Hash of each instance of a task."""
    env = make_env(task)
    try:
        hashes = {}
        for instance in task.instance_indexes:
            start_episode(env, instance)
            hashes[instance] = instance_hash(env)
        return hashes
    finally:
        env.close()


def _metric(record: EpisodeRecord, name: str) -> float:
    value = record.metrics.get(name)
    if value is None:
        raise SimulationError(f"{record.task}, instance {record.instance}: no value of {name}")
    return value
