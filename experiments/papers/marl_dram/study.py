"""`chipgym reproduce marl-dram`: one agent a knob, one agent for all knobs, and plain search.

All get the same number of designs on each workload and objective. The space is enumerated
(`dram-exhaustive`), so scores are placed between the mean design (0) and the optimum (1).
"""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.papers.dram_exhaustive.table import WORKLOADS
from chipgym.experiments.papers.marl_dram.figures import curves_figure
from chipgym.experiments.papers.marl_dram.learners import LEARNERS, MULTI_AGENT
from chipgym.experiments.statistics import (
    Interval,
    bootstrap_interval,
    iqm,
    probability_of_improvement,
)
from chipgym.simulators.core.files import write_bytes, write_json, write_text
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["OBJECTIVES", "run"]

FUNCTION = "chipgym.experiments.papers.marl_dram.learners:learn"
OBJECTIVES = ("low-latency", "power-under-time")
SEEDS = 5
BUDGET = 2_000
CHECKPOINTS = (100, 300, 1_000, 2_000)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """How much is run.

    Attributes
    ----------
    workloads, objectives, learners : tuple of str
    seeds, budget : int
    """

    workloads: tuple[str, ...]
    objectives: tuple[str, ...]
    learners: tuple[str, ...]
    seeds: int
    budget: int


