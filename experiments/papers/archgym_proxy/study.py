"""`chipgym reproduce archgym-proxy`: cost models trained on the logs of searches.

ArchGym reports that random forests trained on its logs predict with 0.61 % error, about 2,000 times
faster than its simulator, and that logs of several algorithms make better models than logs of one.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.experiments.papers.archgym_lottery import study as lottery
from chipgym.experiments.papers.archgym_proxy.dataset import encode, write_parquet
from chipgym.experiments.papers.archgym_proxy.models import (
    MODELS,
    TARGETS,
    fit,
    predictions_per_s,
)
from chipgym.experiments.papers.archgym_proxy.tasks import load_log
from chipgym.experiments.papers.core.registry import Report
from chipgym.experiments.papers.core.tables import Table
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.experiments.papers.dram_exhaustive.evaluate import archgym_workload
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS
from chipgym.simulators.core.files import write_json
from chipgym.simulators.dram.simulate import SIMULATOR_VERSION, simulate

__all__ = ["run"]

MODULE = "chipgym.experiments.papers.archgym_proxy.tasks"
TRAIN_ROWS = (1_000, 10_000, 30_000)
DIVERSITY_ROWS = (1_000, 5_000)
SEEDS = 3
SIMULATIONS = 50


def run(out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
    """Fit and compare; write the dataset, tables and ``summary.json``.

    The records are those of the lottery that are shipped; the quick form runs a small lottery.
    """
    records = _records(out, quick, workers, report)
    logged = load_log(str(records))
    write_parquet(out / "dataset.parquet", logged)
    accuracy = _accuracy(out, records, quick, workers, report)
    diversity = _diversity(out, records, quick, workers, report)
    speed = _speed(records, 2_000 if quick else 10_000)
    summary = {
        "rows": len(logged),
        "distinct_designs": len(np.unique(logged.design)),
        "simulator_version": SIMULATOR_VERSION,
        "accuracy": accuracy,
        "diversity": diversity,
        "speed": speed,
    }
    write_json(out / "summary.json", summary)
    Table.of("Error on held-out designs, % of the mean", accuracy).write(out, "accuracy")
    Table.of(
        "Error on designs drawn uniformly, % of the mean, random forest (mean over seeds)",
        diversity,
    ).write(out, "diversity")
    Table.of("Speed on this machine, one thread", [speed]).write(out, "speed")
    return summary


def _records(out: Path, quick: bool, workers: int, report: Report) -> Path:
    shipped = Path(lottery.__file__).parent / "results"
    if not quick and list(shipped.glob("records-*.npz")):
        return shipped
    folder = out / "lottery"
    lottery.run(folder, quick=quick, workers=workers, report=report)
    return folder


def _accuracy(
    out: Path, records: Path, quick: bool, workers: int, report: Report
) -> list[dict[str, Any]]:
    """Error of every model and target, by size and kind of split."""
    sizes = (300,) if quick else TRAIN_ROWS
    cases = list(itertools.product(sizes, MODELS, ("controller", "row")))
    seeds = 1 if quick else SEEDS
    tasks, keys = [], {}
    for size, model, split in cases:
        for target, seed in itertools.product(TARGETS, range(seeds)):
            arguments = {
                "records": str(records),
                "target": target,
                "model": model,
                "split": split,
                "rows": size,
                "seed": seed,
                "version": SIMULATOR_VERSION,
            }
            key = f"{size}--{model}--{split}--{target}--{seed}"
            keys[size, model, split, target, seed] = key
            tasks.append(Task(key, f"{MODULE}:accuracy", arguments))
    results = run_tasks(tasks, out / "raw" / "accuracy", workers, report, "fitting")
    rows = []
    for size, model, split in cases:
        record: dict[str, Any] = {"trained on": f"{size:,} rows, {model}, split by {split}"}
        errors = {
            target: [
                results[keys[size, model, split, target, seed]]["rmse_percent"]
                for seed in range(seeds)
            ]
            for target in TARGETS
        }
        record |= {target: float(np.mean(values)) for target, values in errors.items()}
        record["mean"] = float(np.mean(list(errors.values())))
        rows.append(record)
    return rows


def _diversity(
    out: Path, records: Path, quick: bool, workers: int, report: Report
) -> list[dict[str, Any]]:
    """Error of forests trained on one algorithm's log, and on all together at the same size."""
    logged = load_log(str(records))
    names = sorted(set(logged.algorithm.tolist()))
    mixtures = {name: [name] for name in names} | {"all together": names}
    sizes = (100,) if quick else DIVERSITY_ROWS
    seeds, target = (1 if quick else SEEDS), TARGETS
    tasks, keys = [], {}
    for (label, chosen), size, goal, seed in itertools.product(
        mixtures.items(), sizes, target, range(seeds)
    ):
        arguments = {
            "records": str(records),
            "target": goal,
            "algorithms": chosen,
            "rows": size,
            "seed": seed,
            "version": SIMULATOR_VERSION,
        }
        key = f"{label.replace(' ', '-')}--{size}--{goal}--{seed}"
        keys[label, size, goal, seed] = key
        tasks.append(Task(key, f"{MODULE}:diversity", arguments))
    results = run_tasks(tasks, out / "raw" / "diversity", workers, report, "comparing logs")
    rows = []
    for label in mixtures:
        record: dict[str, Any] = {"log of": label}
        for size in sizes:
            errors = [
                results[keys[label, size, goal, seed]]
                for goal, seed in itertools.product(target, range(seeds))
            ]
            record[f"{size:,} rows"] = float(np.mean(errors))
        rows.append(record)
    return rows


def _speed(records: Path, rows: int) -> dict[str, Any]:
    """Predictions and simulations per second, measured one after the other."""
    logged = load_log(str(records))
    chosen = np.arange(min(rows, len(logged)))
    features = encode(logged.workload[chosen], logged.design[chosen])
    values = logged.metrics[chosen, METRICS.index("energy_pj")]
    forest = fit("random-forest", features, values, seed=0)
    batch = predictions_per_s(forest, features)
    single = predictions_per_s(forest, features[:1])
    workload, configs = (
        archgym_workload("cloud-1"),
        archgym_space().configs[:: 73_984 // SIMULATIONS],
    )
    simulate(workload, configs[0])
    begin = time.perf_counter()
    for config in configs[:SIMULATIONS]:
        simulate(workload, config)
    simulations = SIMULATIONS / (time.perf_counter() - begin)
    return {
        "model": "random-forest",
        "predictions/s, batch": batch,
        "predictions/s, one by one": single,
        "simulations/s": simulations,
        "batch over simulation": batch / simulations,
    }
