"""Tables of measured accuracies: the file, and the provider over it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.envs.codesign.accuracy.data_sets import data_set_named
from chipgym.envs.codesign.accuracy.predictor import Predictor
from chipgym.envs.codesign.accuracy.provider import Accuracy, Task, TrainingError
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import ChipGymError, FileFormatError, InvalidValueError
from chipgym.simulators.core.files import read_json, write_text

__all__ = [
    "MeasuredTable",
    "TableProvider",
    "fit_predictor",
    "read_table",
    "shipped_table",
    "shipped_tables",
    "write_table",
]

FORMAT = "chipgym accuracy table 1"
FOLDER = Path(__file__).parent.parent / "data"
COMMAND = "python -m chipgym.experiments.papers.nasaic.table"
MIN_PREDICTABLE = 20
DIGITS = 6


@dataclass(frozen=True, eq=False)
class MeasuredTable:
    """Accuracies of trained networks.

    Attributes
    ----------
    data_set, space, command : str
        What was trained on, the space of the architectures, and the command that did it.
    recipe : dict
        The whole recipe.
    seeds : tuple of int
    accuracies : dict
        For each architecture's key one accuracy a seed.
    failures : dict
        Why architectures could not be trained, by key.
    """

    data_set: str
    space: str
    command: str
    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    accuracies: dict[str, tuple[float, ...]]
    failures: dict[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The table as a JSON document."""
        return {
            "format": FORMAT,
            "data_set": self.data_set,
            "space": self.space,
            "command": self.command,
            "recipe": self.recipe,
            "seeds": list(self.seeds),
            "failures": {key: self.failures[key] for key in sorted(self.failures)},
            "accuracies": {
                key: [round(value, DIGITS) for value in self.accuracies[key]]
                for key in sorted(self.accuracies)
            },
        }


def write_table(path: str | os.PathLike[str], table: MeasuredTable) -> None:
    """Write a table, an architecture a line."""
    document = table.document()
    rows = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(row, allow_nan=False)}"
        for key, row in document.pop("accuracies").items()
    )
    head = json.dumps(document, indent=1, allow_nan=False)[:-2]
    write_text(path, f'{head},\n "accuracies": {{\n{rows}\n}}\n}}\n')


def read_table(path: str | os.PathLike[str]) -> MeasuredTable:
    """Read a table.

    Raises
    ------
    FileFormatError
        The file is missing, broken or empty, or a value is no accuracy.
    """
    try:
        document = read_json(path)
        if document["format"] != FORMAT:
            raise FileFormatError(path, f"format {document['format']!r}, not {FORMAT!r}")
        rows = {key: tuple(map(float, row)) for key, row in document["accuracies"].items()}
        seeds = tuple(int(seed) for seed in document["seeds"])
        named = (document["data_set"], document["space"], document["command"])
        failures = {str(key): str(why) for key, why in document.get("failures", {}).items()}
        table = MeasuredTable(*named, dict(document["recipe"]), seeds, rows, failures)
        str(table.recipe["name"])
        data_set_named(table.data_set)
    except FileFormatError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise FileFormatError(path, f"not a table of accuracies: {error!r}") from error
    if not rows:
        raise FileFormatError(path, "the table is empty")
    for key, row in rows.items():
        _check_row(path, key, row, len(seeds))
    return table


def _check_row(path: object, key: str, row: tuple[float, ...], count: int) -> None:
    try:
        Architecture.of_key(key)
    except ChipGymError as error:
        raise FileFormatError(path, str(error)) from error
    if len(row) != count:
        raise FileFormatError(path, f"{key}: {len(row)} accuracies for {count} seeds")
    if not all(0.0 <= value <= 1.0 for value in row):
        raise FileFormatError(path, f"{key}: {row} are not all accuracies, 0 to 1")


def shipped_table(task: Task) -> Path:
    """Return the file that the table of a task's space has, whether it exists or not."""
    return FOLDER / f"accuracy-{task.space}-{task.data_set}.json"


def shipped_tables() -> list[Path]:
    """Return the files of all shipped tables."""
    return sorted(FOLDER.glob("accuracy-*.json"))


def fit_predictor(table: MeasuredTable) -> Predictor | None:
    """Fit a predictor of the mean over the seeds; None where the table is too small for one."""
    if len(table.accuracies) < MIN_PREDICTABLE:
        return None
    entry = data_set_named(table.data_set)
    means = np.array([np.mean(row) for row in table.accuracies.values()])
    architectures = [Architecture.of_key(key) for key in table.accuracies]
    return Predictor(architectures, means, entry.shape, entry.classes)


@lru_cache(maxsize=16)
def _opened(path: str, changed: int) -> tuple[MeasuredTable, Predictor | None]:
    table = read_table(path)
    return table, fit_predictor(table)


class TableProvider:
    """Looks accuracies up; those of other architectures of the family are predicted.

    Parameters
    ----------
    path : path, optional
        A file that `write_table` wrote; by default the shipped table of each task's space.
    """

    name = "measured-table"

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)

    def _table(self, task: Task) -> tuple[MeasuredTable, Predictor | None]:
        path = self.path or shipped_table(task)
        if not path.is_file():
            raise InvalidValueError(
                "accuracy",
                f"{self.name} of {task.space} on {task.data_set}",
                f"a table that exists; measure it with '{COMMAND} --space {task.space} "
                f"--data-set {task.data_set}', or ask for accuracy='train'",
            )
        return _opened(str(path), path.stat().st_mtime_ns)

    def check(self, task: Task) -> None:
        """Raise unless there is a table of the task's data set."""
        table, _ = self._table(task)
        if table.data_set != task.data_set:
            raise InvalidValueError(
                "data_set", task.data_set, f"{table.data_set}, which the table is of"
            )

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        """Return the measured accuracy, or a predicted one labelled so.

        Raises
        ------
        InvalidValueError
            There is no table, or it is too small to predict from.
        TrainingError
            The table records that the architecture could not be trained.
        """
        table, predictor = self._table(task)
        recipe = str(table.recipe["name"])
        if architecture.key in table.failures:
            raise TrainingError(architecture.key, table.failures[architecture.key])
        row = table.accuracies.get(architecture.key)
        if row is not None:
            spread = float(np.std(row, ddof=1)) if len(row) > 1 else math.nan
            error = spread / math.sqrt(len(row))
            value = float(np.mean(row))
            return Accuracy(value, table.data_set, recipe, table.seeds, True, error)
        families = {key.partition(":")[0] for key in table.accuracies}
        if predictor is None or architecture.family not in families:
            raise InvalidValueError("architecture", architecture.key, "one of the table")
        value = predictor.predict(architecture)
        error = predictor.error.root_mean_square
        return Accuracy(value, table.data_set, recipe, table.seeds, False, error)
