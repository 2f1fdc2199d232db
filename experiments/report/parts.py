"""The parts of a report that are made of one summary: ranking, tasks, curves, profile, ranks."""

from __future__ import annotations

import math
from collections.abc import Iterable

from chipgym.experiments.curves import best_policy, learning_curves
from chipgym.experiments.plots import (
    interval_chart,
    learning_curve_chart,
    profile_chart,
    rank_figure,
)
from chipgym.experiments.ranks import ALPHA, RankSummary
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import Interval
from chipgym.experiments.summary import AgentSummary, Summary
from chipgym.experiments.svg import escape
from chipgym.experiments.texts import number, quantity, readable, span

__all__ = [
    "best_of",
    "curves_section",
    "limits",
    "profile_section",
    "ranking_section",
    "ranks_section",
    "regret_section",
    "section",
    "table",
    "tasks_section",
]

NEAR = 0.05
"""Distance in score from the reference within which methods are shown enlarged."""

SAME_LEVEL = 1e-3
"""Difference in score below which two levels of a chart are drawn as one."""


def section(title: str, content: str, level: int = 2, anchor: str = "") -> str:
    """A section under a heading; nothing if there is nothing in it."""
    name = f" id='{escape(anchor)}'" if anchor else ""
    head = f"<h{level}{name}>{escape(title)}</h{level}>"
    return f"<section>{head}{content}</section>" if content else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """A table that scrolls by itself. Heads are text, and cells HTML."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    name = f" class='{kind}'" if kind else ""
    return (
        f"<div class='scroll'><table{name}><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def best_of(summary: Summary) -> str:
    """Who is best, in a sentence; nothing if no agent took part in all tasks."""
    if not summary.complete:
        return ""
    best = summary.complete[0]
    tasks = "" if len(summary.metrics) == 1 else f" over all {len(summary.metrics)} tasks"
    return (
        f"Best{tasks}: <b>{escape(best.name)}</b>, score {number(best.iqm.value)} "
        f"{limits(best.iqm)}. "
    )


def ranking_section(run: Run, summary: Summary, level: int = 2) -> str:
    """Agents best first, with what they cost, and a chart of their scores.

    Where there are several tasks, the metrics of each are in `tasks_section`.
    """
    trained = {agent.name for agent in run.suite.agents if agent.algorithm is not None}
    only = next(iter(summary.metrics)) if len(summary.metrics) == 1 else None
    quoted = _quoted_names(summary, only) if only else []
    improved = any(agent.improvement is not None for agent in summary.agents)
    heads = ["#", "agent", "score (IQM)", "95 % interval"]
    heads += ["P(better than reference)"] if improved else []
    heads += [readable(summary.metrics[only]), *map(readable, quoted)] if only else []
    heads += ["evaluations", "training steps", "seeds"]
    rows = []
    for place, name, agent in summary.lines():
        shown = f"<b>{escape(name)}</b>" if agent.name in trained else escape(name)
        row = [place, shown, *_scores(agent)]
        if improved:
            found = agent.improvement
            row.append("–" if found is None or not agent.complete else f"{found.value:.2f}")
        if only:
            row.append(quantity(agent.mean_metric[only]))
            values = agent.quoted[only]
            row += [quantity(values[entry]) if entry in values else "–" for entry in quoted]
        rows.append([*row, *_costs(agent), str(agent.seeds)])
    chart = f"{interval_chart(summary)}{_near_reference(summary)}"
    body = f"{_explanation(run, summary)}{table(heads, rows)}{_excluded(summary)}{chart}"
    return section("Ranking", body, level)


def tasks_section(summary: Summary, level: int = 2) -> str:
    """Score and metric of each agent on each task; nothing if there is only one."""
    if len(summary.metrics) < 2:
        return ""
    quoted = {label: _quoted_names(summary, label) for label in summary.metrics}
    rows = []
    for place, _, agent in summary.lines():
        cells = [place, escape(agent.name)]
        for label, names in quoted.items():
            cells.append(_task_cell(agent, label, names) if label in agent.task_iqm else "–")
        rows.append(cells)
    shown: dict[str, list[str]] = {}
    for label, metric in summary.metrics.items():
        shown.setdefault("; ".join(map(readable, (metric, *quoted[label]))), []).append(label)
    units = ". ".join(
        escape(names if len(shown) == 1 else f"{', '.join(labels)}: {names}")
        for names, labels in shown.items()
    )
    lead = (
        "<p class='lead'>Interquartile mean of the score with its 95 % interval, and below it the "
        f"mean of what is measured ({units}).</p>"
    )
    return section("Tasks", lead + table(("#", "agent", *summary.metrics), rows, "tasks"), level)


def curves_section(run: Run, level: int = 2) -> str:
    """Curves of each task, with the best ready policy and the reference as levels."""
    trained = {agent.name for agent in run.suite.agents if agent.algorithm is not None}
    charts = []
    for label, curves in learning_curves(run).items():
        levels = {run.references[label].reference_policy: 1.0}
        best = best_policy(run, label)
        if best is not None and abs(best[1] - 1.0) > SAME_LEVEL:
            levels[best[0]] = best[1]
        charts.append(f"<h{level + 1}>{escape(label)}</h{level + 1}>")
        learned = {name: curve for name, curve in curves.items() if name in trained}
        if learned:
            charts.append(learning_curve_chart(learned, levels))
        if any(point.evaluations for series in curves.values() for point in series):
            # Those of the chart above first, in its colours.
            charts.append(learning_curve_chart({**learned, **curves}, levels, "evaluations"))
    if not charts:
        return ""
    lead = (
        "<p class='lead'>Score on some of the test instances, of the agent in training or of the "
        "best design that a search had found. They only draw the curve: nothing is chosen by "
        "them. The levels are scores on the same instances. Bands: 95 % interval over seeds.</p>"
    )
    return section("Learning curves", lead + "".join(charts), level)


def profile_section(summary: Summary, level: int = 2) -> str:
    """Performance profiles of the agents that took part in all tasks."""
    chart = profile_chart(summary)
    lead = (
        "<p class='lead'>How often a method scores above a threshold, over all seeds and "
        "instances; the higher the line, the better.</p>"
    )
    return section("Performance profile", lead + chart if chart else "", level)


def ranks_section(ranks: RankSummary, level: int = 2) -> str:
    """Average ranks as a chart, with what Friedman's test says."""
    figure = rank_figure(ranks)
    if figure is None:
        return ""
    verdict = "differ" if ranks.p_value < ALPHA else "cannot be told apart"
    lead = (
        f"<p class='lead'>Methods are ranked on each of the {ranks.blocks} instances (score: mean "
        f"over seeds). By Friedman's test they {verdict} (χ² = {ranks.statistic:.1f}, "
        f"p = {ranks.p_value:.2g}). A bar at the left joins methods whose average ranks differ by "
        f"less than Nemenyi's critical difference at 5 %, {ranks.critical_difference:.2f}. Light "
        "bars: 95 % bootstrap intervals.</p>"
    )
    return section("Ranks", lead + figure.html(), level)


