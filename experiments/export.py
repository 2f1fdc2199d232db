"""The tables and figures of a run as files: Markdown, LaTeX and CSV; SVG, PNG and PDF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from chipgym.experiments.curves import learning_curves
from chipgym.experiments.grouping import by_environment, summarise_environments
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.plots import (
    interval_figure,
    learning_curve_figure,
    profile_figure,
    rank_figure,
)
from chipgym.experiments.raster import FORMATS as RASTER_FORMATS
from chipgym.experiments.raster import draw
from chipgym.experiments.report.parts import limits
from chipgym.experiments.report.style import STYLE
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import Interval, probability_of_improvement
from chipgym.experiments.suite import slug
from chipgym.experiments.summary import Summary, agent_scores
from chipgym.experiments.svg import Chart
from chipgym.experiments.texts import number, readable, span
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.files import write_text

__all__ = ["FORMATS", "export_run", "run_figures", "run_tables", "write_figure"]

FORMATS = ("svg", *RASTER_FORMATS)
RESAMPLES = 500
"""Bootstrap samples of each entry of the matrix of improvements."""


def export_run(
    run: Run, summary: Summary, folder: Path, formats: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write every table and figure of a run into a folder, and return the files.

    Where the run has several environments, each has a folder of its own beside those of the whole.

    Parameters
    ----------
    formats : sequence of str
        Of `FORMATS`; tables are written in their three forms in any case.

    Raises
    ------
    UnknownNameError
        A format is none of them.
    MissingLibraryError
        PNG or PDF are asked for, and Matplotlib is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise UnknownNameError("format", name, FORMATS)
    groups = summarise_environments(run)
    parts = by_environment(run) if groups else {}
    written = _export(run, summary, folder, formats, curves=not groups)
    for env, part in parts.items():
        written += _export(part, groups[env], folder / slug(env), formats)
    return written


def _export(
    run: Run, summary: Summary, folder: Path, formats: Sequence[str], curves: bool = True
) -> list[Path]:
    """Write what belongs to one summary; learning curves belong to tasks, and are written once."""
    written = []
    for name, table in run_tables(run, summary).items():
        table.write(folder, name)
        written += [folder / f"{name}.{suffix}" for suffix in ("md", "csv", "tex")]
    for name, chart in run_figures(run, summary, curves=curves).items():
        written += write_figure(chart, folder, name, formats)
    return written


def write_figure(
    chart: Chart, folder: Path, name: str, formats: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write a chart in each of the formats, and return the files."""
    document = chart.document(STYLE)
    paths = [folder / f"{name}.{suffix}" for suffix in formats]
    for path in paths:
        if path.suffix == ".svg":
            write_text(path, document)
        else:
            draw(document, path)
    return paths


def run_figures(run: Run, summary: Summary, *, curves: bool = True) -> dict[str, Chart]:
    """Figures of a run by the name of their file, with or without the learning curves."""
    found = {
        "intervals": interval_figure(summary),
        "profiles": profile_figure(summary),
        "ranks": rank_figure(summary.ranks),
    }
    trained = {agent.name for agent in run.suite.agents if agent.algorithm is not None}
    for label, series in learning_curves(run).items() if curves else ():
        levels = {run.references[label].reference_policy: 1.0}
        learned = {name: points for name, points in series.items() if name in trained}
        if learned:
            found[f"curves-{slug(label)}-steps"] = learning_curve_figure(learned, levels)
        if any(point.evaluations for points in series.values() for point in points):
            chart = learning_curve_figure({**learned, **series}, levels, "evaluations")
            found[f"curves-{slug(label)}-evaluations"] = chart
    return {name: chart for name, chart in found.items() if chart is not None}


def run_tables(run: Run, summary: Summary) -> dict[str, Table]:
    """Tables of a run by the name of their file."""
    tables = {
        "ranking": _ranking(summary),
        "tasks": _tasks(summary),
        "improvement": _improvement(run, summary),
        "ranks": _ranks(summary),
    }
    if summary.regret:
        tables["regret"] = _regret(summary)
    return tables


def _ranking(summary: Summary) -> Table:
    columns = ["agent", "score (IQM)", "95 % interval"]
    columns += [f"{label}: {readable(metric)}" for label, metric in summary.metrics.items()]
    columns += ["evaluations", "training steps", "seeds"]
    rows = []
    for _, name, agent in summary.lines():
        row = [name]
        row += [number(agent.iqm.value), limits(agent.iqm)] if agent.complete else ["–", "–"]
        means = [agent.mean_metric.get(label) for label in summary.metrics]
        row += ["–" if mean is None else f"{mean:.6g}" for mean in means]
        row += [span(agent.task_evaluations.values()), span(agent.task_training_steps.values())]
        rows.append([*row, str(agent.seeds)])
    return Table(f"Ranking of suite {summary.suite}", columns, rows)


def _tasks(summary: Summary) -> Table:
    rows = [
        [agent.name, *(_text(agent.task_iqm.get(label)) for label in summary.metrics)]
        for agent in summary.agents
    ]
    title = "Interquartile mean of the score on each task, with its 95 % interval"
    return Table(title, ["agent", *summary.metrics], rows)


def _improvement(run: Run, summary: Summary) -> Table:
    """The matrix over agents that took part in all tasks."""
    names = [agent.name for agent in summary.complete]
    scores = {name: list(agent_scores(run, name).values()) for name in names}
    rows = []
    for x in names:
        row = [x]
        for y in names:
            found = (
                None
                if x == y
                else probability_of_improvement(scores[x], scores[y], resamples=RESAMPLES)
            )
            row.append(_text(found, 2))
        rows.append(row)
    title = "Probability that the row scores higher than the column on a random instance"
    return Table(title, ["agent", *names], rows)


def _ranks(summary: Summary) -> Table:
    ranks = summary.ranks
    groups: dict[str, list[str]] = {name: [] for name in ranks.methods}
    for place, (first, last) in enumerate(ranks.groups):
        for name in ranks.methods[first : last + 1]:
            groups[name].append(chr(ord("a") + place % 26))
    rows = [
        [name, _text(rank, 2), " ".join(groups[name]) or "–"]
        for name, rank in zip(ranks.methods, ranks.ranks, strict=True)
    ]
    title = (
        f"Average ranks on {ranks.blocks} instances; Friedman chi-square "
        f"{number(ranks.statistic)}, p = {ranks.p_value:.2g}; methods that share a letter differ "
        f"by less than the critical difference {number(ranks.critical_difference)}"
    )
    return Table(title, ["agent", "average rank", "group"], rows)


def _regret(summary: Summary) -> Table:
    rows = []
    for agent in summary.agents:
        row = [agent.name]
        for label in summary.regret:
            found = summary.regret[label].get(agent.name)
            ends = None if found is None else (found.value, found.low, found.high)
            row.append(_text(None if ends is None else Interval(*(100 * v for v in ends)), 2))
        rows.append(row)
    return Table(
        "Regret against the known optimum, in percent of it", ["agent", *summary.regret], rows
    )


def _text(interval: Interval | None, digits: int = 3) -> str:
    if interval is None or math.isnan(interval.value):
        return "–"
    return interval_text(interval.value, interval.low, interval.high, digits)
