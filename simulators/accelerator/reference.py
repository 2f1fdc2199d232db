"""The simulator in slow, plain Python: the same bits as `simulate`, for tests and as yardstick."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.reference_cost import area_and_power, layer_cost
from chipgym.simulators.accelerator.reference_mapping import list_schedule, map_layers
from chipgym.simulators.accelerator.result import ChipResult
from chipgym.simulators.accelerator.workload import Workload, lower_workload

__all__ = ["layer_cost", "simulate_reference"]


def simulate_reference(
    networks: Sequence[Network],
    chip: Chip,
    latency_limit_cycles: int | None = None,
    options: AcceleratorOptions | None = None,
) -> ChipResult:
    """Map, schedule and evaluate networks on a chip; see `simulate`."""
    options = options or AcceleratorOptions()
    workload = lower_workload(networks, options.order == "chain")
    # Units sorted by their numbers, so that the order in which they are given changes nothing.
    order = sorted(range(len(chip.sub_accelerators)), key=lambda u: chip.sub_accelerators[u].row)
    parts = [chip.sub_accelerators[u] for u in order]
    costs = [
        [layer_cost(Loops(*row), part, options) for part in parts]
        for row in workload.layers.tolist()
    ]
    cycles = [[-1 if cost is None else cost.cycles for cost in row] for row in costs]
    energy = [[math.inf if cost is None else cost.energy_nj for cost in row] for row in costs]
    successors = _successors(workload)
    limit = math.inf if latency_limit_cycles is None else latency_limit_cycles
    unit = map_layers(cycles, energy, successors, limit)
    if unit is None:
        return _unsupported(workload, len(parts))
    start, finish = list_schedule(cycles, unit, successors)

    built = [[part.l1_bytes, part.l2_bytes] for part in parts]
    total = 0.0
    for i, u in enumerate(unit):
        cost = costs[i][u]
        assert cost is not None
        total += cost.energy_nj
        if parts[u].l1_bytes == 0:
            built[u][0] = max(built[u][0], cost.l1_bytes)
        if parts[u].l2_bytes == 0:
            built[u][1] = max(built[u][1], cost.l2_bytes)
    area = power = 0.0
    for part, sizes in zip(parts, built, strict=True):
        own_area, own_power = area_and_power(part, sizes[0], sizes[1], options.constants)
        area += own_area
        power += own_power
    buffers = np.empty((len(parts), 2), dtype=np.int64)
    buffers[order] = built
    return ChipResult(
        supported=True,
        latency_cycles=max(finish),
        energy_nj=total,
        area_um2=area,
        power_mw=power,
        within_limit=max(finish) <= limit,
        layers=workload.names,
        unit=np.array([order[u] for u in unit]),
        start_cycle=np.array(start),
        finish_cycle=np.array(finish),
        l1_bytes=buffers[:, 0],
        l2_bytes=buffers[:, 1],
    )


def _successors(workload: Workload) -> list[list[int]]:
    starts, succ = workload.succ_start.tolist(), workload.succ.tolist()
    return [succ[starts[i] : starts[i + 1]] for i in range(len(workload.names))]


def _unsupported(workload: Workload, units: int) -> ChipResult:
    nowhere = np.full(len(workload.names), -1)
    none = np.zeros(units, dtype=np.int64)
    return ChipResult(
        supported=False,
        latency_cycles=-1,
        energy_nj=math.nan,
        area_um2=math.nan,
        power_mw=math.nan,
        within_limit=False,
        layers=workload.names,
        unit=nowhere,
        start_cycle=nowhere,
        finish_cycle=nowhere,
        l1_bytes=none,
        l2_bytes=none,
    )
