"""How good the designs of the space are: share of designs within a factor of the optimum."""

from __future__ import annotations

from typing import Any

from chipgym.experiments.papers.core.figures import document, legend_lines
from chipgym.experiments.svg import Axes, Frame

__all__ = ["distribution_figure"]

COST = "energy_delay_pj_ns"
HIGHEST = 3.0


def distribution_figure(optima: dict[str, Any]) -> str:
    """Draw the distribution of the energy-delay product over its optimum, a line a workload."""
    axes = Axes(Frame(), (1.0, HIGHEST), (0.0, 100.0))
    axes.grid("energy-delay product over the optimum", "designs at least as good, %")
    names = list(optima["workloads"])
    for index, name in enumerate(names):
        content = optima["workloads"][name]["refresh"]
        best = content["optima"][COST]["value"]
        ratios = [value / best for value in content["distributions"][COST]["quantiles"]]
        inside = [(ratio, share) for share, ratio in enumerate(ratios) if ratio <= HIGHEST]
        axes.line([x for x, _ in inside], [float(y) for _, y in inside], index, name)
    legend_lines(axes, names)
    return document(axes, "Distribution of the energy-delay product over ArchGym's design space")
