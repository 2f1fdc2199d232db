"""Metrics of a recipe, with units in their names.

Area is in the library's unit (that of a unit inverter in the bundled one), delay in ps.
"""

from __future__ import annotations

from chipgym.envs.logic_synthesis.point import Baselines, Point
from chipgym.envs.logic_synthesis.reward import Objective, area_delay_product, lut_qor, ratio

__all__ = ["recipe_metrics"]


def recipe_metrics(
    goal: Objective, end: Point, baselines: Baselines, commands: int
) -> dict[str, float]:
    """Metrics of the circuit at a recipe's end.

    ``…_vs_resyn2`` and ``…_vs_initial`` are ratios, lower is better. ``constrained_area`` is the
    area, times delay over clock where the clock is missed. ``lut_qor`` is BOiLS' sum, 2 for resyn2.
    """
    initial, resyn2 = baselines.initial, baselines.resyn2
    product = end.nodes * end.levels
    metrics = {
        "nodes": float(end.nodes),
        "levels": float(end.levels),
        "nodes_levels_product": float(product),
        "nodes_vs_resyn2": ratio(end.nodes, resyn2.nodes),
        "levels_vs_resyn2": ratio(end.levels, resyn2.levels),
        "nodes_vs_initial": ratio(end.nodes, initial.nodes),
        "commands": float(commands),
    }
    return metrics | (
        _lut_metrics(end, resyn2) if goal.luts else _mapped_metrics(end, baselines, goal)
    )


def _mapped_metrics(end: Point, baselines: Baselines, goal: Objective) -> dict[str, float]:
    assert end.mapping is not None
    mapping = end.mapping
    product = area_delay_product(end)
    metrics = {
        "area_delay_product": product,
        "area": mapping.area,
        "delay_ps": mapping.delay_ps,
        "gates": float(mapping.gates),
        "area_delay_product_vs_resyn2": ratio(product, area_delay_product(baselines.resyn2)),
        "area_delay_product_vs_initial": ratio(product, area_delay_product(baselines.initial)),
    }
    if goal.metric == "constrained_area":
        clock_ps = baselines.clock_ps
        metrics["clock_ps"] = clock_ps
        metrics["constrained_area"] = mapping.area * max(1.0, mapping.delay_ps / clock_ps)
    return metrics


def _lut_metrics(end: Point, resyn2: Point) -> dict[str, float]:
    assert end.luts is not None
    luts, levels = lut_qor(end, resyn2)
    return {
        "luts": float(end.luts.luts),
        "lut_levels": float(end.luts.levels),
        "luts_vs_resyn2": luts,
        "lut_levels_vs_resyn2": levels,
        "lut_qor": luts + levels,
    }
