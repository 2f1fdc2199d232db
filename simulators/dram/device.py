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
Standard = Literal["DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "HBM2"]
Volts = Annotated[float, Field(gt=0, le=10)]


def _power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


class Timing(Description):
    """Timing parameters in memory-clock cycles, by their JEDEC names.

    Where a device does not distinguish bank groups, the long and short forms are equal. What has a
    default is given only where the standard tells it apart: RCD before a write, CCD between writes
    of a bank group, RP of all banks, RTW (from a read to a write), PPD (between precharges), DQSS
    and DQS2DQ (delays of write data), and the refresh of one set of banks (REFpb or REFsb): RFCB
    its length, REFIB the interval between two of any set, PBR2PBR the least distance to the next
    one and PBR2ACT to an ACT of another set.
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
    RCD_WR: Cycles | None = None
    CCD_L_WR: Cycles | None = None
    RP_AB: Cycles | None = None
    RTW: Cycles | None = None
    PPD: Cycles = 0
    DQSS: Cycles = 0
    DQS2DQ: Cycles = 0
    RFCB: Cycles = 0
    REFIB: Cycles = 0
    PBR2PBR: Cycles = 0
    PBR2ACT: Cycles = 0

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
    """Supply currents in mA and voltages in V, as in data sheets (IDD, and IPP where given).

    `idd5pb_ma` is the mean current while one bank after another is refreshed at its interval;
    `second` holds the same currents of a second core supply (VDD2 of LPDDR4).
    """

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
    idd5pb_ma: Milliamperes | None = None
    second: Currents | None = None


class Device(Description):
    """A DRAM module: channels, each of ranks of equal devices on one command and one data bus.

    Attributes
    ----------
    name : str
    standard : {"DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "HBM2"}
        Selects the derived timing rules (see timing.py).
    validated : bool
        Whether reference results cover this device.
    source : str
        Where the values come from.
    clock_mhz : int
        Memory clock.
    data_rate : int
        Transfers on the data bus in a memory-clock cycle.
    channels : int
        Equal channels, each with its own controller and buses.
    ranks, bank_groups, banks_per_group, rows, columns : int
        Geometry of a channel; `columns` counts words of the bus width.
    device_width_bits, devices_per_rank, burst_length : int
        Their product is a request in bits.
    partial_refresh : {"PerBank", "SameBank"}, optional
        The refresh policy beside AllBank that the device has: of one bank or a pair of banks, or of
        the same bank of each group.
    refresh_sets : int
        Sets of banks that it refreshes one at a time; bank b of a rank is in set b modulo this.
    timing : Timing
    currents : Currents, optional
        Without them energy and power are nan (see `has_energy`).
    default_map : str
        Name of a shipped address map that fits.
    """

    name: str
    standard: Standard
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
    data_rate: Annotated[int, Field(ge=1, le=16)] = 2
    channels: Annotated[int, Field(ge=1, le=64)] = 1
    partial_refresh: Literal["PerBank", "SameBank"] | None = None
    refresh_sets: Annotated[int, Field(ge=0, le=60)] = 0
    timing: Timing
    currents: Currents | None = None
    default_map: str = ""

    @model_validator(mode="after")
    def _check(self) -> Device:
        sizes = {
            "channels": self.channels,
            "ranks": self.ranks,
            "bank_groups": self.bank_groups,
            "banks_per_group": self.banks_per_group,
            "rows": self.rows,
            "columns": self.columns,
            "burst_length": self.burst_length,
            "data_rate": self.data_rate,
            "bus width": self.bus_bytes * 8,
        }
        for name, value in sizes.items():
            if not _power_of_two(value):
                raise ValueError(f"{name} must be a power of two, not {value}")
        if self.bus_bytes < 1 or self.columns < self.burst_length:
            raise ValueError("a row must hold at least one burst")
        if self.burst_length < self.data_rate:
            raise ValueError("a burst must fill at least one cycle")
        self._check_refresh()
        return self

    def _check_refresh(self) -> None:
        if self.partial_refresh is None:
            return
        t = self.timing
        if self.refresh_sets < 1 or self.banks_per_rank % self.refresh_sets:
            raise ValueError("refresh_sets must divide the banks of a rank")
        if self.partial_refresh == "SameBank" and self.refresh_sets != self.banks_per_group:
            raise ValueError("SameBank has as many refresh_sets as banks_per_group")
        if not (t.RFCB >= t.RP and t.REFIB > t.RFCB and t.PBR2PBR >= 1):
            raise ValueError(
                "impossible timing: RFCB >= RP, REFIB > RFCB and PBR2PBR >= 1 must hold"
            )
        if self.currents is not None and self.currents.idd5pb_ma is None:
            raise ValueError(f"{self.partial_refresh} refresh needs the current idd5pb_ma")

    @property
    def clock_ps(self) -> int:
        """Memory-clock period, rounded to whole ps as all reported times are."""
        return (2_000_000 + self.clock_mhz) // (2 * self.clock_mhz)

    @property
    def burst_cycles(self) -> int:
        """Cycles that a burst occupies the data bus."""
        return self.burst_length // self.data_rate

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
        """Bytes of all channels."""
        return self.channels * self.banks * self.rows * self.columns * self.bus_bytes

    @property
    def has_energy(self) -> bool:
        """Whether currents are known, so that energy and power are."""
        return self.currents is not None

    @property
    def refresh_policies(self) -> tuple[str, ...]:
        """Refresh policies that the device has."""
        partial = (self.partial_refresh,) if self.partial_refresh else ()
        return ("NoRefresh", "AllBank", *partial)


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
