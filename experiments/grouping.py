"""A run by environment: scores compare among agents on the same tasks, and few act everywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from chipgym.experiments.runner import Run
from chipgym.experiments.summary import Summary, summarise

__all__ = ["by_environment", "summarise_environments", "summary_document"]


def by_environment(run: Run) -> dict[str, Run]:
    """Split a run by environment id, each part with the agents that are for one of its tasks."""
    parts = {}
    for env_id in dict.fromkeys(task.env for task in run.suite.tasks):
        tasks = tuple(task for task in run.suite.tasks if task.env == env_id)
        labels = {task.label for task in tasks}
        agents = tuple(
            agent for agent in run.suite.agents if any(agent.applies_to(task) for task in tasks)
        )
        # Patterns that fit other environments only would be refused in the smaller suite.
        agents = tuple(
            agent.model_copy(update={"tasks": tuple(t.label for t in tasks if agent.applies_to(t))})
            for agent in agents
        )
        suite = run.suite.model_copy(
            update={"name": f"{run.suite.name}, {env_id}", "tasks": tasks, "agents": agents}
        )
        results = tuple(result for result in run.results if result.task in labels)
        references = {label: run.references[label] for label in run.references if label in labels}
        parts[env_id] = dataclasses.replace(
            run, suite=suite, results=results, references=references
        )
    return parts


def summarise_environments(run: Run) -> dict[str, Summary]:
    """Summary of each environment of a run; {} if it has only one."""
    parts = by_environment(run)
    return {env: summarise(part) for env, part in parts.items()} if len(parts) > 1 else {}


def summary_document(summary: Summary, groups: Mapping[str, Summary]) -> dict[str, Any]:
    """A run's summary as JSON, with those of its environments where there are several."""
    document = summary.document()
    if groups:
        document["environments"] = {env: part.document() for env, part in groups.items()}
    return document
