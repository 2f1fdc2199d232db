"""The tokens of a chip: dataflow, PEs and bandwidth of each sub-accelerator under total budgets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from chipgym.envs.codesign.spaces import Choices, Token
from chipgym.simulators.accelerator.design import (
    NASAIC_BUDGET,
    Budget,
    Chip,
    Dataflow,
    SubAccelerator,
)

__all__ = ["FLOWS", "HARDWARE", "TOKENS_PER_UNIT", "HardwareSpace"]

TOKENS_PER_UNIT = 3

FLOWS = tuple(get_args(Dataflow))
"""Dataflows in the order of their numbers."""


@dataclass(frozen=True)
class HardwareSpace:
    """Chips of some sub-accelerators.

    Attributes
    ----------
    name : str
    units : int
        Sub-accelerators; one without PEs is left out.
    pes, bandwidth : tuple of int
        Options, rising; the first number of PEs is 0. The smallest other is at least 64, which
        every dataflow needs to run every layer.
    budget : Budget
        Totals over the sub-accelerators.
    """

    name: str
    units: int
    pes: tuple[int, ...]
    bandwidth: tuple[int, ...]
    budget: Budget

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Three tokens for each sub-accelerator."""
        tokens = []
        for unit in range(1, self.units + 1):
            where = f"of sub-accelerator {unit}"
            tokens += [
                Token(f"dataflow{unit}", FLOWS, f"Dataflow {where}"),
                Token(f"pes{unit}", self.pes, f"PEs {where}; 0 leaves it out"),
                Token(f"bandwidth{unit}", self.bandwidth, f"Bandwidth {where}, bytes a cycle"),
            ]
        return tuple(tokens)

    def left(self, prefix: Choices) -> tuple[int, int]:
        """Return PEs and bandwidth that the budgets have left after a prefix."""
        pes, bandwidth = self.budget.pes, self.budget.bandwidth
        for start in range(0, len(prefix), TOKENS_PER_UNIT):
            part = prefix[start : start + TOKENS_PER_UNIT]
            if len(part) > 1:
                pes -= self.pes[part[1]]
            if len(part) > 2 and self.pes[part[1]]:
                bandwidth -= self.bandwidth[part[2]]
        return pes, bandwidth

    def legal(self, prefix: Choices) -> tuple[bool, ...]:
        """Return which options keep to the budgets and lead to a chip with PEs."""
        place = len(prefix) % TOKENS_PER_UNIT
        pes, bandwidth = self.left(prefix)
        if place == 0:
            return (True,) * len(FLOWS)
        if place == 1:
            last = len(prefix) // TOKENS_PER_UNIT == self.units - 1
            empty = pes == self.budget.pes
            feeds = bandwidth >= self.bandwidth[0]
            return tuple(
                not (last and empty) if count == 0 else feeds and count <= pes for count in self.pes
            )
        if not self.pes[prefix[-1]]:
            return (True, *(False for _ in self.bandwidth[1:]))
        return tuple(width <= bandwidth for width in self.bandwidth)

    def canonical(self, choices: Choices) -> Choices:
        """Return the choices with dataflow and bandwidth of absent units set to the first."""
        parts: list[int] = []
        for start in range(0, len(choices), TOKENS_PER_UNIT):
            flow, pes, bandwidth = choices[start : start + TOKENS_PER_UNIT]
            parts += (flow, pes, bandwidth) if self.pes[pes] else (0, pes, 0)
        return tuple(parts)

    def reason(self, choices: Choices) -> str:
        """Return why complete choices are no chip; empty if they are one."""
        pes, bandwidth = self.left(choices)
        if pes == self.budget.pes:
            return "no sub-accelerator has PEs"
        if pes < 0:
            return f"more than {self.budget.pes} PEs"
        if bandwidth < 0:
            return f"more than {self.budget.bandwidth} bytes a cycle"
        return ""

    def part(self, flow: int, pes: int, bandwidth: int) -> SubAccelerator:
        """Return a sub-accelerator of three choices."""
        name = FLOWS[flow]
        return SubAccelerator(dataflow=name, pes=self.pes[pes], bandwidth=self.bandwidth[bandwidth])

    def chip(self, choices: Choices) -> Chip:
        """Return the chip of complete choices."""
        starts = range(0, len(choices), TOKENS_PER_UNIT)
        return Chip(
            sub_accelerators=tuple(
                self.part(*choices[start : start + TOKENS_PER_UNIT]) for start in starts
            )
        )


_ALL = (
    HardwareSpace(
        "small",
        2,
        (0, *range(64, 1025, 64)),
        tuple(range(4, 33, 4)),
        Budget(pes=1024, bandwidth=32),
    ),
    HardwareSpace("nasaic", 2, (0, *range(64, 4097, 32)), tuple(range(8, 65, 8)), NASAIC_BUDGET),
    HardwareSpace(
        "nasaic-single", 1, (0, *range(64, 4097, 32)), tuple(range(8, 65, 8)), NASAIC_BUDGET
    ),
)

HARDWARE: dict[str, HardwareSpace] = {space.name: space for space in _ALL}
"""Spaces of chips by name. ``nasaic`` has the budgets of Yang et al. (DAC 2020) in steps of 32 PEs
and 8 bytes a cycle; ``small`` suits images of 8 by 8 pixels."""
