"""Raw records of the lottery: which designs each search evaluated, in order."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.papers.dram_exhaustive.problem import TabulatedProblem
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_bytes

__all__ = ["Entry", "best_so_far", "read_records", "write_records"]

UNUSED = -1
"""Stands for evaluations that a search left unused."""


@dataclass(frozen=True, eq=False)
class Entry:
    """An algorithm with its hyperparameters on a problem.

    Attributes
    ----------
    workload, objective, algorithm : str
    number : int
        Number of the entry; 0 has the stored hyperparameters.
    hyperparameters : dict
    designs : int32 array, shape (seeds, budget)
        Numbers of the designs evaluated, in order, -1 from where the search gave up.
    """

    workload: str
    objective: str
    algorithm: str
    number: int
    hyperparameters: Mapping[str, Any]
    designs: npt.NDArray[np.int32]

    @property
    def key(self) -> str:
        """Name of the entry."""
        return f"{self.workload}--{self.objective}--{self.algorithm}--{self.number}"


def best_so_far(problem: TabulatedProblem, entry: Entry) -> npt.NDArray[np.float64]:
    """Return the best score after each evaluation, shape (seeds, budget)."""
    scores = problem.scores[problem.space.canonical[np.maximum(entry.designs, 0)]]
    scores = np.where(entry.designs == UNUSED, -np.inf, scores)
    return np.asarray(np.maximum.accumulate(scores, axis=1))


def write_records(path: Path, entries: list[Entry]) -> None:
    """Write entries as one compressed NumPy archive; equal entries give equal bytes."""
    facts = [
        [e.workload, e.objective, e.algorithm, e.number, dict(e.hyperparameters)] for e in entries
    ]
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        entries=np.array(json.dumps(facts, sort_keys=True)),
        designs=np.stack([entry.designs for entry in entries]),
    )
    write_bytes(path, stream.getvalue())


def read_records(path: Path) -> Iterator[Entry]:
    """Read what `write_records` wrote.

    Raises
    ------
    FileFormatError
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            facts, designs = json.loads(str(content["entries"])), content["designs"]
    except (OSError, KeyError, ValueError) as error:
        raise FileFormatError(path, f"is not a file of search records ({error})") from error
    for fact, rows in zip(facts, designs, strict=True):
        workload, objective, algorithm, number, hyperparameters = fact
        yield Entry(workload, objective, algorithm, number, hyperparameters, rows)
