"""Throughput of the co-design family: layers, complete designs, environment steps.

The workload is the form of NASAIC's W1: a ResNet-9 and a U-Net, 34 layers, on chips with two
sub-accelerators. The yardstick is the plain-Python reference model in the same run; it gives the
same bits. Limits are quantiles of the latencies of the same chips without a limit: the tighter the
limit, the more moves the mapping tries.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.experiments.throughput.environments import scalar_rate, vector_rate
from chipgym.experiments.throughput.timing import Rate, measure_rate
from chipgym.simulators.accelerator.design import DATAFLOWS, Chip, SubAccelerator
from chipgym.simulators.accelerator.layer import Loops
from chipgym.simulators.accelerator.layout import DESIGN_COLUMNS
from chipgym.simulators.accelerator.network import Network
from chipgym.simulators.accelerator.networks import resnet9, unet
from chipgym.simulators.accelerator.reference import layer_cost, simulate_reference
from chipgym.simulators.accelerator.simulate import (
    SIMULATOR_VERSION,
    evaluate_layers,
    simulate,
    simulate_batch,
    simulate_chips,
)
from chipgym.simulators.accelerator.workload import Workload, lower_workload
from chipgym.simulators.core.errors import SimulationError

__all__ = ["FULL", "LIMITS", "QUICK", "Effort", "measure_codesign"]

SEED = 0
UNITS = 2
LIMITS: dict[str, float | None] = {"no limit": None, "median limit": 0.5, "tight limit": 0.1}
"""Latency limits of the complete designs: the share of the chips that meet them untuned."""

ENVIRONMENTS = ("chipgym/CoDesign-v0", "chipgym/CoDesignOneShot-v0", "chipgym/CoDesignRefine-v0")
MIN_STEPS = 50

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    repeats : int
        Repeats of each measurement.
    chips : int
        Random chips of a repeat.
    pairs : int
        Pairs of networks where the networks change.
    reference_chips : int
        Chips that the plain-Python model costs.
    steps : int
        Environment steps of a repeat.
    num_envs : int
        Rows of the vector environments.
    """

    repeats: int
    chips: int
    pairs: int
    reference_chips: int
    steps: int
    num_envs: int


FULL = Effort(5, 2000, 64, 3, 2000, 16)
QUICK = Effort(1, 20, 2, 1, MIN_STEPS, 2)


