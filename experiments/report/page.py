"""The page of a report, put together from the summary, the charts and the manifest."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from chipgym.experiments.curves import learning_curves
from chipgym.experiments.environments import make_env
from chipgym.experiments.plots import (
    gantt,
    interval_chart,
    learning_curve_chart,
    profile_chart,
    rank_figure,
)
from chipgym.experiments.ranks import ALPHA, RankSummary
from chipgym.experiments.report.style import STYLE
from chipgym.experiments.results import JobResult
from chipgym.experiments.runner import Run
from chipgym.experiments.summary import AgentSummary, Summary, readable
from chipgym.experiments.svg import escape
from chipgym.leaderboards.schema import EpisodeRecord
from chipgym.simulators.core.files import write_text

__all__ = ["html_page", "ranks_section", "render_report", "section", "write_report"]

LIMITS = ("value", "low", "high")
NEAR = 0.05
"""Distance in score from the reference within which methods are shown enlarged."""


def write_report(run: Run, summary: Summary, path: Path) -> None:
    """Write the report of a run as one HTML file."""
    write_text(path, render_report(run, summary))


def render_report(run: Run, summary: Summary) -> str:
    """The report as HTML: no script, no external request, readable in light and in dark."""
    sections = [
        _head(run, summary),
        section("Ranking", _ranking(run, summary)),
        section("Learning curves", _curves(run, summary)),
        section(
            "Performance profile",
            "<p class='lead'>How often a method scores above a threshold, over all seeds and "
            "instances; the higher the line, the better.</p>" + profile_chart(summary),
        ),
        section("Ranks", ranks_section(summary.ranks)),
        section("Regret", _regret(summary)),
        section("One episode", _episodes(run, summary)),
        section("How this was made", _provenance(run)),
    ]
    return html_page(f"{summary.suite}: ChipGym report", "".join(sections))


def html_page(title: str, body: str) -> str:
    """A whole page with the style sheet in it."""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def section(title: str, content: str) -> str:
    """A section under a heading; nothing if there is nothing in it."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _head(run: Run, summary: Summary) -> str:
    best = summary.agents[0]
    tasks = ", ".join(f"{label} ({count})" for label, count in summary.instances.items())
    return (
        f"<h1>Suite {escape(summary.suite)}</h1><p class='lead'>{escape(run.suite.description)}</p>"
        f"<p>Best: <b>{escape(best.name)}</b>, score {_number(best.iqm.value)} "
        f"[{_number(best.iqm.low)}, {_number(best.iqm.high)}]. "
        f"Tasks (test instances): {escape(tasks)}.</p>"
    )


def _ranking(run: Run, summary: Summary) -> str:
    heads = ["#", "agent", "score (IQM)", "95 % interval", "P(better than reference)"]
    heads += [f"{label}: {readable(metric)}" for label, metric in summary.metrics.items()]
    heads += ["evaluations", "training steps", "seeds"]
    trained = {agent.name for agent in run.suite.agents if agent.algorithm is not None}
    rows = [
        _ranking_row(rank, agent, list(summary.metrics), agent.name in trained)
        for rank, agent in enumerate(summary.agents, 1)
    ]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    references = {entry.reference_policy for entry in run.references.values()}
    excluded = "".join(
        f"<p class='note'>{escape(label)}: instances {list(instances)} are excluded from the "
        "score: random and reference are too close there.</p>"
        for label, instances in summary.excluded.items()
        if instances
    )
    return (
        "<p class='lead'>Score = (random − x) / (random − reference) on each test instance: 0 is "
        f"the random policy, 1 is the reference ({escape(', '.join(sorted(references)))}), above "
        "1 is better. Interquartile mean with a 95 % stratified bootstrap interval over seeds and "
        "instances.</p>"
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        f"</table></div>{excluded}{interval_chart(summary)}{_near_reference(summary)}"
    )


def _near_reference(summary: Summary) -> str:
    """The interval chart again for the methods near the reference, if the axis hides them."""
    values = [agent.iqm.value for agent in summary.agents if math.isfinite(agent.iqm.value)]
    near = [value for value in values if abs(value - 1.0) < NEAR]
    if len(near) < 2 or len(near) == len(values):
        return ""
    return f"<h3>Near the reference</h3>{interval_chart(summary, near=NEAR)}"


