"""Packing the records of a run into a submission for the leaderboards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import chipgym
from chipgym.agents.multi_agent.arguments import ALGORITHMS as MULTI_AGENT
from chipgym.experiments.curves import learning_curves
from chipgym.experiments.environments import probe
from chipgym.experiments.runner import Run
from chipgym.experiments.suite import AgentSpec
from chipgym.experiments.summary import summarise
from chipgym.experiments.work import record_line
from chipgym.leaderboards.fresh_process import Limits, verify_in_fresh_process
from chipgym.leaderboards.policy_files import POLICY_FILES, check_policy
from chipgym.leaderboards.schema import (
    RECORDS_FILE,
    SUBMISSION_FILE,
    VERIFIED_FILE,
    Submission,
    Verification,
)
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError
from chipgym.simulators.core.files import write_bytes

__all__ = ["submit"]


def submit(
    run: Run,
    agent: str,
    out: Path,
    *,
    name: str | None = None,
    authors: Sequence[str] = (),
    description: str = "",
    policy: Path | None = None,
    suite: str | None = None,
    imports: Sequence[str] = (),
    limits: Limits | None = None,
) -> Verification:
    """Pack one agent's records, verify them in a fresh process, and keep them only if that passes.

    Parameters
    ----------
    run : Run
        A finished run.
    agent : str
        Name of the agent in it.
    out : Path
        Folder of the submission; it must not exist.
    name, authors, description : str, sequence of str, str
        For the ranking; the name is by default the agent's.
    policy : path, optional
        The trained policy as ONNX or safetensors, to be offered beside the records.
    suite, imports, limits : str, sequence of str, Limits
        As `chipgym.leaderboards.fresh_process.verify_in_fresh_process` takes them.
    """
    spec = next((entry for entry in run.suite.agents if entry.name == agent), None)
    if spec is None:
        raise UnknownNameError("agent", agent, [entry.name for entry in run.suite.agents])
    if out.exists():
        raise FileFormatError(out, "exists already; choose another --out")
    kept = None if policy is None else _policy_file(policy)
    head = _head(run, spec, name or agent, authors, description)
    lines = [
        record_line(record)
        for result in run.results
        if result.agent == agent
        for record in result.records
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        head.save(folder / SUBMISSION_FILE)
        write_bytes(folder / RECORDS_FILE, b"".join(lines))
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


def _curves(run: Run, agent: str) -> dict[str, list[dict[str, float]]]:
    """The agent's curve on each task, as far as it has one."""
    return {
        label: [
            {
                "steps": point.steps,
                "evaluations": point.evaluations,
                "score": point.score.value,
                "low": point.score.low,
                "high": point.score.high,
            }
            for point in curves[agent]
        ]
        for label, curves in learning_curves(run).items()
        if agent in curves
    }


def _head(
    run: Run, spec: AgentSpec, name: str, authors: Sequence[str], description: str
) -> Submission:
    """The head of the submission, with the run's own statistics as claims."""
    summary = next(a for a in summarise(run).agents if a.name == spec.name)
    results = [result for result in run.results if result.agent == spec.name]
    kind: Literal["heuristic", "learned", "search"] = "heuristic"
    if spec.policy is None:
        kind = "learned" if spec.searcher is None else "search"
    facts = {task.label: probe(task) for task in run.suite.tasks if spec.applies_to(task)}
    tasks = [
        {
            "label": task.label,
            "env": task.env.rpartition(":")[2],
            "scenario": task.scenario,
            "objective": task.objective,
            "kwargs": task.kwargs,
            "parallel_kwargs": task.parallel_kwargs,
            "wrapper": task.wrapper,
            "instances": list(task.instance_indexes),
            "simulator_version": facts[task.label].simulator_version,
            "content": facts[task.label].content,
        }
        for task in run.suite.tasks
        if spec.applies_to(task)
    ]
    return Submission.parse(
        {
            "name": name,
            "suite": run.suite.name,
            "authors": list(authors),
            "description": description,
            "date": datetime.now(UTC).date().isoformat(),
            "package_version": chipgym.__version__,
            "kind": kind,
            "multi_agent": spec.algorithm in MULTI_AGENT,
            "seeds": list(spec.seed_list(run.suite.seeds)),
            "training_steps": summary.training_steps,
            "training_evaluations": max(result.training_evaluations for result in results),
            "tasks": tasks,
            "claims": {
                "iqm": summary.iqm.document()["value"],
                "mean_metric": dict(summary.mean_metric),
            },
            "curves": _curves(run, spec.name),
        }
    )
