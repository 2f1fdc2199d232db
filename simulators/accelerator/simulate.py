"""The simulator as pure functions: costs of layers, and complete designs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.area import area_rows
from chipgym.simulators.accelerator.design import (
    DESIGN_LIMITS,
    Budget,
    Chip,
    SubAccelerator,
    lower_designs,
)
from chipgym.simulators.accelerator.design_kernel import evaluate_chips
from chipgym.simulators.accelerator.kernel import cost_grid, cost_rows
from chipgym.simulators.accelerator.layer import MAX_SIZE, SIZE_RULE, Loops
from chipgym.simulators.accelerator.layout import (
    C_CYCLES,
    C_L1,
    C_L2,
    C_MACS,
    COST_COLUMNS,
    D_L1,
    D_L2,
    D_PES,
    DESIGN_COLUMNS,
    L_DEPTHWISE,
    L_STRIDE,
    LAYER_COLUMNS,
)
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.result import ChipResult, LayerCosts
from chipgym.simulators.accelerator.scheduling_kernel import FAR
from chipgym.simulators.accelerator.workload import Workload, lower_workload
from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = [
    "SIMULATOR_VERSION",
    "ChipBatch",
    "evaluate_layers",
    "evaluate_rows",
    "simulate",
    "simulate_batch",
    "simulate_chips",
]

SIMULATOR_VERSION = "1.0.0"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def _frozen(rows: Ints) -> Ints:
    """Return a read-only view: kernels are compiled for read-only tables and no others."""
    view = rows.view()
    view.flags.writeable = False
    return view


def _layer_rows(layers: Sequence[Loops] | Ints) -> Ints:
    """Return layers as an array, checked."""
    rows = np.ascontiguousarray(layers, dtype=np.int64).reshape(-1, LAYER_COLUMNS)
    lowest = np.ones(LAYER_COLUMNS, dtype=np.int64)
    lowest[L_DEPTHWISE] = 0
    bad = np.argwhere(rows < lowest)
    if len(bad):
        row, column = bad[0]
        field = f"layers.{row}.{Loops._fields[column]}"
        raise InvalidValueError(field, int(rows[row, column]), f">= {lowest[column]}")
    sizes = np.prod(np.maximum(rows, 1).astype(np.float64), axis=1) * rows[:, L_STRIDE]
    if (sizes > MAX_SIZE).any():
        row = int(sizes.argmax())
        raise InvalidValueError(f"layers.{row}", rows[row].tolist(), SIZE_RULE)
    return _frozen(rows)


def _design_rows(designs: Sequence[SubAccelerator] | Ints) -> Ints:
    """Return sub-accelerators as an array, checked."""
    if not isinstance(designs, np.ndarray):
        return lower_designs(designs)
    rows = np.ascontiguousarray(designs, dtype=np.int64)
    if rows.ndim < 2 or rows.shape[-1] != DESIGN_COLUMNS:
        raise InvalidValueError("designs", rows.shape, f"rows of {DESIGN_COLUMNS} columns")
    for column, (field, high) in enumerate(DESIGN_LIMITS.items()):
        values = rows[..., column]
        wrong = (values < 0) | (values > high)
        if field == "bandwidth":
            wrong |= (values == 0) & (rows[..., D_PES] > 0)
        if wrong.any():
            low = int(field == "bandwidth")
            raise InvalidValueError(
                f"designs.{field}", int(values[wrong][0]), f">= {low} and <= {high}"
            )
    return _frozen(rows)


def _evaluate(
    layers: Ints, designs: Ints, shape: tuple[int, ...], options: AcceleratorOptions
) -> LayerCosts:
    """Run the kernel over a grid (shape of two) or over rows, and derive what follows."""
    technology = options.constants.lowered
    size = int(np.prod(shape))
    counts = np.empty((size, COST_COLUMNS), dtype=np.int64)
    energy = np.empty(size)
    run = cost_grid if len(shape) == 2 else cost_rows
    run(layers, designs, technology, options.quirks, counts, energy)
    hardware = _frozen(np.tile(designs, (shape[0], 1))) if len(shape) == 2 else designs
    cycles = counts[:, C_CYCLES].copy()
    l1 = np.where(hardware[:, D_L1] > 0, hardware[:, D_L1], counts[:, C_L1])
    l2 = np.where(hardware[:, D_L2] > 0, hardware[:, D_L2], counts[:, C_L2])
    area, power = np.empty(size), np.empty(size)
    area_rows(hardware, l1, l2, technology, area, power)
    used = np.maximum(cycles, 1) * np.maximum(hardware[:, D_PES], 1)
    unsupported = cycles < 0
    area[unsupported] = power[unsupported] = np.inf
    return LayerCosts(
        cycles.reshape(shape),
        energy.reshape(shape),
        area.reshape(shape),
        power.reshape(shape),
        (counts[:, C_MACS] / used).reshape(shape),
        counts.reshape(*shape, COST_COLUMNS),
    )


def evaluate_layers(
    layers: Sequence[Loops] | Ints,
    designs: Sequence[SubAccelerator] | Ints,
    options: AcceleratorOptions | None = None,
) -> LayerCosts:
    """Evaluate every layer on every sub-accelerator; arrays are [layers, designs].

    Parameters
    ----------
    layers : sequence of Loops, or int64 array [L, columns of the layout]
    designs : sequence of SubAccelerator, or int64 array [D, columns of the layout]
    options : AcceleratorOptions, optional
    """
    rows, hardware = _layer_rows(layers), _design_rows(designs)
    return _evaluate(rows, hardware, (len(rows), len(hardware)), options or AcceleratorOptions())


def evaluate_rows(
    layers: Sequence[Loops] | Ints,
    designs: Sequence[SubAccelerator] | Ints,
    options: AcceleratorOptions | None = None,
) -> LayerCosts:
    """Evaluate layer i on sub-accelerator i; arrays are [layers]."""
    rows, hardware = _layer_rows(layers), _design_rows(designs)
    if len(rows) != len(hardware):
        raise InvalidValueError("designs", len(hardware), f"as many as layers, {len(rows)}")
    return _evaluate(rows, hardware, (len(rows),), options or AcceleratorOptions())


class ChipBatch(NamedTuple):
    """Complete designs of one workload, as arrays; see `ChipResult` for the meanings.

    The first axis counts chips, the second sub-accelerators (k) or layers (L).
    """

    latency_cycles: Ints
    energy_nj: Floats
    area_um2: Floats
    power_mw: Floats
    unit: Ints
    start_cycle: Ints
    finish_cycle: Ints
    buffer_bytes: Ints


def simulate_chips(
    workload: Workload,
    chips: Ints,
    latency_limit_cycles: int | None = None,
    options: AcceleratorOptions | None = None,
) -> ChipBatch:
    """Map, schedule and evaluate one workload on many chips, in one kernel call.

    Parameters
    ----------
    workload : Workload
    chips : int64 array [N, k, columns of the layout]
        Sub-accelerators without PEs are left out.
    latency_limit_cycles : int, optional
        The mapping looks for the least energy within this limit; by default without limit.
    options : AcceleratorOptions, optional
    """
    options = options or AcceleratorOptions()
    rows = _design_rows(chips)
    if rows.ndim != 3:
        raise InvalidValueError("chips", rows.shape, "three axes: chips, units, columns")
    limit = _limit(latency_limit_cycles)
    count, units, size = len(rows), rows.shape[1], len(workload.layers)
    batch = ChipBatch(
        np.empty(count, dtype=np.int64),
        np.empty(count),
        np.empty(count),
        np.empty(count),
        np.empty((count, size), dtype=np.int64),
        np.empty((count, size), dtype=np.int64),
        np.empty((count, size), dtype=np.int64),
        np.empty((count, units, 2), dtype=np.int64),
    )
    evaluate_chips(
        workload.layers,
        workload.succ_start,
        workload.succ,
        workload.indegree,
        workload.network,
        rows,
        options.constants.lowered,
        options.quirks,
        limit,
        *batch,
    )
    return batch


def _limit(latency_limit_cycles: int | None) -> int:
    if latency_limit_cycles is None:
        return FAR
    check_range("latency_limit_cycles", latency_limit_cycles, 1)
    return int(latency_limit_cycles)


def simulate(
    networks: Sequence[Network],
    chip: Chip,
    latency_limit_cycles: int | None = None,
    options: AcceleratorOptions | None = None,
    *,
    budget: Budget | None = None,
) -> ChipResult:
    """Map, schedule and evaluate networks on a chip. A pure function of its arguments.

    Parameters
    ----------
    networks : sequence of Network
        They run at the same time and share the sub-accelerators.
    chip : Chip
    latency_limit_cycles : int, optional
        The mapping looks for the least energy within this limit; by default without limit.
    options : AcceleratorOptions, optional
    budget : Budget, optional
        What the chip must not exceed.

    Raises
    ------
    InvalidValueError
        The chip exceeds the budget, or a network has nothing to run.
    """
    return simulate_batch(
        [(networks, chip)], latency_limit_cycles, options, budget=budget, threads=1
    )[0]


def simulate_batch(
    designs: Sequence[tuple[Sequence[Network], Chip]],
    latency_limit_cycles: int | None = None,
    options: AcceleratorOptions | None = None,
    *,
    budget: Budget | None = None,
    threads: int | None = None,
) -> list[ChipResult]:
    """Simulate complete designs in parallel threads; results in the order of the designs.

    Parameters are those of `simulate`; `threads` defaults to the number of processors.
    """
    options = options or AcceleratorOptions()
    limit = _limit(latency_limit_cycles)
    for _, chip in designs:
        if budget is not None:
            chip.check(budget)

    # Designs that share their networks and number of units go through one kernel call.
    groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for index, (networks, chip) in enumerate(designs):
        key = (tuple(id(network) for network in networks), len(chip.sub_accelerators))
        groups.setdefault(key, []).append(index)
    results: list[ChipResult | None] = [None] * len(designs)

    def run(indices: list[int]) -> None:
        workload = lower_workload(designs[indices[0]][0], options.order == "chain")
        chips = np.stack([designs[index][1].rows for index in indices])
        batch = simulate_chips(workload, chips, limit, options)
        for position, index in enumerate(indices):
            results[index] = _result(workload, batch, position, limit)

    count = min(threads or os.cpu_count() or 1, len(groups))
    if count <= 1:
        for indices in groups.values():
            run(indices)
    else:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(run, groups.values()))
    return [result for result in results if result is not None]


def _result(workload: Workload, batch: ChipBatch, n: int, limit: int) -> ChipResult:
    latency = int(batch.latency_cycles[n])
    return ChipResult(
        supported=latency >= 0,
        latency_cycles=latency,
        energy_nj=float(batch.energy_nj[n]),
        area_um2=float(batch.area_um2[n]),
        power_mw=float(batch.power_mw[n]),
        within_limit=0 <= latency <= limit,
        layers=workload.names,
        unit=batch.unit[n],
        start_cycle=batch.start_cycle[n],
        finish_cycle=batch.finish_cycle[n],
        l1_bytes=batch.buffer_bytes[n, :, 0],
        l2_bytes=batch.buffer_bytes[n, :, 1],
    )
