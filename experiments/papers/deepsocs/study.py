"""`chipgym reproduce deepsocs`: schedulers of a SoC over rate, noise, applications and platform.

Sung et al., "DeepSoCS: a neural scheduler for heterogeneous system-on-chip resource scheduling"
(Electronics 2020), and Sung and Ryu, "SoCRATES" (ICMLA 2021), compare learned schedulers with
heuristics among which the strongest, ETF and EFT, are missing. Here all meet the same test streams.
Training is not part of the study: weights are files (`entrants.WEIGHTS`), and whoever has none is
left out and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.deepsocs.analysis import BASELINE, Records
from chipgym.experiments.papers.deepsocs.archive import write_records
from chipgym.experiments.papers.deepsocs.entrants import (
    ABLATIONS,
    ENTRANTS,
    HEURISTICS,
    LEARNED,
    WEIGHTS,
    MissingWeightsError,
    content_of,
    find_weights,
)
from chipgym.experiments.papers.deepsocs.figures import gain_bars, gain_figure, latency_figure
from chipgym.experiments.papers.deepsocs.gain import run as measure
from chipgym.experiments.papers.deepsocs.points import (
    BOUNDED,
    SWEEPS,
    Sweep,
    domain_of,
    identity_of,
)
from chipgym.experiments.papers.deepsocs.tables import (
    ablation_table,
    bound_table,
    brittleness_table,
    gain_table,
    latency_table,
    omission_table,
)
from chipgym.simulators.core.files import write_json, write_text
from chipgym.simulators.soc.simulate import SIMULATOR_VERSION

__all__ = ["FULL", "QUICK", "Plan", "run"]

PACKAGE = "chipgym.experiments.papers.deepsocs"
PLANNER = "rollout-planner"
NAMES = tuple(name for name in ENTRANTS if not ENTRANTS[name].of)
"""Everybody but the ablations, in the order of tables and figures."""


@dataclass(frozen=True)
class Plan:
    """The size of a study.

    Attributes
    ----------
    sweeps : tuple of Sweep
    jobs : int or None
        Jobs of a stream; None: as many as the points say.
    streams : int
        Test streams at every point.
    seeds, ablation_seeds : int
        Training seeds of the agents and of their ablations.
    seeds_per_stream : int
        Seeds that play each stream, of agents whose decisions cost most; every seed plays equally
        many streams, and all streams are played.
    planner_points : tuple of str
    planner_streams : int
        Where the planner plays, and how many streams there.
    ablation_points : tuple of str
    bounded_streams : int
        Streams of each point of the exact solver.
    deterministic_time : float
        Of the solver, a stream.
    """

    sweeps: tuple[Sweep, ...]
    jobs: int | None
    streams: int
    seeds: int
    ablation_seeds: int
    seeds_per_stream: int
    planner_points: tuple[str, ...]
    planner_streams: int
    ablation_points: tuple[str, ...]
    bounded_streams: int
    deterministic_time: float

    @property
    def points(self) -> list[str]:
        """All points of the sweeps, each once."""
        return list(dict.fromkeys(p for sweep in self.sweeps for p in sweep.points.values()))


FULL = Plan(
    sweeps=tuple(SWEEPS.values()),
    jobs=None,
    streams=100,
    seeds=5,
    ablation_seeds=3,
    seeds_per_stream=1,
    planner_points=(
        *("rate-150", "rate-50", "rate-25", "top-200", "top-50", "top-15"),
        *("noise-20", "noise-50", "types-1", "types-3", "pes-8", "pes-32"),
    ),
    planner_streams=3,
    ablation_points=("rate-50", "noise-30"),
    bounded_streams=15,
    deterministic_time=0.5,
)
QUICK = Plan(
    sweeps=tuple(sweep.ends() for sweep in SWEEPS.values()),
    jobs=6,
    streams=4,
    seeds=1,
    ablation_seeds=1,
    seeds_per_stream=1,
    planner_points=("rate-150",),
    planner_streams=1,
    ablation_points=("rate-25",),
    bounded_streams=1,
    deterministic_time=0.02,
)
# Decisions of these cost two to ten times as much as those of the learned scheduler.
COSTLY = ("deepsocs", "socrates", "scarl", "maskable-ppo")
WALL_LIMIT_S = 600.0


def run(
    out: Path,
    *,
    quick: bool,
    workers: int,
    report: Report,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Play everything; write tables, figures and the latency of every stream.

    Parameters
    ----------
    out : path
        What it holds already is not done again.
    quick : bool
    workers : int
    report : callable
    weights : path, optional
        Folder of trained weights, instead of the study's own.
    """
    plan = QUICK if quick else FULL
    records = play(out, plan, workers, report, weights)
    bounds = _bounds(out, plan, workers, report)
    write_records(out / "records", plan.sweeps, records, bounds)
    summary = summarise(plan, records, bounds)
    for name, table in tables(plan, records, bounds).items():
        table.write(out, name)
    for sweep in plan.sweeps:
        write_text(out / f"{sweep.name}.svg", latency_figure(records, sweep, NAMES))
        write_text(out / f"{sweep.name}-gain.svg", gain_figure(records, sweep, NAMES))
    try:
        gains = measure(
            out, quick=quick, workers=workers, report=report, weights=weights or WEIGHTS
        )
    except MissingWeightsError as error:
        summary["gain_over_etf"] = str(error)
    else:
        write_text(out / "gain.svg", gain_bars(gains))
    write_json(out / "summary.json", summary)
    return summary


