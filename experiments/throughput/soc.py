"""Throughput of the SoC family: simulator, environments, training, memory.

Everything runs on one core, on streams of the scenario `SCENARIO`, except where a name says
otherwise. The ratios compare with the plain-Python reference simulator in the same run, on the
beginning of the same stream.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import make_vec

from chipgym.agents.core.registry import make_policy
from chipgym.envs.soc_scheduling.presets import SCENARIOS
from chipgym.experiments.manifest import build_manifest, timestamp
from chipgym.experiments.throughput.decisions import (
    ENV_ID,
    policy_rate,
    scalar_rates,
    vector_rates,
)
from chipgym.experiments.throughput.timing import Rate, measure_rate
from chipgym.experiments.throughput.training import measure_training
from chipgym.simulators.core.errors import SimulationError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.arrivals import generate_workload
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference import simulate_reference
from chipgym.simulators.soc.scheduling import SCHEDULERS
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION, simulate
from chipgym.simulators.soc.workload import Workload

__all__ = ["FULL", "QUICK", "Effort", "measure_soc", "stream"]

SCENARIO = "six-app-mid"
NUM_ENVS = 64
OTHER_FORMS = ("chipgym/SocTaskMapping-v0", "chipgym/SocTaskOrdering-v0")
SEED = 0


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes
    ----------
    repeats : int
        Repeats of each measurement.
    jobs, reference_jobs, tick_jobs : int
        Length of the streams: kernel, plain-Python reference, tick orders.
    decisions : int
        Decisions of a repeat, scalar; the vector environment makes ten times as many.
    training_steps : int
        Environment steps of the training.
    long_jobs : tuple of int
        Lengths of the streams whose time and memory are compared.
    """

    repeats: int
    jobs: int
    reference_jobs: int
    tick_jobs: int
    decisions: int
    training_steps: int
    long_jobs: tuple[int, ...]


FULL = Effort(5, 20_000, 300, 300, 30_000, 16_384, (1_000, 10_000, 100_000))
QUICK = Effort(1, 500, 20, 20, 500, 256, (500, 2_000))


def stream(num_jobs: int) -> tuple[Platform, list[Application], Workload]:
    """Return the platform, the applications and a stream of jobs, always the same."""
    scenario = SCENARIOS[SCENARIO]
    rng = np.random.default_rng(SEED)
    workload = generate_workload(scenario.arrivals, scenario.mix, num_jobs, rng)
    applications = [Application.named(name) for name in scenario.applications]
    return Platform.named(scenario.platform), applications, workload


