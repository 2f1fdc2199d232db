"""`chipgym reproduce dram-exhaustive`: simulate every design, keep the optimum.

The quick form simulates every hundredth controller on one workload, to see that it works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.dram_exhaustive import analysis
from chipgym.experiments.papers.dram_exhaustive.figure import distribution_figure
from chipgym.experiments.papers.dram_exhaustive.space import KNOB_SET, Space, archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS, WORKLOADS, OutcomeTable
from chipgym.simulators.core.files import write_json, write_text
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION

__all__ = ["run"]

SHARES = 64
"""Tasks of a workload."""
QUICK_STEP = 100


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Enumerate, and write ``WORKLOAD.npz``, ``optima.json``, a table and a figure."""
    space = archgym_space()
    values = _simulate(out / "raw", quick, workers, report)
    tables = {name: OutcomeTable.of(name, rows) for name, rows in values.items()}
    document = describe(space, tables)
    if not quick:
        for table in tables.values():
            table.save(out)
    write_json(out / "optima.json", document)
    _optima_table(document).write(out, "optima")
    write_text(out / "distribution.svg", distribution_figure(document))
    write_json(out / "summary.json", summarise(document))
    return summarise(document)


def _simulate(
    folder: Path, quick: bool, workers: int, report: Report
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the metrics of every controller by workload; infinite where not simulated."""
    shares, step = (1, QUICK_STEP) if quick else (SHARES, SHARES)
    names = WORKLOADS[:1] if quick else WORKLOADS
    function = "chipgym.experiments.papers.dram_exhaustive.evaluate:evaluate"
    tasks = [
        Task(
            f"{name}-{share:02d}",
            function,
            {"workload": name, "first": share, "step": step, "version": SIMULATOR_VERSION},
        )
        for name in names
        for share in range(shares)
    ]
    results = run_tasks(tasks, folder, workers, report, "simulating designs")
    values = {}
    for name in names:
        values[name] = np.full((len(archgym_space().configs), len(METRICS)), np.inf)
        for share in range(shares):
            values[name][share::step] = results[f"{name}-{share:02d}"]
    return values


def describe(space: Space, tables: dict[str, OutcomeTable]) -> dict[str, Any]:
    """Describe each workload: among designs that refresh, and among all."""
    keeps_data = analysis.refreshed(space)
    return {
        "space": {
            "knob_set": KNOB_SET,
            "designs": len(space.canonical),
            "controllers": len(space.configs),
        },
        "simulator_version": SIMULATOR_VERSION,
        "workloads": {
            name: {
                "outcomes": len(table.outcomes),
                "refresh": _describe(space, table, keeps_data & table.simulated),
                "all": _describe(space, table, table.simulated),
            }
            for name, table in tables.items()
        },
    }


def _describe(space: Space, table: OutcomeTable, mask: analysis.Bools) -> dict[str, Any]:
    document: dict[str, dict[str, Any]] = {"optima": {}, "distributions": {}, "fronts": {}}
    for cost in analysis.COSTS:
        values = analysis.costs(table, cost)
        document["optima"][cost] = analysis.optimum(space, values, mask)
        document["distributions"][cost] = analysis.distribution(space, values, mask)
    for name, metrics in analysis.FRONTS.items():
        points = np.stack([table.column(metric) for metric in metrics], axis=1)
        members = analysis.front(points, mask)
        document["fronts"][name] = {
            "metrics": list(metrics),
            "points": points[members].tolist(),
            "designs": [int(np.argmax(space.canonical == member)) for member in members],
        }
    return document


def summarise(document: dict[str, Any]) -> dict[str, Any]:
    """The optima alone."""
    return {
        "space": document["space"],
        "simulator_version": document["simulator_version"],
        "optima": {
            name: {cost: entry["value"] for cost, entry in content["refresh"]["optima"].items()}
            for name, content in document["workloads"].items()
        },
    }


def _optima_table(document: dict[str, Any]) -> Table:
    records = []
    for name, content in document["workloads"].items():
        for cost, best in content["refresh"]["optima"].items():
            spread = content["refresh"]["distributions"][cost]
            records.append(
                {
                    "workload": name,
                    "cost": cost,
                    "optimum": best["value"],
                    "designs that reach it": best["designs"],
                    "median / optimum": spread["quantiles"][50] / best["value"],
                    "worst / optimum": spread["quantiles"][-1] / best["value"],
                    "optimum, refresh may be off": content["all"]["optima"][cost]["value"],
                }
            )
    designs, controllers = document["space"]["designs"], document["space"]["controllers"]
    title = f"Optima over all {designs:,} designs ({controllers:,} distinct controllers)"
    return Table.of(title, records)