def measure_codesign(
    effort: Effort = FULL, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything.

    Parameters
    ----------
    effort : Effort
        `FULL` for numbers to quote, `QUICK` to see that it works.
    report : callable
        Told what is being measured.

    Returns
    -------
    dict
        A JSON document: ``workload``, ``layers``, ``designs`` (an entry a limit), ``joint``
        (networks and chips change), ``cores``, ``environment``, ``manifest``.
    """
    started, begin = timestamp(), time.perf_counter()
    networks = (resnet9(32, (128, 256, 256), (2, 2, 2)), unet((16, 32, 64, 128, 256)))
    workload, chips = lower_workload(networks), _chips(effort.chips)
    document: dict[str, Any] = {
        "family": "codesign",
        "workload": {
            "networks": [network.name for network in networks],
            "layers": len(workload.layers),
            "sub_accelerators": UNITS,
            "chips": len(chips),
        },
    }
    report("measuring layers")
    document["layers"] = _layers(workload, chips, effort)
    report("measuring designs")
    document["designs"] = _designs(networks, workload, chips, effort)
    report("measuring changing networks")
    document["joint"] = _joint(chips, effort)
    report("measuring cores")
    document["cores"] = _cores(chips, effort)
    report("measuring environment")
    document["environment"] = _environments(effort)
    document["manifest"] = build_manifest(
        configuration={"throughput": "codesign", "effort": dataclasses.asdict(effort)},
        seeds=[SEED],
        simulator_versions={"codesign": SIMULATOR_VERSION},
        env_specs={},
        started=started,
        wall_s=time.perf_counter() - begin,
    )
    return document


def _chips(count: int) -> Ints:
    """Random chips of two sub-accelerators, PEs in steps of 32 and bandwidth in steps of 8."""
    rng = np.random.default_rng(SEED)
    chips = np.zeros((count, UNITS, DESIGN_COLUMNS), dtype=np.int64)
    chips[..., 0] = rng.integers(0, len(DATAFLOWS), (count, UNITS))
    chips[..., 1] = 32 * rng.integers(2, 65, (count, UNITS))
    chips[..., 2] = 8 * rng.integers(1, 5, (count, UNITS))
    return chips


def _chip(rows: Ints) -> Chip:
    names = list(DATAFLOWS)
    parts = [
        SubAccelerator(dataflow=names[flow], pes=pes, bandwidth=bandwidth)
        for flow, pes, bandwidth, *_ in rows.tolist()
    ]
    return Chip(sub_accelerators=tuple(parts))


def _compared(fast: Rate, slow: Rate) -> dict[str, Any]:
    return {
        "evaluations_per_s": fast.document(),
        "reference_evaluations_per_s": slow.document(),
        "ratio_to_reference": round(fast.per_cpu_s / slow.per_cpu_s),
    }


def _layers(workload: Workload, chips: Ints, effort: Effort) -> dict[str, Any]:
    """Every layer on every sub-accelerator."""
    units = chips.reshape(-1, DESIGN_COLUMNS)
    layers = [Loops(*row) for row in workload.layers.tolist()]
    few = [
        part for rows in chips[: effort.reference_chips] for part in _chip(rows).sub_accelerators
    ]
    costs = evaluate_layers(layers, few)
    for i, loops in enumerate(layers):
        for u, part in enumerate(few):
            cost = layer_cost(loops, part)
            if (-1 if cost is None else cost.cycles) != costs.cycles[i, u]:
                raise SimulationError(f"layer {workload.names[i]}: kernel and reference disagree")

    def evaluate() -> int:
        return evaluate_layers(workload.layers, units).cycles.size

    def reference() -> int:
        for loops in layers:
            for part in few:
                layer_cost(loops, part)
        return len(layers) * len(few)

    return _compared(
        measure_rate(evaluate, effort.repeats), measure_rate(reference, effort.repeats)
    )


def _designs(
    networks: tuple[Network, ...], workload: Workload, chips: Ints, effort: Effort
) -> dict[str, Any]:
    """Complete designs of the same networks: costs, mapping, schedule and area."""
    free = simulate_chips(workload, chips).latency_cycles
    few = [_chip(rows) for rows in chips[: effort.reference_chips]]
    rows = {}
    for name, share in LIMITS.items():
        limit = None if share is None else int(np.quantile(free[free > 0], share))

        def evaluate(limit: int | None = limit) -> int:
            return len(simulate_chips(workload, chips, limit).latency_cycles)

        def reference(limit: int | None = limit) -> int:
            for chip in few:
                slow = simulate_reference(networks, chip, limit)
                fast = simulate(networks, chip, limit)
                if (slow.latency_cycles, slow.unit.tolist()) != (
                    fast.latency_cycles,
                    fast.unit.tolist(),
                ):
                    raise SimulationError(f"{name}: kernel and reference disagree")  # noqa: B023
            return len(few)

        slow = measure_rate(reference, 1, warm_up=0)
        rows[name] = _compared(measure_rate(evaluate, effort.repeats), slow)
        rows[name]["limit_cycles"] = limit
    return rows


def _pairs(count: int) -> list[tuple[Network, Network]]:
    """Random pairs of NASAIC's spaces."""
    rng = np.random.default_rng(SEED)
    pairs = []
    for _ in range(count):
        filters = tuple(int(2**n) for n in rng.integers(5, 9, 3))
        skips = tuple(rng.integers(0, 3, 3).tolist())
        first = resnet9(int(2 ** rng.integers(3, 7)), filters, skips)
        top, height = int(2 ** rng.integers(3, 5)), int(rng.integers(1, 6))
        pairs.append((first, unet(tuple(top << level for level in range(height)))))
    return pairs


def _joint(chips: Ints, effort: Effort) -> dict[str, Any]:
    """Complete designs one at a time, with other networks for each, through `simulate`."""
    pairs, some = _pairs(effort.pairs), [_chip(rows) for rows in chips[: 4 * effort.pairs]]
    designs = [(pairs[n % len(pairs)], chip) for n, chip in enumerate(some)]
    limits = [
        max(1, int(0.8 * result.latency_cycles)) for result in simulate_batch(designs, threads=1)
    ]

    def evaluate() -> int:
        for (networks, chip), limit in zip(designs, limits, strict=True):
            simulate(networks, chip, limit)
        return len(designs)

    return {"evaluations_per_s": measure_rate(evaluate, effort.repeats).document()}


def _cores(chips: Ints, effort: Effort) -> list[dict[str, Any]]:
    """Speed of `simulate_batch` on growing numbers of threads; as fast as possible is wanted."""
    pairs = _pairs(min(8, effort.pairs))
    designs = [(pairs[n % len(pairs)], _chip(rows)) for n, rows in enumerate(chips)]
    rows, single, cores = [], 0.0, os.cpu_count() or 1
    for threads in [1 << power for power in range(cores.bit_length())]:

        def evaluate(count: int = threads) -> int:
            return len(simulate_batch(designs, 1, threads=count))

        rate = measure_rate(evaluate, effort.repeats)
        single = single or rate.best
        rows.append(
            {
                "threads": threads,
                "evaluations_per_s": rate.document(),
                "speed_up": round(rate.best / single, 2),
            }
        )
    return rows


def _environments(effort: Effort) -> dict[str, Any]:
    """Steps per second through Gymnasium under random legal actions, default scenarios."""
    return {
        env_id: {
            "scalar": scalar_rate(env_id, effort.steps, effort.repeats),
            f"vector_{effort.num_envs}": vector_rate(
                env_id, effort.num_envs, effort.steps, effort.repeats
            ),
        }
        for env_id in ENVIRONMENTS
    }
