"""Costs of a layer on a sub-accelerator, recomputed in plain Python from the loops of its dataflow.

Written from the loops that the three templates stand for (NVDLA-like ``dla``, ShiDianNao-like
``shi``, row stationary ``rs``, as MAESTRO describes them: Kwon et al., MICRO 2019), apart from the
simulator's closed forms. A dataflow is a list of double-buffered steps: how many there are, what
each loads and what it stores. A step takes the longest of computing, loading and storing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.technology import Technology

__all__ = ["LayerCost", "area_um2", "layer_cost", "power_mw"]

CLUSTER = {"dla": 64, "shi": 8}
"""PEs of a cluster: 64 channels, or up to 8 columns; ``rs`` has as many as the kernel has rows."""


class LayerCost(NamedTuple):
    """What a layer costs: cycles, nJ, and bytes of buffer that it needs in a PE and shared."""

    cycles: int
    energy_nj: float
    l1_bytes: int
    l2_bytes: int


class _Tile(NamedTuple):
    """Equal tiles of a dimension; the first of all stands alone."""

    size: int
    times: int
    first: bool


@dataclass
class _Nest:
    """What one nest does: its cycles, and elements that pass between the buffers."""

    cycles: int = 0
    input_reads: int = 0
    weight_reads: int = 0
    output_writes: int = 0
    l1_bytes: int = 0
    l2_bytes: int = 0


@dataclass(frozen=True)
class _Clock:
    """Cycles of steps that all compute as long, and move their elements meanwhile."""

    compute: int
    bandwidth: int

    def first(self, load: int) -> int:
        """The first step, which nothing hides."""
        return self.compute + _up(load, self.bandwidth)

    def steps(self, count: int, load: int, store: int) -> int:
        """Some equal steps."""
        moving = _up(max(load, store), self.bandwidth)
        return count * max(self.compute, moving)


def _up(a: int, b: int) -> int:
    return -(-a // b)


def _tiles(total: int, size: int) -> Iterator[_Tile]:
    """The tiles of a dimension: the first, the other whole ones, and what is left."""
    yield _Tile(min(size, total), 1, True)
    whole, rest = divmod(total, size)
    if whole > 1:
        yield _Tile(size, whole - 1, False)
    if whole and rest:
        yield _Tile(rest, 1, False)


def layer_cost(
    loops: Loops, dataflow: str, pes: int, bandwidth: int, technology: Technology
) -> LayerCost | None:
    """Return the costs of a layer on a sub-accelerator; None with too few PEs.

    Parameters
    ----------
    loops : Loops
    dataflow : {"dla", "shi", "rs"}
    pes, bandwidth : int
        PEs, and elements that the network moves each cycle.
    technology : Technology
    """
    walk = _weights_stay if dataflow == "dla" else _outputs_or_rows_stay
    nest = walk(loops, dataflow, pes, bandwidth)
    if nest is None:
        return None
    height = (loops.height - 1) * loops.stride + loops.kernel_height
    width = (loops.width - 1) * loops.stride + loops.kernel_width
    inputs = loops.channels * height * width * loops.repeats
    maps = loops.channels if loops.depthwise else loops.filters
    outputs = maps * loops.height * loops.width * loops.repeats
    moved = (nest.input_reads + nest.weight_reads) * loops.repeats
    written = nest.output_writes * loops.repeats
    off_chip = inputs + loops.weights + outputs
    # Operands are filled into the shared buffer once, and finished outputs read from it once.
    shared = moved + written + outputs + inputs + loops.weights
    in_pes = 4 * loops.macs + moved
    units = (
        loops.macs
        + technology.l1_energy * in_pes
        + technology.l2_energy * shared
        + technology.noc_energy * (moved + written)
        + technology.dram_energy * off_chip
    )
    cycles = nest.cycles
    if technology.dram_bandwidth:
        cycles = max(cycles, math.ceil(off_chip // loops.repeats / technology.dram_bandwidth))
    return LayerCost(
        loops.repeats * cycles, units * technology.mac_energy_nj, nest.l1_bytes, nest.l2_bytes
    )


def _weights_stay(loops: Loops, dataflow: str, pes: int, bandwidth: int) -> _Nest | None:
    """``dla``: clusters share out the filters; `for channel tile: for row: for column`."""
    filters, channels, rows, columns, height, width, stride, depthwise, _ = loops
    cluster = 1 if depthwise else CLUSTER[dataflow]
    if cluster > pes:
        return None
    lanes = 1 if depthwise else min(cluster, channels)
    window = rows * columns
    fill = 0 if depthwise else _up(2 * lanes * window, bandwidth)
    clock = _Clock(window + fill, bandwidth)
    step_columns = min(stride, columns)
    nest = _Nest(l1_bytes=6 * window)
    for fold in _tiles(channels if depthwise else filters, pes // cluster):
        # Depthwise, every cluster has inputs of its own; otherwise they share them.
        shared = fold.size if depthwise else lanes
        entering, moving = shared * rows * columns, shared * rows * step_columns
        weights = fold.size * lanes * window
        if fold.first:
            nest.cycles += clock.first(entering + weights)
            nest.l2_bytes = 2 * (entering + weights + fold.size)
            held = entering
        for tile in _tiles(1 if depthwise else channels, lanes):
            times = fold.times * tile.times
            nest.cycles += clock.steps(times * height * (width - 1), moving, fold.size)
            nest.cycles += clock.steps(times * (height - 1), entering, fold.size)
            if not tile.first:
                nest.cycles += clock.steps(times, entering + weights, fold.size)
            elif not fold.first:
                # The inputs stay when only the filters advance.
                load = weights + (entering if depthwise else 0)
                nest.cycles += clock.steps(times, load, fold.size)
                nest.input_reads -= 0 if depthwise else times * held
            read = fold.size if depthwise else tile.size
            nest.input_reads += (
                times * read * height * rows * (columns + (width - 1) * step_columns)
            )
            nest.weight_reads += times * fold.size * tile.size * window
            nest.output_writes += times * fold.size * height * width
    return nest


def _outputs_or_rows_stay(loops: Loops, dataflow: str, pes: int, bandwidth: int) -> _Nest | None:
    """``shi`` and ``rs``: clusters share out the output rows; `for filter: for channel: for x`."""
    filters, channels, rows, columns, height, width, stride, depthwise, _ = loops
    filters = 1 if depthwise else filters
    window = rows * columns
    if dataflow == "shi":
        out_tile, in_tile, span, cluster = 1, 1, min(CLUSTER["shi"], width), min(8, width)
        compute = window + _up(span * window + window, bandwidth)
        l1_bytes = 6 * window
    else:
        out_tile, in_tile = (1, 1) if depthwise else (min(2, filters), min(4, channels))
        span, cluster = 1, rows
        compute = out_tile * in_tile * columns
        compute += _up(in_tile * window + out_tile * in_tile * window, bandwidth)
        l1_bytes = 2 * columns * (in_tile + out_tile * in_tile + out_tile)
    if cluster > pes:
        return None
    clusters = pes // cluster
    first_columns = (span - 1) * stride + columns
    step_columns = min(stride, columns) if span == 1 else min(span * stride, first_columns)
    weights = out_tile * in_tile * window
    top = min(height, clusters)
    held = top * in_tile * rows * first_columns
    # Neighbouring clusters share the halo rows of a new channel.
    halo_rows = top + rows - 1 - (1 if 1 < top < clusters else 0)
    halo = min(in_tile * halo_rows * first_columns, held)
    nest = _Nest(l1_bytes=l1_bytes, l2_bytes=2 * (held + weights + top * span * out_tile))
    clock = _Clock(compute, bandwidth)
    nest.cycles = clock.first(held + weights)
    later = _up(width, span) - 1
    for out in _tiles(filters, out_tile):
        for into in _tiles(channels, in_tile):
            times = out.times * into.times
            nest.weight_reads += times * out.size * into.size * window
            for fold in _tiles(height, clusters):
                count, lanes = times * fold.times, fold.size * in_tile * rows
                store = fold.size * span * out_tile
                nest.cycles += clock.steps(count * later, lanes * step_columns, store)
                if not fold.first:
                    nest.cycles += clock.steps(count, lanes * first_columns, store)
                elif not into.first:
                    nest.cycles += clock.steps(count, halo + weights, store)
                    nest.input_reads -= count * (held - halo)
                elif not out.first:
                    # The first inputs are still there when the filters advance.
                    nest.cycles += clock.steps(count, weights, store)
                    nest.input_reads -= count * held
                read = first_columns + later * step_columns
                nest.input_reads += count * fold.size * into.size * rows * read
                nest.output_writes += count * out.size * fold.size * width
    return nest


def area_um2(pes: int, bandwidth: int, l1_bytes: int, l2_bytes: int, tech: Technology) -> float:
    """Area of a sub-accelerator, µm²: PEs with their buffers, shared buffer, bus, arbiter."""
    if not pes:
        return 0.0
    in_pe = math.ceil(l1_bytes / tech.l1.block_bytes) * tech.l1.area_um2
    shared = math.ceil(l2_bytes / tech.l2.block_bytes) * tech.l2.area_um2
    bus = 101.7938 * bandwidth * (14.662 * pes + 28.895)
    arbiter = 395.473 * max(1.2886 * pes**2 + 5.5814 * pes - 23.711, 1.0)
    return math.fsum((pes * (tech.mac_area_um2 + in_pe), shared, bus, arbiter))


def power_mw(pes: int, bandwidth: int, l1_bytes: int, l2_bytes: int, tech: Technology) -> float:
    """Power of a sub-accelerator, mW; its parts are those of `area_um2`."""
    if not pes:
        return 0.0
    in_pe = math.ceil(l1_bytes / tech.l1.block_bytes) * tech.l1.power_mw
    shared = math.ceil(l2_bytes / tech.l2.block_bytes) * tech.l2.power_mw
    bus = 0.8e-3 * bandwidth * (14.662 * pes + 28.895)
    arbiter = 0.34e-3 * (1.2886 * pes**2 + 5.5814 * pes - 23.711)
    return math.fsum((pes * (tech.mac_power_mw + in_pe), shared, bus, arbiter))
