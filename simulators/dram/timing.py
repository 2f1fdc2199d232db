"""Timing constraints of a device as tables: after command X, how long until command Y may come.

A constraint holds within the bank, the bank group or the rank of the earlier command, or on the
other ranks of the channel. `Constraints` has one matrix for each of these scopes, in cycles,
indexed [earlier, later]. Rules of DRAMSys v4.0's checkers for DDR3 and DDR4 (additive latency 0).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.commands import (
    ACT,
    CAS,
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
    SREFEN,
    SREFEX,
    WR,
    WRA,
    WRITES,
)
from chipgym.simulators.dram.device import Device

__all__ = ["NEVER", "TABLE", "Constraints", "constraints"]

Ints = npt.NDArray[np.int64]

TABLE = 16
"""Side of a matrix: the number of commands, rounded up to a power of two."""

NEVER = -(1 << 40)
"""An interval that constrains nothing."""


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


class _Matrix:
    """A matrix under construction."""

    def __init__(self) -> None:
        self.values = np.full((TABLE, TABLE), NEVER, dtype=np.int64)

    def rule(self, earlier: int | Iterable[int], later: int | Iterable[int], cycles: int) -> None:
        """Require `cycles` between each of `earlier` and each of `later`; the longest rule wins."""
        for x in (earlier,) if isinstance(earlier, int) else earlier:
            for y in (later,) if isinstance(later, int) else later:
                self.values[x, y] = max(self.values[x, y], cycles)


@dataclass(frozen=True)
class _Derived:
    """Intervals in cycles that follow from several parameters."""

    burst: int
    read_to_write: int
    write_to_precharge: int
    read_to_power_down: int
    write_to_power_down: int
    write_auto_to_power_down: int


def _derive(device: Device) -> _Derived:
    t = device.timing
    burst = device.burst_cycles
    turn = 1 + t.WPRE if device.standard == "DDR4" else 2
    write_recovery = t.WL + burst + t.WR
    return _Derived(
        burst=burst,
        read_to_write=t.RL + burst + turn - t.WL,
        write_to_precharge=write_recovery,
        read_to_power_down=t.RL + burst + 1,
        write_to_power_down=write_recovery,
        write_auto_to_power_down=write_recovery + 1,
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
    t, m = device.timing, _Matrix()
    m.rule(ACT, CAS, t.RCD)
    m.rule(WR, RDA, d.write_to_precharge - t.RTP)
    m.rule(ACT, ACT, t.RC)
    m.rule(RDA, ACT, t.RTP + t.RP)
    m.rule(WRA, ACT, d.write_to_precharge + t.RP)
    m.rule(PRE, ACT, t.RP)
    m.rule(ACT, PRE, t.RAS)
    m.rule(RD, PRE, t.RTP)
    m.rule(WR, PRE, d.write_to_precharge)
    return m


def _group(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix()
    m.rule(READS, READS, t.CCD_L)
    m.rule(WRITES, READS, t.WL + d.burst + t.WTR_L)
    m.rule(WRITES, WRITES, t.CCD_L)
    m.rule(ACT, ACT, t.RRD_L)
    return m


def _rank(device: Device, d: _Derived) -> _Matrix:
    t, m = device.timing, _Matrix()
    m.rule(READS, READS, t.CCD_S)
    m.rule(WRITES, READS, t.WL + d.burst + t.WTR_S)
    m.rule(READS, WRITES, d.read_to_write)
    m.rule(WRITES, WRITES, t.CCD_S)
    m.rule(ACT, ACT, t.RRD_S)
    m.rule(PREA, ACT, t.RP)
    m.rule(ACT, PREA, t.RAS)
    m.rule(READS, PREA, t.RTP)
    m.rule(WRITES, PREA, d.write_to_precharge)
    _refresh_rules(device, d, m)
    _power_down_rules(device, d, m)
    return m


def _refresh_rules(device: Device, d: _Derived, m: _Matrix) -> None:
    t = device.timing
    m.rule(REF, (ACT, REF, SREFEN), t.RFC)
    for later in (REF, SREFEN):
        m.rule(ACT, later, t.RC)
        m.rule((PRE, PREA), later, t.RP)
        m.rule(PDXP, later, t.XP)
    m.rule(RDA, REF, t.RTP + t.RP)
    m.rule(WRA, REF, d.write_to_precharge + t.RP)
    m.rule(RDA, SREFEN, max(d.read_to_power_down, t.RTP + t.RP))
    m.rule(WRA, SREFEN, max(d.write_auto_to_power_down, d.write_to_precharge + t.RP))
    m.rule(SREFEN, SREFEX, t.CKESR)
    m.rule(SREFEX, CAS, t.XSDLL)
    m.rule(SREFEX, (ACT, REF, PDEP, SREFEN), t.XS)


def _power_down_rules(device: Device, d: _Derived, m: _Matrix) -> None:
    t = device.timing
    m.rule(PDXA, (*CAS, ACT, PRE, PREA), t.XP)
    m.rule(PDXP, ACT, t.XP)
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
    t, m = device.timing, _Matrix()
    m.rule(READS, READS, d.burst + t.RTRS)
    m.rule(WRITES, WRITES, d.burst + t.RTRS)
    m.rule(READS, WRITES, t.RL + d.burst + t.RTRS - t.WL + t.WPRE)
    m.rule(WRITES, READS, t.WL + d.burst + t.RTRS - t.RL + t.RPRE)
    return m
