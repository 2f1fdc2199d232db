"""Golden trajectories of co-design, shared with the script that rewrites their file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chipgym  # noqa: F401  # registers the ids
from chipgym.simulators.accelerator.simulate import SIMULATOR_VERSION as CODESIGN_VERSION

CODESIGN_GOLDEN = Path(__file__).parent / "golden_codesign.json"

DESIGN, WHOLE, REFINE = (
    "chipgym/CoDesign-v0",
    "chipgym/CoDesignOneShot-v0",
    "chipgym/CoDesignRefine-v0",
)

CODESIGN_GOLDEN_CASES: list[tuple[str, dict[str, Any]]] = [
    (DESIGN, {"scenario": "digits-tiny"}),
    (DESIGN, {"scenario": "digits-tiny-drawn", "hardware_steps": 2, "shaping": True}),
    (WHOLE, {"scenario": "digits-tiny"}),
    (WHOLE, {"scenario": "digits-tiny-three"}),
    (REFINE, {"scenario": "digits-tiny"}),
    (REFINE, {"scenario": "digits-tiny-single", "trainings": 4}),
]


def codesign_golden_cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every golden trajectory: id, arguments, version of the simulator behind it."""
    for env_id, kwargs in CODESIGN_GOLDEN_CASES:
        yield env_id, kwargs, CODESIGN_VERSION
