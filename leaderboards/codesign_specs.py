"""An independent check of a co-design: budgets, schedule, costs, limits and score, no simulator.

A design is networks, a chip, and the plan by which the layers run on it. The budgets are summed up
from the chip's tokens; every layer's cycles and energy are recomputed from its loops
(`chipgym.leaderboards.codesign_costs`); the plan must run the layers of a network one after the
other and a sub-accelerator one layer at a time; latency, energy, area, power, penalties and score
follow from these. A design that keeps to the budgets and misses a limit is a design: its penalties
are in its score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from chipgym.leaderboards.codesign_costs import LayerCost, area_um2, layer_cost, power_mw
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.technology import Technology

__all__ = ["Accuracies", "Plan", "Unit", "check_accuracies", "check_budgets", "check_design"]

RELATIVE_TOLERANCE = 1e-9
COSTS = ("latency_cycles", "energy_nj", "area_um2")
PENALTY_WEIGHT = 10.0
"""Of NASAIC's reward (Yang et al., DAC 2020)."""


@dataclass(frozen=True)
class Unit:
    """A sub-accelerator as the tokens name it; without PEs it is left out."""

    dataflow: str
    pes: int
    bandwidth: int


@dataclass(frozen=True)
class Plan:
    """Which unit runs each layer, and from which cycle to which; layers in order of networks."""

    unit: Sequence[int]
    start_cycle: Sequence[int]
    finish_cycle: Sequence[int]


@dataclass(frozen=True)
class Accuracies:
    """Accuracy and weight of each task's network; nothing where nothing was trained."""

    values: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def weighted(self) -> float:
        """The weighted accuracy."""
        return math.fsum(v * w for v, w in zip(self.values, self.weights, strict=True))


def check_budgets(units: Sequence[Unit], max_pes: int, max_bandwidth: int) -> Iterator[str]:
    """Yield which budget a chip exceeds."""
    pes = sum(unit.pes for unit in units)
    bandwidth = sum(unit.bandwidth for unit in units if unit.pes)
    if not pes:
        yield "no sub-accelerator has PEs"
    if pes > max_pes:
        yield f"{pes} PEs; the budget is {max_pes}"
    if bandwidth > max_bandwidth:
        yield f"{bandwidth} bytes a cycle; the budget is {max_bandwidth}"


def check_design(
    networks: Sequence[Network],
    units: Sequence[Unit],
    plan: Plan,
    technology: Technology,
    limits: Sequence[float],
    bounds: Sequence[float],
    accuracies: Accuracies,
    metrics: Mapping[str, float | None],
) -> Iterator[str]:
    """Yield what is wrong with a design and with the metrics that are stated for it.

    Parameters
    ----------
    networks : sequence of Network
        They run at the same time, the layers of each one after the other.
    units : sequence of Unit
    plan : Plan
    technology : Technology
    limits, bounds : sequence of float
        Of latency (cycles), energy (nJ) and area (µm²): a penalty is 0 up to its limit and 1 from
        its bound on.
    accuracies : Accuracies
    metrics : mapping
        As stated; those that are not recomputed here are ignored.
    """
    costs: list[LayerCost] = []
    for problem in _schedule(networks, units, plan, technology, costs):
        yield problem
        return
    sizes = [(0, 0)] * len(units)
    for number, cost in zip(plan.unit, costs, strict=True):
        l1, l2 = sizes[number]
        sizes[number] = max(l1, cost.l1_bytes), max(l2, cost.l2_bytes)
    parts = [(u.pes, u.bandwidth, *size) for u, size in zip(units, sizes, strict=True)]
    found = {
        "latency_cycles": float(max(plan.finish_cycle)),
        "energy_nj": math.fsum(cost.energy_nj for cost in costs),
        "area_um2": math.fsum(area_um2(*part, technology) for part in parts),
        "power_mw": math.fsum(power_mw(*part, technology) for part in parts),
    }
    over = [
        min(max((found[name] - limit) / (bound - limit), 0.0), 1.0)
        for name, limit, bound in zip(COSTS, limits, bounds, strict=True)
    ]
    found["penalty"] = math.fsum(over)
    found["feasible"] = float(not any(over))
    found["trained"] = float(bool(accuracies.values))
    found["score"] = accuracies.weighted - PENALTY_WEIGHT * found["penalty"]
    if accuracies.values:
        found["weighted_accuracy"] = accuracies.weighted
    for name, value in found.items():
        stated = metrics.get(name)
        if stated is None or not _close(stated, value):
            yield f"{name} = {stated!r}, recomputed {value!r}"


def _schedule(
    networks: Sequence[Network],
    units: Sequence[Unit],
    plan: Plan,
    technology: Technology,
    costs: list[LayerCost],
) -> Iterator[str]:
    """Yield the first thing that is wrong with the plan; fill the costs of its layers."""
    layers = [(n, *nest) for n, network in enumerate(networks) for nest in network.loops.items()]
    columns = (plan.unit, plan.start_cycle, plan.finish_cycle)
    if any(len(column) != len(layers) for column in columns):
        yield f"a plan of {len(plan.unit)} layers, the networks have {len(layers)}"
        return
    ended = [0] * len(networks)
    busy: list[tuple[int, int, int, str]] = []
    for (owner, name, loops), number, start, finish in zip(layers, *columns, strict=True):
        layer = f"{owner}/{name}"
        if not 0 <= number < len(units) or not units[number].pes:
            yield f"layer {layer} runs on sub-accelerator {number}, which is not there"
            return
        unit = units[number]
        cost = layer_cost(loops, unit.dataflow, unit.pes, unit.bandwidth, technology)
        if cost is None:
            yield f"layer {layer} does not fit on sub-accelerator {number}"
            return
        if finish - start != cost.cycles:
            yield f"layer {layer} takes {finish - start} cycles, recomputed {cost.cycles}"
        if start < ended[owner]:
            yield f"layer {layer} starts at {start}, the one before it ends at {ended[owner]}"
        ended[owner] = finish
        busy.append((number, start, finish, layer))
        costs.append(cost)
    busy.sort()
    for (unit_a, _, end, first), (unit_b, start, _, second) in pairwise(busy):
        if unit_a == unit_b and start < end:
            yield f"layers {first} and {second} overlap on sub-accelerator {unit_a}"


def check_accuracies(
    tables: Sequence[Path], keys: Sequence[str], values: Sequence[float]
) -> Iterator[str]:
    """Yield which accuracies are not the means of their rows in the tables of measurements.

    Parameters
    ----------
    tables : sequence of path
        The table of each task.
    keys : sequence of str
        The network of each task, as the tables name it; one that was not measured is passed over.
    values : sequence of float
    """
    for path, key, value in zip(tables, keys, values, strict=True):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        row = document["accuracies"].get(key)
        if row and not _close(value, math.fsum(row) / len(row)):
            yield f"accuracy {value!r} of {key}, measured {math.fsum(row) / len(row)!r}"


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
