"""The logged dataset: every design that a search evaluated, with its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.archgym_lottery.records import UNUSED, Entry
from chipgym.experiments.papers.dram_exhaustive.problem import tabulated_problem
from chipgym.experiments.papers.dram_exhaustive.space import archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import METRICS, WORKLOADS
from chipgym.simulators.core.errors import MissingLibraryError
from chipgym.simulators.core.files import atomic_path

__all__ = ["Logged", "encode", "log", "write_parquet"]


@dataclass(frozen=True, eq=False)
class Logged:
    """N evaluations in the order in which they were made.

    Attributes
    ----------
    workload, objective, algorithm : str arrays, shape (N,)
    entry, seed, evaluation : int32 arrays, shape (N,)
        Number of the hyperparameters, seed, and how many evaluations came before.
    design : int32 array, shape (N,)
        Number of the design in the space.
    controller : int32 array, shape (N,)
        Number of its canonical controller.
    metrics : float64 array, shape (N, len(METRICS))
    score : float64 array, shape (N,)
    """

    workload: npt.NDArray[np.str_]
    objective: npt.NDArray[np.str_]
    algorithm: npt.NDArray[np.str_]
    entry: npt.NDArray[np.int32]
    seed: npt.NDArray[np.int32]
    evaluation: npt.NDArray[np.int32]
    design: npt.NDArray[np.int32]
    controller: npt.NDArray[np.int32]
    metrics: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.design)

    def rows(self, chosen: npt.NDArray[Any]) -> Logged:
        """Return some of the evaluations."""
        return Logged(**{name: column[chosen] for name, column in vars(self).items()})


def log(entries: Sequence[Entry]) -> Logged:
    """Put the records of all searches into one table."""
    parts = [_entry_columns(entry) for entry in entries]
    return Logged(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _entry_columns(entry: Entry) -> dict[str, npt.NDArray[Any]]:
    problem = tabulated_problem(entry.workload, entry.objective)
    seed, evaluation = np.nonzero(entry.designs != UNUSED)
    design = entry.designs[seed, evaluation]
    controller = problem.space.canonical[design]
    size = len(design)
    return {
        "workload": np.full(size, entry.workload),
        "objective": np.full(size, entry.objective),
        "algorithm": np.full(size, entry.algorithm),
        "entry": np.full(size, entry.number, dtype=np.int32),
        "seed": seed.astype(np.int32),
        "evaluation": evaluation.astype(np.int32),
        "design": design,
        "controller": controller,
        "metrics": problem.table.outcomes[problem.table.outcome_of[controller]],
        "score": problem.scores[controller],
    }


def encode(workload: npt.NDArray[np.str_], design: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return features of designs for regression, float32, shape (N, features).

    Knobs with names are one-hot, numbers are their base-2 logarithms, workloads are one-hot.
    """
    space = archgym_space()
    indexes = np.stack(np.unravel_index(design, space.shape), axis=1)
    columns = [workload == name for name in WORKLOADS]
    for place, knob in enumerate(space.designs.knobs):
        if isinstance(knob.values[0], str):
            columns += [indexes[:, place] == index for index in range(len(knob.values))]
        else:
            columns.append(np.log2(np.array(knob.values, dtype=float))[indexes[:, place]])
    return np.stack(columns, axis=1).astype(np.float32)


def write_parquet(path: Path, logged: Logged) -> None:
    """Write the dataset as Parquet: knobs by value, metrics with their units in the names.

    Raises
    ------
    MissingLibraryError
        pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingLibraryError("the dataset", "pyarrow", "data") from error
    space = archgym_space()
    indexes = np.unravel_index(logged.design, space.shape)
    names = ("workload", "objective", "algorithm", "entry", "seed", "evaluation", "design")
    columns: dict[str, Any] = {name: getattr(logged, name) for name in names}
    for knob, index in zip(space.designs.knobs, indexes, strict=True):
        columns[knob.name] = np.array(knob.values)[index]
    columns |= {name: logged.metrics[:, place] for place, name in enumerate(METRICS)}
    columns["score"] = logged.score
    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(columns), temporary, compression="zstd")
