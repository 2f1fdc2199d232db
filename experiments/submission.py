"""Packing the records of a run into a submission for the leaderboards."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import chipgym
from chipgym.agents.core.provenance import Provenance, provenance_of
from chipgym.agents.multi_agent.arguments import ALGORITHMS as MULTI_AGENT
from chipgym.experiments.curves import ScoredPoint, learning_curves
from chipgym.experiments.environments import EnvFacts, probe
from chipgym.experiments.policies import build_policy
from chipgym.experiments.results import JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import iqm, pooled
from chipgym.experiments.suite import AgentSpec, TaskSpec
from chipgym.experiments.summary import agent_scores, metric_values
from chipgym.leaderboards.fresh_process import Limits, verify_in_fresh_process
from chipgym.leaderboards.policy_files import POLICY_FILES, check_policy
from chipgym.leaderboards.records import write_records
from chipgym.leaderboards.schema import (
    SUBMISSION_FILE,
    VERIFIED_FILE,
    EpisodeRecord,
    Submission,
    TaskBudget,
    Verification,
)
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

__all__ = ["Packer", "State", "submit"]


@dataclass(frozen=True)
class State:
    """What the submitter states of a ready policy, instead of what it states itself.

    Attributes
    ----------
    kind : {"heuristic", "learned", "search"} or None
    training_steps : int or None
        Environment steps of the training of a learned policy.
    description : str
        Of whatever agent; "" leaves what a policy says of itself.
    """

    kind: str | None = None
    training_steps: int | None = None
    description: str = ""


class Packer:
    """Packs agents of one run.

    Parameters
    ----------
    run : Run
        A finished run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._facts: dict[str, EnvFacts] = {task.label: probe(task) for task in run.suite.tasks}
        self._curves = learning_curves(run)

    def spec(self, agent: str) -> AgentSpec:
        """The agent's entry in the suite.

        Raises
        ------
        UnknownNameError
            The run has no such agent.
        """
        found = next((entry for entry in self.run.suite.agents if entry.name == agent), None)
        if found is None:
            known = [entry.name for entry in self.run.suite.agents]
            raise UnknownNameError("agent", agent, known)
        return found

    def head(
        self, agent: str, name: str = "", authors: Sequence[str] = (), state: State | None = None
    ) -> Submission:
        """The head of an agent's submission, with the run's own statistics as claims.

        Raises
        ------
        UnknownNameError, InvalidValueError
            There is no such agent, or what is stated of it is not true or not allowed.
        """
        spec = self.spec(agent)
        source = _provenance(spec, state or State())
        results = [result for result in self.run.results if result.agent == agent]
        tasks = [task for task in self.run.suite.tasks if spec.applies_to(task)]
        budgets = _budgets(results)
        steps = sum(budget.steps for budget in budgets.values())
        curves = {task.label: self._curves.get(task.label, {}).get(agent, ()) for task in tasks}
        return Submission.parse(
            {
                "name": name or agent,
                "suite": self.run.suite.name,
                "authors": list(authors),
                "description": source.description,
                "date": datetime.now(UTC).date().isoformat(),
                "package_version": chipgym.__version__,
                "kind": source.kind,
                "multi_agent": spec.algorithm in MULTI_AGENT,
                "seeds": list(spec.seed_list(self.run.suite.seeds)),
                "training_steps": source.training_steps or steps,
                "training_evaluations": _evaluations(spec, tasks, budgets),
                "budgets": {label: budget.document() for label, budget in budgets.items()},
                "tasks": [self._task(task) for task in tasks],
                "claims": _claims(self.run, agent, results),
                "curves": {label: _points(found) for label, found in curves.items() if found},
            }
        )

    def lines(self, agent: str) -> list[bytes]:
        """Records of an agent, a line an episode, without the schedules."""
        return [
            _line(record)
            for result in self.run.results
            if result.agent == agent
            for record in result.records
        ]

    def _task(self, task: TaskSpec) -> dict[str, Any]:
        """A task as the submission names it."""
        facts = self._facts[task.label]
        return {
            "label": task.label,
            "env": task.env.rpartition(":")[2],
            "scenario": task.scenario,
            "objective": task.objective,
            "kwargs": task.kwargs,
            "parallel_kwargs": task.parallel_kwargs,
            "wrapper": task.wrapper,
            "instances": list(task.instance_indexes),
            "simulator_version": facts.simulator_version,
            "content": facts.content,
        }