def measure_soc(effort: Effort = FULL, report: Callable[[str], None] = print) -> dict[str, Any]:
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
        A JSON document: ``simulator``, ``tick_orders``, ``linearity``, ``memory``,
        ``environment``, ``environments`` (of the other ids), ``training``, ``manifest``.
    """
    started, begin = timestamp(), time.perf_counter()
    document: dict[str, Any] = {"family": "soc", "scenario": SCENARIO}
    parts: dict[str, Callable[[Effort], Any]] = {
        "simulator": _simulator,
        "tick_orders": _tick_orders,
        "linearity": _linearity,
        "memory": _memory,
        "environment": _environment,
        "environments": _other_forms,
        "learned_scheduler": _learned_scheduler,
        "training": _training,
    }
    for name, part in parts.items():
        report(f"measuring {name.replace('_', ' ')}")
        document[name] = part(effort)
    document["manifest"] = build_manifest(
        configuration={"throughput": "soc", "effort": dataclasses.asdict(effort)},
        seeds=[SEED],
        simulator_versions={"soc": SIMULATOR_VERSION},
        env_specs={},
        started=started,
        wall_s=time.perf_counter() - begin,
    )
    return document


def _simulator(effort: Effort) -> dict[str, Any]:
    """Tasks per second of each scheduler, and of the reference simulator."""
    platform, applications, workload = stream(effort.jobs)
    short = Workload(
        workload.app_index[: effort.reference_jobs],
        workload.gap_us[: effort.reference_jobs],
        workload.key,
    )
    results = {}
    for scheduler in SCHEDULERS:
        if scheduler == "table":  # it is as fast as the table is good
            continue
        ours = simulate(platform, applications, short, scheduler)
        theirs = simulate_reference(platform, applications, short, scheduler)
        if not np.array_equal(ours.finish_us, theirs.finish_us, equal_nan=True):
            raise SimulationError(f"{scheduler}: the kernel and the reference disagree")

        def reference(scheduler: str = scheduler) -> int:
            return simulate_reference(platform, applications, short, scheduler).tasks

        fast = _simulation_rate(effort.jobs, effort.repeats, scheduler)
        slow = measure_rate(reference, effort.repeats, warm_up=0)
        results[scheduler] = {
            "tasks_per_s": fast.document(),
            "reference_tasks_per_s": slow.document(),
            "ratio_to_reference": round(fast.per_cpu_s / slow.per_cpu_s, 1),
        }
    return results


def _simulation_rate(
    jobs: int, repeats: int, scheduler: str = "ETF", options: SocOptions | None = None
) -> Rate:
    platform, applications, workload = stream(jobs)
    return measure_rate(
        lambda: simulate(platform, applications, workload, scheduler, options).tasks, repeats
    )


def _tick_orders(effort: Effort) -> dict[str, Any]:
    """Tasks per second in the tick orders of DS3 and SoCRATES."""
    horizon_us = float(stream(effort.tick_jobs)[2].gap_us.sum())
    orders = {
        "ds3": SocOptions(order="ds3"),
        "ds3gym": SocOptions(order="ds3gym", horizon_us=horizon_us),
    }
    return {
        order: _simulation_rate(effort.tick_jobs, effort.repeats, options=options).document()
        for order, options in orders.items()
    }


def _linearity(effort: Effort) -> dict[str, Any]:
    """CPU time per task for streams of growing length."""
    rows = []
    for jobs in effort.long_jobs:
        rate = _simulation_rate(jobs, effort.repeats)
        rows.append(
            {"jobs": jobs, "tasks": rate.work, "cpu_us_per_task": round(rate.us_per_unit, 4)}
        )
    times = [row["cpu_us_per_task"] for row in rows]
    return {"streams": rows, "longest_to_shortest": round(times[-1] / times[0], 3)}


def _memory(effort: Effort) -> dict[str, Any]:
    """Peak memory of streams of growing length, in a process of their own."""
    lengths = [str(jobs) for jobs in effort.long_jobs]
    command = [sys.executable, "-m", "chipgym.experiments.throughput.memory", *lengths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SimulationError(f"the measurement of memory failed: {done.stderr.strip()}")
    rows = json.loads(done.stdout)
    last, before = rows[-1], rows[-2]
    growth_mib = last["peak_mib"] - before["peak_mib"]
    more = last["jobs"] - before["jobs"]
    return {
        "streams": rows,
        "growth_mib": round(growth_mib, 2),
        "growth_bytes_per_job": round(growth_mib * 2**20 / more, 1),
    }


def _environment(effort: Effort) -> dict[str, Any]:
    """Decisions per second through Gymnasium, scalar and vector."""
    return {
        "id": ENV_ID,
        "scalar": scalar_rates(SCENARIO, effort.decisions, effort.repeats),
        f"vector_{NUM_ENVS}": vector_rates(
            SCENARIO, NUM_ENVS, 10 * effort.decisions, effort.repeats
        ),
    }


def _other_forms(effort: Effort) -> dict[str, Any]:
    """Decisions per second of the other forms of the problem, random legal actions."""
    rates = {}
    for env_id in OTHER_FORMS:
        scalar = scalar_rates(SCENARIO, effort.decisions, effort.repeats, env_id)
        vector = vector_rates(SCENARIO, NUM_ENVS, 10 * effort.decisions, effort.repeats, env_id)
        rates[env_id] = {
            "scalar": {"random_valid": scalar["random_valid"]},
            f"vector_{NUM_ENVS}": {"random_valid": vector["random_valid"]},
        }
    return rates


def _learned_scheduler(effort: Effort) -> dict[str, Any]:
    """Decisions per second of the learned scheduler, one stream and many, the environment's too."""
    envs: Any = make_vec(ENV_ID, 1, vectorization_mode="vector_entry_point", scenario=SCENARIO)
    slots, pes = envs.unwrapped.observation_layout["pairs"].shape[:2]
    envs.close()
    policy = make_policy("learned-scheduler", num_slots=slots, num_pes=pes)
    return {
        f"streams_{count}": policy_rate(policy, SCENARIO, count, decisions, effort.repeats)
        for count, decisions in ((1, effort.decisions), (NUM_ENVS, 10 * effort.decisions))
    }


def _training(effort: Effort) -> dict[str, Any]:
    return measure_training(SCENARIO, effort.training_steps)
