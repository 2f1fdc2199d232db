"""A layer on a sub-accelerator as ZigZag's descriptions: accelerator, mapping and workload.

A sub-accelerator is described as what the templates of ``kernel.py`` mean:

- an array of clusters x PEs of a cluster, unrolled as the dataflow says;
- in each PE registers for inputs, weights and outputs, as large as the template's tiles: a larger
  buffer changes nothing in the cost model, either;
- a shared buffer as large as the layer requires or as given, which reads and writes `bandwidth`
  elements a cycle towards the PEs;
- an off-chip memory with the technology's energy and bandwidth.

The temporal order is the template's loop nest, or searched by ZigZag. Elements have eight bits,
energies are the technology's; an access of the shared buffer includes the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from chipgym.simulators.accelerator.design import SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_layers
from chipgym.simulators.accelerator.technology import Technology
from chipgym.simulators.core.errors import InvalidValueError, SimulationError

__all__ = ["PICOJOULES", "Order", "describe_for_zigzag"]

Order = Literal["template", "search"]

BITS = 8
PICOJOULES = 1000.0
# Stands for "never a limit": bits per cycle, and bits.
WIDE, HUGE = 1 << 24, 1 << 50
DIMENSIONS = ("B", "K", "G", "OX", "OY", "C", "FX", "FY")
EQUATION = "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"


@dataclass(frozen=True)
class _Template:
    """How a dataflow unrolls a layer, and in what order its loops run, innermost first."""

    sizes: tuple[int, int]
    unrolled: dict[str, tuple[str, int]]
    order: tuple[tuple[str, int], ...]
    registers: tuple[int, int, int]


def _ceil(a: int, b: int) -> int:
    return -(-a // b)


def _steps(size: int, unrolled: int) -> int:
    """Return how often an unrolled loop runs, as ZigZag finds it.

    Where the last run is cut off, ZigZag spreads the loop evenly over the runs and rounds their
    number up again, in floating point; a loop order that does not agree is not taken.
    """
    runs = _ceil(size, unrolled)
    return runs if size % unrolled == 0 else math.ceil(size / (size / runs))


def _divisor(size: int, largest: int) -> int:
    """Return the largest divisor of a size up to a bound."""
    return next(d for d in range(min(size, largest), 0, -1) if size % d == 0)


def _template(loops: Loops, part: SubAccelerator) -> _Template:
    """Return the template; register sizes are in elements, double-buffered."""
    R, S = loops.kernel_height, loops.kernel_width
    K, C, G = loops.filters, loops.channels, 1
    if loops.depthwise:
        K, C, G = 1, 1, loops.channels
    kernel = (("FX", S), ("FY", R))
    # Of inputs, weights and outputs; partial sums leave a PE after each step.
    buffers = (2 * R * S, 2 * R * S, 2)
    if part.dataflow == "dla":
        if loops.depthwise:
            sizes, unrolled = (part.pes, 1), {"D1": ("G", min(G, part.pes))}
        else:
            sizes = (part.pes // 64, 64)
            unrolled = {"D1": ("K", min(K, sizes[0])), "D2": ("C", min(C, 64))}
        order: tuple[tuple[str, int], ...] = (
            *kernel,
            ("OX", loops.width),
            ("OY", loops.height),
            ("C", C),
            ("K", K),
            ("G", G),
        )
    elif part.dataflow == "shi":
        width = min(8, loops.width)
        sizes = (part.pes // width, width)
        unrolled = {"D1": ("OY", min(loops.height, sizes[0])), "D2": ("OX", width)}
        order = (*kernel, ("OX", loops.width), ("OY", loops.height), ("C", C), ("G", G), ("K", K))
    else:
        sizes = (part.pes // R, R)
        unrolled = {"D1": ("OY", min(loops.height, sizes[0])), "D2": ("FY", R)}
        filters, channels = _divisor(K, 2), _divisor(C, 4)
        order = (
            ("FX", S),
            ("C", channels),
            ("K", filters),
            ("OX", loops.width),
            ("OY", loops.height),
            ("C", C // channels),
            ("K", K // filters),
            ("G", G),
        )
        buffers = (2 * S * channels, 2 * S * channels * filters, 2 * filters)
    steps = dict(unrolled.values())
    # An extent that is shared out runs so much less; loops of one step are none.
    order = tuple((name, _steps(size, steps.get(name, 1))) for name, size in order)
    return _Template(sizes, unrolled, tuple(loop for loop in order if loop[1] > 1), buffers)


def _port(name: str, kind: str, bits: int, *served: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "bandwidth_min": min(BITS, bits),
        "bandwidth_max": bits,
        "allocation": list(served),
    }


def _memory(
    bits: int, cost_pj: float, operands: list[str], ports: list[dict[str, Any]], *dims: str
) -> dict[str, Any]:
    """Return a memory; its cost is that of a word as wide as its first port."""
    cost = cost_pj * ports[0]["bandwidth_max"] / BITS
    return {
        "size": bits,
        "r_cost": float(cost),
        "w_cost": float(cost),
        "area": 0.0,
        "latency": 1,
        "operands": operands,
        "ports": ports,
        "served_dimensions": list(dims),
    }


def _memories(template: _Template, part: SubAccelerator, technology: Technology) -> dict[str, Any]:
    """Return registers, shared buffer and off-chip memory, from the PEs outwards."""
    mac_pj = technology.mac_energy_nj * PICOJOULES
    memories = {}
    for operand, elements in zip(("I1", "I2", "O"), template.registers, strict=True):
        ports = [_port("r_port_1", "read", BITS, f"{operand}, tl")]
        ports.append(_port("w_port_1", "write", BITS, f"{operand}, fh"))
        if operand == "O":
            ports.append(_port("r_port_2", "read", BITS, "O, th"))
            ports.append(_port("w_port_2", "write", BITS, "O, fl"))
        memories[f"registers_{operand}"] = _memory(
            BITS * elements, technology.l1_energy * mac_pj, [operand], ports
        )
    width = BITS * part.bandwidth
    memories["shared"] = _memory(
        BITS * part.l2_bytes,
        (technology.l2_energy + technology.noc_energy) * mac_pj,
        ["I1", "I2", "O"],
        [
            _port("r_port_1", "read", width, "I1, tl", "I2, tl", "O, tl"),
            _port("w_port_1", "write", width, "O, fl"),
            # Fills from outside have ports of their own; as wide, for the cost of their words.
            _port("w_port_2", "write", width, "I1, fh"),
            _port("w_port_3", "write", width, "I2, fh"),
            _port("w_port_4", "write", width, "O, fh"),
            _port("r_port_2", "read", width, "O, th"),
        ],
        "D1",
        "D2",
    )
    outside = WIDE
    if technology.dram_bandwidth > 0.0:
        outside = max(BITS, int(BITS * technology.dram_bandwidth))
    served = [f"{operand}, {way}" for operand in ("I1", "I2", "O") for way in ("fh", "tl")]
    memories["off_chip"] = _memory(
        HUGE,
        technology.dram_energy * mac_pj,
        ["I1", "I2", "O"],
        [_port("rw_port_1", "read_write", outside, *served, "O, fl", "O, th")],
        "D1",
        "D2",
    )
    return memories


def describe_for_zigzag(
    loops: Loops,
    part: SubAccelerator,
    options: AcceleratorOptions | None = None,
    order: Order = "template",
) -> dict[str, Any]:
    """Return ZigZag's descriptions: ``accelerator``, ``mapping`` and ``workload``.

    Parameters
    ----------
    loops : Loops
    part : SubAccelerator
        Buffers of size 0 are as large as the layer requires.
    options : AcceleratorOptions, optional
        Whose technology counts.
    order : {"template", "search"}
        Loops in the order of the dataflow template, or left to ZigZag.

    Raises
    ------
    SimulationError
        The sub-accelerator cannot run the layer.
    """
    if order not in ("template", "search"):
        raise InvalidValueError("order", order, "'template' or 'search'")
    options = options or AcceleratorOptions()
    costs = evaluate_layers([loops], [part], options)
    if not costs.supported[0, 0]:
        raise SimulationError(f"{part.dataflow} with {part.pes} PEs cannot run {tuple(loops)}")
    part = part.model_copy(update={"l2_bytes": part.l2_bytes or int(costs.l2_bytes[0, 0])})
    template = _template(loops, part)
    mapping: dict[str, Any] = {
        "spatial_mapping": {
            axis: [f"{name}, {size}"] for axis, (name, size) in template.unrolled.items()
        },
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }
    if order == "template" and template.order:
        mapping["temporal_ordering"] = [list(loop) for loop in template.order]
    filters, channels, groups = loops.filters, loops.channels, 1
    if loops.depthwise:
        filters, channels, groups = 1, 1, loops.channels
    sizes = (1, filters, groups, loops.width, loops.height, channels)
    return {
        "accelerator": {
            "name": f"{part.dataflow}_{part.pes}_{part.bandwidth}",
            "memories": _memories(template, part, options.constants),
            "operational_array": {
                "unit_energy": options.constants.mac_energy_nj * PICOJOULES,
                "unit_area": options.constants.mac_area_um2,
                "dimensions": ["D1", "D2"],
                "sizes": list(template.sizes),
            },
        },
        "mapping": [{"name": name, **mapping} for name in ("default", "Conv")],
        "workload": [
            {
                "id": 0,
                "name": "layer",
                "operator_type": "Conv",
                "equation": EQUATION,
                "dimension_relations": [
                    f"ix={loops.stride}*ox+1*fx",
                    f"iy={loops.stride}*oy+1*fy",
                ],
                "loop_dims": list(DIMENSIONS),
                "loop_sizes": [*sizes, loops.kernel_width, loops.kernel_height],
                "operand_precision": {"O": BITS, "O_final": BITS, "W": BITS, "I": BITS},
                "operand_source": {"W": 0, "I": 0},
            }
        ],
    }
