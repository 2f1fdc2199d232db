"""The charts of a report, as SVG text: intervals, learning curves, performance profile, Gantt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from chipgym.experiments.curves import ScoredPoint
from chipgym.experiments.ranks import RankSummary
from chipgym.experiments.summary import Summary
from chipgym.experiments.svg import (
    COLOURS,
    Axes,
    Chart,
    Frame,
    colour,
    escape,
    legend,
    number_text,
    svg,
)

__all__ = [
    "gantt",
    "interval_chart",
    "interval_figure",
    "learning_curve_chart",
    "learning_curve_figure",
    "profile_chart",
    "profile_figure",
    "rank_figure",
]

MAX_BARS = 800
MAX_BANDS = 6
"""Series up to which interval bands are drawn; of more they would hide one another."""

ROW = 22.0
GANTT_ROW = 20.0
DIGIT = 6.0
"""Width of a digit of a bar's label, in SVG units."""


def interval_chart(summary: Summary, near: float = math.inf) -> str:
    """`interval_figure` as HTML, empty if there is nothing to show."""
    figure = interval_figure(summary, near)
    return figure.html() if figure is not None else ""


def interval_figure(summary: Summary, near: float = math.inf) -> Chart | None:
    """Interquartile mean of the score, with its 95 % interval, of agents that had all tasks.

    Parameters
    ----------
    near : float
        Only agents whose score is so near to 1, on an axis that shows only them.
    """
    agents = [agent for agent in summary.complete if abs(agent.iqm.value - 1.0) < near]
    if not agents:
        return None
    low = min(1.0 if math.isfinite(near) else 0.0, *(agent.iqm.low for agent in agents))
    high = max(1.0, *(agent.iqm.high for agent in agents))
    left = 24.0 + 7.2 * max(len(agent.name) for agent in agents)
    frame = Frame(height=54 + ROW * len(agents), left=left, right=60)
    pad = 0.03 * (high - low)
    axes = Axes(frame, (low - pad, high + pad), (len(agents), 0.0))
    axes.grid("score (0: random, 1: reference)", "", y_ticks=False)
    for row, agent in enumerate(agents):
        y, x = axes.y(row + 0.5), axes.x(agent.iqm.value)
        start, end = axes.x(agent.iqm.low), axes.x(agent.iqm.high)
        title = f"{agent.name}: {agent.iqm.value:.3f} [{agent.iqm.low:.3f}, {agent.iqm.high:.3f}]"
        axes.text(left - 10, y + 4, agent.name, "label", "end")
        axes.parts.append(
            f'<g><title>{escape(title)}</title><path d="M{start:.1f} {y:.1f}H{end:.1f}" '
            f'stroke="{colour(0)}" stroke-width="7" stroke-opacity=".35"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour(0)}"/></g>'
        )
        axes.text(frame.width - 4, y + 4, f"{agent.iqm.value:.3f}", "tick", "end")
    return Chart(axes, "Interquartile mean of the score of each agent with its 95 % interval")


def learning_curve_chart(
    curves: Mapping[str, Sequence[ScoredPoint]],
    levels: Mapping[str, float],
    against: Literal["steps", "evaluations"] = "steps",
) -> str:
    """`learning_curve_figure` as HTML."""
    return learning_curve_figure(curves, levels, against).html()


