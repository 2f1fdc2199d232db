"""Pictures of the lottery: progress over evaluations, and the spread over hyperparameters."""

from __future__ import annotations

import math

import numpy as np

from chipgym.experiments.papers.archgym_lottery.analysis import Outcomes
from chipgym.experiments.papers.core.figures import document, legend_lines
from chipgym.experiments.svg import Axes, Frame, colour

__all__ = ["curves_figure", "spread_figure"]

ROW = 26.0
LOWEST_SCORE = 0.85
LEAST_REGRET = 1e-4
"""Regret in percent that is drawn as the least."""


def curves_figure(outcomes: Outcomes) -> str:
    """Draw the mean normalised score of the stored entries over evaluations (logarithmic)."""
    axes = Axes(Frame(height=340), (0.0, math.log10(outcomes.budget)), (LOWEST_SCORE, 1.0))
    axes.grid(
        "distinct designs simulated",
        "normalised score",
        format_x=lambda value: f"{10**value:.3g}",
    )
    counts = np.unique(np.geomspace(1, outcomes.budget, 60).astype(int))
    for index, name in enumerate(outcomes.algorithms):
        curve = outcomes.stored_curve(name)
        shown = [count for count in counts if curve[count - 1] >= LOWEST_SCORE]
        axes.line(
            [math.log10(count) for count in shown],
            [float(curve[count - 1]) for count in shown],
            index,
            name,
        )
    legend_lines(axes, outcomes.algorithms)
    return document(axes, "Normalised score over evaluations, stored hyperparameters")


def spread_figure(outcomes: Outcomes) -> str:
    """Draw the mean regret of every entry at the end (logarithmic), a row an algorithm."""
    names = outcomes.algorithms
    regrets = {
        name: np.log10(np.maximum(outcomes.entry_regrets(name), LEAST_REGRET)) for name in names
    }
    high = max(float(values.max()) for values in regrets.values())
    frame = Frame(height=ROW * len(names) + 60, left=170)
    axes = Axes(frame, (math.log10(LEAST_REGRET), high), (len(names) - 0.5, -0.5))
    axes.grid(
        "mean regret at the end, %, a dot for each entry",
        "",
        y_ticks=False,
        format_x=lambda value: f"{10**value:.3g}",
    )
    for row, name in enumerate(names):
        y = axes.y(row)
        axes.text(frame.left - 8, y + 4, name, "tick", "end")
        for number, value in enumerate(regrets[name]):
            size = 6 if number == 0 else 3.5
            axes.parts.append(
                f'<circle cx="{axes.x(float(value)):.1f}" cy="{y:.1f}" r="{size}" '
                f'fill="{colour(row)}" fill-opacity="{0.9 if number == 0 else 0.5}"/>'
            )
    return document(axes, "Spread of the regret over hyperparameters; large: as shipped")
