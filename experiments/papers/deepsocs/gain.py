"""How far schedulers get below earliest task first (ETF), paired by stream, scenario by scenario.

The gain of a scheduler on a stream is 100 (1 - L / L_ETF) percent, L being the mean job latency of
the stream's test instance and L_ETF that of the simulator's own ETF, which sees all ready tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from chipgym.agents.schedulers.late_binding import SHARE
from chipgym.agents.schedulers.learned import LearnedScheduler
from chipgym.envs.soc_scheduling.generator import InstanceGenerator
from chipgym.envs.soc_scheduling.presets import SCENARIOS
from chipgym.envs.soc_scheduling.vector_env import SocSchedulingVectorEnv
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.deepsocs.entrants import WEIGHTS, content_of, find_weights
from chipgym.experiments.papers.deepsocs.play import play_streams as play_many
from chipgym.experiments.policies import build_policy
from chipgym.experiments.statistics import Interval
from chipgym.simulators.core.files import write_json
from chipgym.simulators.soc.engine import Run
from chipgym.simulators.soc.kernel import FULL
from chipgym.simulators.soc.late_binding import run_late_binding
from chipgym.simulators.soc.layout import F_AREA
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

__all__ = ["CONTENDED", "gain_interval", "measure_gains", "play_streams", "run"]

FUNCTION = "chipgym.experiments.papers.deepsocs.gain:play_streams"
CONTENDED = ("six-app-mid", "six-app-high", "wifi-mix", "bursty", "canonical-open", "scaled-cpu")
"""Scenarios in which jobs compete all the time."""
LEARNED = "learned-scheduler"
SEEDS = 5
# Streams of one part of the study: short, so that little is lost where it is interrupted.
PART = 50
RESAMPLES = 10_000
BOOTSTRAP_SEED = 7
Floats = npt.NDArray[np.float64]


def run(
    out: Path, *, quick: bool, workers: int, report: Report, weights: Path = WEIGHTS
) -> dict[str, Any]:
    """Measure the learned scheduler, and late binding, which needs no training.

    Parameters
    ----------
    out : path
        What it holds already is not done again.
    quick : bool
        One scenario, two streams.
    workers : int
    report : callable
    weights : path
        Folder of trained weights.

    Raises
    ------
    MissingWeightsError
        The learned scheduler has not been trained.
    """
    trained = [
        {"place": str(place), "content": content_of(place)}
        for place in (
            find_weights(LEARNED, seed, folder=weights) for seed in range(1 if quick else SEEDS)
        )
    ]
    return measure_gains(
        out,
        {LEARNED: trained, "late-binding": [{}]},
        winner=LEARNED,
        scenarios=CONTENDED[:1] if quick else tuple(SCENARIOS),
        streams=2 if quick else 100,
        workers=workers,
        report=report,
    )


def play_streams(
    policy: str,
    kwargs: dict[str, Any],
    scenario: str,
    first: int,
    count: int,
    version: str = SIMULATOR_VERSION,
) -> dict[str, list[float]]:
    """Play test streams one after another.

    Parameters
    ----------
    policy, kwargs
        Name of a policy, registered or ``module:attribute``, and its arguments.
    scenario : str
    first, count : int
        Which of the scenario's test instances.
    version : str
        Of the simulator; part of the record only.

    Returns
    -------
    dict
        For each stream the mean job latency and that of ETF, µs. Late binding is run inside the
        simulator, which takes the same decisions as the policy.
    """
    if policy == "late-binding" and not kwargs:
        return _by_the_simulator(scenario, first, count)
    if policy == LEARNED:
        return _many_at_once(Path(kwargs["place"]), scenario, first, count)
    env = gym.make("chipgym/SocScheduling-v0", scenario=scenario, split="test")
    core: Any = env.unwrapped
    player = build_policy(policy, kwargs)
    record: dict[str, list[float]] = {"latency_us": [], "etf_latency_us": []}
    for stream in range(first, first + count):
        observation, info = env.reset(seed=0, options={"instance": stream})
        player.reset(1, stream)
        done = False
        while not done:
            mask = info["action_mask"][None]
            action = player.act(observation[None], mask, [core.problem])[0]
            observation, _, terminated, truncated, info = env.step(action)
            done = terminated or truncated
        record["latency_us"].append(info["metrics"]["mean_latency_us"])
        record["etf_latency_us"].append(core.instance.etf_latency_us / len(core.instance.workload))
    env.close()
    return record


def _many_at_once(place: Path, scenario: str, first: int, count: int) -> dict[str, list[float]]:
    """The learned scheduler, whose choices do not depend on how many streams are played."""
    envs = SocSchedulingVectorEnv(count, scenario, split="test", autoreset_mode="Disabled")
    generator = InstanceGenerator(SCENARIOS[scenario])
    shape = generator.scenario.num_slots, generator.platform.num_pes
    streams = range(first, first + count)
    latency_us = play_many(LearnedScheduler(place, None, *shape), envs, streams, views=False)
    instances = [generator.test(stream) for stream in streams]
    etf = [instance.etf_latency_us / len(instance.workload) for instance in instances]
    return {"latency_us": latency_us.tolist(), "etf_latency_us": etf}


def _by_the_simulator(scenario: str, first: int, count: int) -> dict[str, list[float]]:
    """Late binding with its default share over whole streams."""
    generator = InstanceGenerator(SCENARIOS[scenario])
    record: dict[str, list[float]] = {"latency_us": [], "etf_latency_us": []}
    for stream in range(first, first + count):
        instance = generator.test(stream)
        run = Run(instance.ki, instance.kf, instance.workload)
        slots = generator.scenario.num_slots
        arrays = run.workload.app_index, run.workload.gap_us, run.jobs, run.trace_i, run.trace_f
        static = instance.ki, instance.kf
        while run_late_binding(SHARE, slots, *static, run.si, run.sf, *arrays) == FULL:
            run.grow()
        jobs = len(instance.workload)
        record["latency_us"].append(float(run.sf[F_AREA]) / jobs)
        record["etf_latency_us"].append(instance.etf_latency_us / jobs)
    return record


def gain_interval(gains: npt.ArrayLike) -> Interval:
    """Mean gain and its 95 % bootstrap interval over streams.

    Parameters
    ----------
    gains : float array, shape (streams,) or (seeds, streams)
        With several trained schedulers their mean is taken stream by stream.
    """
    values = np.atleast_2d(np.asarray(gains, dtype=np.float64)).mean(axis=0)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def measure_gains(
    out: Path,
    schedulers: dict[str, Sequence[dict[str, Any]]],
    *,
    winner: str,
    scenarios: Sequence[str] = tuple(SCENARIOS),
    streams: int | Callable[[str, str], int] = 100,
    workers: int,
    report: Report,
) -> dict[str, Any]:
    """Measure schedulers; write ``gain_records.json``, a table and ``gain_over_etf.json``.

    Parameters
    ----------
    out : path
        Parts of the study that it holds already are not done again.
    schedulers : dict
        Arguments of each policy, one entry a training seed (one empty entry: nothing is trained).
    winner : str
        The scheduler whose gains are the document's ``scenarios``; the rest are ``others``.
    scenarios : sequence of str
    streams : int, or callable of (scheduler, scenario)
        Test streams, from the first on.
    workers : int
    report : callable
    """
    tasks: dict[tuple[str, str, int], list[Task]] = {}
    for name, seeds in schedulers.items():
        for scenario in scenarios:
            count = streams if isinstance(streams, int) else streams(name, scenario)
            for seed, kwargs in enumerate(seeds):
                tasks[name, scenario, seed] = _parts(name, kwargs, scenario, seed, count)
    flat = [task for parts in tasks.values() for task in parts]
    results = run_tasks(flat, out / "raw", workers, report, "streams")
    documents: dict[str, dict[str, Any]] = {}
    records: dict[str, dict[str, list[dict[str, list[float]]]]] = {}
    for name, seeds in schedulers.items():
        documents[name], records[name] = {}, {}
        for scenario in scenarios:
            joined = [
                _joined([results[task.key] for task in tasks[name, scenario, seed]])
                for seed in range(len(seeds))
            ]
            if joined and joined[0]["latency_us"]:
                trained = len(seeds) if any(seeds) else 0
                records[name][scenario] = joined
                documents[name][scenario] = _document(joined, trained)
    others = {name: {"scenarios": part} for name, part in documents.items() if name != winner}
    document = {
        "scheduler": winner,
        "baseline": "ETF",
        "simulator_version": SIMULATOR_VERSION,
        "scenarios": documents[winner],
        "others": others,
    }
    write_json(out / "gain_records.json", records)
    write_json(out / "gain_over_etf.json", document)
    _table(documents, scenarios).write(out, "gain_over_etf")
    return document


def _parts(name: str, kwargs: dict[str, Any], scenario: str, seed: int, count: int) -> list[Task]:
    return [
        Task(
            f"{name}--{scenario}--{seed}--{first}",
            FUNCTION,
            {
                "policy": name,
                "kwargs": kwargs,
                "scenario": scenario,
                "first": first,
                "count": min(PART, count - first),
                "version": SIMULATOR_VERSION,
            },
        )
        for first in range(0, count, PART)
    ]


def _joined(parts: Sequence[dict[str, list[float]]]) -> dict[str, list[float]]:
    """The streams of all parts in order."""
    return {
        name: [value for part in parts for value in part[name]]
        for name in ("latency_us", "etf_latency_us")
    }


def _document(seeds: Sequence[dict[str, list[float]]], training_seeds: int) -> dict[str, Any]:
    """Summary of one scheduler in one scenario from its records, one a seed.

    Streams that are equal (scenarios without chance) count once.
    """
    latency = np.array([record["latency_us"] for record in seeds])
    gains = 100 * (1 - latency / np.array([record["etf_latency_us"] for record in seeds]))
    if (gains == gains[:, :1]).all():
        gains = gains[:, :1]
    interval = gain_interval(gains)
    return {
        "mean_gain_percent": interval.value,
        "ci95_low_percent": interval.low,
        "ci95_high_percent": interval.high,
        "streams": int(gains.shape[1]),
        "training_seeds": training_seeds,
    }


def _table(documents: dict[str, dict[str, Any]], scenarios: Sequence[str]) -> Table:
    records = []
    for scenario in scenarios:
        row: dict[str, object] = {"scenario": scenario}
        for name, facts in documents.items():
            fact = facts.get(scenario)
            row[f"{name} (%)"] = _interval_text(fact) if fact else ""
            row[f"{name}, streams"] = fact["streams"] if fact else 0
        records.append(row)
    return Table.of("Mean job latency below that of ETF, paired by stream, 95 % interval", records)


def _interval_text(fact: dict[str, Any]) -> str:
    low, high = fact["ci95_low_percent"], fact["ci95_high_percent"]
    return interval_text(fact["mean_gain_percent"], low, high, 1)
