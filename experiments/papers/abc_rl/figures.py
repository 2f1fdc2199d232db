"""Pictures of the comparison: progress over evaluations, and the end with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from chipgym.experiments.papers.abc_rl.analysis import Outcome, Results
from chipgym.experiments.papers.abc_rl.methods import METHODS
from chipgym.experiments.papers.core.figures import document, legend_lines
from chipgym.experiments.svg import Axes, Frame, colour

__all__ = ["DRAWN", "curves_figure", "ends_figure"]

DRAWN = (
    "random",
    "greedy",
    "simulated-annealing",
    "genetic",
    "bayesian",
    "ppo",
    "drills",
    "abcrl-graph",
    "mcts",
    "abc-rl",
)
"""Methods whose curves are drawn; more cannot be told apart."""
ROW = 24.0
LOWEST = -5.0
"""Reduction in percent at which curves are cut off: first recipes may be far worse."""


def curves_figure(results: Results) -> str:
    """Draw the reduction against resyn2 over evaluated recipes."""
    names = [name for name in DRAWN if name in results.methods]
    curves = {name: results.curve(name) for name in names}
    high = max(float(curve.max()) for curve in curves.values())
    axes = Axes(Frame(height=380), (1.0, float(results.budget)), (LOWEST, max(high, 1.0)))
    axes.grid("evaluated recipes", "reduction of area x delay against resyn2, %")
    for index, name in enumerate(names):
        values = [max(float(value), LOWEST) for value in curves[name]]
        axes.line(list(range(1, results.budget + 1)), values, index, METHODS[name].title)
    legend_lines(axes, [METHODS[name].title for name in names])
    return document(axes, "Reduction of the area-delay product over evaluated recipes")


def ends_figure(outcomes: Sequence[Outcome]) -> str:
    """Draw the final reduction of every method with its interval, a row a method."""
    low = min(0.0, *(outcome.reduction.low for outcome in outcomes))
    high = max(outcome.reduction.high for outcome in outcomes)
    frame = Frame(height=ROW * len(outcomes) + 60, left=250)
    axes = Axes(frame, (low, max(high, low + 1.0)), (len(outcomes) - 0.5, -0.5))
    axes.grid("reduction of area x delay against resyn2, %", "", y_ticks=False)
    families = list(dict.fromkeys(METHODS[outcome.method].family for outcome in outcomes))
    for row, outcome in enumerate(outcomes):
        y = axes.y(row)
        paint = colour(families.index(METHODS[outcome.method].family))
        axes.text(frame.left - 8, y + 4, METHODS[outcome.method].title, "tick", "end")
        left, right = axes.x(outcome.reduction.low), axes.x(outcome.reduction.high)
        axes.parts.append(
            f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{paint}" stroke-width="3"/>'
            f'<circle cx="{axes.x(outcome.reduction.value):.1f}" cy="{y:.1f}" r="5" '
            f'fill="{paint}"/>'
        )
    return document(axes, "Final reduction of the area-delay product, 95 % intervals")
