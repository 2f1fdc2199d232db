"""Golden trajectories of logic synthesis, shared with the script that rewrites their file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chipgym  # noqa: F401  # registers the ids
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import PINNED_PACKAGE, find_abc
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION

LOGIC_GOLDEN = Path(__file__).parent / "golden_logic.json"
LOGIC_VERSION = f"{SIMULATOR_VERSION}, ABC of {PINNED_PACKAGE}"

LOGIC_GOLDEN_CASES: list[tuple[str, dict[str, Any]]] = [
    ("chipgym/LogicSynthesis-v0", {"scenario": "own-small"}),
    ("chipgym/LogicSynthesis-v0", {"scenario": "own-small", "objective": "log-adp"}),
    ("chipgym/LogicSynthesis-v0", {"scenario": "abcrl"}),
    ("chipgym/LogicSynthesis-v0", {"scenario": "boils"}),
    ("chipgym/LogicSynthesis-v0", {"scenario": "drills", "steps": 20}),
    ("chipgym/LogicRecipe-v0", {"scenario": "own-small", "steps": 3}),
]
"""Golden trajectories of logic synthesis; they hold for the pinned ABC."""


def abc_package() -> str:
    """Package of the ABC that would run; empty where it is from elsewhere, or missing."""
    try:
        return find_abc().package
    except AbcNotFoundError:
        return ""


def logic_golden_cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every golden trajectory: id, arguments, version of simulator and ABC behind it."""
    for env_id, kwargs in LOGIC_GOLDEN_CASES:
        yield env_id, kwargs, LOGIC_VERSION
