"""Results of the accelerator simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator import layout

__all__ = ["ChipResult", "LayerCosts"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerCosts:
    """Costs of layers on sub-accelerators; every array has the shape of `cycles`.

    Attributes
    ----------
    cycles : int64
        Latency; -1 where the sub-accelerator has too few PEs or bytes for the layer.
    energy_nj : float64
        Infinite where unsupported, as are area and power.
    area_um2, power_mw : float64
        Of the sub-accelerator with buffers as the layer requires them, or as given.
    utilisation : float64
        Multiply-accumulates per cycle and PE.
    counts : int64 [..., columns of the layout]
        Multiply-accumulates, accesses of one element by memory level, buffer sizes in bytes.
    """

    cycles: Ints
    energy_nj: Floats
    area_um2: Floats
    power_mw: Floats
    utilisation: Floats
    counts: Ints

    def _count(self, column: int) -> Ints:
        return self.counts[..., column]

    @property
    def supported(self) -> npt.NDArray[np.bool_]:
        """Whether the sub-accelerator can run the layer."""
        return self.cycles >= 0

    @property
    def macs(self) -> Ints:
        """Multiply-accumulates."""
        return self._count(layout.C_MACS)

    @property
    def l1_accesses(self) -> Ints:
        """Reads of inputs, weights and sums, writes of the same, in the PEs' buffers."""
        return 4 * self.macs + self.input_reads + self.weight_reads

    @property
    def l2_accesses(self) -> Ints:
        """Reads and writes of the shared buffer."""
        columns = (
            layout.C_INPUT_READS,
            layout.C_WEIGHT_READS,
            layout.C_OUTPUT_READS,
            layout.C_OUTPUT_WRITES,
            layout.C_INPUT_FILLS,
            layout.C_WEIGHT_FILLS,
        )
        return self.counts[..., list(columns)].sum(axis=-1)

    @property
    def dram_accesses(self) -> Ints:
        """Elements moved to and from the off-chip memory."""
        return self._count(layout.C_DRAM_READS) + self._count(layout.C_DRAM_WRITES)

    @property
    def input_reads(self) -> Ints:
        """Inputs read from the shared buffer."""
        return self._count(layout.C_INPUT_READS)

    @property
    def weight_reads(self) -> Ints:
        """Weights read from the shared buffer."""
        return self._count(layout.C_WEIGHT_READS)

    @property
    def output_writes(self) -> Ints:
        """Outputs and partial sums written to the shared buffer."""
        return self._count(layout.C_OUTPUT_WRITES)

    @property
    def output_reads(self) -> Ints:
        """Outputs read from the shared buffer."""
        return self._count(layout.C_OUTPUT_READS)

    @property
    def l1_bytes(self) -> Ints:
        """Required buffer of a PE, double-buffered."""
        return self._count(layout.C_L1)

    @property
    def l2_bytes(self) -> Ints:
        """Required shared buffer, double-buffered."""
        return self._count(layout.C_L2)


@dataclass(frozen=True)
class ChipResult:
    """One chip with its networks mapped and scheduled.

    Attributes
    ----------
    supported : bool
        False where some layer fits on no sub-accelerator; the latency is -1 then, energy, area and
        power are nan.
    latency_cycles : int
        Makespan of all networks together.
    energy_nj, area_um2, power_mw : float
        Sums over layers (energy) and over sub-accelerators.
    within_limit : bool
        Whether the latency limit of the mapping is kept.
    layers : tuple of str
        [L]; ``"number of the network/name of the layer"``.
    unit, start_cycle, finish_cycle : int64 [L]
        Sub-accelerator of each layer, and when it runs.
    l1_bytes, l2_bytes : int64 [k]
        Buffers built into each sub-accelerator.
    """

    supported: bool
    latency_cycles: int
    energy_nj: float
    area_um2: float
    power_mw: float
    within_limit: bool
    layers: tuple[str, ...]
    unit: Ints
    start_cycle: Ints
    finish_cycle: Ints
    l1_bytes: Ints
    l2_bytes: Ints

    def document(self) -> dict[str, Any]:
        """Return the result as a JSON document."""
        document = {}
        for name, value in vars(self).items():
            document[name] = value.tolist() if isinstance(value, np.ndarray) else value
        return document
