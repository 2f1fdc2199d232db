"""Pictures of the study: progress over evaluations, and the final designs around the limit."""

from __future__ import annotations

import math

import numpy as np

from chipgym.experiments.papers.core.figures import document, legend_lines
from chipgym.experiments.papers.nasaic.analysis import Results
from chipgym.experiments.papers.nasaic.flows import FLOWS
from chipgym.experiments.statistics import iqm
from chipgym.experiments.svg import Axes, Frame, colour

__all__ = ["curves_figure", "scatter_figure"]

POINTS = 80
MARGIN = 0.02


def curves_figure(results: Results, scenario: str) -> str:
    """Draw the best weighted accuracy under the specifications over evaluations (logarithmic)."""
    budget = max(run["evaluations"] for run in results.runs.values())
    counts = np.unique(np.geomspace(1, budget, POINTS).astype(int))
    lines = {}
    for flow in results.flows:
        last = max(run["evaluations"] for run in results.of(scenario, flow))
        capped = FLOWS[flow].most_evaluations is not None
        shown = counts[counts <= last] if capped else counts
        lines[flow] = [
            (int(n), float(iqm(results.best_after(scenario, flow, int(n))))) for n in shown
        ]
    optimum = results.optima[scenario]
    values = [value for line in lines.values() for _, value in line if value > 0]
    known = [*values, *([] if math.isnan(optimum) else [optimum])] or [1.0]
    low = float(np.quantile(known, 0.05)) - MARGIN
    axes = Axes(Frame(height=380), (0.0, math.log10(max(budget, 2))), (low, max(known) + MARGIN))
    axes.grid("evaluated designs", "weighted accuracy", format_x=lambda value: f"{10**value:.3g}")
    for index, (flow, line) in enumerate(lines.items()):
        visible = [(n, value) for n, value in line if value >= low]
        xs = [math.log10(n) for n, _ in visible]
        axes.line(xs, [value for _, value in visible], index, FLOWS[flow].title)
    if not math.isnan(optimum):
        left, right, y = axes.x(0.0), axes.x(math.log10(max(budget, 2))), axes.y(optimum)
        axes.parts.append(f'<path class="level" d="M{left:.1f} {y:.1f}H{right:.1f}"/>')
        axes.text(left + 4, y - 4, "optimum of the grid", "note")
    legend_lines(axes, [FLOWS[flow].title for flow in lines])
    return document(axes, f"Best accuracy under the specifications over evaluations, {scenario}")


def scatter_figure(results: Results, scenario: str) -> str:
    """Draw the final designs of all runs: accuracy over latency, the limit as a line."""
    points = [
        (index, run["final"])
        for index, flow in enumerate(results.flows)
        for run in results.of(scenario, flow)
        if run["final"]["accuracy"] is not None
    ]
    xs = [math.log10(final["relative"][0]) for _, final in points] or [0.0]
    ys = [final["accuracy"] for _, final in points] or [0.0]
    x_range = (min(*xs, -0.1) - MARGIN, max(*xs, 0.1) + MARGIN)
    axes = Axes(Frame(height=380), x_range, (min(ys) - MARGIN, max(ys) + MARGIN))
    axes.grid(
        "latency over its limit",
        "weighted accuracy",
        format_x=lambda value: f"{10**value:.2g}",
    )
    axes.mark(0.0, "limit")
    for index, final in points:
        x, y = axes.x(math.log10(final["relative"][0])), axes.y(final["accuracy"])
        fill = colour(index) if final["meets"] else "none"
        title = f"{FLOWS[results.flows[index]].title}: energy {final['relative'][1]:.2f}, area "
        title += f"{final['relative'][2]:.2f} of the limit"
        axes.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour(index)}" '
            f'stroke-width="2"><title>{title}</title></circle>'
        )
    legend_lines(axes, [FLOWS[flow].title for flow in results.flows])
    return document(axes, f"Accuracy and latency of the final designs, {scenario}")