def play(
    out: Path, plan: Plan, workers: int, report: Report, weights: Path | None = None
) -> Records:
    """Play all streams of all points, the short ones for the exact solver included."""
    records = Records()
    sizes = dict.fromkeys(plan.points, plan.streams)
    sizes |= dict.fromkeys(BOUNDED, plan.bounded_streams)
    simulated = [_heuristic_task(plan, point, count) for point, count in sizes.items()]
    found = run_tasks(simulated, out / "raw", workers, report, "heuristics")
    for task, point in zip(simulated, sizes, strict=True):
        for name, latency_us in found[task.key].items():
            records.add(point, name, np.array([latency_us]))
    tasks = {
        key: task
        for name in (*LEARNED, *ABLATIONS, PLANNER)
        for key, task in _policy_tasks(plan, name, sizes, records, weights)
    }
    found = run_tasks(list(tasks.values()), out / "raw", workers, report, "policies")
    for (point, name), seeds in _grouped(tasks).items():
        table = np.full((len(seeds), sizes[point]), np.nan)
        for row, task in enumerate(seeds):
            result = found[task.key]
            if "omitted" in result:
                records.omit(point, name, result["omitted"])
            else:
                table[row, task.arguments["streams"]] = result["latency_us"]
        if np.isfinite(table).any():
            records.add(point, name, table)
    return records


def _jobs(plan: Plan, point: str) -> int | None:
    return None if point in BOUNDED else plan.jobs


def _heuristic_task(plan: Plan, point: str, streams: int) -> Task:
    jobs = _jobs(plan, point)
    arguments = {
        "names": list(HEURISTICS),
        "point": point,
        "jobs": jobs,
        "streams": list(range(streams)),
        "identity": identity_of(point, jobs),
    }
    return Task(f"heuristics--{point}", f"{PACKAGE}.play:play_heuristics", arguments)


def _policy_tasks(
    plan: Plan, name: str, sizes: dict[str, int], records: Records, weights: Path | None
) -> Iterable[tuple[tuple[str, str, int], Task]]:
    """Tasks of a policy by (point, name, seed); without weights they are noted as omitted."""
    entrant = ENTRANTS[name]
    seeds = plan.ablation_seeds if entrant.of else plan.seeds
    if not entrant.argument:
        seeds = 1
    missing = [seed for seed in range(seeds) if not _is_trained(name, seed, weights)]
    if missing:
        listed = ", ".join(map(str, missing))
        records.omit("", name, f"no weights of seeds {listed}; train it: `{entrant.command}`")
    for seed in (seed for seed in range(seeds) if seed not in missing):
        for point in _points_of(plan, name):
            streams = _streams_of(plan, name, seed, sizes[point])
            if not streams:
                continue
            jobs = _jobs(plan, point)
            identity = identity_of(point, jobs)
            if entrant.argument:
                found = find_weights(name, seed, domain_of(point), weights or WEIGHTS)
                identity = f"{identity}-{content_of(found)}"
            arguments = {
                "name": name,
                "seed": seed,
                "point": point,
                "jobs": jobs,
                "streams": streams,
                "identity": identity,
                "weights": None if weights is None else str(weights),
            }
            key = f"{name}-{seed}--{point}"
            yield (point, name, seed), Task(key, f"{PACKAGE}.play:play_policy", arguments)


