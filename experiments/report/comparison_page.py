"""The page that compares several runs: one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chipgym.experiments.comparison import Comparison, Difference, manifest_differences
from chipgym.experiments.grouping import by_environment, summarise_environments
from chipgym.experiments.report.page import html_page
from chipgym.experiments.report.parts import (
    curves_section,
    limits,
    profile_section,
    ranking_section,
    ranks_section,
    section,
    table,
    tasks_section,
)
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import Strata, probability_of_improvement
from chipgym.experiments.summary import Summary, agent_scores, on_common_tasks
from chipgym.experiments.svg import escape
from chipgym.simulators.core.files import write_text

__all__ = ["render_comparison", "write_comparison"]

RESAMPLES = 500
"""Bootstrap samples of each entry of the matrix of improvements."""


def write_comparison(
    comparison: Comparison,
    summary: Summary,
    path: Path,
    groups: Mapping[str, Summary] | None = None,
) -> None:
    """Write the comparison of several runs as one HTML file; see `render_comparison`."""
    write_text(path, render_comparison(comparison, summary, groups))


def render_comparison(
    comparison: Comparison, summary: Summary, groups: Mapping[str, Summary] | None = None
) -> str:
    """The comparison as HTML: no script, no external request, readable in light and in dark.

    Parameters
    ----------
    comparison : Comparison
        The runs.
    summary : Summary
        `summarise` of its merged run.
    groups : mapping, optional
        `summarise_environments` of its merged run, where it is known already.
    """
    found = summarise_environments(comparison.merged) if groups is None else groups
    parts = by_environment(comparison.merged) if found else {}
    middle = [section(env, _sections(part, found[env], 3)) for env, part in parts.items()] or [
        _sections(comparison.merged, summary)
    ]
    body = [
        _head(comparison, summary),
        *middle,
        section("Differences", _differences(comparison)),
        section("What differs between the runs", _manifests(comparison)),
    ]
    return html_page(f"{' and '.join(comparison.names)}: ChipGym comparison", "".join(body))


def _sections(run: Run, summary: Summary, level: int = 2) -> str:
    """What is said of the agents on some of the shared tasks."""
    return "".join(
        (
            ranking_section(run, summary, level),
            tasks_section(summary, level),
            section("Probability of improvement", _improvements(run, summary), level),
            ranks_section(summary.ranks, level),
            profile_section(summary, level),
            curves_section(run, level),
        )
    )


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
        f"them have: {escape(tasks)}. An agent that is not the same in all runs is named with its "
        f"run.</p>{_table(heads, rows, 'facts')}"
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
        row = [sign, entry.method, entry.task, _signed(entry.score.value), limits(entry.score)]
        change = entry.metric_change
        row += ["–" if math.isnan(change) else f"{100 * change:+.1f} %"]
        rows.append([*row, str(entry.wins), str(entry.ties), str(entry.losses)])
    return _table((*heads, "losses"), rows)


def _improvements(run: Run, summary: Summary) -> str:
    names = [agent.name for agent in summary.agents]
    scores = {name: agent_scores(run, name) for name in names}
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


def _manifests(comparison: Comparison) -> str:
    found = manifest_differences(comparison.names, comparison.runs)
    if not found:
        return "<p class='lead'>Nothing but the times: versions, commit and machine are equal.</p>"
    rows = [[key, *values] for key, values in found.items()]
    lead = "<p class='lead'>Entries of the manifests that are not equal.</p>"
    return lead + _table(("entry", *comparison.names), rows, "facts")


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table of plain text."""
    return table(heads, ([escape(cell) for cell in row] for row in rows), kind)


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:+.4f}"
