"""The cost of one layer on one sub-accelerator in slow, plain Python.

The same closed forms as the kernel's (``kernel.py`` says where they come from), written one after
the other as a reader would check them, with lists of folds instead of running sums. It gives the
same bits; tests and throughput compare with it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from chipgym.simulators.accelerator.area import (
    ARBITER_AREA_UM2,
    ARBITER_POWER_MW,
    BUS_AREA_UM2,
    BUS_POWER_MW,
)
from chipgym.simulators.accelerator.design import SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.technology import Technology

__all__ = ["ReferenceCost", "area_and_power", "layer_cost"]

DLA_CLUSTER = 64


@dataclass(frozen=True)
class ReferenceCost:
    """What `LayerCosts` holds of one layer on one sub-accelerator, under the same names."""

    cycles: int
    energy_nj: float
    area_um2: float
    power_mw: float
    utilisation: float
    macs: int
    input_reads: int
    weight_reads: int
    output_reads: int
    output_writes: int
    l1_bytes: int
    l2_bytes: int
    l1_accesses: int
    l2_accesses: int
    dram_accesses: int


@dataclass(frozen=True)
class _Fold:
    """Elements that move for one fold of the spatial extent over the clusters.

    Attributes
    ----------
    times : int
        How many such folds there are.
    entry, step : int
        Inputs on entering a tile, and for one step in x.
    weights, stored : int
    """

    times: int
    entry: int
    step: int
    weights: int
    stored: int


@dataclass(frozen=True)
class _Plan:
    """How a layer is cut up on a sub-accelerator.

    Attributes
    ----------
    filters, channels, columns : int
        Of a tile, which one cluster works on in a step.
    filter_tiles, channel_tiles, column_tiles : int
    extent, clusters, active : int
        What clusters share out (filters, channels or rows), clusters there are, and busy in a
        full fold.
    read, new : int
        Input columns of a tile, and those of them that a step in x brings.
    folds : list of _Fold
    halo : int
        Inputs of a new channel: neighbouring clusters of shi and rs share the halo rows.
    """

    loops: Loops
    flow: str
    filters: int
    channels: int
    columns: int
    filter_tiles: int
    channel_tiles: int
    column_tiles: int
    extent: int
    clusters: int
    active: int
    read: int
    new: int
    folds: list[_Fold]
    halo: int

    @property
    def dense_dla(self) -> bool:
        """Whether the clusters share their inputs."""
        return self.flow == "dla" and not self.loops.depthwise

    @property
    def sweeps(self) -> int:
        """How often the inputs pass by."""
        if self.dense_dla:
            return sum(fold.times for fold in self.folds)
        return self.filter_tiles


@dataclass(frozen=True)
class _Traffic:
    """Elements that one nest reads from and writes to the shared buffer, and its tensors."""

    input_reads: int
    weight_reads: int
    output_reads: int
    output_writes: int
    inputs: int
    weights: int
    outputs: int


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _tile(loops: Loops, flow: str) -> tuple[int, int, int, int]:
    """Return filters, channels and columns of a tile, and the PEs of a cluster."""
    if flow == "shi":
        columns = min(8, loops.width)
        return 1, 1, columns, columns
    if flow == "rs":
        if loops.depthwise:
            return 1, 1, 1, loops.kernel_height
        return min(2, loops.filters), min(4, loops.channels), 1, loops.kernel_height
    if loops.depthwise:
        return 1, 1, 1, 1
    return 1, min(DLA_CLUSTER, loops.channels), 1, DLA_CLUSTER


def _plan(loops: Loops, part: SubAccelerator) -> _Plan | None:
    """Cut a layer up; None where a cluster has more PEs than there are."""
    flow = part.dataflow
    filters, channels, columns, cluster = _tile(loops, flow)
    if part.pes == 0 or cluster > part.pes:
        return None
    clusters = part.pes // cluster
    all_filters = 1 if loops.depthwise else loops.filters
    extent = loops.height
    if flow == "dla":
        extent = loops.channels if loops.depthwise else loops.filters
    if extent < clusters:
        shares = [(extent, 1)]
    else:
        shares = [(clusters, extent // clusters)]
        if extent % clusters:
            shares.append((extent % clusters, 1))
    active = shares[0][0]

    read = (columns - 1) * loops.stride + loops.kernel_width
    new = min(loops.stride, loops.kernel_width)
    if columns > 1:
        new = min(columns * loops.stride, read)
    kernel = loops.kernel_height * loops.kernel_width
    weights = filters * channels * kernel
    folds = []
    for busy, times in shares:
        lanes = channels if flow == "dla" and not loops.depthwise else channels * busy
        folds.append(
            _Fold(
                times,
                lanes * loops.kernel_height * read,
                lanes * loops.kernel_height * new,
                busy * weights if flow == "dla" else weights,
                busy * columns * filters,
            )
        )
    halo = folds[0].entry
    if flow != "dla":
        rows = active + loops.kernel_height - 1 - (1 if 1 < active < clusters else 0)
        halo = min(channels * rows * read, halo)
    return _Plan(
        loops,
        flow,
        filters,
        channels,
        columns,
        1 if flow == "dla" else _ceil(all_filters, filters),
        1 if flow == "dla" and loops.depthwise else _ceil(loops.channels, channels),
        _ceil(loops.width, columns),
        extent,
        clusters,
        active,
        read,
        new,
        folds,
        halo,
    )


def _compute_cycles(plan: _Plan, bandwidth: int) -> int:
    """Cycles of one step in a cluster, with the fill of its PEs."""
    loops = plan.loops
    kernel = loops.kernel_height * loops.kernel_width
    if plan.flow == "shi":
        return kernel + _ceil((plan.columns + 1) * kernel, bandwidth)
    if plan.flow == "rs":
        moved = plan.channels * kernel + plan.filters * plan.channels * kernel
        return plan.filters * plan.channels * loops.kernel_width + _ceil(moved, bandwidth)
    if loops.depthwise:
        return kernel
    return kernel + _ceil(2 * plan.channels * kernel, bandwidth)


def _cycles(plan: _Plan, bandwidth: int) -> int:
    """Latency of one nest: the first step is not overlapped, then a term for each loop."""
    loops, first = plan.loops, plan.folds[0]
    compute = _compute_cycles(plan, bandwidth)

    def step(load: int, store: int) -> int:
        return max(compute, _ceil(load, bandwidth), _ceil(store, bandwidth))

    across = sum(fold.times * step(fold.step, fold.stored) for fold in plan.folds)
    down = sum(fold.times * step(fold.entry, fold.stored) for fold in plan.folds)
    cycles = compute + _ceil(first.entry + first.weights, bandwidth)
    if plan.flow != "dla":
        tiles = plan.filter_tiles * plan.channel_tiles
        channel_changes = plan.filter_tiles * (plan.channel_tiles - 1)
        cycles += tiles * (plan.column_tiles - 1) * across
        cycles += tiles * (down - step(first.entry, first.stored))
        cycles += channel_changes * step(plan.halo + first.weights, first.stored)
        return cycles + (plan.filter_tiles - 1) * step(first.weights, first.stored)
    cycles += plan.channel_tiles * loops.height * (plan.column_tiles - 1) * across
    cycles += plan.channel_tiles * (loops.height - 1) * down
    for number, fold in enumerate(plan.folds):
        whole = step(fold.entry + fold.weights, fold.stored)
        cycles += (plan.channel_tiles - 1) * fold.times * whole
        # The input tile stays when only the filters advance.
        fresh = fold.entry if loops.depthwise else 0
        turns = fold.times - (1 if number == 0 else 0)
        cycles += turns * step(fresh + fold.weights, fold.stored)
    return cycles


def _traffic(plan: _Plan, oddities: Collection[str]) -> _Traffic:
    """Count the accesses of one nest to the shared buffer."""
    loops, first, sweeps = plan.loops, plan.folds[0], plan.sweeps
    filters = 1 if loops.depthwise else loops.filters
    maps = loops.channels if loops.depthwise else loops.filters
    kernel = loops.kernel_height * loops.kernel_width
    fetched = loops.channels
    if plan.dense_dla and fetched > DLA_CLUSTER and "padded-channels" in oddities:
        fetched = plan.channel_tiles * DLA_CLUSTER
    row = plan.read + (plan.column_tiles - 1) * plan.new
    reads = sweeps * fetched * loops.height * loops.kernel_height * row
    reads -= (sweeps - 1) * first.entry
    if plan.flow != "dla":
        reads -= sweeps * (plan.channel_tiles - 1) * (first.entry - plan.halo)

    height = (loops.height - 1) * loops.stride + loops.kernel_height
    width = (loops.width - 1) * loops.stride + loops.kernel_width
    outputs = maps * loops.height * loops.width
    writes = outputs if loops.depthwise else plan.channel_tiles * outputs
    if _writes_one_less(plan, oddities):
        writes = writes // plan.extent * (plan.extent - 1)
    read_back = outputs
    if "unstrided-output-reads" in oddities:
        read_back = maps * (height - loops.kernel_height + 1) * (width - loops.kernel_width + 1)
    return _Traffic(
        reads,
        filters * fetched * kernel,
        read_back,
        writes,
        loops.channels * height * width,
        filters * loops.channels * kernel,
        outputs,
    )


def _writes_one_less(plan: _Plan, oddities: Collection[str]) -> bool:
    short = plan.flow == "dla" and 1 < plan.extent < plan.clusters
    return short and "short-partial-fold" in oddities


def _buffers(plan: _Plan, oddities: Collection[str]) -> tuple[int, int]:
    """Return the bytes that L1 and L2 need, double-buffered."""
    loops, first = plan.loops, plan.folds[0]
    l1 = 6 * loops.kernel_height * loops.kernel_width
    if plan.flow == "rs":
        filters, channels = plan.filters, plan.channels
        if "nominal-tiles" in oddities and not loops.depthwise:
            filters, channels = 2, 4
        l1 = 2 * loops.kernel_width * (channels + filters * channels + filters)
    stored = first.stored
    if _writes_one_less(plan, oddities):
        stored = stored // plan.extent * (plan.extent - 1)
    return l1, 2 * (first.entry + first.weights + stored)


def _off_chip(plan: _Plan, traffic: _Traffic, l2_bytes: int) -> int:
    """Elements to and from the off-chip memory: every tensor once, and again what does not fit."""
    moved = traffic.inputs + traffic.weights + traffic.outputs
    half = l2_bytes // 2
    if not half:
        return moved
    if traffic.inputs > half:
        moved += (plan.sweeps - 1) * traffic.inputs
    loops = plan.loops
    partial = loops.height * loops.width * (plan.active if plan.flow == "dla" else plan.filters)
    if not loops.depthwise and partial > half:
        moved += 2 * (plan.channel_tiles - 1) * traffic.outputs
    return moved


def layer_cost(
    loops: Loops, part: SubAccelerator, options: AcceleratorOptions | None = None
) -> ReferenceCost | None:
    """Return the cost of a layer, or None where there are too few PEs or bytes.

    Parameters
    ----------
    loops : Loops
    part : SubAccelerator
    options : AcceleratorOptions, optional
    """
    options = options or AcceleratorOptions()
    technology, repeats = options.constants, loops.repeats
    plan = _plan(loops, part)
    if plan is None:
        return None
    l1_bytes, l2_bytes = _buffers(plan, options.oddities)
    if 0 < part.l1_bytes < l1_bytes or 0 < part.l2_bytes < l2_bytes:
        return None
    traffic = _traffic(plan, options.oddities)
    dram = _off_chip(plan, traffic, part.l2_bytes)
    cycles = _cycles(plan, part.bandwidth)
    if technology.dram_bandwidth > 0.0:
        cycles = max(cycles, math.ceil(dram / technology.dram_bandwidth))

    macs = repeats * traffic.weights * loops.height * loops.width
    moved = traffic.input_reads + traffic.weight_reads
    l1 = 4 * macs + repeats * moved
    l2 = moved + traffic.output_reads + traffic.output_writes + traffic.inputs + traffic.weights
    energy = technology.l2_energy * (repeats * l2) + technology.l1_energy * l1 + macs
    energy += technology.noc_energy * (repeats * (moved + traffic.output_writes))
    energy += technology.dram_energy * (repeats * dram)
    built = part.l1_bytes or l1_bytes, part.l2_bytes or l2_bytes
    area, power = area_and_power(part, *built, technology)
    return ReferenceCost(
        repeats * cycles,
        energy * technology.mac_energy_nj,
        area,
        power,
        macs / (repeats * cycles * part.pes),
        macs,
        repeats * traffic.input_reads,
        repeats * traffic.weight_reads,
        repeats * traffic.output_reads,
        repeats * traffic.output_writes,
        l1_bytes,
        l2_bytes,
        l1,
        repeats * l2,
        repeats * dram,
    )


def area_and_power(
    part: SubAccelerator, l1_bytes: int, l2_bytes: int, technology: Technology
) -> tuple[float, float]:
    """Return area in µm² and power in mW of a sub-accelerator with the given buffers."""
    pes = part.pes
    if pes == 0:
        return 0.0, 0.0
    l1_blocks = math.ceil(l1_bytes / technology.l1.block_bytes)
    l2_blocks = math.ceil(l2_bytes / technology.l2.block_bytes)
    bus = 14.662 * pes + 28.895
    arbiter = (1.2886 * pes) * pes + 5.5814 * pes - 23.711
    area = pes * (technology.mac_area_um2 + l1_blocks * technology.l1.area_um2)
    area = area + l2_blocks * technology.l2.area_um2
    area += BUS_AREA_UM2 * bus * part.bandwidth
    power = pes * (technology.mac_power_mw + l1_blocks * technology.l1.power_mw)
    power = power + l2_blocks * technology.l2.power_mw
    power += BUS_POWER_MW * bus * part.bandwidth
    return area + ARBITER_AREA_UM2 * max(arbiter, 1.0), power + ARBITER_POWER_MW * arbiter
