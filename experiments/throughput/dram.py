"""Throughput of the DRAM family: evaluations, requests, environment steps.

The yardstick is the plain-Python reference model in the same run, on the beginning of the same
trace. Ratios to DRAMSys itself need DRAMSys; those of the reference page are relative to it.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chipgym.envs.dram_tuning.design_space import DesignSpace
from chipgym.envs.dram_tuning.knobs import build_knobs
from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.experiments.throughput.environments import scalar_rate, vector_rate
from chipgym.experiments.throughput.timing import Rate, measure_rate
from chipgym.simulators.core.errors import SimulationError
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.generators import ARCHGYM_WORKLOADS, Traffic, archgym_trace, generate
from chipgym.simulators.dram.reference import simulate_reference
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION, prepare, simulate, simulate_batch
from chipgym.simulators.dram.trace import Trace

__all__ = ["FULL", "QUICK", "Effort", "measure_dram"]

SEED = 0
DDR3 = ("ddr3-1600", "ddr3-1600-rbc")
DDR4 = ("ddr4-2400", "ddr4-2400-bgint")
MIXED = Traffic(pattern="mixture", read_ratio=0.7, streams=4, intensity=0.5)
BURSTY = Traffic(pattern="bursty", read_ratio=0.7, locality=0.5, idle_cycles=5000)
ENVIRONMENTS = {
    "chipgym/DramDesign-v0": 1.0,
    "chipgym/DramTuning-v0": 1.0,
    "chipgym/DramRuntime-v0": 1.0,
    "chipgym/DramCommand-v0": 20.0,
}
"""Environments, and how many steps of each are measured for one of the first."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    repeats : int
        Repeats of each measurement.
    designs : int
        Random designs that a repeat simulates.
    reference_requests : int
        Beginning of the trace that the plain-Python model simulates.
    steps : int
        Environment steps of a repeat.
    num_envs : int
        Rows of the vector environments.
    """

    repeats: int
    designs: int
    reference_requests: int
    steps: int
    num_envs: int


FULL = Effort(5, 64, 300, 200, 16)
QUICK = Effort(1, 4, 40, 8, 2)


def measure_dram(effort: Effort = FULL, report: Callable[[str], None] = print) -> dict[str, Any]:
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
        A JSON document: ``simulator`` (an entry a trace), ``summary``, ``cores`` (a row a trace and
        number of threads), ``environment``, ``manifest``.
    """
    started, begin = timestamp(), time.perf_counter()
    document: dict[str, Any] = {"family": "dram"}
    report("measuring simulator")
    workloads = _workloads()
    document["simulator"] = {
        name: _simulator(workload, effort) for name, workload in workloads.items()
    }
    times = [document["simulator"][name]["mean_ms"] for name in ARCHGYM_WORKLOADS]
    document["summary"] = {"archgym_mean_ms": round(sum(times) / len(times), 3)}
    report("measuring cores")
    document["cores"] = _cores(workloads, effort)
    report("measuring environment")
    document["environment"] = _environments(effort)
    document["manifest"] = build_manifest(
        configuration={"throughput": "dram", "effort": dataclasses.asdict(effort)},
        seeds=[SEED],
        simulator_versions={"dram": SIMULATOR_VERSION},
        env_specs={},
        started=started,
        wall_s=time.perf_counter() - begin,
    )
    return document


def _workloads() -> dict[str, Workload]:
    """ArchGym's four workloads on DDR3, and two with writes on DDR4; 10,000 requests each."""
    ddr3, ddr4 = load_device(DDR3[0]), load_device(DDR4[0])
    rng = np.random.default_rng(SEED)
    workloads = {
        name: prepare(ddr3, load_map(DDR3[1]), archgym_trace(name, ddr3))
        for name in ARCHGYM_WORKLOADS
    }
    for name, traffic in (("ddr4-mixed", MIXED), ("ddr4-bursty", BURSTY)):
        workloads[name] = prepare(ddr4, load_map(DDR4[1]), generate(traffic, ddr4, rng))
    return workloads


def _designs(count: int) -> list[ControllerConfig]:
    """Random designs of ArchGym's space, the same ones always."""
    space = DesignSpace(build_knobs("archgym", ()), refresh_required=False)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, space.lengths, size=(count, len(space.lengths)))
    return [space.config(tuple(design))[0] for design in drawn.tolist()]


def _simulator(workload: Workload, effort: Effort) -> dict[str, Any]:
    """Evaluations and requests per second, one at a time on one core, and the yardstick's."""
    configs, size = _designs(effort.designs), len(workload.trace)

    def evaluate() -> int:
        for config in configs:
            simulate(workload, config)
        return len(configs)

    fast = measure_rate(evaluate, effort.repeats)
    slow = _reference_rate(workload, effort)
    return {
        "requests": size,
        "evaluations_per_s": fast.document(),
        "requests_per_s": round(fast.per_cpu_s * size),
        "mean_ms": round(fast.us_per_unit / 1000, 3),
        "reference_requests_per_s": slow.document(),
        "ratio_to_reference": round(fast.per_cpu_s * size / slow.per_cpu_s, 1),
    }


def _reference_rate(workload: Workload, effort: Effort) -> Rate:
    """Requests per second of the plain-Python model under the default controller."""
    trace, size = workload.trace, effort.reference_requests
    head = Trace(trace.cycle[:size], trace.address[:size], trace.is_write[:size], trace.name)
    short = prepare(workload.memory.device, workload.memory.address_map, head)
    config = ControllerConfig()
    if simulate(short, config).total_cycles != simulate_reference(short, config).total_cycles:
        raise SimulationError(f"{trace.name}: the kernel and the reference model disagree")

    def reference() -> int:
        simulate_reference(short, config)
        return size

    return measure_rate(reference, effort.repeats, warm_up=0)


def _cores(workloads: dict[str, Workload], effort: Effort) -> list[dict[str, Any]]:
    """Speed of `simulate_batch` on growing numbers of threads, a row a trace and number."""
    cores = os.cpu_count() or 1
    counts = [1 << power for power in range(cores.bit_length())]
    rows: list[dict[str, Any]] = []
    for name, workload in workloads.items():
        reads_only = workload.trace.reads_only
        drawn = _designs(4 * effort.designs)
        configs = list(dict.fromkeys(each.canonical(reads_only=reads_only) for each in drawn))
        single = 0.0
        for threads in counts:

            def evaluate(count: int = threads) -> int:
                return len(simulate_batch(workload, configs, threads=count))  # noqa: B023

            rate = measure_rate(evaluate, effort.repeats)
            single = single or rate.best
            rows.append(
                {
                    "trace": name,
                    "threads": threads,
                    "evaluations_per_s": rate.document(),
                    "requests_per_s": round(rate.median * len(workload.trace)),
                    "speed_up": round(rate.best / single, 2),
                }
            )
    return rows


def _environments(effort: Effort) -> dict[str, Any]:
    """Steps per second through Gymnasium under random legal actions, default scenarios."""
    rates = {}
    for env_id, factor in ENVIRONMENTS.items():
        steps = int(effort.steps * factor)
        rates[env_id] = {
            "scalar": scalar_rate(env_id, steps, effort.repeats),
            f"vector_{effort.num_envs}": vector_rate(
                env_id, effort.num_envs, steps, effort.repeats
            ),
        }
    return rates
