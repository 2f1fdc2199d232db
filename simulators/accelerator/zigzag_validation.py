"""How the cost model ranks layers, sub-accelerators and designs against ZigZag (``[zigzag]``).

Absolute values of two models with different assumptions mean little; a search needs their order.
Shipped results: ``data/zigzag.json``, by ``chipgym validate codesign --zigzag``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.accelerator.design import DATAFLOWS, Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.networks import mobilenetv2, resnet9, resnet18, unet
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.simulate import SIMULATOR_VERSION, evaluate_layers, simulate
from chipgym.simulators.accelerator.zigzag_backend import (
    evaluate_with_zigzag,
    reevaluate_with_zigzag,
)
from chipgym.simulators.accelerator.zigzag_description import Order
from chipgym.simulators.core.errors import SimulationError

__all__ = [
    "FULL",
    "QUICK",
    "RESULTS",
    "Effort",
    "compare_with_zigzag",
    "kendall",
    "spearman",
]

RESULTS = Path(__file__).parent / "data" / "zigzag.json"
SEED = 0
Floats = npt.NDArray[np.float64]
Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class Effort:
    """How much is compared.

    Attributes
    ----------
    layers : int
        Layers, drawn from four networks.
    units : int
        Sub-accelerators of each dataflow; every layer runs on each.
    searched : int
        Layers whose loop order ZigZag searches, too.
    chips : int
        Complete designs.
    """

    layers: int
    units: int
    searched: int
    chips: int


FULL = Effort(32, 4, 6, 30)
QUICK = Effort(4, 2, 1, 3)


def _ranks(values: Floats) -> Floats:
    """Return ranks; ties share their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean = last - (counts - 1) / 2.0
    return np.asarray(mean[inverse], dtype=np.float64)


def spearman(first: Iterable[float], second: Iterable[float]) -> float:
    """Return Spearman's rank correlation; nan where one side is constant."""
    a, b = (_ranks(np.array(list(side), dtype=np.float64)) for side in (first, second))
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def kendall(first: Iterable[float], second: Iterable[float]) -> float:
    """Return Kendall's tau-b; nan where one side is constant."""
    a, b = (np.array(list(side), dtype=np.float64) for side in (first, second))
    x, y = np.sign(a[:, None] - a[None]), np.sign(b[:, None] - b[None])
    pairs = np.sqrt(float((x != 0).sum()) * float((y != 0).sum()))
    return float((x * y).sum() / pairs) if pairs else float("nan")


