"""Constants of a technology: energy, area and power of MACs, buffers, network and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from chipgym.simulators.accelerator.layout import (
    T_DRAM_BANDWIDTH,
    T_DRAM_ENERGY,
    T_L1_AREA,
    T_L1_BLOCK,
    T_L1_ENERGY,
    T_L1_POWER,
    T_L2_AREA,
    T_L2_BLOCK,
    T_L2_ENERGY,
    T_L2_POWER,
    T_MAC_AREA,
    T_MAC_ENERGY,
    T_MAC_POWER,
    T_NOC_ENERGY,
    TECHNOLOGY_COLUMNS,
)
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["TECHNOLOGIES", "Buffer", "Technology", "technology_named"]

Floats = npt.NDArray[np.float64]


class Buffer(Description):
    """A buffer built from equal blocks: its size is rounded up to whole blocks.

    Attributes
    ----------
    block_bytes : int
    area_um2, power_mw : float
        Of one block.
    """

    block_bytes: int = Field(ge=1)
    area_um2: float = Field(ge=0)
    power_mw: float = Field(ge=0)


class Technology(Description):
    """Constants of the cost model.

    Attributes
    ----------
    mac_energy_nj : float
        Energy of one multiply-accumulate, nJ.
    l1_energy, l2_energy, noc_energy, dram_energy : float
        Energy of one access of one element, in units of the MAC energy.
    mac_area_um2, mac_power_mw : float
        Of one PE without its buffer.
    l1, l2 : Buffer
        The buffer of a PE and the shared one.
    dram_bandwidth : float
        Elements per cycle that the off-chip memory moves; 0 for "never a limit".
    """

    name: str = Field(min_length=1)
    source: str = ""
    mac_energy_nj: float = Field(gt=0)
    l1_energy: float = Field(ge=0)
    l2_energy: float = Field(ge=0)
    noc_energy: float = Field(default=0.0, ge=0)
    dram_energy: float = Field(default=0.0, ge=0)
    mac_area_um2: float = Field(ge=0)
    mac_power_mw: float = Field(ge=0)
    l1: Buffer
    l2: Buffer
    dram_bandwidth: float = Field(default=0.0, ge=0)

    @property
    def lowered(self) -> Floats:
        """The constants in the kernels' order; read-only."""
        values = np.zeros(TECHNOLOGY_COLUMNS)
        columns: dict[int, Any] = {
            T_MAC_ENERGY: self.mac_energy_nj,
            T_L1_ENERGY: self.l1_energy,
            T_L2_ENERGY: self.l2_energy,
            T_NOC_ENERGY: self.noc_energy,
            T_DRAM_ENERGY: self.dram_energy,
            T_MAC_AREA: self.mac_area_um2,
            T_MAC_POWER: self.mac_power_mw,
            T_L1_BLOCK: self.l1.block_bytes,
            T_L1_AREA: self.l1.area_um2,
            T_L1_POWER: self.l1.power_mw,
            T_L2_BLOCK: self.l2.block_bytes,
            T_L2_AREA: self.l2.area_um2,
            T_L2_POWER: self.l2.power_mw,
            T_DRAM_BANDWIDTH: self.dram_bandwidth,
        }
        for column, value in columns.items():
            values[column] = value
        values.flags.writeable = False
        return values


_BYTE = Buffer(block_bytes=1, area_um2=0.104, power_mw=0.00345)

TECHNOLOGIES: dict[str, Technology] = {
    technology.name: technology
    for technology in (
        Technology(
            name="maestro",
            source="MAESTRO, commit 4eb08d17 (28 nm); energy factors of BASE_constants.hpp. "
            "No off-chip energy.",
            mac_energy_nj=0.00023,
            l1_energy=1.68,
            l2_energy=18.61,
            mac_area_um2=283.0,
            mac_power_mw=1.2223,
            l1=_BYTE,
            l2=_BYTE,
        ),
        # A quirk of this set: a 32 KB block of L2 is smaller than a 64-byte block of L1, so the
        # shared buffer is all but free. Its own energy factors are not recorded.
        Technology(
            name="maestro-2019",
            source="MAESTRO's earlier constants, kept as comments in the same file; the published "
            "NASAIC specifications are on their scale. No off-chip energy.",
            mac_energy_nj=0.904,
            l1_energy=1.68,
            l2_energy=18.61,
            mac_area_um2=4470.9014,
            mac_power_mw=1.2223,
            l1=Buffer(block_bytes=64, area_um2=4505.1889, power_mw=0.2208),
            l2=Buffer(block_bytes=32768, area_um2=4161.536, power_mw=4.0),
        ),
        Technology(
            name="eyeriss",
            source="Normalised access costs after Chen et al., ISCA 2016: register file 1, network "
            "2, global buffer 6, DRAM 200 MACs; energy of a MAC, areas and powers as in 'maestro'.",
            mac_energy_nj=0.00023,
            l1_energy=1.0,
            l2_energy=6.0,
            noc_energy=2.0,
            dram_energy=200.0,
            mac_area_um2=283.0,
            mac_power_mw=1.2223,
            l1=_BYTE,
            l2=_BYTE,
        ),
    )
}
"""The shipped constant sets by name."""


def technology_named(name: str) -> Technology:
    """Return a shipped constant set, or raise `UnknownNameError`."""
    if name not in TECHNOLOGIES:
        raise UnknownNameError("technology", name, TECHNOLOGIES)
    return TECHNOLOGIES[name]
