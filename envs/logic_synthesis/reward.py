"""Rewards, by objective: named terms, free of scale, that add up to what they stand for.

The default, ``adp``, is one-sided: minus the area-delay product at the end, in units of what ABC's
script resyn2 reaches on the same circuit, so that -0.9 is 10 % better than resyn2. The published
forms beside it keep the sign that they were published with: gains and losses of single commands
have both.

Sources: ABC-RL (arXiv 2401.12205), abcRL (Zhu et al., MLCAD 2020), DRiLLS (arXiv 1911.04021), BOiLS
(DATE 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chipgym.envs.logic_synthesis.point import Baselines, Point

__all__ = [
    "OBJECTIVES",
    "PRIMARY_METRICS",
    "Objective",
    "Step",
    "area_delay_product",
    "drills_reward",
    "expected_return",
    "lut_qor",
    "ratio",
]

# Below any area and delay that a circuit with a gate can have: logarithms of an empty one exist.
FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Step:
    """One step, as the rewards see it.

    Attributes
    ----------
    before, after : Point
        The circuit before and after the command.
    baselines : Baselines
    first : bool
        Whether nothing was measured before.
    ended : bool
        Whether the recipe ends here.
    share : float
        Share of the recipe's steps that this one stands for: one of them, or, where the recipe is
        stopped early, all that are left.
    """

    before: Point
    after: Point
    baselines: Baselines
    first: bool
    ended: bool
    share: float


Terms = dict[str, float]


@dataclass(frozen=True)
class Objective:
    """An objective.

    Attributes
    ----------
    description : str
    terms : callable
        From a step to its reward terms.
    metric : str
        The metric that ranks methods; lower is better.
    one_sided : bool
        Whether no reward is positive.
    each_step : bool
        Whether area and delay are measured at each step, and not only at the end.
    luts : bool
        Whether the end is measured in look-up tables in place of the library's gates.
    """

    description: str
    terms: Callable[[Step], Terms]
    metric: str
    one_sided: bool = False
    each_step: bool = False
    luts: bool = False


def ratio(value: float, reference: float) -> float:
    """Value in units of a reference; of nothing against nothing: 1."""
    if reference > 0:
        return value / reference
    return 1.0 if value == reference else value / FLOOR


def area_delay_product(point: Point) -> float:
    """Area times delay of a mapped point."""
    assert point.mapping is not None
    return point.mapping.area_delay_product


def lut_qor(point: Point, resyn2: Point) -> tuple[float, float]:
    """BOiLS' two parts: tables and their levels, each in units of resyn2's."""
    assert point.luts is not None
    assert resyn2.luts is not None
    return ratio(point.luts.luts, resyn2.luts.luts), ratio(point.luts.levels, resyn2.luts.levels)


def _adp(step: Step) -> Terms:
    if not step.ended:
        return {"area_delay_product": 0.0}
    reached = ratio(area_delay_product(step.after), area_delay_product(step.baselines.resyn2))
    return {"area_delay_product": -reached}


def _abc_rl(step: Step) -> Terms:
    if not step.ended:
        return {"reduction": 0.0}
    reached = ratio(area_delay_product(step.after), area_delay_product(step.baselines.resyn2))
    return {"reduction": max(-1.0, 1.0 - reached)}


def _log_adp(step: Step) -> Terms:
    before, after = step.before.mapping, step.after.mapping
    assert before is not None
    assert after is not None
    return {
        "log_area": math.log(max(before.area, FLOOR) / max(after.area, FLOOR)),
        "log_delay": math.log(max(before.delay_ps, FLOOR) / max(after.delay_ps, FLOOR)),
    }


def _paced(step: Step, name: str, size: Callable[[Point], float]) -> Terms:
    """Reduction as a share of the start, less the pace of resyn2."""
    initial = max(size(step.baselines.initial), 1.0)
    gain = (size(step.baselines.initial) - size(step.baselines.pace)) / initial
    return {
        name: (size(step.before) - size(step.after)) / initial,
        "pace": -gain * step.share,
    }


def _nodes(step: Step) -> Terms:
    return _paced(step, "nodes", lambda point: point.nodes)


def _nodes_levels(step: Step) -> Terms:
    return _paced(step, "nodes_levels", lambda point: point.nodes * point.levels)


def _lut6(step: Step) -> Terms:
    if not step.ended:
        return {"luts": 0.0, "lut_levels": 0.0}
    luts, levels = lut_qor(step.after, step.baselines.resyn2)
    return {"luts": -luts, "lut_levels": -levels}


# DRiLLS' rewards, by area better, the same, worse.
_MET = (3.0, 0.0, -1.0)
_UNMET = {"better": (3.0, 2.0, 1.0), "same": (2.0, 0.0, -2.0), "worse": (-1.0, -2.0, -3.0)}


def drills_reward(
    area: float, delay_ps: float, previous_area: float, previous_delay_ps: float, clock_ps: float
) -> float:
    """DRiLLS' table: area, as long as the clock is met; delay before area otherwise."""
    column = 0 if area < previous_area else 1 if area == previous_area else 2
    if delay_ps <= clock_ps:
        return _MET[column]
    row = "better" if delay_ps < previous_delay_ps else "worse"
    return _UNMET["same" if delay_ps == previous_delay_ps else row][column]


