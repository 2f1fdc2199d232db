"""Charts as SVG files that stand alone, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence

from chipgym.experiments.report.style import STYLE
from chipgym.experiments.svg import Axes, colour, dash, escape

__all__ = ["document", "legend_lines"]

LINE_HEIGHT = 16.0


def legend_lines(axes: Axes, names: Sequence[str]) -> None:
    """Name the series, one below the other, in the lower right corner of the plot."""
    frame = axes.frame
    right = frame.width - frame.right - 8
    top = frame.height - frame.bottom - 10 - LINE_HEIGHT * (len(names) - 1)
    for index, name in enumerate(names):
        y = top + index * LINE_HEIGHT
        axes.parts.append(
            f'<path d="M{right - 22:.1f} {y - 4:.1f}h22" stroke="{colour(index)}" '
            f'stroke-width="3" stroke-dasharray="{dash(index)}"/>'
        )
        axes.text(right - 28, y, name, "tick", "end")


def document(axes: Axes, label: str) -> str:
    """Return a chart as an SVG document with its own style."""
    frame = axes.frame
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frame.width:.0f} '
        f'{frame.height:.0f}" role="img" aria-label="{escape(label)}"><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="var(--paper)"/>{"".join(axes.parts)}</svg>\n'
    )
