"""The settings that an agent changes while the controller runs, and named choices of all of them.

Each is declared once; action spaces, observation and documentation are derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.config import ControllerConfig

__all__ = [
    "BASE_CONFIG",
    "DEFAULT_CHOICE",
    "PRESETS",
    "RUNTIME_GROUPS",
    "RUNTIME_KNOBS",
    "RuntimeKnob",
    "runtime_config",
]

Setting = str | int


@dataclass(frozen=True)
class RuntimeKnob:
    """One choice of each window.

    Attributes
    ----------
    name, group, meaning : str
        `group` names the agent that makes the choice in the multi-agent form.
    labels : tuple of str
        The options by name.
    settings : tuple of dict
        Fields of `ControllerConfig` that each option sets.
    """

    name: str
    group: str
    meaning: str
    labels: tuple[str, ...]
    settings: tuple[dict[str, Setting], ...]

    def __len__(self) -> int:
        return len(self.labels)


def _one(name: str, group: str, meaning: str, values: Sequence[Setting]) -> RuntimeKnob:
    labels = tuple(str(value) for value in values)
    return RuntimeKnob(name, group, meaning, labels, tuple({name: value} for value in values))


PAIRS = ((1, 3), (2, 6), (4, 12), (8, 24))
LIMITS = (0, 2, 4, 8)
"""JEDEC allows at most eight refreshes to be postponed or pulled in (DDR3, DDR4)."""

RUNTIME_KNOBS: tuple[RuntimeKnob, ...] = (
    _one(
        "page_policy",
        "page_scheduler",
        "when a row is closed",
        ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive"),
    ),
    _one(
        "scheduler",
        "page_scheduler",
        "which request of a bank comes next",
        ("FrFcfs", "Fifo", "FrFcfsGrp", "GrpFrFcfs", "GrpFrFcfsWm"),
    ),
    RuntimeKnob(
        "watermarks",
        "watermarks",
        "writes buffered at which GrpFrFcfsWm turns back to reads, and to writes",
        tuple(f"{low}-{high}" for low, high in PAIRS),
        tuple({"low_watermark": low, "high_watermark": high} for low, high in PAIRS),
    ),
    _one("refresh_max_postponed", "refresh", "refreshes that may be late", LIMITS),
    _one("refresh_max_pulledin", "refresh", "refreshes that may be early", LIMITS),
    _one(
        "power_down_policy",
        "power_down",
        "whether idle ranks sleep",
        ("NoPowerDown", "Staggered"),
    ),
)
RUNTIME_GROUPS: tuple[str, ...] = tuple(dict.fromkeys(knob.group for knob in RUNTIME_KNOBS))
"""Agents of the multi-agent form."""

DEFAULT_CHOICE: tuple[int, ...] = (0,) * len(RUNTIME_KNOBS)
"""The default controller: open pages, first-ready first-come first-served, no flexibility."""

BASE_CONFIG = ControllerConfig(request_buffer_size=32, scheduler_buffer="Shared")
"""Settings that do not change in a run."""

PRESETS: dict[str, tuple[int, ...]] = {
    "default": DEFAULT_CHOICE,
    "in-order": (0, 1, 0, 0, 0, 0),
    "closed": (2, 0, 0, 0, 0, 0),
    "adaptive": (1, 2, 0, 0, 0, 0),
    "closed-adaptive": (3, 2, 0, 0, 0, 0),
    "grouped": (1, 3, 0, 0, 0, 0),
    "write-drain": (1, 4, 2, 0, 0, 0),
    "postpone": (1, 2, 0, 3, 0, 0),
    "catch-up": (1, 0, 0, 0, 3, 0),
    "sleepy": (0, 0, 0, 0, 0, 1),
    "sleepy-catch-up": (3, 0, 0, 0, 3, 1),
}
"""Actions of the form ``presets``: options of all knobs, by name."""


def runtime_config(choice: Sequence[int] | npt.NDArray[Any]) -> ControllerConfig:
    """Return the configuration of one option of each knob."""
    changes: dict[str, Any] = {}
    for knob, option in zip(RUNTIME_KNOBS, choice, strict=True):
        changes |= knob.settings[int(option)]
    return replace(BASE_CONFIG, **changes)


def one_hot(choice: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the options as float32 0 and 1, knob after knob."""
    parts = [
        np.eye(len(knob), dtype=np.float32)[int(option)]
        for knob, option in zip(RUNTIME_KNOBS, choice, strict=True)
    ]
    return np.concatenate(parts)
