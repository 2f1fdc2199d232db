"""`chipgym reproduce nasaic`: networks and accelerators together, or one after the other.

Yang et al., "Co-exploration of neural architectures and heterogeneous ASIC accelerator designs
targeting multiple tasks" (DAC 2020), claim that NASAIC needs 17.77 % less latency, 2.49 times less
energy and 2.32 times less area than networks first and the chip second, for 0.76 % of accuracy.
Here all flows of the paper, and other searches, get the same budgets of evaluated designs and of
trained networks, on workloads of the paper's forms with images that ship in packages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.nasaic.analysis import PUBLISHED, Results
from chipgym.experiments.papers.nasaic.figures import curves_figure, scatter_figure
from chipgym.experiments.papers.nasaic.flows import ASIC_FIRST, FLOWS, NAS_FIRST, NASAIC
from chipgym.experiments.papers.nasaic.tables import (
    budget_table,
    design_table,
    flow_table,
    ratio_table,
)
from chipgym.simulators.accelerator.simulate import SIMULATOR_VERSION
from chipgym.simulators.core.files import write_json, write_text

__all__ = ["FULL", "QUICK", "Plan", "run"]

PACKAGE = "chipgym.experiments.papers.nasaic"
CHECKPOINTS = (100, 300, 1_000, 2_000)


@dataclass(frozen=True)
class Plan:
    """The size of a study.

    Attributes
    ----------
    scenarios, flows : tuple of str
    seeds : int
    evaluations, trainings : int
        Budget of a run.
    sizes, widths : int
        Values of PEs and of bandwidth in the grid of chips.
    """

    scenarios: tuple[str, ...]
    flows: tuple[str, ...]
    seeds: int
    evaluations: int
    trainings: int
    sizes: int
    widths: int

    def budget(self, flow: str) -> int:
        """Evaluations of a flow."""
        most = FLOWS[flow].most_evaluations
        return self.evaluations if most is None else min(self.evaluations, most)

    @property
    def checkpoints(self) -> list[int]:
        """Evaluations at which the flows are compared."""
        return [*(n for n in CHECKPOINTS if n < self.evaluations), self.evaluations]


# A proposal of the Gaussian process takes longer than a thousand evaluations.
LEFT_OUT = ("bayesian",)
FULL = Plan(
    ("w1-images", "w2-images", "w3-images"),
    tuple(flow for flow in FLOWS if flow not in LEFT_OUT),
    5,
    1_000,
    200,
    8,
    4,
)
QUICK = Plan(
    ("digits-tiny",),
    ("monte-carlo", "evolution", NAS_FIRST, ASIC_FIRST, "maskable-ppo", NASAIC),
    2,
    60,
    30,
    3,
    2,
)


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Run all flows; write tables, figures, ``runs.json`` and the optima of the grids."""
    return run_plan(QUICK if quick else FULL, out, workers, report)


def run_plan(plan: Plan, out: Path, workers: int, report: Report) -> dict[str, Any]:
    """Run a plan; see `run`."""
    grids = run_tasks(_grid_tasks(plan), out / "raw", workers, report, "enumerating")
    optima = {name: grids[f"grid--{name}"] for name in plan.scenarios}
    tasks = _flow_tasks(plan)
    found = run_tasks(list(tasks.values()), out / "raw", workers, report, "searching")
    runs = {key: found[task.key] for key, task in tasks.items()}
    known = {
        name: math.nan if grid["accuracy"] is None else float(grid["accuracy"])
        for name, grid in optima.items()
    }
    results = Results(runs, known)
    summary = _summarise(plan, results, optima)
    write_json(out / "summary.json", summary)
    write_json(out / "runs.json", {"runs": [_record(key, run) for key, run in runs.items()]})
    flow_table(results).write(out, "flows")
    ratio_table(results).write(out, "ratios")
    budget_table(results, plan.checkpoints).write(out, "budgets")
    design_table(results).write(out, "designs")
    for scenario in plan.scenarios:
        write_text(out / f"curves-{scenario}.svg", curves_figure(results, scenario))
        write_text(out / f"scatter-{scenario}.svg", scatter_figure(results, scenario))
    return summary


def _grid_tasks(plan: Plan) -> list[Task]:
    return [
        Task(
            f"grid--{scenario}",
            f"{PACKAGE}.grid:best_of_grid",
            {
                "scenario": scenario,
                "sizes": plan.sizes,
                "widths": plan.widths,
                "version": SIMULATOR_VERSION,
            },
        )
        for scenario in plan.scenarios
    ]


def _flow_tasks(plan: Plan) -> dict[tuple[str, str, int], Task]:
    return {
        (scenario, flow, seed): Task(
            f"{flow}--{scenario}--{seed}",
            f"{PACKAGE}.runs:run_flow",
            {
                "flow": flow,
                "scenario": scenario,
                "seed": seed,
                "evaluations": plan.budget(flow),
                "trainings": plan.trainings,
                "version": SIMULATOR_VERSION,
            },
        )
        for scenario in plan.scenarios
        for flow in plan.flows
        for seed in range(plan.seeds)
    }


def _record(key: tuple[str, str, int], run: dict[str, Any]) -> dict[str, Any]:
    """A run as it is kept, without its front."""
    scenario, flow, seed = key
    kept = {name: value for name, value in run.items() if name != "front"}
    return {"scenario": scenario, "flow": flow, "seed": seed, **kept}


def _summarise(plan: Plan, results: Results, optima: dict[str, Any]) -> dict[str, Any]:
    """Return the study in numbers."""
    flows: dict[str, Any] = {}
    comparisons: dict[str, Any] = {}
    for scenario in plan.scenarios:
        flows[scenario] = {flow: results.summary(scenario, flow).document() for flow in plan.flows}
        comparisons[scenario] = {
            other: results.comparison(scenario, NASAIC, other).document()
            for other in (NAS_FIRST, ASIC_FIRST)
        }
    return {
        "simulator_version": SIMULATOR_VERSION,
        "budget": {"evaluations": plan.evaluations, "trainings": plan.trainings},
        "seeds": plan.seeds,
        "flows": flows,
        "comparisons": comparisons,
        "published": PUBLISHED,
        "grid": optima,
    }