def _is_trained(name: str, seed: int, weights: Path | None) -> bool:
    """Whether there are weights, or none are needed."""
    if not ENTRANTS[name].argument:
        return True
    try:
        find_weights(name, seed, folder=weights or WEIGHTS)
    except MissingWeightsError:
        return False
    return True


def _points_of(plan: Plan, name: str) -> list[str]:
    """Where a policy plays."""
    if ENTRANTS[name].of:
        return [point for point in plan.ablation_points if point in plan.points]
    if name == PLANNER:
        return [*(p for p in plan.planner_points if p in plan.points), *BOUNDED]
    return [*plan.points, *BOUNDED]


def _streams_of(plan: Plan, name: str, seed: int, count: int) -> list[int]:
    """Streams that a seed plays: all of them, or its share of a balanced design."""
    if name == PLANNER:
        return list(range(min(plan.planner_streams, count)))
    entrant = ENTRANTS[name]
    seeds = plan.ablation_seeds if entrant.of else plan.seeds
    if (entrant.of or name) not in COSTLY or plan.seeds_per_stream >= seeds:
        return list(range(count))
    return [k for k in range(count) if (k + seed) % seeds < plan.seeds_per_stream]


def _grouped(
    tasks: dict[tuple[str, str, int], Task],
) -> dict[tuple[str, str], list[Task]]:
    groups: dict[tuple[str, str], list[Task]] = {}
    for (point, name, _), task in tasks.items():
        groups.setdefault((point, name), []).append(task)
    return groups


def _bounds(out: Path, plan: Plan, workers: int, report: Report) -> dict[str, list[dict[str, Any]]]:
    """Bound every short stream; the solver's work is limited, so the bounds are repeatable."""
    tasks = {
        (point, stream): Task(
            f"bound--{point}--{stream}",
            f"{PACKAGE}.bounds:bound_stream",
            {
                "point": point,
                "stream": stream,
                "deterministic_time": plan.deterministic_time,
                "time_s": WALL_LIMIT_S,
                "identity": identity_of(point),
            },
        )
        for point in BOUNDED
        for stream in range(plan.bounded_streams)
    }
    found = run_tasks(list(tasks.values()), out / "raw", workers, report, "bounds")
    bounds: dict[str, list[dict[str, Any]]] = {point: [] for point in BOUNDED}
    for (point, _), task in tasks.items():
        bounds[point].append(found[task.key])
    return bounds


def tables(plan: Plan, records: Records, bounds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """All tables by the name of their files."""
    made: dict[str, Any] = {}
    for sweep in plan.sweeps:
        made[sweep.name] = latency_table(records, sweep, NAMES)
        made[f"{sweep.name}-gain"] = gain_table(records, sweep, NAMES)
    made["brittleness"] = brittleness_table(records, _noise(plan), NAMES)[0]
    made["bounds"] = bound_table(records, bounds, NAMES)[0]
    made["omitted"] = omission_table(records)
    names = _ablation_names(plan, records)
    if names:
        made["ablations"] = ablation_table(records, plan.ablation_points, names)[0]
    else:
        made["ablations"] = omission_table(records)
    return made


def _noise(plan: Plan) -> Sweep:
    return next(sweep for sweep in plan.sweeps if sweep.name == "noise")


def _ablation_names(plan: Plan, records: Records) -> list[str]:
    """Agents with ablations, each followed by them, as far as they have played."""
    names: list[str] = []
    for whole in dict.fromkeys(ENTRANTS[name].of for name in ABLATIONS):
        names += [whole, *(name for name in ABLATIONS if ENTRANTS[name].of == whole)]
    return [n for n in names if any(records.played(n, p) for p in plan.ablation_points)]


def summarise(
    plan: Plan, records: Records, bounds: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    """Return the study in numbers."""
    sweeps = {
        sweep.name: {
            f"{value:g}": {
                name: records.facts(name, point) for name in NAMES if records.played(name, point)
            }
            for value, point in sweep.points.items()
        }
        for sweep in plan.sweeps
    }
    names = _ablation_names(plan, records)
    return {
        "baseline": BASELINE,
        "jobs": plan.jobs,
        "streams": plan.streams,
        "seeds": plan.seeds,
        "simulator_version": SIMULATOR_VERSION,
        "kinds": {name: ENTRANTS[name].kind for name in NAMES},
        "sweeps": sweeps,
        "brittleness": brittleness_table(records, _noise(plan), NAMES)[1],
        "bounds": bound_table(records, bounds, NAMES)[1],
        "ablations": ablation_table(records, plan.ablation_points, names)[1],
        "omitted": records.omitted,
    }
