"""Designs: from value indexes to settings of the controller, and the rules between knobs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.spaces import FeasibleMultiDiscrete
from chipgym.envs.dram_tuning.knobs import ADDRESS_MAP, Knob
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.rules import LOSES_DATA, RULES

__all__ = ["Design", "DesignSpace"]

Design = tuple[int, ...]
Settings = Mapping[str, Any]

DEFAULTS: dict[str, Any] = ControllerConfig().document()


class DesignSpace:
    """All designs of some knobs.

    Parameters
    ----------
    knobs : sequence of Knob
    refresh_required : bool
        Whether designs without refresh are infeasible.
    device : Device, optional
        Without it the rules that depend on the device hold.

    Attributes
    ----------
    knobs : tuple of Knob
    default : tuple of int
        The design to which all others are compared.
    """

    def __init__(
        self,
        knobs: Sequence[Knob],
        refresh_required: bool = True,
        device: Device | None = None,
    ) -> None:
        self.knobs = tuple(knobs)
        self.refresh_required = refresh_required
        self.device = device
        self.default: Design = tuple(knob.index(knob.default) for knob in self.knobs)

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

    def reasons(self, design: Design) -> tuple[str, ...]:
        """Why a design is infeasible, a reason for each rule that it breaks."""
        return self._reasons(DEFAULTS | self.decode(design))

    def _reasons(self, settings: dict[str, Any]) -> tuple[str, ...]:
        return tuple(
            rule.reason
            for rule in RULES
            if rule.broken(settings, self.device, False)
            and (self.refresh_required or rule.reason != LOSES_DATA)
        )

    def edit_reasons(self, design: Design) -> list[str]:
        """Why each edit of a design is of no use, "" where it is, in the order of `edits`."""
        settings = DEFAULTS | self.decode(design)
        reasons = []
        for place, knob in enumerate(self.knobs):
            for index, value in enumerate(knob.values):
                if index == design[place]:
                    reasons.append("the knob has this value already")
                else:
                    reasons.append("; ".join(self._reasons({**settings, knob.name: value})))
        return reasons

    def allows(self, design: npt.NDArray[Any] | Design) -> bool:
        """Whether a design is feasible."""
        return not self.reasons(tuple(int(index) for index in design))

    def simulates(self, design: Design) -> bool:
        """Whether a design is simulated: all that are feasible or just lose data."""
        return all(reason == LOSES_DATA for reason in self.reasons(design))

    def config(self, design: Design) -> tuple[ControllerConfig, str | None]:
        """Return the controller's configuration, and the address map where it is a knob."""
        settings = self.decode(design)
        address_map = settings.pop(ADDRESS_MAP, None)
        return ControllerConfig(**settings), address_map