def regret_section(summary: Summary, level: int = 2) -> str:
    """How far each method is from the optimum, where that is known."""
    if not summary.regret:
        return ""
    rows = []
    for place, _, agent in summary.lines():
        found = [entries.get(agent.name) for entries in summary.regret.values()]
        rows.append([place, escape(agent.name), *map(_percent, found)])
    lead = (
        "<p class='lead'>Distance from the known optimum, in percent of it: mean over seeds and "
        "instances with its 95 % interval.</p>"
    )
    return section("Regret", lead + table(("#", "agent", *summary.regret), rows), level)


def limits(interval: Interval) -> str:
    """The ends of an interval."""
    return f"[{number(interval.low)}, {number(interval.high)}]"


def _scores(agent: AgentSummary) -> list[str]:
    """Score and interval; dashes where they are over fewer tasks than those of others."""
    return [number(agent.iqm.value), limits(agent.iqm)] if agent.complete else ["–", "–"]


def _costs(agent: AgentSummary) -> list[str]:
    costs = agent.task_evaluations, agent.task_training_steps
    return [span(cost.values()) for cost in costs]


def _task_cell(agent: AgentSummary, label: str, quoted: list[str]) -> str:
    found, values = agent.task_iqm[label], agent.quoted[label]
    shown = [agent.mean_metric[label], *(values[name] for name in quoted if name in values)]
    return (
        f"{number(found.value)} <small>{limits(found)}</small><br/>"
        f"<small>{'; '.join(map(quantity, shown))}</small>"
    )


def _quoted_names(summary: Summary, label: str) -> list[str]:
    """Metrics beside the primary one that some agent has on a task."""
    names = (name for agent in summary.agents for name in agent.quoted.get(label, {}))
    return list(dict.fromkeys(names))


def _explanation(run: Run, summary: Summary) -> str:
    references = {entry.reference_policy for entry in run.references.values()}
    partial = (
        ""
        if len(summary.complete) == len(summary.agents)
        else " Scores compare over the same tasks only, so agents for some of them have no place."
    )
    return (
        "<p class='lead'>Score = (random − x) / (random − reference) on each test instance: 0 is "
        f"the random policy, 1 is the reference ({escape(', '.join(sorted(references)))}), above "
        "1 is better. Interquartile mean with a 95 % stratified bootstrap interval over seeds and "
        "instances (of one seed, over instances only). Evaluations: all of a training, or the "
        f"search on one instance, and one test episode.{partial}</p>"
    )


def _excluded(summary: Summary) -> str:
    return "".join(
        f"<p class='note'>{escape(label)}: instances {list(instances)} are excluded from the "
        "score: random and reference are too close there.</p>"
        for label, instances in summary.excluded.items()
        if instances
    )


def _near_reference(summary: Summary) -> str:
    """The interval chart again for the methods near the reference, if the axis hides them."""
    values = [agent.iqm.value for agent in summary.complete if math.isfinite(agent.iqm.value)]
    near = [value for value in values if abs(value - 1.0) < NEAR]
    if len(near) < 2 or len(near) == len(values):
        return ""
    return f"<p><b>Near the reference</b></p>{interval_chart(summary, near=NEAR)}"


def _percent(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval.value):
        return "–"
    value, low, high = (100 * x for x in (interval.value, interval.low, interval.high))
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"
