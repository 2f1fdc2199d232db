"""Energy of a run from its counters, by the formulas of DRAMPower (branch rgr, 1ddc48a3872d).

Core energy only: no interface and termination energy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.layout import E_ACTS, E_CYCLES, RANK_ROWS, ROW

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


def _rank_energy_pj(device: Device, state: Ints, rank: int) -> float:
    (acts, pres, reads, writes, refreshes), cycles = _counts(state, rank)
    active, idle, low_active, low_idle, asleep, s_act, s_pre, u_act, u_pre = cycles
    t, i = device.timing, device.currents
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
    energy = i.vdd_v * clock_ns * charge
    if i.vpp_v is not None:
        pumped = i.ipp0_ma * (acts * opening + pres * closing) + i.ipp6_ma * asleep
        energy += i.vpp_v * clock_ns * pumped
    return energy


def energy_pj(device: Device, state: Ints) -> float:
    """Return the energy of all ranks from a final state of the kernel."""
    per_device = sum(_rank_energy_pj(device, state, rank) for rank in range(device.ranks))
    return device.devices_per_rank * per_device


def power_mw(device: Device, state: Ints) -> float:
    """Return the mean power over the cycles that the power model counts."""
    cycles = sum(_counts(state, 0)[1])
    if cycles == 0:
        return 0.0
    return energy_pj(device, state) / (cycles * 1000 / device.clock_mhz)
