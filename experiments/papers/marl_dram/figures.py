"""Picture of the study: best design so far over the designs tried."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.core.figures import document, legend_lines
from chipgym.experiments.statistics import iqm
from chipgym.experiments.svg import Axes, Frame

__all__ = ["curves_figure"]

POINTS = 60
LOWEST_SCORE = 0.85


def curves_figure(curves: Mapping[str, npt.NDArray[np.float64]]) -> str:
    """Draw the interquartile mean of the normalised score over designs tried (logarithmic)."""
    budget = next(iter(curves.values())).shape[-1]
    counts = np.unique(np.geomspace(1, budget, POINTS).astype(int))
    lines = {
        name: iqm(values[..., counts - 1].reshape(-1, len(counts)).T)
        for name, values in curves.items()
    }
    axes = Axes(Frame(height=380), (0.0, math.log10(budget)), (LOWEST_SCORE, 1.0))
    axes.grid("designs tried", "normalised score", format_x=lambda value: f"{10**value:.3g}")
    for index, (name, line) in enumerate(lines.items()):
        shown = [place for place, value in enumerate(line) if value >= LOWEST_SCORE]
        axes.line(
            [math.log10(counts[place]) for place in shown],
            [float(line[place]) for place in shown],
            index,
            name,
        )
    legend_lines(axes, list(lines))
    return document(axes, "Best normalised score over designs tried")
