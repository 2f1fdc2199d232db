"""`chipgym reproduce archgym-lottery`: does the algorithm decide, or its settings.

Each algorithm enters with its stored hyperparameters and with others of a grid, all with the same
budget of distinct simulations, on each workload and objective of ArchGym's space. As the space is
enumerated (`dram-exhaustive`), every regret is exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chipgym.experiments.papers.archgym_lottery.analysis import Outcomes, measure
from chipgym.experiments.papers.archgym_lottery.figures import curves_figure, spread_figure
from chipgym.experiments.papers.archgym_lottery.records import UNUSED, Entry, write_records
from chipgym.experiments.papers.archgym_lottery.search import entries
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.dram_exhaustive.table import WORKLOADS
from chipgym.simulators.core.files import write_json, write_text
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["ALGORITHMS", "OBJECTIVES", "run"]

ALGORITHMS = (
    "random-search",
    "random-walk",
    "hill-climbing",
    "simulated-annealing",
    "genetic",
    "regularised-evolution",
    "ant-colony",
    "cma-es",
    "tpe",
    "bayesian",
)
OBJECTIVES = ("low-latency", "edp", "power-under-time")
FUNCTION = "chipgym.experiments.papers.archgym_lottery.search:search_entry"
SEEDS = 5
ENTRIES = 12
BUDGET = 300
# Proposals of these cost more than simulations; one of the last takes longer than thirty.
ENTRIES_OF = {"cma-es": 3, "tpe": 2, "bayesian": 1}
BUDGET_OF = {"bayesian": 100}


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Run the lottery; write tables, figures and ``records-WORKLOAD.npz``."""
    found = _search(out / "raw", quick, workers, report)
    for workload in {entry.workload: None for entry in found}:
        chosen = [entry for entry in found if entry.workload == workload]
        write_records(out / f"records-{workload}.npz", chosen)
    outcomes = measure(found)
    summary = summarise(outcomes, found[0].designs.shape[1])
    write_json(out / "summary.json", summary)
    _table(outcomes).write(out, "lottery")
    _budget_table(outcomes).write(out, "budgets")
    write_text(out / "curves.svg", curves_figure(outcomes))
    write_text(out / "spread.svg", spread_figure(outcomes))
    return summary


def _search(folder: Path, quick: bool, workers: int, report: Report) -> list[Entry]:
    """Run every entry."""
    workloads = WORKLOADS[1:2] if quick else WORKLOADS
    objectives = OBJECTIVES[:1] if quick else OBJECTIVES
    algorithms = [name for name in ALGORITHMS if not (quick and name == "bayesian")]
    seeds, budget = (2, 40) if quick else (SEEDS, BUDGET)
    limit = 2 if quick else ENTRIES
    tasks, found = [], []
    for algorithm in algorithms:
        for number, values in enumerate(entries(algorithm, ENTRIES_OF.get(algorithm, limit))):
            for workload in workloads:
                for objective in objectives:
                    arguments = {
                        "workload": workload,
                        "objective": objective,
                        "algorithm": algorithm,
                        "hyperparameters": values,
                        "seeds": list(range(seeds)),
                        "budget": min(budget, BUDGET_OF.get(algorithm, budget)),
                        "version": SIMULATOR_VERSION,
                    }
                    nothing = np.full((seeds, budget), UNUSED, dtype=np.int32)
                    found.append(Entry(workload, objective, algorithm, number, values, nothing))
                    tasks.append(Task(found[-1].key, FUNCTION, arguments))
    results = run_tasks(tasks, folder, workers, report, "searching")
    for entry in found:
        for row, designs in zip(entry.designs, results[entry.key], strict=True):
            row[: len(designs)] = designs
    return found


def summarise(outcomes: Outcomes, budget: int) -> dict[str, Any]:
    """Return the study in numbers."""
    return {
        "budget": budget,
        "simulator_version": SIMULATOR_VERSION,
        "algorithms": {name: outcomes.document(name) for name in outcomes.algorithms},
    }


def _table(outcomes: Outcomes) -> Table:
    """Regret by algorithm: as shipped, and the spread over entries."""
    records = []
    for name in outcomes.algorithms:
        facts = outcomes.document(name)
        regrets = outcomes.entry_regrets(name)
        records.append(
            {
                "algorithm": name,
                "entries": facts["entries"],
                "stored": interval_text(*facts["stored_regret_percent"]),
                "best entry": float(regrets.min()),
                "median": float(np.median(regrets)),
                "worst": float(regrets.max()),
                "optimum found, stored, %": facts["stored_optimum_found_percent"],
                "all entries, %": facts["optimum_found_percent"],
            }
        )
    return Table.of(
        "The lottery: mean regret at the end in percent of the optimal cost, with the 95 % "
        "interval over workloads, objectives and seeds, and how many searches found the optimum",
        records,
    )


def _budget_table(outcomes: Outcomes) -> Table:
    """Normalised score and regret of the stored entries after part of the budget."""
    records = []
    for name in outcomes.algorithms:
        record: dict[str, object] = {"algorithm": name}
        for count in outcomes.checkpoints:
            done = count <= BUDGET_OF.get(name, count)
            score = float(outcomes.stored_curve(name)[count - 1])
            regret = float(outcomes.stored_regret(name)[count - 1])
            record[f"after {count}"] = f"{score:.4f} ({regret:.3g} %)" if done else "not run"
        records.append(record)
    return Table.of(
        "Mean normalised score (and mean regret) of the stored hyperparameters over evaluations",
        records,
    )
