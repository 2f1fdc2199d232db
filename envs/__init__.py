"""Gymnasium and PettingZoo environments over the simulators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    codesign_v0: ModuleType
    dram_runtime_v0: ModuleType
    dram_tuning_v0: ModuleType
    logic_synthesis_v0: ModuleType
    soc_scheduling_v0: ModuleType

__all__ = [
    "codesign_v0",
    "dram_runtime_v0",
    "dram_tuning_v0",
    "logic_synthesis_v0",
    "soc_scheduling_v0",
]

# PettingZoo's manner of import, ``from chipgym.envs import soc_scheduling_v0``, without its cost.
_VERSIONED = {
    "codesign_v0": "chipgym.envs.codesign.multi_agent",
    "dram_runtime_v0": "chipgym.envs.dram_tuning.runtime_multi_agent",
    "dram_tuning_v0": "chipgym.envs.dram_tuning.multi_agent",
    "logic_synthesis_v0": "chipgym.envs.logic_synthesis.multi_agent",
    "soc_scheduling_v0": "chipgym.envs.soc_scheduling.multi_agent",
}


def __getattr__(name: str) -> ModuleType:
    if name in _VERSIONED:
        return importlib.import_module(_VERSIONED[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
