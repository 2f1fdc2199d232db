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
from chipgym.experiments.environments import probe
from chipgym.experiments.runner import Run
from chipgym.experiments.suite import AgentSpec
from chipgym.experiments.summary import summarise
from chipgym.experiments.work import record_line
from chipgym.leaderboards.schema import (
    RECORDS_FILE,
    SUBMISSION_FILE,
    VERIFIED_FILE,
    Submission,
    Verification,
)
from chipgym.leaderboards.verify import verify_in_fresh_process
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
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
    suite: str | None = None,
    imports: Sequence[str] = (),
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
    suite, imports : str, sequence of str
        As `chipgym.leaderboards.verify.verify_in_fresh_process` takes them.
    """
    spec = next((entry for entry in run.suite.agents if entry.name == agent), None)
    if spec is None:
        raise UnknownNameError("agent", agent, [entry.name for entry in run.suite.agents])
    if out.exists():
        raise FileFormatError(out, "exists already; choose another --out")
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
        verification = verify_in_fresh_process(folder, suite=suite, imports=imports)
        if verification.passed:
            verification.save(folder / VERIFIED_FILE)
            folder.chmod(0o755)
            os.replace(folder, out)
        return verification
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
        }
    )
