"""Pictures of the study: latency and gain over each sweep, and the gain in every scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chipgym.experiments.papers.core.figures import LINE_HEIGHT, document
from chipgym.experiments.papers.deepsocs.analysis import Records
from chipgym.experiments.papers.deepsocs.entrants import ENTRANTS
from chipgym.experiments.papers.deepsocs.points import Sweep
from chipgym.experiments.statistics import Interval
from chipgym.experiments.svg import Axes, Frame, colour, dash

__all__ = ["gain_bars", "gain_figure", "latency_figure"]

FRAME = Frame(height=420, left=66, right=215)
LATENCY_TICKS = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
LOWEST_GAIN, HIGHEST_GAIN = -30.0, 60.0
ROW = 22.0


def latency_figure(records: Records, sweep: Sweep, names: Sequence[str]) -> str:
    """Draw the mean latency over the sweep on a logarithmic scale, with interval bands."""
    series = _series(records, sweep, names, records.latency)
    ends = [v for line in series.values() for i in line.values() for v in (i.low, i.high)]
    low, high = math.log10(min(ends) * 0.9), math.log10(max(ends) * 1.1)
    axes = Axes(FRAME, _span(sweep), (low, high))
    axes.grid(sweep.axis, "mean job latency, µs", y_ticks=False)
    for tick in LATENCY_TICKS:
        if low <= math.log10(tick) <= high:
            _y_tick(axes, math.log10(tick), f"{tick:,}")
    logs = {
        name: {
            value: Interval(*(math.log10(v) for v in (i.value, i.low, i.high)))
            for value, i in line.items()
        }
        for name, line in series.items()
    }
    _draw(axes, logs, list(names))
    return document(axes, f"{sweep.title}: mean job latency")


def gain_figure(records: Records, sweep: Sweep, names: Sequence[str]) -> str:
    """Draw the gain over ETF over the sweep; what loses too much is outside of the picture."""
    series = _series(records, sweep, [name for name in names if name != "ETF"], records.gain)
    shown = {
        name: {v: i for v, i in line.items() if LOWEST_GAIN <= i.value <= HIGHEST_GAIN}
        for name, line in series.items()
    }
    shown = {name: line for name, line in shown.items() if line}
    ends = [v for line in shown.values() for i in line.values() for v in (i.low, i.high)]
    low = max(min([*ends, -1.0]), LOWEST_GAIN)
    high = min(max([*ends, 1.0]), HIGHEST_GAIN)
    axes = Axes(FRAME, _span(sweep), (low - 1.0, high + 1.0))
    axes.grid(sweep.axis, "mean job latency below that of ETF, %")
    axes.levels({"ETF": 0.0})
    clipped = {
        name: {
            v: Interval(i.value, max(i.low, low - 1.0), min(i.high, high + 1.0))
            for v, i in line.items()
        }
        for name, line in shown.items()
    }
    _draw(axes, clipped, list(names))
    return document(axes, f"{sweep.title}: gain over ETF")


def _span(sweep: Sweep) -> tuple[float, float]:
    low, high = min(sweep.points), max(sweep.points)
    edge = 0.03 * (high - low)
    return low - edge, high + edge


def _series(
    records: Records, sweep: Sweep, names: Sequence[str], measure: Any
) -> dict[str, dict[float, Interval]]:
    """Interval at each value at which a scheduler has played."""
    series = {
        name: {
            value: measure(name, point)
            for value, point in sorted(sweep.points.items())
            if records.played(name, point)
        }
        for name in names
    }
    return {name: line for name, line in series.items() if line}


def _y_tick(axes: Axes, place: float, text: str) -> None:
    y, frame = axes.y(place), axes.frame
    right = frame.width - frame.right
    axes.parts.append(f'<path class="grid" d="M{frame.left} {y:.1f}H{right:.1f}"/>')
    axes.text(frame.left - 7, y + 4, text, "tick", "end")


def _draw(axes: Axes, series: Mapping[str, Mapping[float, Interval]], names: Sequence[str]) -> None:
    """Bands, then lines with marks, and a legend beside the plot; styles go by place in `names`."""
    for name, line in series.items():
        lows, highs = [i.low for i in line.values()], [i.high for i in line.values()]
        axes.band(list(line), lows, highs, names.index(name))
    for name, line in series.items():
        index = names.index(name)
        values = [i.value for i in line.values()]
        width = 3.0 if ENTRANTS[name].kind == "learned" else 1.5
        axes.line(list(line), values, index, name, width)
        for x, y in zip(line, values, strict=True):
            axes.parts.append(
                f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2.5" '
                f'fill="{colour(index)}"/>'
            )
    _legend(axes, list(series), names)


def _legend(axes: Axes, shown: Sequence[str], names: Sequence[str]) -> None:
    left = axes.frame.width - axes.frame.right + 26
    for row, name in enumerate(shown):
        index, y = names.index(name), axes.frame.top + 12 + row * LINE_HEIGHT
        axes.parts.append(
            f'<path d="M{left:.1f} {y - 4:.1f}h22" stroke="{colour(index)}" '
            f'stroke-width="3" stroke-dasharray="{dash(index)}"/>'
        )
        mark = " (look-ahead)" if ENTRANTS[name].kind == "look-ahead" else ""
        axes.text(left + 28, y, name + mark, "tick")


def gain_bars(gains: Mapping[str, Any]) -> str:
    """Draw the gain over ETF in every scenario from the document ``gain_over_etf.json``."""
    facts = gains["scenarios"]
    names = list(facts)
    low = min(0.0, *(fact["ci95_low_percent"] for fact in facts.values()))
    high = max(0.0, *(fact["ci95_high_percent"] for fact in facts.values()))
    frame = Frame(height=ROW * len(names) + 60, left=170)
    axes = Axes(frame, (low - 1.0, high + 1.0), (len(names) - 0.5, -0.5))
    title = f"mean job latency of {gains['scheduler']} below that of {gains['baseline']}, %"
    axes.grid(title, "", y_ticks=False)
    zero = axes.x(0.0)
    for row, name in enumerate(names):
        fact, y = facts[name], axes.y(row)
        end = axes.x(fact["mean_gain_percent"])
        axes.text(frame.left - 8, y + 4, name, "tick", "end")
        axes.parts.append(
            f'<rect x="{min(zero, end):.1f}" y="{y - 7:.1f}" width="{abs(end - zero):.1f}" '
            f'height="14" fill="{colour(0)}" fill-opacity="0.6"/>'
            f'<path d="M{axes.x(fact["ci95_low_percent"]):.1f} {y:.1f}'
            f'H{axes.x(fact["ci95_high_percent"]):.1f}" stroke="var(--ink)" stroke-width="1.5"/>'
        )
    axes.parts.append(
        f'<path class="level" d="M{zero:.1f} {frame.top}V{frame.height - frame.bottom:.1f}"/>'
    )
    return document(axes, "Gain over ETF in every scenario")
