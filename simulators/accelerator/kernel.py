"""The cost model of one layer on one sub-accelerator, as kernels.

Closed forms of what MAESTRO (Kwon et al., MICRO 2019; github.com/maestro-project/maestro) computes
by enumerating the cases of a dataflow, for three templates:

- ``dla``, NVDLA-like: clusters of 64 PEs share out the filters, the PEs of a cluster 64 channels;
  weights stay, `for channel tile: for row: for column`.
- ``shi``, ShiDianNao-like: clusters share out the output rows, the PEs of a cluster up to 8
  columns; outputs stay, `for filter: for channel: for column tile`.
- ``rs``, row stationary: clusters of R PEs share out the output rows, the PEs of a cluster the
  kernel's rows; `for 2 filters: for 4 channels: for column`.

Moving x elements takes ceil(x / bandwidth) cycles. A double-buffered step takes the longest of
computing (which includes the fill of the inner cluster), loading and storing. The spatial extent is
folded over the clusters: full folds of `full` active clusters, and at most one fold of `edge`.
"""

from __future__ import annotations

import math
from typing import Any

from chipgym.simulators.accelerator.layout import (
    C_CYCLES,
    C_DRAM_READS,
    C_DRAM_WRITES,
    C_INPUT_FILLS,
    C_INPUT_READS,
    C_L1,
    C_L2,
    C_MACS,
    C_OUTPUT_READS,
    C_OUTPUT_WRITES,
    C_WEIGHT_FILLS,
    C_WEIGHT_READS,
    D_BANDWIDTH,
    D_FLOW,
    D_L1,
    D_L2,
    D_PES,
    DLA,
    L_C,
    L_DEPTHWISE,
    L_K,
    L_OX,
    L_OY,
    L_R,
    L_REPEATS,
    L_S,
    L_STRIDE,
    NOMINAL_TILES,
    PADDED_CHANNELS,
    RS,
    SHI,
    SHORT_PARTIAL_FOLD,
    T_DRAM_BANDWIDTH,
    T_DRAM_ENERGY,
    T_L1_ENERGY,
    T_L2_ENERGY,
    T_MAC_ENERGY,
    T_NOC_ENERGY,
    UNSTRIDED_OUTPUT_READS,
)
from chipgym.simulators.core.numba import kernel, merged

__all__ = ["cost_grid", "cost_of", "cost_rows", "energy_nj"]

DLA_CLUSTER = 64
SHI_COLUMNS = 8
RS_FILTERS = 2
RS_CHANNELS = 4


@merged
def _ceil_div(a: int, b: int) -> int:
    """Round a / b up, for a >= 0 and b > 0."""
    return (a + b - 1) // b


@merged
def _step(compute: int, load: int, store: int, bandwidth: int) -> int:
    """Cycles of a double-buffered step that moves `load` elements in and `store` out."""
    moved = max(load, store)
    if moved <= compute * bandwidth:
        return compute
    return _ceil_div(moved, bandwidth)


@merged
def _tiles(flow: int, depthwise: bool, K: int, C: int, R: int, OX: int) -> Any:
    """Return filters, channels and columns of a tile, and PEs of a cluster."""
    if flow == SHI:
        columns = min(SHI_COLUMNS, OX)
        return 1, 1, columns, columns
    if flow == RS:
        if depthwise:
            return 1, 1, 1, R
        return min(RS_FILTERS, K), min(RS_CHANNELS, C), 1, R
    if depthwise:
        return 1, 1, 1, 1
    return 1, min(DLA_CLUSTER, C), 1, DLA_CLUSTER


@merged
def _compute(flow: int, depthwise: bool, kt: int, ct: int, w: int, R: int, S: int, B: int) -> int:
    """Return the cycles of computing a step, with the fill of the inner cluster."""
    area = R * S
    if flow == SHI:
        return area + _ceil_div(w * area + area, B)
    if flow == RS:
        return kt * ct * S + _ceil_div(ct * area + kt * ct * area, B)
    if depthwise:
        return area
    return area + _ceil_div(2 * ct * area, B)


@merged
def _buffer_of_pe(flow: int, kt: int, ct: int, R: int, S: int) -> int:
    """Return the double-buffered L1 of a PE, bytes; 28 S for full tiles of the rs template."""
    if flow == RS:
        return 2 * S * (ct + kt * ct + kt)
    return 6 * R * S


