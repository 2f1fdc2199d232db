"""DRAM devices: geometry, timing and currents, loaded from JSON."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["Currents", "Device", "Timing", "device_names", "load_device"]

DATA = Path(__file__).parent / "data" / "devices"

Count = Annotated[int, Field(ge=1, le=1 << 24)]
Cycles = Annotated[int, Field(ge=0, le=1 << 24)]
Milliamperes = Annotated[float, Field(ge=0, le=1e5)]
Volts = Annotated[float, Field(gt=0, le=10)]


def _power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


class Timing(Description):
    """Timing parameters in memory-clock cycles, by their JEDEC names.

    Where a device does not distinguish bank groups, the long and short forms are equal.
    """

    RCD: Cycles
    RP: Cycles
    RAS: Cycles
    RC: Cycles
    RL: Cycles
    WL: Cycles
    CCD_S: Cycles
    CCD_L: Cycles
    RRD_S: Cycles
    RRD_L: Cycles
    FAW: Cycles
    WTR_S: Cycles
    WTR_L: Cycles
    WR: Cycles
    RTP: Cycles
    REFI: Annotated[int, Field(ge=1, le=1 << 24)]
    RFC: Cycles
    CKE: Cycles
    CKESR: Cycles
    XP: Cycles
    XS: Cycles
    XSDLL: Cycles
    ACTPDEN: Cycles
    PRPDEN: Cycles
    REFPDEN: Cycles
    RTRS: Cycles
    RPRE: Cycles = 0
    WPRE: Cycles = 0
    DQSCK: Cycles = 0

    @model_validator(mode="after")
    def _check(self) -> Timing:
        rules = {
            "RC >= RAS": self.RC >= self.RAS,
            "RAS >= RCD": self.RAS >= self.RCD,
            "CCD_L >= CCD_S": self.CCD_L >= self.CCD_S,
            "RRD_L >= RRD_S": self.RRD_L >= self.RRD_S,
            "WTR_L >= WTR_S": self.WTR_L >= self.WTR_S,
            "FAW >= RRD_S": self.FAW >= self.RRD_S,
            "RFC >= RP": self.RFC >= self.RP,
            "REFI > RFC": self.REFI > self.RFC,
            "XSDLL >= XS": self.XSDLL >= self.XS,
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ValueError(f"impossible timing: {', '.join(broken)} must hold")
        return self


class Currents(Description):
    """Supply currents in mA and voltages in V, as in data sheets (IDD, and IPP where given)."""

    vdd_v: Volts
    idd0_ma: Milliamperes
    idd2n_ma: Milliamperes
    idd3n_ma: Milliamperes
    idd2p0_ma: Milliamperes
    idd3p0_ma: Milliamperes
    idd4r_ma: Milliamperes
    idd4w_ma: Milliamperes
    idd5_ma: Milliamperes
    idd6_ma: Milliamperes
    vpp_v: Volts | None = None
    ipp0_ma: Milliamperes = 0.0
    ipp6_ma: Milliamperes = 0.0


class Device(Description):
    """A DRAM module: ranks of equal devices that share one command bus and one data bus.

    Attributes
    ----------
    name : str
    standard : {"DDR3", "DDR4"}
        Selects the derived timing rules and the energy formulas.
    validated : bool
        Whether reference results cover this device.
    source : str
        Where the values come from.
    clock_mhz : int
        Memory clock; data move at twice that rate.
    ranks, bank_groups, banks_per_group, rows, columns : int
        Geometry; `columns` counts words of the bus width.
    device_width_bits, devices_per_rank, burst_length : int
        Their product is a request in bits.
    timing : Timing
    currents : Currents
    """

    name: str
    standard: Literal["DDR3", "DDR4"]
    validated: bool
    source: str
    clock_mhz: Annotated[int, Field(ge=1, le=10_000)]
    ranks: Annotated[int, Field(ge=1, le=16)]
    bank_groups: Annotated[int, Field(ge=1, le=16)]
    banks_per_group: Annotated[int, Field(ge=1, le=64)]
    rows: Count
    columns: Count
    device_width_bits: Annotated[int, Field(ge=4, le=128)]
    devices_per_rank: Annotated[int, Field(ge=1, le=64)]
    burst_length: Annotated[int, Field(ge=2, le=32)]
    timing: Timing
    currents: Currents

    @model_validator(mode="after")
    def _check(self) -> Device:
        sizes = {
            "ranks": self.ranks,
            "bank_groups": self.bank_groups,
            "banks_per_group": self.banks_per_group,
            "rows": self.rows,
            "columns": self.columns,
            "burst_length": self.burst_length,
            "bus width": self.bus_bytes * 8,
        }
        for name, value in sizes.items():
            if not _power_of_two(value):
                raise ValueError(f"{name} must be a power of two, not {value}")
        if self.bus_bytes < 1 or self.columns < self.burst_length:
            raise ValueError("a row must hold at least one burst")
        return self

    @property
    def clock_ps(self) -> int:
        """Memory-clock period, rounded to whole ps as all reported times are."""
        return (2_000_000 + self.clock_mhz) // (2 * self.clock_mhz)

    @property
    def burst_cycles(self) -> int:
        """Cycles that a burst occupies the data bus."""
        return self.burst_length // 2

    @property
    def bus_bytes(self) -> int:
        """Width of the data bus in bytes."""
        return self.device_width_bits * self.devices_per_rank // 8

    @property
    def burst_bytes(self) -> int:
        """Size of a request in bytes."""
        return self.bus_bytes * self.burst_length

    @property
    def banks_per_rank(self) -> int:
        """Banks of a rank, over all its groups."""
        return self.bank_groups * self.banks_per_group

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        return self.banks_per_rank * self.ranks

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the channel."""
        return self.banks * self.rows * self.columns * self.bus_bytes


def device_names() -> list[str]:
    """Return the names of the shipped devices."""
    return sorted(path.stem for path in DATA.glob("*.json"))


@functools.cache
def load_device(name: str) -> Device:
    """Return a shipped device by name.

    Raises
    ------
    UnknownNameError
        There is no such device.
    """
    if name not in device_names():
        raise UnknownNameError("device", name, device_names())
    return Device.load(DATA / f"{name}.json")