def _ranking_row(rank: int, agent: AgentSummary, labels: list[str], trained: bool) -> str:
    interval = f"[{_number(agent.iqm.low)}, {_number(agent.iqm.high)}]"
    better = "–" if agent.improvement is None else f"{agent.improvement.value:.2f}"
    cells = [str(rank), escape(agent.name), _number(agent.iqm.value), interval, better]
    means = (agent.mean_metric.get(label) for label in labels)
    cells += ["–" if mean is None else f"{mean:,.1f}" for mean in means]
    cells += [f"{agent.evaluations:,.0f}", f"{agent.training_steps:,}", str(agent.seeds)]
    kind = " class='trained'" if trained else ""
    return f"<tr{kind}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _curves(run: Run, summary: Summary) -> str:
    """Learning curves of each task, with the best ready policy and the reference as levels."""
    trained = {agent.name for agent in run.suite.agents if agent.algorithm is not None}
    charts = []
    for label, curves in learning_curves(run).items():
        levels = {run.references[label].reference_policy: 1.0}
        others = {
            agent.name: agent.task_iqm[label].value
            for agent in summary.agents
            if agent.name not in trained
            and label in agent.task_iqm
            and math.isfinite(agent.task_iqm[label].value)
        }
        if others:
            best = max(others, key=lambda name: others[name])
            if abs(others[best] - 1.0) > 1e-3:
                levels[best] = others[best]
        charts.append(f"<h3>{escape(label)}</h3>{learning_curve_chart(curves, levels)}")
        if any(point.evaluations for series in curves.values() for point in series):
            charts.append(learning_curve_chart(curves, levels, "evaluations"))
    if not charts:
        return ""
    return (
        "<p class='lead'>Score of the agent in training on some of the test instances, which only "
        "draw the curve. Band: 95 % interval over seeds.</p>" + "".join(charts)
    )


def ranks_section(ranks: RankSummary) -> str:
    """Average ranks as a chart, with what Friedman's test says."""
    figure = rank_figure(ranks)
    if figure is None:
        return ""
    verdict = "differ" if ranks.p_value < ALPHA else "cannot be told apart"
    return (
        f"<p class='lead'>Methods are ranked on each of the {ranks.blocks} instances (score: mean "
        f"over seeds). By Friedman's test they {verdict} (χ² = {ranks.statistic:.1f}, "
        f"p = {ranks.p_value:.2g}). A bar at the left joins methods whose average ranks differ by "
        f"less than Nemenyi's critical difference at 5 %, {ranks.critical_difference:.2f}. Light "
        f"bars: 95 % bootstrap intervals.</p>{figure.html()}"
    )


def _regret(summary: Summary) -> str:
    """How far each method is from the optimum, where that is known."""
    if not summary.regret:
        return ""
    heads = "".join(f"<th>{escape(text)}</th>" for text in ("#", "agent", *summary.regret))
    rows = []
    for rank, agent in enumerate(summary.agents, 1):
        cells = [str(rank), escape(agent.name)]
        for entries in summary.regret.values():
            value, low, high = (100 * getattr(entries[agent.name], k) for k in LIMITS)
            cells.append("–" if math.isnan(value) else f"{value:.2f} [{low:.2f}, {high:.2f}]")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return (
        "<p class='lead'>Distance from the known optimum, in percent of it: mean over seeds and "
        "instances with its 95 % interval.</p><div class='scroll'><table><thead><tr>"
        f"{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _episodes(run: Run, summary: Summary) -> str:
    """The best agent's schedule of one instance, and the reference's of the same one."""
    task = run.suite.tasks[0].label
    policies = {entry.reference_policy for entry in run.references.values()}
    reference = next((a.name for a in run.suite.agents if a.policy in policies), None)
    charts = []
    for name in dict.fromkeys([summary.agents[0].name, reference]):
        result = next((r for r in run.results if r.agent == name and r.task == task), None)
        if result is not None and _drawable(result.records[0]):
            charts.append(_episode(run, result))
    return "".join(charts)


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
        env.reset(seed=record.instance, options={"instance": record.instance})
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
    return "–" if value is None else f"{value:,.1f}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
