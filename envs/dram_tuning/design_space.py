"""Designs: from value indexes to settings of the controller, and the rules between knobs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.spaces import FeasibleMultiDiscrete
from chipgym.envs.dram_tuning.knobs import ADDRESS_MAP, Knob
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.config import ControllerConfig

__all__ = ["RULES", "Design", "DesignSpace", "Rule"]

Design = tuple[int, ...]
Settings = Mapping[str, Any]

DEFAULTS: dict[str, Any] = ControllerConfig().document()


@dataclass(frozen=True)
class Rule:
    """What a design must keep.

    Attributes
    ----------
    name, reason : str
        The reason is what masks and infeasible designs report.
    broken : callable
        Whether settings, all of them by name, break it.
    simulates : bool
        Whether a design that breaks it is simulated all the same.
    """

    name: str
    reason: str
    broken: Callable[[Settings], bool]
    simulates: bool = False


def _strict_order(settings: Settings) -> bool:
    return bool(settings["command_mux"] == "Strict" and settings["scheduler"] != "Fifo")


def _watermark_order(settings: Settings) -> bool:
    crossed = not 0 < settings["low_watermark"] < settings["high_watermark"]
    return settings["scheduler"] == "GrpFrFcfsWm" and crossed


def _watermark_reach(settings: Settings) -> bool:
    counted = settings["scheduler_buffer"] in ("ReadWrite", "Shared")
    high = settings["high_watermark"] >= settings["request_buffer_size"]
    return settings["scheduler"] == "GrpFrFcfsWm" and counted and high


def _refresh(settings: Settings) -> bool:
    return bool(settings["refresh_policy"] == "NoRefresh")


RULES: tuple[Rule, ...] = (
    Rule(
        "strict-order",
        "command_mux Strict needs scheduler Fifo: any other waits for the next request in order "
        "while it serves another",
        _strict_order,
    ),
    Rule(
        "watermark-order",
        "scheduler GrpFrFcfsWm needs 0 < low_watermark < high_watermark",
        _watermark_order,
    ),
    Rule(
        "watermark-reach",
        "scheduler GrpFrFcfsWm with scheduler_buffer ReadWrite or Shared needs high_watermark < "
        "request_buffer_size, or it turns to writing only when no read waits",
        _watermark_reach,
    ),
    Rule(
        "refresh",
        "refresh_policy NoRefresh loses the data",
        _refresh,
        simulates=True,
    ),
)


class DesignSpace:
    """All designs of some knobs.

    Parameters
    ----------
    knobs : sequence of Knob
    refresh_required : bool
        Whether designs without refresh are infeasible.

    Attributes
    ----------
    knobs : tuple of Knob
    default : tuple of int
        The design to which all others are compared.
    rules : tuple of Rule
    """

    def __init__(self, knobs: Sequence[Knob], refresh_required: bool = True) -> None:
        self.knobs = tuple(knobs)
        self.default: Design = tuple(knob.index(knob.default) for knob in self.knobs)
        self.rules = tuple(r for r in RULES if refresh_required or r.broken is not _refresh)

    @property
    def lengths(self) -> list[int]:
        """Number of values of each knob."""
        return [len(knob.values) for knob in self.knobs]

    @property
    def size(self) -> int:
        """Number of designs, infeasible ones included."""
        return math.prod(self.lengths)

    @property
    def edits(self) -> tuple[tuple[int, int], ...]:
        """Each (knob, value) pair, as indexes, in the order of the edit actions."""
        return tuple((k, v) for k, n in enumerate(self.lengths) for v in range(n))

    def space(self) -> FeasibleMultiDiscrete:
        """Return the Gymnasium space, whose plain samples are feasible."""
        space = FeasibleMultiDiscrete(self.lengths)
        space.feasible = self.allows
        return space

    def check(self, design: Any, field: str = "design") -> Design:
        """Return a design as a tuple of ints.

        Raises
        ------
        InvalidValueError
            It has not one index a knob, or an index is out of range.
        """
        indexes = np.asarray(design)
        if indexes.shape != (len(self.knobs),) or indexes.dtype.kind not in "iu":
            shown = design.tolist() if isinstance(design, np.ndarray) else design
            raise InvalidValueError(field, shown, f"{len(self.knobs)} integers, one a knob")
        for knob, index in zip(self.knobs, indexes.tolist(), strict=True):
            if not 0 <= index < len(knob.values):
                raise InvalidValueError(
                    f"{field}[{knob.name}]", index, f">= 0 and <= {len(knob.values) - 1}"
                )
        return tuple(indexes.tolist())

    def decode(self, design: Design) -> dict[str, Any]:
        """Return a design's values by knob."""
        return {k.name: k.values[i] for k, i in zip(self.knobs, design, strict=True)}

    def encode(self, settings: Settings) -> Design:
        """Return the design with the given values; knobs that are left out keep the default.

        Raises
        ------
        InvalidValueError
            A knob is unknown, or a value is not one of its values.
        """
        names = [knob.name for knob in self.knobs]
        for name in settings:
            if name not in names:
                raise InvalidValueError("knob", name, f"one of {', '.join(names)}")
        return tuple(k.index(settings.get(k.name, k.default)) for k in self.knobs)

    def broken(self, design: Design) -> tuple[Rule, ...]:
        """Rules that a design breaks."""
        settings = DEFAULTS | self.decode(design)
        return tuple(rule for rule in self.rules if rule.broken(settings))

    def allows(self, design: npt.NDArray[Any] | Design) -> bool:
        """Whether a design breaks no rule."""
        return not self.broken(tuple(int(index) for index in design))

    def config(self, design: Design) -> tuple[ControllerConfig, str | None]:
        """Return the controller's configuration, and the address map where it is a knob."""
        settings = self.decode(design)
        address_map = settings.pop(ADDRESS_MAP, None)
        return ControllerConfig(**settings), address_map
