"""Tables of the scenarios of a family."""

from __future__ import annotations

import importlib
import re

from generators.markdown import table

# Where the scenarios of an environment's family are, and which of their fields the table shows.
PRESETS = {
    "chipgym/Soc": ("chipgym.envs.soc_scheduling.presets", ("platform", "num_jobs", "objective")),
    "chipgym/Dram": (
        "chipgym.envs.dram_tuning.presets",
        ("device", "knobs", "objective", "budget"),
    ),
    "chipgym/DramRuntime": (
        "chipgym.envs.dram_tuning.runtime_presets",
        ("device", "num_requests", "objective"),
    ),
    "chipgym/DramCommand": (
        "chipgym.envs.dram_tuning.command_presets",
        ("device", "num_requests", "entries", "objective"),
    ),
    "chipgym/CoDesign": (
        "chipgym.envs.codesign.presets",
        ("data_sets", "hardware", "technology", "accuracy"),
    ),
    "chipgym/Logic": (
        "chipgym.envs.logic_synthesis.presets",
        ("action_set", "steps", "mapper", "objective"),
    ),
}


def scenario_section(env_id: str) -> str:
    """Section with the table of a family's scenarios."""
    text = "\n## Scenarios\n\nNames for the `scenario` argument. Each has train instances, drawn "
    text += 'from the seed, and a fixed set of test instances (`split="test"`).\n\n'
    known = [start for start in PRESETS if env_id.startswith(start)]
    module, facts = PRESETS[max(known, key=len)]
    rows = [
        [f"`{name}`", scenario.description, *(_cell(getattr(scenario, fact)) for fact in facts)]
        for name, scenario in importlib.import_module(module).SCENARIOS.items()
    ]
    headings = [fact.removeprefix("num_").replace("_", " ") for fact in facts]
    return text + table(["scenario", "what it is", *headings], rows)


def _cell(value: object) -> str:
    """Write a value; ``parametric:num_fft=8,num_viterbi=4`` may be broken."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return re.sub(r"(?<=[:,])(?=\S)", "<wbr>", str(value))
