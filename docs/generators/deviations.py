"""A plot of errors on a logarithmic axis, as SVG in the page: it takes the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from chipgym.experiments.fidelity import StoredColumn

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 460, 34, 8, 22, 4, 24
LOWEST = 1e-5
"""Smaller errors are drawn at the left edge."""


def deviation_plot(columns: Sequence[tuple[str, StoredColumn]]) -> str:
    """Return a row for each column: dots for median, p95 and largest error, a bar at the tolerance.

    Parameters
    ----------
    columns : sequence of (str, StoredColumn)
        Name and errors; "" is returned for none.
    """
    if not columns:
        return ""
    highest = max(max(each.max, each.tolerance) for _, each in columns)
    end = math.ceil(math.log10(highest))
    height = TOP + ROW * len(columns) + BOTTOM
    parts = [_grid(end, height)]
    for place, (name, errors) in enumerate(columns):
        parts.append(_row(name, errors, TOP + ROW * place, end))
    label = f"Errors of {len(columns)} columns"
    return (
        f'<svg class="deviations" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{label}" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>\n'
    )


def _place(value: float, end: int) -> float:
    """Horizontal place of an error."""
    start = math.log10(LOWEST)
    share = (math.log10(max(value, LOWEST)) - start) / (end - start)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _grid(end: int, height: int) -> str:
    parts, first = [], round(math.log10(LOWEST))
    for power in range(first, end + 1):
        x = _place(10.0**power, end)
        value = f"{100 * 10.0**power:g} %" if power > first else f"≤ {100 * LOWEST:g} %"
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>'
            f'<text x="{x:.1f}" y="{height - BOTTOM + 16}" '
            f'text-anchor="{"start" if power == first else "middle"}">{value}</text>'
        )
    return "".join(parts)


def _row(name: str, errors: StoredColumn, top: int, end: int) -> str:
    y = top + 24
    low, middle, high = (_place(v, end) for v in (errors.median, errors.p95, errors.max))
    marks = [
        f'<text class="name" x="{LEFT}" y="{top + 12}">{escape(name)}</text>',
        f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>',
        *(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="{size}"/>'
            for kind, x, size in (("median", low, 4), ("p95", middle, 4), ("largest", high, 5))
        ),
    ]
    if errors.tolerance > 0:
        x = _place(errors.tolerance, end)
        marks.append(
            f'<line class="tolerance" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>'
        )
    words = f"median {errors.median:.2g}, p95 {errors.p95:.2g}, largest {errors.max:.2g}"
    return f"<g><title>{escape(name)}: {words}</title>{''.join(marks)}</g>"