def submit(
    run: Run | Packer,
    agent: str,
    out: Path,
    *,
    name: str | None = None,
    authors: Sequence[str] = (),
    state: State | None = None,
    policy: Path | None = None,
    suite: str | None = None,
    imports: Sequence[str] = (),
    limits: Limits | None = None,
) -> Verification:
    """Pack one agent's records, verify them in a fresh process, and keep them only if that passes.

    Parameters
    ----------
    run : Run or Packer
        A finished run; for several of its agents its packer.
    agent : str
        Name of the agent in it.
    out : Path
        Folder of the submission; it must not exist.
    name, authors : str, sequence of str
        For the ranking; the name is by default the agent's.
    state : State, optional
        What is stated of the agent instead of what is known.
    policy : path, optional
        The trained policy as ONNX or safetensors, to be offered beside the records.
    suite, imports, limits : str, sequence of str, Limits
        As `chipgym.leaderboards.fresh_process.verify_in_fresh_process` takes them.
    """
    packer = run if isinstance(run, Packer) else Packer(run)
    packer.spec(agent)
    if out.exists():
        raise FileFormatError(out, "exists already; choose another --out")
    kept = None if policy is None else _policy_file(policy)
    head = packer.head(agent, name or agent, authors, state)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        head.save(folder / SUBMISSION_FILE)
        write_records(folder, packer.lines(agent))
        if kept is not None and policy is not None:
            shutil.copyfile(policy, folder / kept)
        verification = verify_in_fresh_process(folder, suite=suite, imports=imports, limits=limits)
        if verification.passed:
            verification.save(folder / VERIFIED_FILE)
            folder.chmod(0o755)
            os.replace(folder, out)
        return verification
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _policy_file(policy: Path) -> str:
    """Name of a policy's file in a submission; raises unless it may be in one."""
    kept = {Path(name).suffix: name for name in POLICY_FILES}.get(policy.suffix)
    if kept is None:
        raise InvalidValueError("--policy", str(policy), "a file *.onnx or *.safetensors")
    if not policy.is_file():
        raise FileFormatError(policy, "cannot be read: no such file")
    check_policy(policy)
    return kept


def _provenance(spec: AgentSpec, state: State) -> Provenance:
    """Kind, steps of a training elsewhere, and description of an agent.

    What a run has trained or searched is known; of a ready policy it is what the policy says,
    unless the submitter says otherwise.
    """
    if spec.policy is None:
        kind = "learned" if spec.searcher is None else "search"
        for name in ("kind", "training_steps"):
            if getattr(state, name) not in (None, kind):
                raise InvalidValueError(
                    name, getattr(state, name), f"for ready policies; {spec.name!r} is {kind} here"
                )
        return Provenance(kind, 0, state.description)  # type: ignore[arg-type]
    own = provenance_of(build_policy(spec.policy, spec.kwargs))
    kind = state.kind or ("learned" if state.training_steps else own.kind)
    steps = own.training_steps if kind == own.kind == "learned" else None
    if kind != "learned":
        steps = 0
    if state.training_steps is not None:
        steps = state.training_steps
    found = Provenance(kind, steps, state.description or own.description)  # type: ignore[arg-type]
    if found.training_steps is None:
        raise InvalidValueError(
            "training_steps", None, f"known for a learned policy; state them for {spec.name!r}"
        )
    return found


def _budgets(results: Sequence[JobResult]) -> dict[str, TaskBudget]:
    """What the dearest seed has spent on each task; nothing where nothing was spent."""
    found: dict[str, TaskBudget] = {}
    for result in results:
        known = found.get(result.task, TaskBudget())
        found[result.task] = TaskBudget(
            steps=max(known.steps, result.training_steps),
            evaluations=max(known.evaluations, result.training_evaluations),
        )
    return {label: budget for label, budget in found.items() if budget != TaskBudget()}


def _evaluations(
    spec: AgentSpec, tasks: Sequence[TaskSpec], budgets: Mapping[str, TaskBudget]
) -> int:
    """Evaluations for one seed on all tasks; what is not trained spends anew on each instance."""
    return sum(
        budgets[task.label].evaluations
        * (1 if spec.algorithm is not None else len(task.instance_indexes))
        for task in tasks
        if task.label in budgets
    )


def _claims(run: Run, agent: str, results: Sequence[JobResult]) -> dict[str, Any]:
    """Score and mean metrics as the run's records give them."""
    value = float(iqm(pooled(list(agent_scores(run, agent).values()))))
    metrics: dict[str, list[list[float]]] = {}
    for result in results:
        metrics.setdefault(result.task, []).append(metric_values(run, result))
    return {
        "iqm": value if np.isfinite(value) else None,
        "mean_metric": {label: float(np.mean(values)) for label, values in metrics.items()},
    }


def _points(curve: Sequence[ScoredPoint]) -> list[dict[str, float]]:
    """A learning curve as a submission has it."""
    return [
        {
            "steps": point.steps,
            "evaluations": point.evaluations,
            "score": point.score.value,
            "low": point.score.low,
            "high": point.score.high,
        }
        for point in curve
    ]


def _line(record: EpisodeRecord) -> bytes:
    """A record without the schedule, which follows from the actions."""
    document = record.model_dump(mode="json", exclude={"schedule"})
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"
