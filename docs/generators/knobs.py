"""Knobs of a memory controller, their sets, and the rules between them."""

from __future__ import annotations

from typing import Any

from chipgym.envs.dram_tuning.knobs import KNOB_SETS
from chipgym.simulators.dram.rules import RULES
from generators.markdown import table


def knob_section(base: Any) -> str:
    """Tables of the knobs, the knob sets and the rules of a design environment."""
    space = base.design_space
    offer = ([m.name for m in base.generator.address_maps], space.device.refresh_policies)
    knobs = [
        [f"`{k.name}`", ", ".join(map(str, k.values)), k.default, k.group, k.meaning]
        for k in space.knobs
    ]
    sets = [[f"`{s.name}`", f"{s.size(*offer):,}", s.description] for s in KNOB_SETS.values()]
    rules = [[", ".join(f"`{name}`" for name in rule.fields), rule.reason] for rule in RULES]
    text = "\n## Knobs\n\nOf the default scenario; a design is the index of a value for each.\n\n"
    text += table(["knob", "values", "default", "group", "meaning"], knobs)
    text += "\nKnob sets, for the `knobs` argument, with the number of designs on this device:\n\n"
    text += table(["set", "designs", "what it is"], sets, right=[1])
    text += "\nDesigns that break one of these rules are infeasible:\n\n"
    return text + table(["knobs", "rule"], rules)