# cloud-2 is cloud-1 once more: other runs of the same two patterns.
FULL = Scale(WORKLOADS[:3], OBJECTIVES, tuple(LEARNERS), SEEDS, BUDGET)
QUICK = Scale(
    WORKLOADS[2:3],
    OBJECTIVES[:1],
    ("ippo", "mappo", "ppo, all knobs", "sac, continuous", "random-search"),
    2,
    256,
)


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Train everything; write tables, a figure and the raw record of every design."""
    scale = QUICK if quick else FULL
    designs = _train(out / "raw", scale, workers, report)
    _write_records(out, scale, designs)
    curves = {name: _normalised(scale, designs[name]) for name in scale.learners}
    summary = _summarise(scale, curves, designs)
    write_json(out / "summary.json", summary)
    _ranking(scale, summary).write(out, "ranking")
    _by_problem(scale, curves).write(out, "problems")
    write_text(out / "curves.svg", curves_figure(curves))
    return summary


def _train(
    folder: Path, scale: Scale, workers: int, report: Report
) -> dict[str, npt.NDArray[np.int32]]:
    """Return the designs that each learner tried, shape (workloads, objectives, seeds, budget)."""
    cases = list(itertools.product(scale.workloads, scale.objectives, range(scale.seeds)))
    tasks = {
        (learner, *case): Task(
            f"{learner.replace(', ', '-').replace(' ', '-')}--{'--'.join(map(str, case))}",
            FUNCTION,
            {
                "learner": learner,
                "workload": case[0],
                "objective": case[1],
                "seed": case[2],
                "budget": scale.budget,
                "version": SIMULATOR_VERSION,
            },
        )
        for learner in scale.learners
        for case in cases
    }
    results = run_tasks(list(tasks.values()), folder, workers, report, "training")
    shape = (len(scale.workloads), len(scale.objectives), scale.seeds, scale.budget)
    return {
        learner: np.array(
            [results[tasks[(learner, *case)].key] for case in cases], dtype=np.int32
        ).reshape(shape)
        for learner in scale.learners
    }


def _normalised(scale: Scale, designs: npt.NDArray[np.int32]) -> Floats:
    """Best score so far, 0 at the mean design and 1 at the optimum; shaped as the designs."""
    result = np.empty(designs.shape)
    for w, workload in enumerate(scale.workloads):
        for o, objective in enumerate(scale.objectives):
            problem = tabulated_problem(workload, objective)
            scores = problem.scores[problem.space.canonical[designs[w, o]]]
            best = np.maximum.accumulate(scores, axis=-1)
            low, high = problem.random_score, problem.optimum
            result[w, o] = (best - low) / (high - low)
    return result


def _strata(curves: Floats, count: int) -> list[Floats]:
    """Scores after `count` designs, one array (seeds, 1) a problem."""
    values = curves[..., count - 1].reshape(-1, curves.shape[2])
    return [row[:, None] for row in values]


def _checkpoints(scale: Scale) -> list[int]:
    return [*(count for count in CHECKPOINTS if count < scale.budget), scale.budget]


def _summarise(
    scale: Scale, curves: dict[str, Floats], designs: dict[str, npt.NDArray[np.int32]]
) -> dict[str, Any]:
    """Score of each learner at the checkpoints, its regret, and how the best compares."""
    learners = {}
    for name in scale.learners:
        at = {
            str(count): bootstrap_interval(_strata(curves[name], count), iqm).document()
            for count in _checkpoints(scale)
        }
        regrets = _regrets(scale, designs[name])
        distinct = [len(np.unique(row)) for row in designs[name].reshape(-1, scale.budget)]
        learners[name] = {
            "normalised_iqm": at,
            "mean_regret_percent": float(regrets.mean()),
            "optimum_found_percent": float(100 * (regrets <= 1e-9).mean()),
            "mean_distinct_designs": float(np.mean(distinct)),
        }
    return {
        "budget": scale.budget,
        "seeds": scale.seeds,
        "workloads": list(scale.workloads),
        "objectives": list(scale.objectives),
        "simulator_version": SIMULATOR_VERSION,
        "learners": learners,
        "comparisons": _comparisons(scale, curves),
    }


def _regrets(scale: Scale, designs: npt.NDArray[np.int32]) -> Floats:
    """What the best design costs more than the optimum in percent, a value a training."""
    values = []
    for w, workload in enumerate(scale.workloads):
        for o, objective in enumerate(scale.objectives):
            problem = tabulated_problem(workload, objective)
            scores = problem.scores[problem.space.canonical[designs[w, o]]].max(axis=-1)
            values += [problem.regret_percent(score) for score in scores]
    return np.array(values)


def _comparisons(scale: Scale, curves: dict[str, Floats]) -> list[dict[str, Any]]:
    """Probability that several agents end higher than each other learner."""
    rows = []
    for ours in (name for name in MULTI_AGENT if name in curves):
        for other in (name for name in scale.learners if name not in MULTI_AGENT):
            chance: Interval = probability_of_improvement(
                _strata(curves[ours], scale.budget), _strata(curves[other], scale.budget)
            )
            rows.append({"learner": ours, "against": other, **chance.document()})
    return rows


def _ranking(scale: Scale, summary: dict[str, Any]) -> Table:
    records = []
    learners = summary["learners"]
    last = str(scale.budget)
    order = sorted(learners, key=lambda name: -learners[name]["normalised_iqm"][last]["value"])
    for name in order:
        facts = learners[name]
        record: dict[str, object] = {"learner": name}
        for count in _checkpoints(scale):
            interval = facts["normalised_iqm"][str(count)]
            record[f"after {count:,}"] = interval_text(
                interval["value"], interval["low"], interval["high"]
            )
        record["mean regret, %"] = facts["mean_regret_percent"]
        record["optimum found, %"] = facts["optimum_found_percent"]
        record["distinct designs"] = round(facts["mean_distinct_designs"])
        records.append(record)
    return Table.of(
        "Best design so far: interquartile mean of the normalised score (0: mean design, 1: "
        f"optimum) with 95 % intervals over workloads, objectives and {scale.seeds} seeds",
        records,
    )


def _by_problem(scale: Scale, curves: dict[str, Floats]) -> Table:
    records = []
    for name in scale.learners:
        record: dict[str, object] = {"learner": name}
        for w, workload in enumerate(scale.workloads):
            for o, objective in enumerate(scale.objectives):
                record[f"{workload}, {objective}"] = float(curves[name][w, o, :, -1].mean())
        records.append(record)
    return Table.of("Mean normalised score at the end, by problem", records)


def _write_records(out: Path, scale: Scale, designs: dict[str, npt.NDArray[np.int32]]) -> None:
    """Keep every design tried, one compressed archive a learner."""
    facts = {"workloads": scale.workloads, "objectives": scale.objectives, "seeds": scale.seeds}
    for name, tried in designs.items():
        stream = io.BytesIO()
        np.savez_compressed(stream, designs=tried, facts=np.array(json.dumps(facts)))
        path = out / "records" / f"{name.replace(', ', '-').replace(' ', '-')}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, stream.getvalue())