def _summary(pairs: Pairs) -> dict[str, float | None]:
    """Return correlations and the median of ZigZag's value over ours; nan pairs failed."""
    known = np.array([pair for pair in pairs if np.isfinite(pair).all()]).reshape(-1, 2)
    return {
        "count": len(known),
        "failed": len(pairs) - len(known),
        "spearman": _rounded(spearman(*known.T)),
        "kendall": _rounded(kendall(*known.T)),
        "median_ratio": _rounded(float(np.median(known[:, 1] / known[:, 0]))),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _networks() -> tuple[Network, ...]:
    return (
        resnet9(32, (128, 256, 256), (2, 2, 2)),
        unet((16, 32, 64, 128, 256)),
        resnet18(),
        mobilenetv2(),
    )


def _layers(count: int, rng: np.random.Generator) -> list[Loops]:
    known = sorted({nest for network in _networks() for nest in network.loops.values()})
    chosen = rng.choice(len(known), size=min(count, len(known)), replace=False)
    return [known[place] for place in sorted(chosen.tolist())]


def _unit(flow: str, rng: np.random.Generator) -> SubAccelerator:
    """Draw from NASAIC's space."""
    return SubAccelerator(
        dataflow=flow,  # type: ignore[arg-type]
        pes=32 * int(rng.integers(4, 65)),
        bandwidth=8 * int(rng.integers(1, 9)),
    )


def compare_with_zigzag(
    effort: Effort = FULL, report: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Compare latencies and energies of layers, sub-accelerators and complete designs.

    Parameters
    ----------
    effort : Effort
    report : callable
        Told what is being compared.

    Returns
    -------
    dict
        A JSON document: ``layers`` (all layers on all sub-accelerators of a dataflow),
        ``sub_accelerators`` (mean over layers of the correlation over all sub-accelerators),
        ``search`` (as ``layers``, with loop orders that ZigZag searches), ``designs``.

    Raises
    ------
    MissingLibraryError
        ZigZag is not installed.
    """
    rng = np.random.default_rng(SEED)
    layers = _layers(effort.layers, rng)
    units = [_unit(flow, rng) for flow in DATAFLOWS for _ in range(effort.units)]
    report(f"evaluating {len(layers)} layers on {len(units)} sub-accelerators")
    latency, energy = _grid(layers, units, "template")
    flows = np.array([unit.dataflow for unit in units])
    document: dict[str, Any] = {
        "command": "chipgym validate codesign --zigzag",
        "versions": {"zigzag-dse": _version(), "codesign": SIMULATOR_VERSION},
        "effort": asdict(effort),
        "seed": SEED,
        "layers": _by_flow(latency, energy, flows),
        "sub_accelerators": _over_units(latency, energy),
    }
    report(f"searching loop orders of {effort.searched} layers")
    place = rng.choice(len(layers), size=min(effort.searched, len(layers)), replace=False)
    chosen = [layers[i] for i in sorted(place.tolist())]
    few = [unit for number, unit in enumerate(units) if number % effort.units < 2]
    found = _grid(chosen, few, "search")
    document["search"] = _by_flow(*found, np.array([unit.dataflow for unit in few]))
    report(f"evaluating {effort.chips} complete designs")
    document["designs"] = _designs(effort.chips, rng)
    return document


def _version() -> str:
    try:
        return version("zigzag-dse")
    except PackageNotFoundError:
        return ""


def _grid(layers: list[Loops], units: list[SubAccelerator], order: Order) -> tuple[Floats, Floats]:
    """Return latencies and energies [layers, units, 2]: ours, then ZigZag's."""
    costs = evaluate_layers(layers, units)
    latency = np.empty((len(layers), len(units), 2))
    energy = np.empty_like(latency)
    latency[..., 0], energy[..., 0] = costs.cycles, costs.energy_nj
    for i, loops in enumerate(layers):
        for u, unit in enumerate(units):
            try:
                cost = evaluate_with_zigzag(loops, unit, order=order, effort=4)
            except SimulationError:
                latency[i, u, 1] = energy[i, u, 1] = np.nan
            else:
                latency[i, u, 1], energy[i, u, 1] = cost.latency_cycles, cost.energy_nj
    return latency, energy


def _pairs(values: Floats) -> Pairs:
    return [(float(a), float(b)) for a, b in values.reshape(-1, 2)]


def _by_flow(latency: Floats, energy: Floats, flows: npt.NDArray[np.str_]) -> dict[str, Any]:
    return {
        flow: {
            "latency": _summary(_pairs(latency[:, flows == flow])),
            "energy": _summary(_pairs(energy[:, flows == flow])),
        }
        for flow in DATAFLOWS
    }


def _over_units(latency: Floats, energy: Floats) -> dict[str, Any]:
    """For each layer correlate over the sub-accelerators; return means over the layers."""
    rows = {}
    for name, values in (("latency", latency), ("energy", energy)):
        known = [one for one in values if np.isfinite(one).all()]
        found = np.array([(spearman(*one.T), kendall(*one.T)) for one in known])
        # What our choice of a sub-accelerator costs by ZigZag's measure.
        best = [one[one[:, 0].argmin(), 1] / one[:, 1].min() for one in known]
        rows[name] = {
            "count": len(known),
            "failed": len(values) - len(known),
            "spearman": _rounded(float(np.nanmean(found[:, 0]))),
            "kendall": _rounded(float(np.nanmean(found[:, 1]))),
            "median_ratio_of_choice": _rounded(float(np.median(best))),
        }
    return rows


def _designs(count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Evaluate two networks on random chips, mapped for 80 % of their latency without a limit."""
    networks = _networks()[:2]
    options = AcceleratorOptions(order="chain")
    latency, energy = [], []
    for _ in range(count):
        flows = rng.choice(list(DATAFLOWS), size=2)
        chip = Chip(sub_accelerators=tuple(_unit(str(flow), rng) for flow in flows))
        free = simulate(networks, chip, None, options)
        ours = simulate(networks, chip, int(0.8 * free.latency_cycles), options)
        try:
            other = reevaluate_with_zigzag(networks, chip, ours, options)
        except SimulationError:
            latency.append((float(ours.latency_cycles), math.nan))
            energy.append((ours.energy_nj, math.nan))
        else:
            latency.append((float(ours.latency_cycles), float(other.latency_cycles)))
            energy.append((ours.energy_nj, other.energy_nj))
    return {"latency": _summary(latency), "energy": _summary(energy)}
