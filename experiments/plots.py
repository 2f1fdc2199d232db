"""The charts of a report, as SVG text: intervals, learning curves, performance profile, Gantt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from chipgym.experiments.curves import ScoredPoint
from chipgym.experiments.summary import Summary
from chipgym.experiments.svg import COLOURS, Axes, Frame, colour, escape, number_text, svg

__all__ = ["gantt", "interval_chart", "learning_curve_chart", "profile_chart"]

MAX_BARS = 800
ROW = 22.0
GANTT_ROW = 20.0
DIGIT = 6.0
"""Width of a digit of a bar's label, in SVG units."""


def interval_chart(summary: Summary, near: float = math.inf) -> str:
    """Interquartile mean of each agent's score, with its 95 % interval.

    Parameters
    ----------
    near : float
        Only agents whose score is so near to 1, on an axis that shows only them.
    """
    agents = [agent for agent in summary.agents if abs(agent.iqm.value - 1.0) < near]
    if not agents:
        return ""
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
    return svg(axes, "Interquartile mean of the score of each agent with its 95 % interval")


def learning_curve_chart(
    curves: Mapping[str, Sequence[ScoredPoint]], levels: Mapping[str, float]
) -> str:
    """Score against environment steps of one task's trained agents, with interval bands.

    Parameters
    ----------
    curves : mapping
        Points of each agent.
    levels : mapping
        Scores of other methods, drawn as labelled horizontal lines.
    """
    points = [point for series in curves.values() for point in series]
    lows = [point.score.low for point in points] + list(levels.values())
    highs = [point.score.high for point in points] + list(levels.values())
    pad = 0.06 * ((max(highs) - min(lows)) or 1.0)
    x_range = (0.0, max(point.steps for point in points))
    texts = {f"{name} {value:.3f}": value for name, value in levels.items()}
    right = 16 + 6.6 * max(map(len, texts), default=0)
    axes = Axes(Frame(right=right), x_range, (min(lows) - pad, max(highs) + pad))
    axes.grid("environment steps of training", "score")
    axes.levels(texts)
    for index, series in enumerate(curves.values()):
        steps = [point.steps for point in series]
        axes.band(steps, [p.score.low for p in series], [p.score.high for p in series], index)
    for index, (name, series) in enumerate(curves.items()):
        steps = [point.steps for point in series]
        axes.line(steps, [point.score.value for point in series], index, name)
        for point in series:
            axes.parts.append(
                f'<circle cx="{axes.x(point.steps):.1f}" cy="{axes.y(point.score.value):.1f}" '
                f'r="3" fill="{colour(index)}"><title>{escape(name)}: {point.score.value:.3f}, '
                f"{number_text(point.steps)} steps, {number_text(point.evaluations)} evaluations"
                "</title></circle>"
            )
    return svg(axes, "Learning curves: score against environment steps") + legend(list(curves))


def profile_chart(summary: Summary) -> str:
    """Performance profiles: the fraction of runs whose score exceeds each threshold."""
    names = [agent.name for agent in summary.agents if summary.profiles[agent.name]]
    if not names:
        return ""
    xs = summary.thresholds
    axes = Axes(Frame(), (xs[0], xs[-1]), (0.0, 1.1))
    axes.grid("score threshold", "fraction of runs above")
    axes.mark(1.0, "reference")
    for index, name in reversed(list(enumerate(names))):
        axes.line(xs, summary.profiles[name], index, name, 2.4 if index == 0 else 1.6)
    return svg(axes, "Performance profiles of the agents") + legend(names)


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


def legend(names: Sequence[str], indexes: Sequence[int] | None = None) -> str:
    """Legend of a chart's series."""
    numbers = range(len(names)) if indexes is None else indexes
    items = [
        f'<span class="key"><i style="background:{colour(index)}"></i>{escape(name)}</span>'
        for index, name in zip(numbers, names, strict=True)
    ]
    return f'<p class="legend">{"".join(items)}</p>'
