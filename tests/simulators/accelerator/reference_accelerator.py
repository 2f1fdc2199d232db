"""A slow, obvious model: it walks the loops of a dataflow step by step, in plain Python."""

import math
from dataclasses import dataclass


def _ceil(a, b):
    return -(-a // b)


@dataclass
class Counts:
    cycles: int = 0
    input_reads: int = 0
    weight_reads: int = 0
    output_writes: int = 0
    l1_bytes: int = 0
    l2_bytes: int = 0


def _tiles(total, size):
    """The sizes of the tiles of a dimension."""
    return [min(size, total - at) for at in range(0, total, size)]


def walk(loops, flow, pes, bandwidth):
    """Cycles and accesses of one nest, with true counts; None with too few PEs."""
    K, C, R, S, OY, OX, s, depthwise, _ = loops
    filters = 1 if depthwise else K
    steps_x = None
    if flow == "dla":
        return _walk_dla(filters, C, R, S, OY, OX, s, depthwise, pes, bandwidth)
    if flow == "shi":
        kt, ct, w, cluster = 1, 1, min(8, OX), min(8, OX)
        q = R * S + _ceil(w * R * S + R * S, bandwidth)
        l1 = 6 * R * S
    else:
        kt, ct = (1, 1) if depthwise else (min(2, K), min(4, C))
        w, cluster = 1, R
        q = kt * ct * S + _ceil(ct * R * S + kt * ct * R * S, bandwidth)
        l1 = 2 * S * (ct + kt * ct + kt)
    if cluster > pes:
        return None
    n = pes // cluster
    folds = _tiles(OY, n)
    a = folds[0]
    cols = (w - 1) * s + S
    dx = min(w * s, cols) if w > 1 else min(s, S)
    steps_x = _tiles(OX, w)
    rows = a + R - 1 - (1 if 1 < a < n else 0)
    weights = kt * ct * R * S
    i0 = a * ct * R * cols
    halo = min(ct * rows * cols, i0)
    out = Counts(l1_bytes=l1, l2_bytes=2 * (i0 + weights + a * w * kt))
    out.cycles = q + _ceil(i0 + weights, bandwidth)
    for k, filters_here in enumerate(_tiles(filters, kt)):
        for c, channels_here in enumerate(_tiles(C, ct)):
            out.weight_reads += filters_here * channels_here * R * S
            for fold, z in enumerate(folds):
                for x, columns_here in enumerate(steps_x):
                    out.output_writes += filters_here * z * columns_here
                    fresh = z * channels_here * R * (cols if x == 0 else dx)
                    out.input_reads += fresh
                    store = z * w * kt
                    if x > 0:
                        load = z * ct * R * dx
                    elif fold > 0:
                        load = z * ct * R * cols
                    elif c > 0:
                        # Neighbouring clusters share the halo rows of a new channel.
                        load = halo + weights
                        out.input_reads -= i0 - halo
                    elif k > 0:
                        # The first tile of inputs is still there when the filters advance.
                        load = weights
                        out.input_reads -= i0
                    else:
                        continue  # the very first step is not overlapped
                    out.cycles += max(q, _ceil(load, bandwidth), _ceil(store, bandwidth))
    return out


def _walk_dla(filters, C, R, S, OY, OX, s, depthwise, pes, bandwidth):
    cluster = 1 if depthwise else 64
    if cluster > pes:
        return None
    n = pes // cluster
    ct = 1 if depthwise else min(64, C)
    q = R * S + (0 if depthwise else _ceil(2 * ct * R * S, bandwidth))
    folds = _tiles(C if depthwise else filters, n)
    channels = [1] if depthwise else _tiles(C, ct)
    dx = min(s, S)

    def inputs(z, columns):
        return (z if depthwise else ct) * R * columns

    def weights(z):
        return z * ct * R * S

    a = folds[0]
    out = Counts(l1_bytes=6 * R * S, l2_bytes=2 * (inputs(a, S) + weights(a) + a))
    out.cycles = q + _ceil(inputs(a, S) + weights(a), bandwidth)
    for fold, z in enumerate(folds):
        for c, channels_here in enumerate(channels):
            out.weight_reads += z * channels_here * R * S
            for y in range(OY):
                for x in range(OX):
                    out.output_writes += z
                    lanes = z if depthwise else channels_here
                    out.input_reads += lanes * R * (S if x == 0 else dx)
                    if x > 0:
                        load = inputs(z, dx)
                    elif y > 0:
                        load = inputs(z, S)
                    elif c > 0:
                        load = inputs(z, S) + weights(z)
                    elif fold > 0:
                        load = weights(z) + (inputs(z, S) if depthwise else 0)
                        out.input_reads -= 0 if depthwise else inputs(a, S)
                    else:
                        continue
                    out.cycles += max(q, _ceil(load, bandwidth), _ceil(z, bandwidth))
    return out


def cost(loops, flow, pes, bandwidth, technology):
    """Return a dict of all that the simulator reports for a layer; None with too few PEs."""
    counts = walk(loops, flow, pes, bandwidth)
    if counts is None:
        return None
    K, C, R, S, OY, OX, s, depthwise, repeats = loops
    outputs = (C if depthwise else K) * OY * OX * repeats
    weights = (C if depthwise else K * C) * R * S * repeats
    inputs = C * ((OY - 1) * s + R) * ((OX - 1) * s + S) * repeats
    macs = weights * OY * OX
    moved = (counts.input_reads + counts.weight_reads) * repeats
    l2 = moved + outputs + counts.output_writes * repeats + inputs + weights
    l1 = 4 * macs + moved
    units = technology.l2_energy * l2 + technology.l1_energy * l1 + macs
    units += technology.noc_energy * (moved + counts.output_writes * repeats)
    dram = inputs + weights + outputs
    units += technology.dram_energy * dram
    cycles = counts.cycles
    if technology.dram_bandwidth:
        cycles = max(cycles, math.ceil(dram // repeats / technology.dram_bandwidth))
    area, power = area_and_power(pes, bandwidth, counts.l1_bytes, counts.l2_bytes, technology)
    return {
        "cycles": repeats * cycles,
        "energy_nj": units * technology.mac_energy_nj,
        "area_um2": area,
        "power_mw": power,
        "macs": macs,
        "input_reads": counts.input_reads * repeats,
        "weight_reads": counts.weight_reads * repeats,
        "output_writes": counts.output_writes * repeats,
        "output_reads": outputs,
        "l1_bytes": counts.l1_bytes,
        "l2_bytes": counts.l2_bytes,
        "l1_accesses": l1,
        "l2_accesses": l2,
        "dram_accesses": dram,
        "utilisation": macs / (pes * repeats * cycles),
    }


def area_and_power(pes, bandwidth, l1_bytes, l2_bytes, technology):
    bus = 14.662 * pes + 28.895
    arbiter = (1.2886 * pes) * pes + 5.5814 * pes - 23.711
    l1 = math.ceil(l1_bytes / technology.l1.block_bytes)
    l2 = math.ceil(l2_bytes / technology.l2.block_bytes)
    area = pes * (technology.mac_area_um2 + l1 * technology.l1.area_um2)
    area = area + l2 * technology.l2.area_um2
    area += 101.7938 * bus * bandwidth
    power = pes * (technology.mac_power_mw + l1 * technology.l1.power_mw)
    power = power + l2 * technology.l2.power_mw
    power += 0.8e-3 * bus * bandwidth
    return area + 395.473 * max(arbiter, 1.0), power + 0.34e-3 * arbiter
