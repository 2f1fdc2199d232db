"""NAS-Bench-201 accuracies from a file that the user gives."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from chipgym.envs.codesign.accuracy.provider import Accuracy, Task
from chipgym.envs.codesign.spaces import Architecture, cell_text
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

__all__ = ["NasBenchProvider", "read_nasbench"]

CELL_COLUMNS = ("architecture", "arch", "arch_str", "cell")
PERCENT = 100.0


def read_nasbench(path: str | os.PathLike[str], column: str) -> dict[str, float]:
    """Read accuracies in percent by cell from a CSV file with a heading.

    Parameters
    ----------
    path : path
        One of its columns is called ``architecture``, ``arch``, ``arch_str`` or ``cell`` and holds
        cells as ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.
    column : str
        Column of the accuracies, such as ``cifar10``.

    Raises
    ------
    FileFormatError
        The file is missing, empty, or broken; the line is named.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            names = list(reader.fieldnames or ())
            cells = [name for name in CELL_COLUMNS if name in names]
            if not cells or column not in names:
                raise FileFormatError(path, f"columns {names}, not a cell and {column!r}")
            table = {}
            for row in reader:
                value = float(row[column])
                if not 0.0 <= value <= PERCENT:
                    raise ValueError(f"{value} is not 0 .. 100")
                table[row[cells[0]].strip()] = value / PERCENT
    except FileFormatError:
        raise
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise FileFormatError(path, f"line {reader.line_num}: {error}") from error
    if not table:
        raise FileFormatError(path, "no cells")
    return table


class NasBenchProvider:
    """Published accuracies of NAS-Bench-201 cells (Dong and Yang, ICLR 2020).

    Parameters
    ----------
    path : path
        See `read_nasbench`.
    column : str, optional
        Column of the accuracies; by default the task's data set.
    """

    name = "nas-bench"

    def __init__(self, path: str | os.PathLike[str], column: str | None = None) -> None:
        self.path = Path(path)
        self.column = column
        self._tables: dict[str, dict[str, float]] = {}

    def _table(self, task: Task) -> dict[str, float]:
        column = self.column or task.data_set
        if column not in self._tables:
            self._tables[column] = read_nasbench(self.path, column)
        return self._tables[column]

    def check(self, task: Task) -> None:
        """Read the file."""
        self._table(task)

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        """Return a cell's accuracy.

        Raises
        ------
        InvalidValueError
            The network is of another family, or the file does not have the cell.
        """
        if architecture.family != "nasbench201":
            raise InvalidValueError("architecture", architecture.key, "a cell of NAS-Bench-201")
        cell = cell_text(architecture.values)
        table = self._table(task)
        if cell not in table:
            raise InvalidValueError("architecture", cell, f"one of the cells of {self.path}")
        return Accuracy(table[cell], task.data_set, "nas-bench-201", (), True)
