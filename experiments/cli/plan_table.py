"""What `chipgym benchmark --dry-run` shows: jobs by task and agent, and how long they will take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from chipgym.experiments.estimate import Estimator, total_seconds
from chipgym.experiments.jobs import Job
from chipgym.experiments.results import is_finished
from chipgym.experiments.runner import Plan

__all__ = ["plan_document", "plan_table", "plan_text"]


def plan_document(plan: Plan, estimator: Estimator, cores: int) -> dict[str, Any]:
    """Jobs of a plan with estimates, as JSON.

    Parameters
    ----------
    plan : Plan
    estimator : Estimator
    cores : int
        Jobs at a time.
    """
    jobs = [_job(job, estimator) for job in plan.all_jobs]
    left = [job for job in jobs if not job["finished"]]
    known = [job["estimate_s"] for job in left if job["estimate_s"] is not None]
    return {
        "suite": plan.suite.name,
        "folder": str(plan.folder),
        "jobs": jobs,
        "unfinished": len(left),
        "unknown": sum(job["estimate_s"] is None for job in left),
        "cores": cores,
        "core_seconds": round(sum(known), 1),
        "estimate_s": round(total_seconds(known, cores), 1),
    }


def plan_table(document: dict[str, Any]) -> Table:
    """A line for each task and agent."""
    table = Table(title=f"Jobs of suite {document['suite']}", title_justify="left")
    for name in ("task", "agent"):
        table.add_column(name)
    for name in ("jobs", "finished", "steps", "evaluations", "each", "together"):
        table.add_column(name, justify="right")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in sorted(document["jobs"], key=lambda job: (job["task"], job["agent"])):
        groups.setdefault((job["task"], job["agent"]), []).append(job)
    for (task, agent), jobs in groups.items():
        times = [job["estimate_s"] for job in jobs if job["estimate_s"] is not None]
        cells = [task, agent, str(len(jobs)), str(sum(job["finished"] for job in jobs))]
        cells += [f"{jobs[0][key]:,}" if jobs[0][key] else "" for key in ("steps", "budget")]
        cells += [_time(max(times)), _time(sum(times))] if times else ["?", "?"]
        table.add_row(*map(escape, cells))
    return table


def plan_text(document: dict[str, Any]) -> str:
    """The whole in one or two lines."""
    text = (
        f"{len(document['jobs'])} jobs, {document['unfinished']} of them to be run: about "
        f"{_time(document['estimate_s'])} on {document['cores']} cores "
        f"({_time(document['core_seconds'])} of one core)"
    )
    if document["unknown"]:
        text += f"\nand {document['unknown']} jobs of kinds that were never timed"
    return text


def _job(job: Job, estimator: Estimator) -> dict[str, Any]:
    config = job.config
    seconds = estimator.seconds(job)
    return {
        "key": job.key,
        "task": job.task.label,
        "agent": job.agent.name,
        "seed": job.seed,
        "steps": int(config["agent"].get("steps") or 0),
        "budget": int(config["agent"].get("budget") or 0),
        "instances": len(job.task.instance_indexes),
        "finished": is_finished(Path(job.folder)),
        "estimate_s": None if seconds is None else round(seconds, 2),
    }


def _time(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