@kernel
def cost_of(layer: Any, design: Any, quirks: int, dram_bandwidth: float, out: Any) -> bool:
    """Fill the costs of a layer on a sub-accelerator; False where it has too few PEs or bytes.

    Parameters
    ----------
    layer, design : int64 arrays
        Columns ``L_*`` and ``D_*`` of the layout.
    quirks : int
        Oddities of MAESTRO to reproduce.
    dram_bandwidth : float
        Elements per cycle; 0 for "never a limit".
    out : int64 array, written
        Columns ``C_*`` of the layout.
    """
    K, C, R, S = layer[L_K], layer[L_C], layer[L_R], layer[L_S]
    OY, OX, stride = layer[L_OY], layer[L_OX], layer[L_STRIDE]
    depthwise = layer[L_DEPTHWISE] != 0
    filters = 1 if depthwise else K
    flow, P, B = design[D_FLOW], design[D_PES], design[D_BANDWIDTH]
    conv_dla = flow == DLA and not depthwise

    kt, ct, w, cluster = _tiles(flow, depthwise, K, C, R, OX)
    if P == 0 or cluster > P:
        return False
    q = _compute(flow, depthwise, kt, ct, w, R, S, B)
    n_k = 1 if flow == DLA else _ceil_div(filters, kt)
    n_c = 1 if flow == DLA and depthwise else _ceil_div(C, ct)
    n_x = _ceil_div(OX, w)

    # Folds of the spatial extent over the clusters.
    spatial = OY if flow != DLA else (C if depthwise else K)
    n = P // cluster
    full, folds, edge = spatial, 1, 0
    if spatial >= n:
        full, folds, edge = n, spatial // n, spatial % n
    edges = 1 if edge > 0 else 0

    # Elements that a fold moves: inputs on entering a tile (i0) and for a step in x (ix), weights,
    # outputs. Inputs are shared by the clusters of dla, weights by those of shi and rs.
    cols = (w - 1) * stride + S
    dx = min(stride, S) if w == 1 else min(w * stride, cols)
    lanes = ct if conv_dla else ct * full
    edge_lanes = ct if conv_dla else ct * edge
    i0, ix, eg = lanes * R * cols, lanes * R * dx, full * w * kt
    i0_edge, ix_edge, eg_edge = edge_lanes * R * cols, edge_lanes * R * dx, edge * w * kt
    wt = wt_edge = kt * ct * R * S
    if flow == DLA:
        wt, wt_edge = full * wt, edge * wt

    # Latency: the first step is not overlapped; then one term for each loop that advances.
    cycles = q + _ceil_div(i0 + wt, B)
    across = folds * _step(q, ix, eg, B) + edges * _step(q, ix_edge, eg_edge, B)
    halo = i0
    if flow == DLA:
        down = folds * _step(q, i0, eg, B) + edges * _step(q, i0_edge, eg_edge, B)
        deeper = folds * _step(q, i0 + wt, eg, B)
        deeper += edges * _step(q, i0_edge + wt_edge, eg_edge, B)
        # The input tile stays when only the filters advance.
        fresh, fresh_edge = (0, 0) if conv_dla else (i0, i0_edge)
        cycles += n_c * (OY * (n_x - 1) * across + (OY - 1) * down) + (n_c - 1) * deeper
        cycles += (folds - 1) * _step(q, fresh + wt, eg, B)
        cycles += edges * _step(q, fresh_edge + wt_edge, eg_edge, B)
    else:
        # Neighbouring clusters share the halo rows of a new channel.
        rows = full + R - 1 - (1 if 1 < full < n else 0)
        halo = min(ct * rows * cols, i0)
        refold = (folds - 1) * _step(q, i0, eg, B) + edges * _step(q, i0_edge, eg_edge, B)
        cycles += n_k * n_c * ((n_x - 1) * across + refold)
        cycles += n_k * (n_c - 1) * _step(q, halo + wt, eg, B)
        cycles += (n_k - 1) * _step(q, wt, eg, B)

    # Accesses of the shared buffer.
    fetched = C
    if conv_dla and C > DLA_CLUSTER and quirks & PADDED_CHANNELS:
        fetched = n_c * DLA_CLUSTER
    sweeps = folds + edges if conv_dla else n_k
    reads = sweeps * fetched * OY * R * (cols + (n_x - 1) * dx) - (sweeps - 1) * i0
    if flow != DLA:
        reads -= sweeps * (n_c - 1) * (i0 - halo)
    maps = C if depthwise else K
    height, width = (OY - 1) * stride + R, (OX - 1) * stride + S
    inputs, weights, outputs = C * height * width, filters * C * R * S, maps * OY * OX
    writes = outputs if depthwise else n_c * outputs
    stored = eg
    if quirks & SHORT_PARTIAL_FOLD and flow == DLA and 1 < spatial < n:
        writes = writes // spatial * (spatial - 1)
        stored = eg // spatial * (spatial - 1)
    output_reads = outputs
    if quirks & UNSTRIDED_OUTPUT_READS:
        output_reads = maps * (height - R + 1) * (width - S + 1)

    l1 = _buffer_of_pe(flow, kt, ct, R, S)
    if quirks & NOMINAL_TILES and not depthwise:
        l1 = _buffer_of_pe(flow, RS_FILTERS, RS_CHANNELS, R, S)
    l2 = 2 * (i0 + wt + stored)
    if (0 < design[D_L1] < l1) or (0 < design[D_L2] < l2):
        return False

    # Off-chip: every tensor once; inputs once a sweep, and partial sums out and in once a channel
    # tile, where they do not fit into half of a buffer of given size.
    half = design[D_L2] // 2
    dram_reads, dram_writes = inputs + weights, outputs
    if half > 0:
        if inputs > half:
            dram_reads += (sweeps - 1) * inputs
        partial = OY * OX * (full if flow == DLA else kt)
        if n_c > 1 and not depthwise and partial > half:
            dram_reads += (n_c - 1) * outputs
            dram_writes += (n_c - 1) * outputs
    if dram_bandwidth > 0.0:
        cycles = max(cycles, math.ceil((dram_reads + dram_writes) / dram_bandwidth))

    repeats = layer[L_REPEATS]
    out[C_CYCLES] = repeats * cycles
    out[C_MACS] = repeats * weights * OY * OX
    out[C_INPUT_READS] = repeats * reads
    out[C_WEIGHT_READS] = repeats * filters * fetched * R * S
    out[C_OUTPUT_READS] = repeats * output_reads
    out[C_OUTPUT_WRITES] = repeats * writes
    out[C_INPUT_FILLS] = repeats * inputs
    out[C_WEIGHT_FILLS] = repeats * weights
    out[C_L1] = l1
    out[C_L2] = l2
    out[C_DRAM_READS] = repeats * dram_reads
    out[C_DRAM_WRITES] = repeats * dram_writes
    return True


