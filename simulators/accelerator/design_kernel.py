"""Complete designs as a kernel: costs, mapping, schedule and area of many chips."""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.accelerator.area import area_um2, power_mw
from chipgym.simulators.accelerator.kernel import cost_of, energy_nj
from chipgym.simulators.accelerator.layout import (
    C_CYCLES,
    C_L1,
    C_L2,
    COST_COLUMNS,
    D_L1,
    D_L2,
    T_DRAM_BANDWIDTH,
)
from chipgym.simulators.accelerator.mapping_kernel import map_layers
from chipgym.simulators.core.numba import kernel

__all__ = ["evaluate_chips"]


@kernel
def _canonical_order(chip: Any, order: Any) -> None:
    """Sort the units of a chip by their rows, so that their order changes nothing."""
    for u in range(len(order)):
        at = u
        while at > 0:
            before = order[at - 1]
            smaller = False
            for column in range(chip.shape[1]):
                if chip[u, column] != chip[before, column]:
                    smaller = chip[u, column] < chip[before, column]
                    break
            if not smaller:
                break
            order[at] = before
            at -= 1
        order[at] = u


@kernel
def evaluate_chips(
    layers: Any,
    succ_start: Any,
    succ: Any,
    indegree: Any,
    network: Any,
    chips: Any,
    technology: Any,
    quirks: int,
    limit: int,
    latency: Any,
    energy: Any,
    area: Any,
    power: Any,
    unit: Any,
    start: Any,
    finish: Any,
    buffers: Any,
) -> None:
    """Evaluate every chip.

    Parameters
    ----------
    layers, succ_start, succ, indegree, network : int64 arrays
        The workload, see the mapping kernels.
    chips : int64 array [N, k, columns]
    technology, quirks, limit : float64 array, int, int
    latency, energy, area, power : arrays [N], written
        Cycles, nJ, µm², mW; where a layer fits on no unit the latency is -1, all others are nan.
    unit, start, finish : int64 arrays [N, L], written
    buffers : int64 array [N, k, 2], written
        Bytes of L1 and L2 that were built in.
    """
    count, units = len(layers), chips.shape[1]
    row = np.empty(COST_COLUMNS, dtype=np.int64)
    cycles = np.empty((count, units), dtype=np.int64)
    joules = np.empty((count, units))
    sizes = np.empty((count, units, 2), dtype=np.int64)
    scratch = np.empty((8, max(count, units)), dtype=np.int64)
    built = np.empty((units, 2), dtype=np.int64)
    order = np.empty(units, dtype=np.int64)
    chip = np.empty(chips.shape[1:], dtype=np.int64)
    for n in range(len(chips)):
        _canonical_order(chips[n], order)
        for u in range(units):
            chip[u] = chips[n, order[u]]
        for i in range(count):
            for u in range(units):
                cycles[i, u] = -1
                joules[i, u] = np.inf
                if cost_of(layers[i], chip[u], quirks, technology[T_DRAM_BANDWIDTH], row):
                    cycles[i, u] = row[C_CYCLES]
                    joules[i, u] = energy_nj(row, technology)
                    sizes[i, u, 0], sizes[i, u, 1] = row[C_L1], row[C_L2]
        latency[n] = map_layers(
            cycles,
            joules,
            succ_start,
            succ,
            indegree,
            network,
            limit,
            unit[n],
            start[n],
            finish[n],
            scratch,
        )
        if latency[n] < 0:
            energy[n] = area[n] = power[n] = np.nan
            unit[n] = -1
            start[n] = -1
            finish[n] = -1
            buffers[n] = 0
            continue
        for u in range(units):
            built[u, 0], built[u, 1] = chip[u, D_L1], chip[u, D_L2]
        energy[n] = area[n] = power[n] = 0.0
        for i in range(count):
            u = unit[n, i]
            energy[n] += joules[i, u]
            if chip[u, D_L1] == 0:
                built[u, 0] = max(built[u, 0], sizes[i, u, 0])
            if chip[u, D_L2] == 0:
                built[u, 1] = max(built[u, 1], sizes[i, u, 1])
            unit[n, i] = order[u]
        for u in range(units):
            area[n] += area_um2(chip[u], built[u, 0], built[u, 1], technology)
            power[n] += power_mw(chip[u], built[u, 0], built[u, 1], technology)
            buffers[n, order[u]] = built[u]
