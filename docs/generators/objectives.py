"""What an environment rewards: its objectives, or the limits of a specification."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from generators.markdown import short, table

# Module with the objectives of a family's rewards.
MODULES = {
    "chipgym/Soc": "chipgym.envs.soc_scheduling.reward",
    "chipgym/DramDesign": "chipgym.envs.dram_tuning.reward",
    "chipgym/DramTuning": "chipgym.envs.dram_tuning.reward",
    "chipgym/DramRuntime": "chipgym.envs.dram_tuning.runtime_reward",
    "chipgym/DramCommand": "chipgym.envs.dram_tuning.command_reward",
    "chipgym/Logic": "chipgym.envs.logic_synthesis.reward",
}
NAMES = "Names for the `objective` argument. Methods are ranked by the primary metric.\n\n"


def objective_section(env_id: str, base: Any) -> str:
    """Section with the objectives that an environment may be made with."""
    known = [start for start in MODULES if env_id.startswith(start)]
    if not known:
        return _limits(base)
    module: Any = importlib.import_module(MODULES[known[0]])
    first = next(iter(module.OBJECTIVES.values()))
    found = _weighed(module) if isinstance(first, Mapping) else _described(module)
    return f"\n## Objectives\n\n{NAMES}{found}"


def _weighed(module: Any) -> str:
    """Objectives that are weights of terms."""
    rows = [
        [
            f"`{name}`",
            f"`{module.PRIMARY_METRICS[name]}`",
            " + ".join(f"{weight:g} `{term}`" for term, weight in weights.items()),
        ]
        for name, weights in module.OBJECTIVES.items()
    ]
    text = table(["objective", "primary metric", "cost"], rows)
    terms = [[f"`{name}`", meaning] for name, meaning in module.TERMS.items()]
    text += "\nThe rewards of an episode add up to minus the cost, whose terms are:\n\n"
    return text + table(["term", "what it is"], terms)


def _described(module: Any) -> str:
    """Objectives with a description and a metric of their own."""
    rows = [
        [f"`{name}`", f"`{goal.metric}`", goal.description]
        for name, goal in module.OBJECTIVES.items()
    ]
    return table(["objective", "primary metric", "what it is"], rows)


def _limits(base: Any) -> str:
    """Limits and bounds of the default scenario's specification."""
    from chipgym.envs.codesign.reward import COSTS, PENALTY_WEIGHT

    units = {"latency_cycles": "cycles", "energy_nj": "nJ", "area_um2": "µm²"}
    spec = base.problem.spec
    rows = [
        [f"`{name}`", units[name], short(limit), short(bound)]
        for name, limit, bound in zip(COSTS, spec.limits, spec.bounds, strict=True)
    ]
    text = (
        "\n## Limits\n\nOf the default scenario. A penalty rises from 0 at the limit to 1 at the "
    )
    text += f"bound, and counts {PENALTY_WEIGHT:g} times.\n\n"
    return text + table(["cost", "unit", "limit", "bound"], rows, right=[2, 3])