def _drills(step: Step) -> Terms:
    before, after = step.before.mapping, step.after.mapping
    assert before is not None
    assert after is not None
    # As published, the first comparison is with infinity.
    area, delay_ps = (math.inf, math.inf) if step.first else (before.area, before.delay_ps)
    clock_ps = step.baselines.clock_ps
    return {"table": drills_reward(after.area, after.delay_ps, area, delay_ps, clock_ps)}


OBJECTIVES: dict[str, Objective] = {
    "adp": Objective(
        "at the end: minus the area-delay product over resyn2's",
        _adp,
        "area_delay_product",
        one_sided=True,
    ),
    "abc-rl": Objective(
        "ABC-RL's: at the end the reduction of the area-delay product against resyn2, at least -1",
        _abc_rl,
        "area_delay_product",
    ),
    "log-adp": Objective(
        "each step: logarithm of the area-delay product before over after",
        _log_adp,
        "area_delay_product",
        each_step=True,
    ),
    "nodes": Objective(
        "abcRL's: each step, nodes saved over nodes at the start, less the pace of resyn2",
        _nodes,
        "nodes",
    ),
    "nodes-levels": Objective(
        "the same for nodes times levels",
        _nodes_levels,
        "nodes_levels_product",
    ),
    "drills": Objective(
        "DRiLLS' table: each step, area and delay against the last step and a clock",
        _drills,
        "constrained_area",
        each_step=True,
    ),
    "lut6": Objective(
        "BOiLS': at the end, minus tables and their levels, each over resyn2's",
        _lut6,
        "lut_qor",
        one_sided=True,
        luts=True,
    ),
}
"""Objectives by name."""

PRIMARY_METRICS: dict[str, str] = {name: goal.metric for name, goal in OBJECTIVES.items()}
"""The metric that ranks methods under each objective."""


def expected_return(
    objective: str,
    metrics: Mapping[str, float],
    baselines: Baselines,
    mapped: Sequence[tuple[float, float]],
) -> float:
    """Return of an episode, from its metrics alone: what the rewards telescope to.

    Parameters
    ----------
    objective : str
    metrics : mapping
        As `metrics.recipe_metrics` gives them.
    baselines : Baselines
    mapped : sequence of (float, float)
        Area and delay after each step; only DRiLLS' table depends on the way.
    """
    initial, pace = baselines.initial, baselines.pace
    if objective == "nodes":
        return (pace.nodes - metrics["nodes"]) / max(initial.nodes, 1)
    if objective == "nodes-levels":
        target, start = pace.nodes * pace.levels, initial.nodes * initial.levels
        return (target - metrics["nodes_levels_product"]) / max(start, 1)
    if objective == "log-adp":
        return -math.log(max(metrics["area_delay_product_vs_initial"], FLOOR**2))
    if objective == "lut6":
        return -metrics["lut_qor"]
    if objective == "drills":
        before = [(math.inf, math.inf), *mapped]
        steps = zip(mapped, before, strict=False)
        return sum(drills_reward(*now, *then, baselines.clock_ps) for now, then in steps)
    reached = metrics["area_delay_product_vs_resyn2"]
    return max(-1.0, 1.0 - reached) if objective == "abc-rl" else -reached
