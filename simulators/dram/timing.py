"""Timing constraints of a device as tables: after command X, how long until command Y may come.

A constraint holds within the bank, the bank group or the rank of the earlier command, or on the
other ranks of the channel. `Constraints` has one matrix for each of these scopes, in cycles,
indexed [earlier, later].

DDR3 and DDR4 follow DRAMSys v4.0's checkers (additive latency 0) and are validated. The others are
not. LPDDR4 and HBM2 follow DRAMSys v4.0's checkers too, DDR5 and LPDDR5 the constraints of
Ramulator 2 (c5b1c3a478b6). Simplifications:

- A command of several cycles keeps the command bus busy by constraints of its rank and the others.
- HBM2: a pseudo-channel is a channel with a command bus of its own, which carries row and column
  commands; the buses that the two pseudo-channels share are not modelled.
- LPDDR5: the data clock runs all the time, so no CAS command for it; ACT-1 and ACT-2 follow each
  other at once; BL/n_max is folded into WTR and RTW.
- An exit from power-down takes tXP to any command of any length.
- A refresh of a bank set keeps the distance RRD_L from an ACT of its rank.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.commands import (
    ACT,
    CAS,
    NUM_COMMANDS,
    PDEA,
    PDEP,
    PDXA,
    PDXP,
    PRE,
    PREA,
    RD,
    RDA,
    READS,
    REF,
    REFPB,
    REFSB,
    SREFEN,
    SREFEX,
    WR,
    WRA,
    WRITES,
)
from chipgym.simulators.dram.device import Device

__all__ = ["NEVER", "TABLE", "Constraints", "command_cycles", "constraints", "data_latencies"]

Ints = npt.NDArray[np.int64]

TABLE = 16
"""Side of a matrix: the number of commands, rounded up to a power of two."""

NEVER = -(1 << 40)
"""An interval that constrains nothing."""

ROW_COMMANDS = (ACT, PRE, PREA, REF, REFPB, PDEA, PDEP, SREFEN)


@dataclass(frozen=True, eq=False)
class Constraints:
    """Least intervals in cycles, each of shape (TABLE, TABLE), indexed [earlier, later].

    Attributes
    ----------
    bank, group, rank, other_ranks : int64 array
        Scope of the constraint.
    four_activates : int
        Window in which a rank takes at most four ACT (tFAW).
    """

    bank: Ints
    group: Ints
    rank: Ints
    other_ranks: Ints
    four_activates: int


def command_cycles(device: Device) -> dict[int, int]:
    """Return the cycles that each command takes on the command bus."""
    cycles = dict.fromkeys(range(NUM_COMMANDS), 1)
    if device.standard == "LPDDR4":
        cycles |= dict.fromkeys((ACT, *CAS), 4)
        cycles |= dict.fromkeys((PRE, PREA, REF, REFPB, SREFEN, SREFEX), 2)
    elif device.standard == "DDR5":
        cycles |= dict.fromkeys((ACT, *CAS), 2)
    elif device.standard in ("LPDDR5", "HBM2"):
        cycles[ACT] = 2
    return cycles


def data_latencies(device: Device) -> tuple[int, int]:
    """Return the cycles from a read and from a write command to the first cycle of its data."""
    t = device.timing
    if device.standard == "LPDDR4":
        return t.RL + t.DQSCK + 3, t.WL + t.DQSS + t.DQS2DQ + 3
    if device.standard == "HBM2":
        return t.RL + t.DQSCK, t.WL
    return t.RL, t.WL


class _Matrix:
    """A matrix under construction.

    LPDDR4 and HBM2 measure intervals from the last cycle of a command to that of the next; the
    matrix holds them from first cycle to first cycle.
    """

    def __init__(self, device: Device) -> None:
        self.values = np.full((TABLE, TABLE), NEVER, dtype=np.int64)
        self.cycles = command_cycles(device)
        self.from_the_end = device.standard in ("LPDDR4", "HBM2")

    def rule(
        self,
        earlier: int | Iterable[int],
        later: int | Iterable[int],
        cycles: int,
        *,
        as_is: bool = False,
    ) -> None:
        """Require `cycles` between each of `earlier` and each of `later`; the longest rule wins."""
        for x in (earlier,) if isinstance(earlier, int) else earlier:
            for y in (later,) if isinstance(later, int) else later:
                shift = 0
                if self.from_the_end and not as_is:
                    shift = self.cycles[x] - self.cycles[y]
                self.values[x, y] = max(self.values[x, y], cycles + shift)

    def occupy(self, device: Device) -> None:
        """Keep the command bus busy for the cycles of each command."""
        for command, cycles in self.cycles.items():
            if cycles > 1:
                later = ROW_COMMANDS if device.standard == "HBM2" else range(NUM_COMMANDS)
                self.rule(command, later, cycles, as_is=True)


@dataclass(frozen=True)
class _Derived:
    """Intervals in cycles that follow from several parameters."""

    burst: int
    read_to_write: int
    write_to_read: int
    read_to_precharge: int
    write_to_precharge: int
    read_to_power_down: int
    write_to_power_down: int
    write_auto_to_power_down: int
    precharge_all: int
    set_refresh: int | None


def _read_to_write(device: Device) -> int:
    t = device.timing
    if t.RTW is not None:
        return t.RTW
    return t.RL + device.burst_cycles + (1 + t.WPRE if device.standard == "DDR4" else 2) - t.WL


def _derive(device: Device) -> _Derived:
    t, standard = device.timing, device.standard
    burst = device.burst_cycles
    power_down = t.WL + t.DQSS + t.DQS2DQ + burst + t.WR + (standard == "HBM2")
    read_end = t.DQSCK if standard == "LPDDR4" else 1
    return _Derived(
        burst=burst,
        read_to_write=_read_to_write(device),
        write_to_read=t.WL + t.DQSS + burst,
        read_to_precharge=t.RTP + (burst - 8 if standard == "LPDDR4" else 0),
        write_to_precharge=t.WL + t.DQSS + burst + t.WR,
        read_to_power_down=t.RL + burst + read_end,
        write_to_power_down=power_down,
        write_auto_to_power_down=power_down + {"LPDDR4": 2, "HBM2": 0}.get(standard, 1),
        precharge_all=t.RP if t.RP_AB is None else t.RP_AB,
        set_refresh={"PerBank": REFPB, "SameBank": REFSB, None: None}[device.partial_refresh],
    )


def constraints(device: Device) -> Constraints:
    """Return the constraint tables of a device."""
    d = _derive(device)
    return Constraints(
        bank=_bank(device, d).values,
        group=_group(device, d).values,
        rank=_rank(device, d).values,
        other_ranks=_other_ranks(device, d).values,
        four_activates=device.timing.FAW,
    )


def _bank(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix(device)
    m.rule(ACT, READS, t.RCD)
    m.rule(ACT, WRITES, t.RCD if t.RCD_WR is None else t.RCD_WR)
    m.rule(WR, RDA, d.write_to_precharge - d.read_to_precharge)
    m.rule(ACT, PRE, t.RAS)
    m.rule(RD, PRE, d.read_to_precharge)
    m.rule(WR, PRE, d.write_to_precharge)
    closed = [ACT] if d.set_refresh is None else [ACT, d.set_refresh]
    m.rule(ACT, closed, t.RC)
    m.rule(RDA, closed, d.read_to_precharge + t.RP)
    m.rule(WRA, closed, d.write_to_precharge + t.RP)
    m.rule(PRE, closed, t.RP)
    if d.set_refresh is not None:
        m.rule(d.set_refresh, closed, t.RFCB)
    return m


def _group(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix(device)
    m.rule(READS, READS, t.CCD_L)
    m.rule(WRITES, READS, d.write_to_read + t.WTR_L)
    m.rule(WRITES, WRITES, t.CCD_L if t.CCD_L_WR is None else t.CCD_L_WR)
    m.rule(ACT, ACT, t.RRD_L)
    return m


def _rank(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix(device)
    m.rule(READS, READS, t.CCD_S)
    m.rule(WRITES, READS, d.write_to_read + t.WTR_S)
    m.rule(READS, WRITES, d.read_to_write)
    m.rule(WRITES, WRITES, t.CCD_S)
    m.rule(ACT, ACT, t.RRD_S)
    m.rule(PREA, ACT, d.precharge_all)
    m.rule(ACT, PREA, t.RAS)
    m.rule(READS, PREA, d.read_to_precharge)
    m.rule(WRITES, PREA, d.write_to_precharge)
    if t.PPD:
        m.rule((PRE, PREA), (PRE, PREA), t.PPD)
    m.occupy(device)
    _refresh_rules(device, d, m)
    _power_down_rules(device, d, m)
    if d.set_refresh is not None:
        _set_refresh_rules(device, d, m, d.set_refresh)
    return m


def _refresh_rules(device: Device, d: _Derived, m: _Matrix) -> None:
    t = device.timing
    m.rule(REF, (ACT, REF, SREFEN), t.RFC)
    for later in (REF, SREFEN):
        m.rule(ACT, later, t.RC)
        m.rule(PRE, later, t.RP)
        m.rule(PREA, later, d.precharge_all)
        m.rule(PDXP, later, t.XP, as_is=True)
    m.rule(RDA, REF, d.read_to_precharge + t.RP)
    m.rule(WRA, REF, d.write_to_precharge + t.RP)
    m.rule(RDA, SREFEN, max(d.read_to_power_down, d.read_to_precharge + t.RP))
    m.rule(WRA, SREFEN, max(d.write_auto_to_power_down, d.write_to_precharge + t.RP))
    m.rule(SREFEN, SREFEX, t.CKESR)
    m.rule(SREFEX, CAS, t.XSDLL)
    m.rule(SREFEX, (ACT, REF, PDEP, SREFEN), t.XS)


def _set_refresh_rules(device: Device, d: _Derived, m: _Matrix, refresh: int) -> None:
    """Rules of the refresh of a set of banks that hold for the whole rank."""
    t = device.timing
    m.rule(ACT, refresh, t.RRD_L)
    m.rule(refresh, ACT, t.PBR2ACT)
    m.rule(refresh, refresh, t.PBR2PBR)
    m.rule(PREA, refresh, d.precharge_all)
    m.rule((PDXA, PDXP), refresh, t.XP, as_is=True)
    m.rule(REF, refresh, t.RFC)
    m.rule(SREFEX, refresh, t.XS)
    m.rule(refresh, (REF, SREFEN, PREA), t.RFCB)
    m.rule(refresh, (PDEA, PDEP), t.REFPDEN)


def _power_down_rules(device: Device, d: _Derived, m: _Matrix) -> None:
    t = device.timing
    m.rule(PDXA, (*CAS, ACT, PRE, PREA), t.XP, as_is=True)
    m.rule(PDXP, ACT, t.XP, as_is=True)
    m.rule(ACT, PDEA, t.ACTPDEN)
    m.rule(READS, (PDEA, PDEP), d.read_to_power_down)
    m.rule(WR, PDEA, d.write_to_power_down)
    m.rule(WRA, (PDEA, PDEP), d.write_auto_to_power_down)
    m.rule(PRE, (PDEA, PDEP), t.PRPDEN)
    m.rule(PREA, PDEP, t.PRPDEN)
    m.rule(REF, PDEP, t.REFPDEN)
    m.rule(PDXA, PDEA, t.CKE)
    m.rule(PDXP, PDEP, t.CKE)
    m.rule(PDEA, PDXA, t.CKE)
    m.rule(PDEP, PDXP, t.CKE)


def _other_ranks(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix(device)
    read, write = data_latencies(device)
    m.rule(READS, READS, d.burst + t.RTRS)
    m.rule(WRITES, WRITES, d.burst + t.RTRS)
    m.rule(READS, WRITES, read + d.burst + t.RTRS - write + t.WPRE)
    m.rule(WRITES, READS, write + d.burst + t.RTRS - read + t.RPRE)
    m.occupy(device)
    return m
