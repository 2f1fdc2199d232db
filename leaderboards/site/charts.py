"""Charts as SVG: intervals, performance profiles, and learning curves.

Colours come from the style sheet (classes ``s0`` to ``s7``), so that they suit light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chipgym.leaderboards.site.html import escape

__all__ = ["GREY", "Scale", "Series", "interval_mark", "line_chart"]

GREY = 8
"""Colour of the series that have none of their own: there are eight."""

MIN_ROOM = 0.02
"""Least room above and below the lines, so that tiny differences do not fill a chart."""

WIDE_RANGE = 30.0
"""Ratio of places from which an axis is logarithmic."""

WIDTH, HEIGHT = 720.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 14.0, 10.0, 54.0
MARK_WIDTH, MARK_HEIGHT, MARK_EDGE = 132.0, 20.0, 6.0


@dataclass(frozen=True)
class Scale:
    """A range of values on a range of places, logarithmic or not."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Place of a value, kept inside."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = (math.log10(max(x, self.low)) for x in (low, high, value))
        share = (value - low) / ((high - low) or 1.0)
        return self.start + min(max(share, 0.0), 1.0) * (self.stop - self.start)

    def ticks(self, count: int = 6) -> list[float]:
        """Round values in the range."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            values = [factor * 10.0**power for power in powers for factor in (1.0, 2.0, 5.0)]
            inside = [value for value in values if self.low <= value <= self.high]
            return inside if len(inside) <= 2 * count else [x for x in inside if _is_power(x)]
        raw = (self.high - self.low) / count
        if not raw > 0:
            return [self.low]
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= raw * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def _is_power(value: float) -> bool:
    return math.log10(value) == round(math.log10(value))


@dataclass(frozen=True)
class Series:
    """A line: name, points (x, y), and a band of (low, high) for each point or none.

    Lines of the same `colour`, 0 to 7, are the same thing in all charts of a page; further ones are
    grey and without bands.
    """

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float]] = ()
    colour: int = GREY


def interval_mark(
    value: float | None, low: float | None, high: float | None, scale: tuple[float, float]
) -> str:
    """A point with its interval, on the axis that a table's rows share."""
    if value is None or low is None or high is None:
        return ""
    place = Scale(*scale, MARK_EDGE, MARK_WIDTH - MARK_EDGE)
    middle = MARK_HEIGHT / 2
    lines = "".join(
        f'<line class="{name}" x1="{place.at(x):.1f}" x2="{place.at(x):.1f}" y1="1" '
        f'y2="{MARK_HEIGHT - 1:.0f}"/>'
        for x, name in ((0.0, "zero"), (1.0, "one"))
        if scale[0] <= x <= scale[1]
    )
    return (
        f'<svg class="mark" viewBox="0 0 {MARK_WIDTH:.0f} {MARK_HEIGHT:.0f}" aria-hidden="true">'
        f'{lines}<line class="whisker" x1="{place.at(low):.1f}" x2="{place.at(high):.1f}" '
        f'y1="{middle}" y2="{middle}"/><circle cx="{place.at(value):.1f}" cy="{middle}" r="4"/>'
        "</svg>"
    )


def line_chart(
    title: str,
    series: Sequence[Series],
    x_title: str,
    y_title: str,
    *,
    y_range: tuple[float, float] | None = None,
    steps: bool = False,
) -> str:
    """Lines over common axes, with a legend below; empty if there is nothing to draw.

    Places from 30 times as far as others make the axis below logarithmic.
    """
    series = sorted((entry for entry in series if entry.points), key=lambda entry: entry.colour)
    xs = [x for entry in series for x, _ in entry.points]
    if not xs:
        return ""
    ys = [y for entry in series for _, y in entry.points]
    ys += [bound for entry in series if entry.colour < GREY for p in entry.band for bound in p]
    low, high = y_range or _padded(min(ys), max(ys))
    logarithmic = min(xs) > 0 and max(xs) > WIDE_RANGE * min(xs)
    across = Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, logarithmic)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    drawn = "".join(_line(entry, across, up, steps) for entry in reversed(series))
    return (
        f'<figure><svg class="chart" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" '
        f'aria-label="{escape(title)}">{_axes(across, up, x_title, y_title)}{drawn}</svg>'
        f'<figcaption>{escape(title)}</figcaption><ul class="legend">{_legend(series)}</ul>'
        "</figure>"
    )


def _legend(series: Sequence[Series]) -> str:
    items = [
        f'<li><span class="key s{entry.colour}"></span>{escape(entry.name)}</li>'
        for entry in series
        if entry.colour < GREY
    ]
    rest = ", ".join(entry.name for entry in series if entry.colour >= GREY)
    if rest:
        items.append(f'<li><span class="key s{GREY}"></span>{escape(rest)}</li>')
    return "".join(items)


def _padded(low: float, high: float) -> tuple[float, float]:
    room = max(0.06 * (high - low), MIN_ROOM)
    return low - room, high + room


def _line(entry: Series, across: Scale, up: Scale, steps: bool) -> str:
    number = entry.colour
    places = [(across.at(x), up.at(y)) for x, y in entry.points]
    parts = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    level = places[0][1]
    for x, y in places[1:]:
        if not steps:
            parts.append(f"L{x:.1f} {y:.1f}")
        elif y != level:
            parts.append(f"H{x:.1f}V{y:.1f}")
            level = y
    if steps:
        parts.append(f"H{places[-1][0]:.1f}")
    band = ""
    if entry.band and number < GREY:
        edge = [(across.at(x), *map(up.at, pair)) for (x, _), pair in _pairs(entry)]
        outline = [f"{x:.1f} {high:.1f}" for x, _, high in edge]
        outline += [f"{x:.1f} {low:.1f}" for x, low, _ in reversed(edge)]
        band = f'<path class="band s{number}" d="M{"L".join(outline)}Z"/>'
    title = f"<title>{escape(entry.name)}</title>"
    return f'{band}<path class="line s{number}" d="{"".join(parts)}">{title}</path>'


def _pairs(entry: Series) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(zip(entry.points, entry.band, strict=True))


def _axes(across: Scale, up: Scale, x_title: str, y_title: str) -> str:
    parts = []
    for value in up.ticks(5):
        y = up.at(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick end" x="{LEFT - 8}" y="{y + 4:.1f}">{_tick(value)}</text>'
        )
    floor = HEIGHT - BOTTOM
    for value in across.ticks(7):
        x = across.at(value)
        parts.append(f'<text class="tick mid" x="{x:.1f}" y="{floor + 22}">{_tick(value)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}"/>'
        f'<text class="title mid" x="{middle}" y="{HEIGHT - 6}">{escape(x_title)}</text>'
        f'<text class="title mid" transform="translate(18 {(TOP + floor) / 2}) rotate(-90)">'
        f"{escape(y_title)}</text>"
    )
    return "".join(parts)


def _tick(value: float) -> str:
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{suffix}"
    return f"{value:.4g}".replace("-", "−")
