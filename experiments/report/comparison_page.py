"""The page that compares several runs: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from chipgym.experiments.comparison import Comparison, Difference, manifest_differences
from chipgym.experiments.curves import learning_curves
from chipgym.experiments.plots import interval_chart, learning_curve_chart, profile_chart
from chipgym.experiments.report.page import html_page, ranks_section, section
from chipgym.experiments.statistics import Interval, Strata, probability_of_improvement
from chipgym.experiments.summary import Summary, agent_scores, on_common_tasks, readable
from chipgym.experiments.svg import escape
from chipgym.simulators.core.files import write_text

__all__ = ["render_comparison", "write_comparison"]

RESAMPLES = 500
"""Bootstrap samples of each entry of the matrix of improvements."""


def write_comparison(comparison: Comparison, summary: Summary, path: Path) -> None:
    """Write the comparison of several runs as one HTML file."""
    write_text(path, render_comparison(comparison, summary))


def render_comparison(comparison: Comparison, summary: Summary) -> str:
    """The comparison as HTML: no script, no external request, readable in light and in dark.

    Parameters
    ----------
    comparison : Comparison
        The runs.
    summary : Summary
        `summarise` of its merged run.
    """
    body = [
        _head(comparison, summary),
        section("Ranking", _ranking(summary)),
        section("Differences", _differences(comparison)),
        section("Probability of improvement", _improvements(comparison, summary)),
        section("Ranks", ranks_section(summary.ranks)),
        section(
            "Performance profile",
            "<p class='lead'>How often a method scores above a threshold, over all seeds and "
            "instances; the higher the line, the better.</p>" + profile_chart(summary),
        ),
        section("Learning curves", _curves(comparison)),
        section("What differs between the runs", _manifests(comparison)),
    ]
    return html_page(f"{' and '.join(comparison.names)}: ChipGym comparison", "".join(body))


def _head(comparison: Comparison, summary: Summary) -> str:
    tasks = ", ".join(f"{label} ({count})" for label, count in summary.instances.items())
    rows = []
    for name, run in zip(comparison.names, comparison.runs, strict=True):
        left_out = ", ".join(comparison.left_out[name]) or "–"
        agents = ", ".join(agent.name for agent in run.suite.agents)
        cells = (name, run.suite.name, agents, left_out, str(run.manifest["finished"]))
        rows.append(cells)
    heads = ("run", "suite", "agents", "tasks left out", "finished")
    return (
        f"<h1>{escape(' and '.join(comparison.names))}</h1>"
        f"<p class='lead'>{len(comparison.runs)} runs on the tasks and test instances that all of "
        f"them have: {escape(tasks)}.</p>{_table(heads, rows, 'facts')}"
    )


def _ranking(summary: Summary) -> str:
    heads = ["#", "agent", "score (IQM)", "95 % interval"]
    heads += [f"{label}: {readable(metric)}" for label, metric in summary.metrics.items()]
    heads += ["evaluations", "seeds"]
    rows = []
    for rank, agent in enumerate(summary.agents, 1):
        row = [str(rank), agent.name, _number(agent.iqm.value), _limits(agent.iqm)]
        row += [f"{agent.mean_metric[label]:,.1f}" for label in summary.metrics]
        rows.append([*row, f"{agent.evaluations:,.0f}", str(agent.seeds)])
    return (
        "<p class='lead'>Score: 0 is the random policy, 1 the reference. Interquartile mean with "
        "a 95 % stratified bootstrap interval over seeds and instances. An agent that is not the "
        "same in all runs is named with its run.</p>"
        f"{_table(heads, rows)}{interval_chart(summary)}"
    )


def _differences(comparison: Comparison) -> str:
    found = comparison.differences()
    blocks = []
    for baseline in dict.fromkeys(entry.baseline for entry in found):
        entries = [entry for entry in found if entry.baseline == baseline]
        blocks.append(f"<h3>Against {escape(baseline)}</h3>{_difference_table(entries)}")
    return (
        "<p class='lead'>Difference of the score, paired by instance (and by seed, where both have "
        "the same): mean over the instances with its 95 % bootstrap interval. Where the interval "
        "leaves out 0, the line is marked.</p>" + "".join(blocks)
    )


def _difference_table(entries: list[Difference]) -> str:
    heads = ("", "agent", "task", "score difference", "95 % interval", "metric", "wins", "ties")
    rows = []
    for entry in entries:
        sign = "▲" if entry.score.low > 0 else "▼" if entry.score.high < 0 else ""
        row = [sign, entry.method, entry.task, _signed(entry.score.value), _limits(entry.score)]
        change = entry.metric_change
        row += ["–" if math.isnan(change) else f"{100 * change:+.1f} %"]
        rows.append([*row, str(entry.wins), str(entry.ties), str(entry.losses)])
    return _table((*heads, "losses"), rows)


def _improvements(comparison: Comparison, summary: Summary) -> str:
    names = [agent.name for agent in summary.agents]
    scores = {name: agent_scores(comparison.merged, name) for name in names}
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", "agent", *names))
    rows = []
    for rank, x in enumerate(names, 1):
        cells = f"<td>{rank}</td><td>{escape(x)}</td>"
        for y in names:
            pair = on_common_tasks({x: scores[x], y: scores[y]})
            cells += "<td>–</td>" if x == y else _chance(pair[x], pair[y])
        rows.append(f"<tr>{cells}</tr>")
    return (
        "<p class='lead'>Probability that the row's method scores higher than the column's on a "
        "random instance; ties count one half. Hover for the 95 % interval.</p><div class='scroll'>"
        f"<table class='matrix'><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div>"
    )


def _chance(x: Strata, y: Strata) -> str:
    """A cell of the matrix, shaded by how far it is from even."""
    if not x:
        return "<td>–</td>"
    found = probability_of_improvement(x, y, resamples=RESAMPLES)
    if math.isnan(found.value):
        return "<td>–</td>"
    colour = "var(--c2)" if found.value >= 0.5 else "var(--c1)"
    share = round(70 * abs(found.value - 0.5))
    return (
        f"<td style='background:color-mix(in srgb, {colour} {share}%, transparent)' "
        f"title='{found.low:.2f} to {found.high:.2f}'>{found.value:.2f}</td>"
    )


def _curves(comparison: Comparison) -> str:
    charts = []
    for label, curves in learning_curves(comparison.merged).items():
        levels = {comparison.merged.references[label].reference_policy: 1.0}
        charts.append(f"<h3>{escape(label)}</h3>{learning_curve_chart(curves, levels)}")
        if any(point.evaluations for series in curves.values() for point in series):
            charts.append(learning_curve_chart(curves, levels, "evaluations"))
    return "".join(charts)


def _manifests(comparison: Comparison) -> str:
    found = manifest_differences(comparison.names, comparison.runs)
    if not found:
        return "<p class='lead'>Nothing but the times: versions, commit and machine are equal.</p>"
    rows = [[key, *values] for key, values in found.items()]
    lead = "<p class='lead'>Entries of the manifests that are not equal.</p>"
    return lead + _table(("entry", *comparison.names), rows, "facts")


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<div class='scroll'><table class='{kind}'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _limits(interval: Interval) -> str:
    return f"[{_number(interval.low)}, {_number(interval.high)}]"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.4f}"
