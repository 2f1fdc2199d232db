"""Area and static power of a sub-accelerator: PEs, buffers, bus and arbiter.

The fits are those of MAESTRO (``DSE_scaling-coefficients.hpp``): a bus that grows with the product
of PEs and bandwidth, and an arbiter that grows with the square of the PEs and dominates large
arrays (85-99 % of the area at 4096 PEs with the constant set ``maestro``).
"""

from __future__ import annotations

import math
from typing import Any

from chipgym.simulators.accelerator.layout import (
    D_BANDWIDTH,
    D_PES,
    T_L1_AREA,
    T_L1_BLOCK,
    T_L1_POWER,
    T_L2_AREA,
    T_L2_BLOCK,
    T_L2_POWER,
    T_MAC_AREA,
    T_MAC_POWER,
)
from chipgym.simulators.core.numba import kernel, merged

__all__ = ["area_rows", "area_um2", "power_mw"]

BUS_AREA_UM2 = 101.7938
BUS_POWER_MW = 0.8e-3
ARBITER_AREA_UM2 = 395.473
ARBITER_POWER_MW = 0.34e-3


@merged
def _bus(pes: int) -> float:
    """Relative size of the bus for each element per cycle."""
    return 14.662 * pes + 28.895


@merged
def _arbiter(pes: int) -> float:
    """Relative size of the arbiter."""
    return (1.2886 * pes) * pes + 5.5814 * pes - 23.711


@kernel
def area_um2(design: Any, l1_bytes: int, l2_bytes: int, technology: Any) -> float:
    """Area of a sub-accelerator with buffers of the given sizes, µm²; 0 without PEs."""
    pes = design[D_PES]
    if pes == 0:
        return 0.0
    l1 = math.ceil(l1_bytes / technology[T_L1_BLOCK]) * technology[T_L1_AREA]
    l2 = math.ceil(l2_bytes / technology[T_L2_BLOCK]) * technology[T_L2_AREA]
    area = pes * (technology[T_MAC_AREA] + l1) + l2
    area += BUS_AREA_UM2 * _bus(pes) * design[D_BANDWIDTH]
    return area + ARBITER_AREA_UM2 * max(_arbiter(pes), 1.0)


@kernel
def power_mw(design: Any, l1_bytes: int, l2_bytes: int, technology: Any) -> float:
    """Power of a sub-accelerator with buffers of the given sizes, mW; 0 without PEs.

    The unit is not named in MAESTRO's source; mW is what its magnitudes suggest.
    """
    pes = design[D_PES]
    if pes == 0:
        return 0.0
    l1 = math.ceil(l1_bytes / technology[T_L1_BLOCK]) * technology[T_L1_POWER]
    l2 = math.ceil(l2_bytes / technology[T_L2_BLOCK]) * technology[T_L2_POWER]
    power = pes * (technology[T_MAC_POWER] + l1) + l2
    power += BUS_POWER_MW * _bus(pes) * design[D_BANDWIDTH]
    return power + ARBITER_POWER_MW * _arbiter(pes)


@kernel
def area_rows(
    designs: Any, l1_bytes: Any, l2_bytes: Any, technology: Any, area: Any, power: Any
) -> None:
    """Fill area and power of many sub-accelerators."""
    for i in range(len(designs)):
        area[i] = area_um2(designs[i], l1_bytes[i], l2_bytes[i], technology)
        power[i] = power_mw(designs[i], l1_bytes[i], l2_bytes[i], technology)
