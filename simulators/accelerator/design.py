"""Chips: sub-accelerators under total budgets of PEs and bandwidth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from chipgym.simulators.accelerator.layout import DLA, RS, SHI
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "DATAFLOWS",
    "DESIGN_LIMITS",
    "NASAIC_BUDGET",
    "Budget",
    "Chip",
    "Dataflow",
    "SubAccelerator",
]

Ints = npt.NDArray[np.int64]
Dataflow = Literal["dla", "shi", "rs"]

DATAFLOWS: dict[str, int] = {"dla": DLA, "shi": SHI, "rs": RS}
"""Dataflow templates: NVDLA-like, ShiDianNao-like, row stationary."""


MAX_PES = 1_000_000
MAX_BANDWIDTH = 1_000_000
MAX_BYTES = 1 << 40

DESIGN_LIMITS = {
    "dataflow": len(DATAFLOWS) - 1,
    "pes": MAX_PES,
    "bandwidth": MAX_BANDWIDTH,
    "l1_bytes": MAX_BYTES,
    "l2_bytes": MAX_BYTES,
}
"""Largest value of each column of a lowered sub-accelerator."""


class SubAccelerator(Description):
    """One array of PEs with its buffers and network.

    Attributes
    ----------
    dataflow : {"dla", "shi", "rs"}
    pes : int
        0 leaves the sub-accelerator out.
    bandwidth : int
        Elements (bytes) that its network moves each cycle.
    l1_bytes, l2_bytes : int
        Buffer sizes, of a PE and shared; 0 for "as large as the layers mapped to it require".
    """

    dataflow: Dataflow
    pes: Annotated[int, Field(ge=0, le=MAX_PES)]
    bandwidth: Annotated[int, Field(ge=0, le=MAX_BANDWIDTH)]
    l1_bytes: Annotated[int, Field(ge=0, le=MAX_BYTES)] = 0
    l2_bytes: Annotated[int, Field(ge=0, le=MAX_BYTES)] = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.pes and not self.bandwidth:
            raise ValueError(f"{self.pes} PEs need a bandwidth of at least 1")
        return self

    @property
    def row(self) -> tuple[int, int, int, int, int]:
        """The sub-accelerator as the kernels see it."""
        flow = DATAFLOWS[self.dataflow]
        return (flow, self.pes, self.bandwidth, self.l1_bytes, self.l2_bytes)


class Budget(Description):
    """What all sub-accelerators of a chip may have together."""

    pes: Annotated[int, Field(ge=1)] = 4096
    bandwidth: Annotated[int, Field(ge=1)] = 64


NASAIC_BUDGET = Budget()
"""4096 PEs and 64 elements per cycle (64 GB/s at 1 GHz), as in Yang et al., DAC 2020."""


class Chip(Description):
    """Sub-accelerators side by side, joined to the memory."""

    sub_accelerators: tuple[SubAccelerator, ...] = Field(min_length=1, max_length=64)

    @classmethod
    def of(cls, *parts: tuple[Dataflow, int, int]) -> Chip:
        """Build a chip from (dataflow, PEs, bandwidth) triples."""
        return cls(
            sub_accelerators=tuple(
                SubAccelerator(dataflow=flow, pes=pes, bandwidth=bandwidth)
                for flow, pes, bandwidth in parts
            )
        )

    @property
    def rows(self) -> Ints:
        """The sub-accelerators as the kernels see them; [k, columns of the layout], read-only."""
        return lower_designs(self.sub_accelerators)

    @property
    def pes(self) -> int:
        """PEs of all sub-accelerators."""
        return sum(part.pes for part in self.sub_accelerators)

    @property
    def bandwidth(self) -> int:
        """Bandwidth of all sub-accelerators that have PEs."""
        return sum(part.bandwidth for part in self.sub_accelerators if part.pes)

    def check(self, budget: Budget) -> None:
        """Raise `InvalidValueError` where the chip exceeds a budget."""
        for field, value, limit in (
            ("pes", self.pes, budget.pes),
            ("bandwidth", self.bandwidth, budget.bandwidth),
        ):
            if value > limit:
                raise InvalidValueError(
                    field, value, f"a total of at most {limit} over the sub-accelerators"
                )


def lower_designs(parts: Sequence[SubAccelerator]) -> Ints:
    """Return sub-accelerators as rows of an array, read-only."""
    rows = np.array([part.row for part in parts], dtype=np.int64).reshape(len(parts), 5)
    rows.flags.writeable = False
    return rows
