"""The tables and figures of a run as files: Markdown, LaTeX and CSV; SVG, PNG and PDF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from chipgym.experiments.curves import learning_curves
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.plots import (
    interval_figure,
    learning_curve_figure,
    profile_figure,
    rank_figure,
)
from chipgym.experiments.raster import FORMATS as RASTER_FORMATS
from chipgym.experiments.raster import draw
from chipgym.experiments.report.style import STYLE
from chipgym.experiments.runner import Run
from chipgym.experiments.statistics import Interval, probability_of_improvement
from chipgym.experiments.suite import slug
from chipgym.experiments.summary import Summary, agent_scores, on_common_tasks, readable
from chipgym.experiments.svg import Chart
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
    written = []
    for name, table in run_tables(run, summary).items():
        table.write(folder, name)
        written += [folder / f"{name}.{suffix}" for suffix in ("md", "csv", "tex")]
    for name, chart in run_figures(run, summary).items():
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


def run_figures(run: Run, summary: Summary) -> dict[str, Chart]:
    """Figures of a run by the name of their file."""
    found = {
        "intervals": interval_figure(summary),
        "profiles": profile_figure(summary),
        "ranks": rank_figure(summary.ranks),
    }
    for label, curves in learning_curves(run).items():
        for against in ("steps", "evaluations"):
            found[f"curves-{slug(label)}-{against}"] = learning_curve_figure(
                curves,
                {run.references[label].reference_policy: 1.0},
                "steps" if against == "steps" else "evaluations",
            )
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
    for agent in summary.agents:
        row = [agent.name, _number(agent.iqm.value), _limits(agent.iqm)]
        row += [f"{agent.mean_metric[label]:.6g}" for label in summary.metrics]
        row += [f"{agent.evaluations:.0f}", str(agent.training_steps), str(agent.seeds)]
        rows.append(row)
    return Table(f"Ranking of suite {summary.suite}", columns, rows)


def _tasks(summary: Summary) -> Table:
    rows = [
        [agent.name, *(_text(agent.task_iqm[label]) for label in summary.metrics)]
        for agent in summary.agents
    ]
    title = "Interquartile mean of the score on each task, with its 95 % interval"
    return Table(title, ["agent", *summary.metrics], rows)


def _improvement(run: Run, summary: Summary) -> Table:
    names = [agent.name for agent in summary.agents]
    scores = {name: agent_scores(run, name) for name in names}
    rows = []
    for x in names:
        row = [x]
        for y in names:
            pair = on_common_tasks({x: scores[x], y: scores[y]})
            found = pair[x] and probability_of_improvement(pair[x], pair[y], resamples=RESAMPLES)
            row.append("–" if x == y or not found else _text(found, 2))
        rows.append(row)
    title = "Probability that the row scores higher than the column on a random instance"
    return Table(title, ["agent", *names], rows)


def _ranks(summary: Summary) -> Table:
    ranks = summary.ranks
    groups: dict[str, list[str]] = {name: [] for name in ranks.methods}
    for number, (first, last) in enumerate(ranks.groups):
        for name in ranks.methods[first : last + 1]:
            groups[name].append(chr(ord("a") + number % 26))
    rows = [
        [name, _text(rank, 2), " ".join(groups[name]) or "–"]
        for name, rank in zip(ranks.methods, ranks.ranks, strict=True)
    ]
    title = (
        f"Average ranks on {ranks.blocks} instances; Friedman chi-square "
        f"{_number(ranks.statistic)}, p = {ranks.p_value:.2g}; methods that share a letter differ "
        f"by less than the critical difference {_number(ranks.critical_difference)}"
    )
    return Table(title, ["agent", "average rank", "group"], rows)


def _regret(summary: Summary) -> Table:
    rows = []
    for agent in summary.agents:
        row = [agent.name]
        for label in summary.regret:
            found = summary.regret[label][agent.name]
            row.append(_text(Interval(*(100 * v for v in (found.value, found.low, found.high))), 2))
        rows.append(row)
    return Table(
        "Regret against the known optimum, in percent of it", ["agent", *summary.regret], rows
    )


def _text(interval: Interval, digits: int = 3) -> str:
    if math.isnan(interval.value):
        return "–"
    return interval_text(interval.value, interval.low, interval.high, digits)


def _limits(interval: Interval) -> str:
    return f"[{_number(interval.low)}, {_number(interval.high)}]"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"
