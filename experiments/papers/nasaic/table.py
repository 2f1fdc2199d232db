"""Measure the accuracies of a search space by training its networks, and write them as a table.

``python -m chipgym.experiments.papers.nasaic.table --space resnet9-digits --data-set digits``
trains a sample of the space, an architecture and seed a task. The results of finished tasks stay in
the working folder, so an interrupted measurement goes on where it stopped, and more architectures
or seeds add to it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.provider import Task as AccuracyTask
from chipgym.envs.codesign.accuracy.provider import TrainingError
from chipgym.envs.codesign.accuracy.recipe import Recipe, recipe_for
from chipgym.envs.codesign.accuracy.table import MeasuredTable, shipped_table, write_table
from chipgym.envs.codesign.accuracy.train_provider import TrainProvider
from chipgym.envs.codesign.spaces import Architecture, ArchitectureSpace, Choices, space_named
from chipgym.experiments.papers.core.tasks import Task, run_tasks
from chipgym.simulators.core.errors import ChipGymError, check_range

__all__ = ["main", "measure", "sample_architectures", "train_one"]

SAMPLE_SEED = 0
# Draws without a new architecture after which the missing ones are enumerated.
MAX_MISSED = 1000


def _enumerate(space: ArchitectureSpace, prefix: Choices = ()) -> list[Architecture]:
    """Return every architecture of a space, once."""
    if len(prefix) == len(space.tokens):
        return [space.architecture(prefix)]
    found: dict[str, Architecture] = {}
    for choice in np.flatnonzero(space.legal(prefix)).tolist():
        for architecture in _enumerate(space, (*prefix, choice)):
            found[architecture.key] = architecture
    return list(found.values())


def _draws(space: ArchitectureSpace) -> Iterator[Architecture]:
    """Yield every architecture of a space once, in the order in which random tokens find them."""
    rng = np.random.default_rng(SAMPLE_SEED)
    found: dict[str, Architecture] = {}
    missed = 0
    while missed < MAX_MISSED:
        choices: Choices = ()
        while len(choices) < len(space.tokens):
            choices = (*choices, int(rng.choice(np.flatnonzero(space.legal(choices)))))
        architecture = space.architecture(choices)
        missed += 1
        if architecture.key not in found:
            found[architecture.key], missed = architecture, 0
            yield architecture
    rest = [architecture for architecture in _enumerate(space) if architecture.key not in found]
    yield from (rest[place] for place in rng.permutation(len(rest)))


def sample_architectures(space: ArchitectureSpace, count: int) -> list[Architecture]:
    """Return a fixed random sample of a space, or all of it if it has no more.

    Every token is drawn uniformly from its legal options, as search does: each height of a U-Net
    is as frequent, so that the few small ones are all measured. A larger sample begins with the
    smaller one.
    """
    return list(itertools.islice(_draws(space), count))


def train_one(
    architecture: str,
    space: str,
    data_set: str,
    recipe: dict[str, Any],
    seed: int,
    data: str | None,
) -> dict[str, Any]:
    """Train one architecture with one seed; a failure is recorded with its reason."""
    task = AccuracyTask("table", data_set, space)
    provider = TrainProvider(data=data, recipe=Recipe(**recipe), seeds=(seed,))
    try:
        return {"accuracy": provider.accuracy(task, Architecture.of_key(architecture)).value}
    except TrainingError as error:
        return {"failure": error.reason}


def measure(
    space: str,
    data_set: str,
    *,
    architectures: int,
    seeds: int,
    folder: Path,
    recipe: str | None = None,
    data: str | None = None,
    workers: int = 1,
    report: Any = lambda what, done, total: None,
) -> MeasuredTable:
    """Train a sample of a space with every seed; what failed is in the table's failures."""
    check_range("architectures", architectures, 1)
    check_range("seeds", seeds, 1)
    data_set_named(data_set)
    chosen = recipe_for(data_set, recipe)
    keys = [a.key for a in sample_architectures(space_named(space), architectures)]
    common = {"space": space, "data_set": data_set, "recipe": chosen.document(), "data": data}
    tasks = {
        (key, seed): Task(
            f"{key.replace(':', '_')}_seed{seed}",
            "chipgym.experiments.papers.nasaic.table:train_one",
            {"architecture": key, "seed": seed, **common},
        )
        for seed in range(seeds)
        for key in keys
    }
    what = f"accuracies of {space} on {data_set}"
    results = run_tasks(list(tasks.values()), folder, workers, report, what)
    rows: dict[str, tuple[float, ...]] = {}
    failures: dict[str, str] = {}
    for key in keys:
        found = [results[tasks[key, seed].key] for seed in range(seeds)]
        failed = [f"seed {n}: {one['failure']}" for n, one in enumerate(found) if "failure" in one]
        if failed:
            failures[key] = failed[0]
        else:
            rows[key] = tuple(one["accuracy"] for one in found)
    command = (
        f"python -m chipgym.experiments.papers.nasaic.table --space {space} "
        f"--data-set {data_set} --architectures {architectures} --seeds {seeds}"
    )
    if recipe is not None:
        command += f" --recipe {recipe}"
    named = (data_set, space, command, chosen.document(), tuple(range(seeds)))
    return MeasuredTable(*named, rows, failures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="table", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--space", required=True, help="name of a space of architectures")
    parser.add_argument("--data-set", required=True, help="name of a data set")
    parser.add_argument("--architectures", type=int, default=1200, help="size of the sample")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each architecture")
    parser.add_argument("--recipe", help="training recipe; by default the data set's own")
    parser.add_argument("--data", help="folder of data sets that do not come with packages")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--work", type=Path, help="folder for finished tasks")
    parser.add_argument("--output", type=Path, help="the table; by default the shipped one")
    chosen = parser.parse_args(arguments)

    def report(what: str, done: int, total: int) -> None:
        print(f"{what}: {done} of {total}", file=sys.stderr)

    work = chosen.work or Path("chipgym-accuracies") / f"{chosen.space}-{chosen.data_set}"
    try:
        table = measure(
            chosen.space,
            chosen.data_set,
            architectures=chosen.architectures,
            seeds=chosen.seeds,
            folder=work,
            recipe=chosen.recipe,
            data=chosen.data,
            workers=chosen.workers,
            report=report,
        )
        task = AccuracyTask("table", chosen.data_set, chosen.space)
        output = chosen.output or shipped_table(task)
        write_table(output, table)
    except ChipGymError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for key, reason in table.failures.items():
        print(f"{key}: {reason}", file=sys.stderr)
    print(f"{output}: {len(table.accuracies)} architectures, {len(table.failures)} failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
