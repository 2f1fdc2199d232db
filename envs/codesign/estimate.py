"""What a design that is only partly decided costs at best."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.design_space import DesignSpace, Parts
from chipgym.envs.codesign.hardware import FLOWS, TOKENS_PER_UNIT, HardwareSpace
from chipgym.envs.codesign.spaces import Architecture, Choices
from chipgym.simulators.accelerator.design import Chip
from chipgym.simulators.accelerator.layer import Shape
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import evaluate_layers
from chipgym.simulators.accelerator.workload import lower_workload

__all__ = ["estimate_costs"]

Costs = tuple[float, float, float]
Triple = tuple[int, int, int]


def estimate_costs(space: DesignSpace, technology: str, parts: Parts) -> Costs:
    """Estimate the cheapest completion: latency in cycles, energy in nJ, area in um^2.

    Undecided tokens of a network take their first option, the smallest. Each layer runs on the best
    of the decided sub-accelerators and of some that the budgets still allow; networks run side by
    side. The area is that of the decided sub-accelerators. An estimate, because sizes between those
    that are tried may be better for a layer.
    """
    networks = []
    for task, own, part in zip(space.tasks, space.architectures, parts, strict=False):
        entry = data_set_named(task.data_set)
        architecture = own.architecture(own.complete(part))
        networks.append((architecture, entry.shape, entry.classes))
    decided, possible = _units(space.hardware, parts[-1])
    return _estimate(tuple(networks), decided, possible, space.hardware.units, technology)


def _units(space: HardwareSpace, part: Choices) -> tuple[tuple[Triple, ...], tuple[Triple, ...]]:
    """Return (dataflow, PEs, bandwidth) of decided units, and of some that are possible."""
    whole = len(part) - len(part) % TOKENS_PER_UNIT
    decided = []
    for start in range(0, whole, TOKENS_PER_UNIT):
        flow, pes, bandwidth = part[start : start + TOKENS_PER_UNIT]
        if space.pes[pes]:
            decided.append((flow, space.pes[pes], space.bandwidth[bandwidth]))
    begun = part[whole:]
    if whole == len(space.tokens):
        return tuple(decided), ()
    pes_left, bandwidth_left = space.left(part[:whole])
    if bandwidth_left < space.bandwidth[0]:
        return tuple(decided), ()
    if len(begun) > 1:
        sizes = {space.pes[begun[1]]}
    else:
        fitting = [count for count in space.pes[1:] if count <= pes_left]
        sizes = {fitting[place] for place in (0, len(fitting) // 2, -1)} if fitting else set()
    flows = begun[:1] or range(len(FLOWS))
    if len(begun) > 1 and not space.pes[begun[1]]:
        # A unit that is left out says nothing about the next.
        return tuple(decided), _units(space, (*part, 0))[1]
    return tuple(decided), tuple((f, p, bandwidth_left) for f in flows for p in sorted(sizes))


@lru_cache(maxsize=32768)
def _estimate(
    networks: tuple[tuple[Architecture, Shape, int], ...],
    decided: tuple[Triple, ...],
    possible: tuple[Triple, ...],
    units: int,
    technology: str,
) -> Costs:
    rows = Chip.of(*((FLOWS[f], p, b) for f, p, b in (*decided, *possible)))
    workload = lower_workload([a.network(shape, classes) for a, shape, classes in networks], True)
    options = AcceleratorOptions(technology=technology)
    costs = evaluate_layers(workload.layers, rows.sub_accelerators, options)
    cycles = np.where(costs.cycles < 0, np.iinfo(np.int64).max // 4096, costs.cycles).min(axis=1)
    chains = np.bincount(workload.network, weights=cycles)
    latency = max(float(chains.max()), float(cycles.sum()) / units)
    area = float(costs.area_um2[:, : len(decided)].min(axis=0).sum())
    return latency, float(costs.energy_nj.min(axis=1).sum()), area