def learning_curve_figure(
    curves: Mapping[str, Sequence[ScoredPoint]],
    levels: Mapping[str, float],
    against: Literal["steps", "evaluations"] = "steps",
) -> Chart:
    """Score of one task's agents against what their training or search cost, with interval bands.

    Parameters
    ----------
    curves : mapping
        Points of each agent.
    levels : mapping
        Scores of other methods, drawn as labelled horizontal lines.
    against : {"steps", "evaluations"}
        Environment steps, or simulator evaluations: sample efficiency.
    """
    points = [point for series in curves.values() for point in series]
    lows = [point.score.low for point in points] + list(levels.values())
    highs = [point.score.high for point in points] + list(levels.values())
    pad = 0.06 * ((max(highs) - min(lows)) or 1.0)
    x_range = (0.0, max(getattr(point, against) for point in points))
    texts = {f"{name} {value:.3f}": value for name, value in levels.items()}
    right = 16 + 6.6 * max(map(len, texts), default=0)
    axes = Axes(Frame(right=right), x_range, (min(lows) - pad, max(highs) + pad))
    cost = "environment steps" if against == "steps" else "simulator evaluations"
    of_search = "" if against == "steps" else ", or of a search on one instance"
    axes.grid(f"{cost} of training{of_search}", "score")
    axes.levels(texts)
    for index, series in enumerate(curves.values() if len(curves) <= MAX_BANDS else ()):
        xs = [getattr(point, against) for point in series]
        axes.band(xs, [p.score.low for p in series], [p.score.high for p in series], index)
    for index, (name, series) in enumerate(curves.items()):
        xs = [getattr(point, against) for point in series]
        axes.line(xs, [point.score.value for point in series], index, name)
        for x, point in zip(xs, series, strict=True):
            axes.parts.append(
                f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(point.score.value):.1f}" '
                f'r="3" fill="{colour(index)}"><title>{escape(name)}: {point.score.value:.3f}, '
                f"{number_text(point.steps)} steps, {number_text(point.evaluations)} evaluations"
                "</title></circle>"
            )
    return Chart(axes, f"Learning curves: score against {cost}", tuple(curves))


def profile_chart(summary: Summary) -> str:
    """`profile_figure` as HTML, empty if there is nothing to show."""
    figure = profile_figure(summary)
    return figure.html() if figure is not None else ""


def profile_figure(summary: Summary) -> Chart | None:
    """Performance profiles of agents that had all tasks: the fraction of runs above a threshold."""
    names = [agent.name for agent in summary.complete if summary.profiles[agent.name]]
    if not names:
        return None
    xs = summary.thresholds
    axes = Axes(Frame(), (xs[0], xs[-1]), (0.0, 1.1))
    axes.grid("score threshold", "fraction of runs above")
    axes.mark(1.0, "reference")
    for index, name in reversed(list(enumerate(names))):
        axes.line(xs, summary.profiles[name], index, name, 2.4 if index == 0 else 1.6)
    return Chart(axes, "Performance profiles of the agents", tuple(names))


def rank_figure(ranks: RankSummary) -> Chart | None:
    """Average ranks with their intervals, and bars over methods that cannot be told apart.

    The critical-difference diagram of Demšar (2006), one row a method: a bar at the left joins
    those whose average ranks lie within the critical difference.
    """
    if not ranks.blocks or len(ranks.methods) < 2:
        return None
    groups = len(ranks.groups)
    names = 24.0 + 7.2 * max(len(name) for name in ranks.methods)
    frame = Frame(height=74 + ROW * len(ranks.methods), left=names + 9 * groups, right=60, top=32)
    axes = Axes(frame, (0.8, len(ranks.methods) + 0.2), (len(ranks.methods), 0.0))
    axes.grid("average rank (1: best)", "", y_ticks=False)
    if math.isfinite(ranks.critical_difference):
        end = min(1.0 + ranks.critical_difference, len(ranks.methods) + 0.2)
        start, stop = axes.x(1.0), axes.x(end)
        axes.parts.append(
            f'<path class="rule" d="M{start:.1f} 14V22M{start:.1f} 18H{stop:.1f}M{stop:.1f} 14V22" '
            'stroke="var(--ink)" fill="none"/>'
        )
        text = f"critical difference {ranks.critical_difference:.2f}"
        axes.text(stop + 8, 22, text, "note")
    for row, (name, rank) in enumerate(zip(ranks.methods, ranks.ranks, strict=True)):
        y = axes.y(row + 0.5)
        axes.text(names - 10, y + 4, name, "label", "end")
        axes.parts.append(
            f"<g><title>{escape(name)}: {rank.value:.3f} [{rank.low:.3f}, {rank.high:.3f}]</title>"
            f'<path d="M{axes.x(rank.low):.1f} {y:.1f}H{axes.x(rank.high):.1f}" '
            f'stroke="{colour(0)}" stroke-width="7" stroke-opacity=".35"/>'
            f'<circle cx="{axes.x(rank.value):.1f}" cy="{y:.1f}" r="4.5" fill="{colour(0)}"/></g>'
        )
        axes.text(frame.width - 4, y + 4, f"{rank.value:.2f}", "tick", "end")
    for place, (first, last) in enumerate(ranks.groups):
        x = names + 9 * place
        axes.parts.append(
            f'<path d="M{x:.1f} {axes.y(first + 0.25):.1f}V{axes.y(last + 0.75):.1f}" '
            'stroke="var(--ink)" stroke-width="3" fill="none"/>'
        )
    return Chart(axes, "Average ranks of the methods with the critical difference")


