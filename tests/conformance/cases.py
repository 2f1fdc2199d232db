"""What the conformance tests cover, shared with the script that rewrites the golden file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym

import chipgym  # noqa: F401  # registers the ids
from chipgym.envs.dram_tuning import command_presets, runtime_presets
from chipgym.envs.dram_tuning.presets import SCENARIOS as DRAM_SCENARIOS
from chipgym.envs.soc_scheduling.presets import SCENARIOS
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION as DRAM_VERSION
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

GOLDEN = Path(__file__).parent / "golden_trajectories.json"
UPDATE = "python tests/conformance/update_golden.py"

SOC_IDS = sorted(name for name in gym.registry if name.startswith("chipgym/Soc"))

SOC_CASES = [(env_id, scenario) for env_id in SOC_IDS for scenario in SCENARIOS]
"""Every id with every scenario."""


DRAM_IDS = {
    "chipgym/DramDesign-v0": {"num_requests": 200},
    "chipgym/DramTuning-v0": {"num_requests": 200, "budget": 12},
}
"""The design and tuning forms, with arguments that make episodes short."""

DRAM_CASES = [
    (env_id, {"scenario": scenario, **short})
    for env_id, short in DRAM_IDS.items()
    for scenario in DRAM_SCENARIOS
]
"""Both ids with every scenario."""


DRAM_RUN_CASES = [
    ("chipgym/DramRuntime-v0", {"scenario": scenario, "num_requests": 300})
    for scenario in runtime_presets.SCENARIOS
] + [
    ("chipgym/DramCommand-v0", {"scenario": scenario, "num_requests": 40})
    for scenario in command_presets.SCENARIOS
]
"""The run-time and the per-command form with every scenario, in short episodes."""


def golden_cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every golden trajectory: id, arguments, version of the simulator behind it."""
    for env_id, scenario in SOC_CASES:
        yield env_id, {"scenario": scenario}, SIMULATOR_VERSION
    for env_id, kwargs in [*DRAM_CASES, *DRAM_RUN_CASES]:
        yield env_id, kwargs, DRAM_VERSION
