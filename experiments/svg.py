"""Small SVG charts as text: no plotting library, no external request, colours by style sheet.

Colours are CSS variables (``--ink``, ``--muted``, ``--grid``, ``--c0`` … ``--c9``), so that a page
can be read in light and in dark.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "COLOURS",
    "Axes",
    "Chart",
    "Frame",
    "colour",
    "dash",
    "escape",
    "legend",
    "nice_ticks",
    "number_text",
    "svg",
]

COLOURS = 10
LABEL_GAP = 14.0
"""Distance of the baselines of two labels, one below the other, in SVG units."""
DASHES = ("", "6 3", "2 3")
BORDERS = ("solid", "dashed", "dotted")
"""The same dashes in a style sheet."""

KEY_ROW, KEY_LETTER = 18.0, 6.6
"""Height of a row of a legend, and width of a letter in it, in SVG units."""


def escape(text: object) -> str:
    """Escape text for HTML and SVG."""
    return html.escape(str(text), quote=True)


def colour(index: int) -> str:
    """CSS colour of the n-th series."""
    return f"var(--c{index % COLOURS})"


def dash(index: int) -> str:
    """Dash pattern that tells series apart once the colours repeat."""
    return DASHES[(index // COLOURS) % len(DASHES)]


def nice_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round tick values (1, 2 or 5 times a power of ten apart) within a range."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    raw = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number_text(value: float) -> str:
    """A tick label: short, with k for thousands and M for millions."""
    if value == 0:
        return "0"
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 9.9999 / (10 if limit == 1e6 else 1):
            return f"{value / limit:.4g}{suffix}"
    return f"{value:.4g}"


@dataclass(frozen=True)
class Frame:
    """Size of a chart and its margins, in SVG units."""

    width: float = 760
    height: float = 300
    left: float = 56
    right: float = 16
    top: float = 12
    bottom: float = 42

    @property
    def inner_width(self) -> float:
        """Width of the plot area."""
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> float:
        """Height of the plot area."""
        return self.height - self.top - self.bottom


@dataclass
class Axes:
    """A plot area with linear scales, to which marks are added in data coordinates."""

    frame: Frame
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    parts: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        """Horizontal position of a value."""
        low, high = self.x_range
        return self.frame.left + self.frame.inner_width * (value - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        """Vertical position of a value."""
        low, high = self.y_range
        return self.frame.top + self.frame.inner_height * (high - value) / ((high - low) or 1.0)

    def grid(
        self,
        x_label: str,
        y_label: str,
        *,
        y_ticks: bool = True,
        format_x: Callable[[float], str] = number_text,
    ) -> None:
        """Draw grid lines, tick labels and axis labels."""
        f = self.frame
        bottom, right = f.height - f.bottom, f.width - f.right
        for value in nice_ticks(*self.x_range, 8):
            x = self.x(value)
            self.parts.append(f'<path class="grid" d="M{x:.1f} {f.top}V{bottom:.1f}"/>')
            self.text(x, bottom + 15, format_x(value), "tick", "middle")
        for value in nice_ticks(*self.y_range, 5) if y_ticks else ():
            y = self.y(value)
            self.parts.append(f'<path class="grid" d="M{f.left} {y:.1f}H{right:.1f}"/>')
            self.text(f.left - 7, y + 4, number_text(value), "tick", "end")
        self.text(f.left + f.inner_width / 2, f.height - 6, x_label, "axis", "middle")
        if y_label:
            y = f.top + f.inner_height / 2
            self.parts.append(
                f'<text class="axis" text-anchor="middle" transform="translate(13 {y:.1f}) '
                f'rotate(-90)">{escape(y_label)}</text>'
            )

    def text(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        """Put text at a position in SVG units."""
        self.parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def line(
        self, xs: Sequence[float], ys: Sequence[float], index: int, title: str, width: float = 2
    ) -> None:
        """Draw a series as a line."""
        points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys, strict=True))
        self.parts.append(
            f'<polyline class="line" points="{points}" stroke="{colour(index)}" '
            f'stroke-width="{width}" stroke-dasharray="{dash(index)}">'
            f"<title>{escape(title)}</title></polyline>"
        )

    def band(
        self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], index: int
    ) -> None:
        """Draw an interval band."""
        there = [f"{self.x(x):.1f},{self.y(v):.1f}" for x, v in zip(xs, highs, strict=True)]
        back = [f"{self.x(x):.1f},{self.y(v):.1f}" for x, v in zip(xs, lows, strict=True)]
        points = " ".join(there + back[::-1])
        self.parts.append(f'<polygon class="band" points="{points}" fill="{colour(index)}"/>')

    def levels(self, levels: Mapping[str, float]) -> None:
        """Draw horizontal lines, with their labels beside the plot and apart from each other."""
        f = self.frame
        right, label = f.width - f.right, -math.inf
        for text, value in sorted(levels.items(), key=lambda item: -item[1]):
            y = self.y(value)
            self.parts.append(f'<path class="level" d="M{f.left} {y:.1f}H{right:.1f}"/>')
            label = max(y + 4, label + LABEL_GAP)
            self.text(right + 6, label, text, "note")

    def mark(self, value: float, text: str) -> None:
        """Draw a labelled vertical line."""
        f, x = self.frame, self.x(value)
        self.parts.append(f'<path class="level" d="M{x:.1f} {f.top}V{f.height - f.bottom:.1f}"/>')
        late = x > f.left + 0.8 * f.inner_width
        self.text(x - 4 if late else x + 4, f.top + 9, text, "note", "end" if late else "start")


def svg(axes: Axes, label: str) -> str:
    """The finished chart."""
    f = axes.frame
    return (
        f'<div class="scroll"><svg viewBox="0 0 {f.width:.0f} {f.height:.0f}" role="img" '
        f'aria-label="{escape(label)}">{"".join(axes.parts)}</svg></div>'
    )


def legend(
    names: Sequence[str], indexes: Sequence[int] | None = None, *, lines: bool = False
) -> str:
    """Legend of a chart's series, as HTML: patches of colour, or lines with their dashes."""
    numbers = range(len(names)) if indexes is None else indexes

    def swatch(index: int) -> str:
        if not lines:
            return f"background:{colour(index)}"
        border = BORDERS[(index // COLOURS) % len(BORDERS)]
        return f"height:0;vertical-align:.25em;border-top:3px {border} {colour(index)}"

    items = [
        f'<span class="key"><i style="{swatch(index)}"></i>{escape(name)}</span>'
        for index, name in zip(numbers, names, strict=True)
    ]
    return f'<p class="legend">{"".join(items)}</p>'


@dataclass(frozen=True)
class Chart:
    """A finished chart with the names of its series.

    Attributes
    ----------
    axes : Axes
    label : str
        What it shows, for those who do not see it.
    names : tuple of str
        Series in the order of their colours; empty where the chart itself names them.
    """

    axes: Axes
    label: str
    names: tuple[str, ...] = ()

    def html(self) -> str:
        """The chart for a page whose style sheet has the colours."""
        return svg(self.axes, self.label) + (legend(self.names, lines=True) if self.names else "")

    def document(self, style: str) -> str:
        """The chart as an SVG document of its own, with the legend below.

        Parameters
        ----------
        style : str
            Style sheet with the colours.
        """
        frame = self.axes.frame
        keys, height = self._keys()
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width:.0f} '
            f'{height:.0f}" role="img" aria-label="{escape(self.label)}"><style>{style}'
            # A page keeps charts wide and apart; a document is its chart.
            "svg { min-width: 0; margin: 0; }</style>"
            f'<rect width="{frame.width:.0f}" height="{height:.0f}" fill="var(--paper)"/>'
            f"{''.join(self.axes.parts)}{''.join(keys)}</svg>\n"
        )

    def _keys(self) -> tuple[list[str], float]:
        """Legend as rows of keys below the plot, and the height with it."""
        frame = self.axes.frame
        x, y, parts = frame.left, frame.height + 14.0, []
        for index, name in enumerate(self.names):
            width = 40.0 + KEY_LETTER * len(name)
            if x > frame.left and x + width > frame.width:
                x, y = frame.left, y + KEY_ROW
            parts.append(
                f'<path class="line" d="M{x:.1f} {y - 4:.1f}h22" stroke="{colour(index)}" '
                f'stroke-width="3" stroke-dasharray="{dash(index)}"/>'
                f'<text class="tick" x="{x + 27:.1f}" y="{y:.1f}">{escape(name)}</text>'
            )
            x += width
        return parts, y + 10.0 if self.names else frame.height
