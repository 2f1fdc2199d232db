"""Energy of a run from its counters, by the formulas of DRAMPower (branch rgr, 1ddc48a3872d).

Core energy only: no interface and termination energy. LPDDR4's two core supplies are added, each by
the same formula; a refresh of one bank set takes what its published mean current (IDD5PB) exceeds
the precharged standby by over its interval. Neither is validated.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.device import Currents, Device
from chipgym.simulators.dram.layout import E_ACTS, E_CYCLES, E_SET_REFS, RANK_ROWS, ROW

__all__ = ["BACKGROUND", "ENERGY_MODEL", "energy_pj", "power_mw"]

Ints = npt.NDArray[np.int64]

ENERGY_MODEL = "DRAMPower rgr 1ddc48a3872d"

BACKGROUND = (
    "active",
    "precharged",
    "active_power_down",
    "precharged_power_down",
    "self_refresh",
    "self_refresh_active",
    "self_refresh_precharged",
    "exit_active",
    "exit_precharged",
)
"""Kinds of background cycles. The last four are the refresh that opens a self-refresh: its active
and precharged part while asleep, and what is left of them after an early exit."""


def _counts(state: Ints, rank: int) -> tuple[list[float], list[float]]:
    """Return commands (ACT, PRE, reads, writes, REF) and background cycles of a rank."""
    row = RANK_ROWS + rank * ROW
    commands = state[row + E_ACTS : row + E_ACTS + 5]
    cycles = state[row + E_CYCLES : row + E_CYCLES + len(BACKGROUND)]
    return [float(value) for value in commands], [float(value) for value in cycles]


def _supply_energy_pj(device: Device, i: Currents, state: Ints, rank: int) -> float:
    """Return the energy that one device of a rank draws from one supply (and from the pump)."""
    (acts, pres, reads, writes, refreshes), cycles = _counts(state, rank)
    active, idle, low_active, low_idle, asleep, s_act, s_pre, u_act, u_pre = cycles
    t = device.timing
    clock_ns = 1000 / device.clock_mhz
    opening = t.RAS
    closing = t.RC - t.RAS
    charge = (
        acts * opening * (i.idd0_ma - i.idd3n_ma)
        + pres * closing * (i.idd0_ma - i.idd2n_ma)
        + reads * device.burst_cycles * (i.idd4r_ma - i.idd3n_ma)
        + writes * device.burst_cycles * (i.idd4w_ma - i.idd3n_ma)
        + refreshes * t.RFC * (i.idd5_ma - i.idd3n_ma)
        + active * i.idd3n_ma
        + idle * i.idd2n_ma
        + low_active * i.idd3p0_ma
        + low_idle * i.idd2p0_ma
        + asleep * i.idd6_ma
        + (s_act + s_pre + u_act + u_pre) * (i.idd5_ma - i.idd3n_ma)
        + s_act * i.idd3p0_ma
        + s_pre * i.idd2p0_ma
        + u_act * i.idd3n_ma
        + u_pre * i.idd2n_ma
    )
    if i.idd5pb_ma is not None:
        sets = float(state[RANK_ROWS + rank * ROW + E_SET_REFS])
        charge += sets * t.REFIB * (i.idd5pb_ma - i.idd2n_ma)
    energy = i.vdd_v * clock_ns * charge
    if i.vpp_v is not None:
        pumped = i.ipp0_ma * (acts * opening + pres * closing) + i.ipp6_ma * asleep
        energy += i.vpp_v * clock_ns * pumped
    return energy


def _rank_energy_pj(device: Device, state: Ints, rank: int) -> float:
    """Return the energy of one device of a rank over all its supplies."""
    energy, supply = 0.0, device.currents
    while supply is not None:
        energy += _supply_energy_pj(device, supply, state, rank)
        supply = supply.second
    return energy


def energy_pj(device: Device, *states: Ints) -> float:
    """Return the energy of all ranks of all channels from final states of the kernel.

    nan where the device has no currents.
    """
    if not device.has_energy:
        return math.nan
    ranks = range(device.ranks)
    per_device = sum(_rank_energy_pj(device, state, rank) for state in states for rank in ranks)
    return device.devices_per_rank * per_device


def power_mw(device: Device, *states: Ints) -> float:
    """Return the mean power: the sum over ranks of energy by the cycles counted for the rank.

    nan where the device has no currents.
    """
    if not device.has_energy:
        return math.nan
    power = 0.0
    for state in states:
        for rank in range(device.ranks):
            cycles = sum(_counts(state, rank)[1])
            if cycles:
                energy = device.devices_per_rank * _rank_energy_pj(device, state, rank)
                power += energy / (cycles * 1000 / device.clock_mhz)
    return power
