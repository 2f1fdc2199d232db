"""The page of a report, put together from the summary, the charts and the manifest."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chipgym.experiments.environments import make_env
from chipgym.experiments.evaluation import start_episode
from chipgym.experiments.grouping import by_environment, summarise_environments
from chipgym.experiments.plots import gantt
from chipgym.experiments.report.parts import (
    best_of,
    curves_section,
    profile_section,
    ranking_section,
    ranks_section,
    regret_section,
    section,
    tasks_section,
)
from chipgym.experiments.report.style import STYLE
from chipgym.experiments.results import JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.suite import slug
from chipgym.experiments.summary import Summary
from chipgym.experiments.svg import escape
from chipgym.experiments.texts import quantity, readable
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.files import write_text

__all__ = ["html_page", "render_report", "write_report"]


def write_report(
    run: Run, summary: Summary, path: Path, groups: Mapping[str, Summary] | None = None
) -> None:
    """Write the report of a run as one HTML file; the arguments are those of `render_report`."""
    write_text(path, render_report(run, summary, groups))


def render_report(run: Run, summary: Summary, groups: Mapping[str, Summary] | None = None) -> str:
    """The report as HTML: no script, no external request, readable in light and in dark.

    Parameters
    ----------
    run, summary : Run, Summary
    groups : mapping, optional
        `summarise_environments` of the run, where it is known already.
    """
    found = summarise_environments(run) if groups is None else groups
    parts = by_environment(run) if found else {}
    title = f"Suite {escape(summary.suite)}"
    body = [
        f"<h1>{title}</h1><p class='lead'>{escape(run.suite.description)}</p>",
        _head(summary, found),
        *(
            [_all_tasks(run, summary), *(_environment(parts[env], found[env]) for env in parts)]
            if found
            else [_sections(run, summary)]
        ),
        section("One episode", _episodes(run, summary)),
        section("How this was made", _provenance(run)),
    ]
    return html_page(f"{summary.suite}: ChipGym report", "".join(body))


def html_page(title: str, body: str) -> str:
    """A whole page with the style sheet in it."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _head(summary: Summary, groups: Mapping[str, Summary]) -> str:
    """Who is best, and what there is on the page."""
    if not groups:
        return f"<p>{best_of(summary)}Tasks (test instances): {escape(_tasks(summary))}.</p>"
    rows = "".join(
        f"<li><a href='#{slug(env)}'>{escape(env)}</a>: {escape(_tasks(part))}. "
        f"{best_of(part)}</li>"
        for env, part in groups.items()
    )
    return (
        "<p>Scores compare over the same tasks only, and most agents are for one environment: so "
        "each environment has a ranking of its own. Environments, with their tasks (test "
        f"instances):</p><ul>{rows}</ul>"
    )


def _tasks(summary: Summary) -> str:
    return ", ".join(f"{label} ({count})" for label, count in summary.instances.items())


def _all_tasks(run: Run, summary: Summary) -> str:
    """What compares across environments: the agents that took part in everything."""
    if len(summary.complete) < 2:
        return ""
    shown = dataclasses.replace(summary, agents=summary.complete)
    body = "".join(
        (
            ranking_section(run, shown, 3),
            profile_section(shown, 3),
            ranks_section(shown.ranks, 3),
        )
    )
    return section("All environments", body)


def _environment(run: Run, summary: Summary) -> str:
    """The part of a report that is about one environment."""
    env = run.suite.tasks[0].env
    return section(env, f"<p>{best_of(summary)}</p>{_sections(run, summary, 3)}", anchor=slug(env))


def _sections(run: Run, summary: Summary, level: int = 2) -> str:
    """Everything that is said of agents on some tasks."""
    return "".join(
        (
            ranking_section(run, summary, level),
            tasks_section(summary, level),
            curves_section(run, level),
            profile_section(summary, level),
            ranks_section(summary.ranks, level),
            regret_section(summary, level),
        )
    )


def _episodes(run: Run, summary: Summary) -> str:
    """The best agent's schedule of one instance, and the reference's of the same one."""
    for task in run.suite.tasks:
        found = {r.agent: r for r in reversed(run.results) if r.task == task.label}
        if not any(_drawable(result.records[0]) for result in found.values()):
            continue
        scores = {a.name: a.task_iqm[task.label].value for a in summary.agents if a.name in found}
        best = max(scores, key=lambda name: _or_lowest(scores[name]))
        policy = run.references[task.label].reference_policy
        reference = next((a.name for a in run.suite.agents if a.policy == policy), best)
        shown = (found[name] for name in dict.fromkeys([best, reference]) if name in found)
        return "".join(_episode(run, result) for result in shown if _drawable(result.records[0]))
    return ""


def _drawable(record: EpisodeRecord) -> bool:
    columns = {"job", "task", "pe", "start_us", "finish_us"}
    return record.schedule is not None and columns <= set(record.schedule)


def _episode(run: Run, result: JobResult) -> str:
    record = result.records[0]
    assert record.schedule is not None
    metric = run.references[result.task].metric
    title = f"{result.agent} on {result.task}, instance {record.instance_id}"
    return (
        f"<h3>{escape(title)} ({escape(readable(metric))}: {_mean(record.metrics[metric])})</h3>"
        + gantt(record.schedule, title, *_names(run, record))
    )


def _names(run: Run, record: EpisodeRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the processing elements and applications of a record's instance, if any."""
    task = next(task for task in run.suite.tasks if task.label == record.task)
    env = make_env(task)
    try:
        start_episode(env, record.instance)
        instance: Any = getattr(env.unwrapped, "instance", None)
        platform = getattr(instance, "platform", None)
        applications = getattr(instance, "applications", ())
        return tuple(getattr(platform, "pe_names", ())), tuple(a.name for a in applications)
    finally:
        env.close()


def _provenance(run: Run) -> str:
    manifest = run.manifest
    source: dict[str, Any] = manifest["source"]
    commit = source["commit"] or "not a checkout"
    versions = ", ".join(f"{k} {v}" for k, v in manifest["dependencies"].items() if v)
    simulators = ", ".join(f"{k} {v}" for k, v in manifest["simulator_versions"].items())
    facts = {
        "package": f"chipgym {manifest['package_version']}",
        "simulators": simulators,
        "commit": f"{commit}{' (with changes)' if source['dirty'] else ''}",
        "configuration": manifest["configuration_hash"],
        "seeds": ", ".join(map(str, manifest["seeds"])),
        "python": f"{manifest['python']}, {versions}",
        "machine": f"{manifest['cpu']}, {manifest['cpus']} cores, {manifest['platform']}",
        "finished": f"{manifest['finished']}, {manifest['wall_s']:.0f} s",
    }
    entries = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return (
        f"<dl>{entries}</dl><p class='note'>Every number is recomputed from the records by "
        f"<code>chipgym report {escape(run.folder)}</code>.</p>"
    )


def _mean(value: float | None) -> str:
    return "–" if value is None else quantity(value)


def _or_lowest(value: float) -> float:
    return -math.inf if math.isnan(value) else value