def gantt(
    schedule: Mapping[str, Sequence[float]],
    title: str,
    pe_names: Sequence[str] = (),
    app_names: Sequence[str] = (),
) -> str:
    """A schedule as a Gantt chart: one row a processing element, the number of the task in its bar.

    The colour tells the application, or the job where there is one application only. Of a schedule
    of more than 800 tasks the beginning is shown.
    """
    pes = [int(pe) for pe in schedule["pe"]]
    order = sorted(range(len(pes)), key=lambda k: schedule["start_us"][k])[:MAX_BARS]
    rows = max(len(pe_names), max(pes) + 1)
    longest = max((len(name) for name in pe_names), default=6)

    def pe_name(pe: int) -> str:
        return pe_names[pe] if pe < len(pe_names) else f"PE {pe}"

    def app_name(app: int) -> str:
        return app_names[app] if app < len(app_names) else f"application {app}"

    end = max(schedule["finish_us"][k] for k in order)
    frame = Frame(height=56 + GANTT_ROW * rows, left=16 + 6.6 * longest, right=16)
    axes = Axes(frame, (0.0, end), (float(rows), 0.0))
    axes.grid("time, µs", "", y_ticks=False)
    for pe in range(rows):
        axes.text(frame.left - 8, axes.y(pe + 0.5) + 4, pe_name(pe), "tick", "end")
    apps = [int(app) for app in schedule.get("app", [0] * len(pes))]
    jobs = [int(job) for job in schedule["job"]]
    tasks = [int(task) for task in schedule["task"]]
    by_job = len(set(apps)) == 1
    series = jobs if by_job else apps
    for k in order:
        start, finish = schedule["start_us"][k], schedule["finish_us"][k]
        x, y = axes.x(start), axes.y(pes[k]) + 2
        text = (
            f"job {jobs[k]}, {app_name(apps[k])}, task {tasks[k]}: {pe_name(pes[k])}, "
            f"{start:.6g} to {finish:.6g} µs"
        )
        width = max(axes.x(finish) - x, 0.8)
        axes.parts.append(
            f'<rect class="bar" x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" '
            f'height="16" fill="{colour(series[k])}"><title>{escape(text)}</title></rect>'
        )
        if width >= DIGIT * len(str(tasks[k])) + 3:
            axes.text(x + width / 2, y + 12, str(tasks[k]), "task", "middle")
    drawn = sorted({series[k] for k in order})
    names = {number: f"job {number}" if by_job else app_name(number) for number in drawn}
    chart = svg(axes, f"Gantt chart: {title}")
    words = "" if len(order) == len(pes) else f"The first {MAX_BARS} tasks. "
    words += "The number in a bar is the task's. "
    if len(names) > COLOURS:
        words += f"Colours repeat after {COLOURS} {'jobs' if by_job else 'applications'}."
        return f"{chart}<p class='note'>{words}</p>"
    key = legend(list(names.values()), list(names)) if len(names) > 1 else ""
    return f"{chart}{key}<p class='note'>{words.strip()}</p>"