@kernel
def energy_nj(cost: Any, technology: Any) -> float:
    """Energy of a layer from its counts, nJ."""
    moved = cost[C_INPUT_READS] + cost[C_WEIGHT_READS]
    l2 = (
        moved
        + cost[C_OUTPUT_READS]
        + cost[C_OUTPUT_WRITES]
        + cost[C_INPUT_FILLS]
        + cost[C_WEIGHT_FILLS]
    )
    l1 = 4 * cost[C_MACS] + moved
    units = technology[T_L2_ENERGY] * l2 + technology[T_L1_ENERGY] * l1 + cost[C_MACS]
    units += technology[T_NOC_ENERGY] * (moved + cost[C_OUTPUT_WRITES])
    units += technology[T_DRAM_ENERGY] * (cost[C_DRAM_READS] + cost[C_DRAM_WRITES])
    return units * technology[T_MAC_ENERGY]


@kernel
def _fill(
    layer: Any, design: Any, technology: Any, quirks: int, costs: Any, energy: Any, at: int
) -> None:
    """Fill row `at` of the results; cycles of -1 and energy of infinity where unsupported."""
    fits = cost_of(layer, design, quirks, technology[T_DRAM_BANDWIDTH], costs[at])
    if not fits:
        costs[at, :] = 0
        costs[at, C_CYCLES] = -1
        energy[at] = float("inf")
        return
    energy[at] = energy_nj(costs[at], technology)


@kernel
def cost_grid(
    layers: Any, designs: Any, technology: Any, quirks: int, costs: Any, energy: Any
) -> None:
    """Evaluate every layer on every design; row ``layer * designs + design`` of the results."""
    count = len(designs)
    for i in range(len(layers)):
        for j in range(count):
            _fill(layers[i], designs[j], technology, quirks, costs, energy, i * count + j)


@kernel
def cost_rows(
    layers: Any, designs: Any, technology: Any, quirks: int, costs: Any, energy: Any
) -> None:
    """Evaluate layer i on design i."""
    for i in range(len(layers)):
        _fill(layers[i], designs[i], technology, quirks, costs, energy, i)
