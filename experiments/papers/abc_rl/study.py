"""`chipgym reproduce abc-rl`: recipes for unseen circuits at equal numbers of evaluated recipes.

Chowdhury et al., "Retrieval-guided reinforcement learning for Boolean circuit minimization" (ICLR
2024), with their action set, length of a recipe, reward and budget of a search (100 recipes), on
circuits and a library of our own and with the mapper `&nf`, so that anybody can repeat it. The
paper claims up to 24.8 % better quality than the state of the art and up to 9 times less run time
at equal quality. Training is smaller by orders of magnitude: thousands of recipes in place of a
million. Differences in numbers are therefore expected; what compares are the methods here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipgym.envs.logic_synthesis.presets import SCENARIOS
from chipgym.experiments.papers.abc_rl.analysis import Outcome, Results, reduction_percent
from chipgym.experiments.papers.abc_rl.figures import curves_figure, ends_figure
from chipgym.experiments.papers.abc_rl.methods import METHODS, TRAINED
from chipgym.experiments.papers.abc_rl.pretraining import stored
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.simulators.core.files import write_bytes, write_json, write_text
from chipgym.simulators.logic.locate import find_abc
from chipgym.simulators.logic.simulate import SIMULATOR_VERSION

__all__ = ["FULL", "QUICK", "Plan", "run"]

PACKAGE = "chipgym.experiments.papers.abc_rl"
CLAIMS = {"reduction_percent_up_to": 24.8, "speed_up_up_to": 9.0}
"""What the paper's abstract says."""


@dataclass(frozen=True)
class Plan:
    """The size of a study.

    Attributes
    ----------
    scenario : str
        Scenario whose training circuits train and whose test circuits count.
    train_circuits, test_circuits : int
        How many of them, from the first on (0: all).
    training, fixed_training : int
        Evaluated recipes in the training of ABC-RL, and of the fixed recipe.
    budget : int
        Evaluated recipes of a search.
    seeds : int
    """

    scenario: str
    train_circuits: int
    test_circuits: int
    training: int
    fixed_training: int
    budget: int
    seeds: int

    @property
    def train(self) -> list[str]:
        """The training circuits."""
        names = list(SCENARIOS[self.scenario].train)
        return names[: self.train_circuits or len(names)]

    @property
    def test(self) -> list[str]:
        """The test circuits."""
        names = list(SCENARIOS[self.scenario].test)
        return names[: self.test_circuits or len(names)]


FULL = Plan("own-small", 0, 0, 4000, 4000, 100, 3)
QUICK = Plan("own-small", 3, 2, 32, 32, 8, 2)
# The same result for every seed.
WITHOUT_CHANCE = ("resyn2", "resyn")


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Train, search, and write tables, figures, raw records and the trained agents."""
    plan = QUICK if quick else FULL
    trained = run_tasks(training_tasks(plan), out / "raw", workers, report, "training")
    for key, result in trained.items():
        suffix = "json" if "recipe" in key else "npz"
        write_bytes(out / "agents" / f"{key}.{suffix}", stored(result["agent"]))
    tasks = search_tasks(plan, {key: result["agent"] for key, result in trained.items()})
    found = run_tasks(tasks, out / "raw", workers, report, "searching")
    records = [
        {**{k: task.arguments[k] for k in ("method", "circuit", "seed")}, **found[task.key]}
        for task in tasks
    ]
    lines = [json.dumps(record) for record in records]
    write_text(out / "records.jsonl", "\n".join(lines) + "\n")
    results = Results(records, plan.budget)
    outcomes = [results.outcome(method) for method in results.methods]
    summary = summarise(plan, results, outcomes, trained)
    write_json(out / "summary.json", summary)
    methods_table(outcomes, plan).write(out, "methods")
    circuits_table(results).write(out, "circuits")
    write_text(out / "curves.svg", curves_figure(results))
    write_text(out / "ends.svg", ends_figure(outcomes))
    return summary


def training_tasks(plan: Plan) -> list[Task]:
    """Trainings before the test: each of `TRAINED` with each seed."""
    tasks = []
    for what in TRAINED:
        for seed in range(plan.seeds):
            arguments = {
                "what": what,
                "scenario": plan.scenario,
                "circuits": plan.train,
                "budget": plan.fixed_training if "recipe" in what else plan.training,
                "seed": seed,
                "version": SIMULATOR_VERSION,
            }
            tasks.append(Task(f"train-{what}-{seed}", f"{PACKAGE}.pretraining:train", arguments))
    return tasks


def search_tasks(plan: Plan, agents: dict[str, str]) -> list[Task]:
    """Every method on every test circuit with every seed; `agents` by the key of their training."""
    tasks = []
    for method in METHODS.values():
        seeds = 1 if method.name in WITHOUT_CHANCE else plan.seeds
        for seed in range(seeds):
            for circuit in plan.test:
                key = f"train-{method.trained}-{seed}"
                arguments = {
                    "method": method.name,
                    "scenario": plan.scenario,
                    "circuit": circuit,
                    "seed": seed,
                    "budget": plan.budget,
                    "trained": agents[key] if method.trained else "",
                    "version": SIMULATOR_VERSION,
                }
                name = f"{method.name}-{circuit}-{seed}"
                tasks.append(Task(name, f"{PACKAGE}.solve:solve", arguments))
    return tasks


def summarise(
    plan: Plan, results: Results, outcomes: list[Outcome], trained: dict[str, Any]
) -> dict[str, Any]:
    """Return the study in numbers."""
    return {
        "scenario": plan.scenario,
        "train": plan.train,
        "test": plan.test,
        "seeds": plan.seeds,
        "budget": plan.budget,
        "training_evaluations": {key: found["evaluations"] for key, found in trained.items()},
        "abc": find_abc().package,
        "simulator_version": SIMULATOR_VERSION,
        "paper_claims": CLAIMS,
        "methods": {outcome.method: outcome.document() for outcome in outcomes},
        "marks": results.marks(),
    }


def methods_table(outcomes: list[Outcome], plan: Plan) -> Table:
    """One row a method."""
    records = [
        {
            "method": METHODS[outcome.method].title,
            "kind": METHODS[outcome.method].family,
            "reduction against resyn2, %": _interval(outcome),
            "recipes": outcome.evaluations,
            "reaches random search, %": 100.0 * outcome.reached,
            "recipes until then": outcome.evaluations_to_reach,
            "times faster": "-" if outcome.speed_up != outcome.speed_up else outcome.speed_up,
            "seconds": outcome.seconds,
        }
        for outcome in outcomes
    ]
    return Table.of(
        f"Area-delay product on {len(plan.test)} test circuits with {plan.seeds} seeds and at most "
        f"{plan.budget} evaluated recipes each: reduction of the geometric mean with 95 % "
        "intervals; how many searches reach the quality at which random search ends, after how "
        "many recipes, and how much faster than all of random search",
        records,
    )


def circuits_table(results: Results) -> Table:
    """One row a method, a column a circuit."""
    records = []
    for method in results.methods:
        means = results.log_ratios(method).mean(axis=0)
        reductions = zip(results.circuits, means, strict=True)
        record: dict[str, object] = {"method": METHODS[method].title}
        for circuit, mean in reductions:
            record[circuit] = f"{reduction_percent(float(mean)):.1f}"
        records.append(record)
    return Table.of("Reduction against resyn2 by circuit, %, geometric mean over seeds", records)


def _interval(outcome: Outcome) -> str:
    r = outcome.reduction
    return f"{r.value:.1f} [{r.low:.1f}, {r.high:.1f}]"
