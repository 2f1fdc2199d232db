"""Comparison of a simulator with reference results: errors by column, file by file.

The error of a value is |actual - expected| / |expected|, or |actual| where 0 was expected; a value
that is missing (nan) on one side only counts as an error of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Column",
    "ColumnErrors",
    "FileComparison",
    "FileReport",
    "ValidationReport",
    "relative_errors",
]

Floats = npt.NDArray[np.float64]

MISSING_ERROR = 1.0


@dataclass(frozen=True)
class Column:
    """How one column of a reference file is compared.

    Attributes
    ----------
    name : str
    tolerance : float
        Largest error that passes.
    equal_within : float
        Largest error that still counts as equal (floating-point noise); not above `tolerance`.
    resolution : float
        Differences up to this much are no difference: one unit of the file's last digit.
    """

    name: str
    tolerance: float = 0.0
    equal_within: float = 0.0
    resolution: float = 0.0


@dataclass(frozen=True)
class ColumnErrors:
    """Errors of one column over all rows, and whether its tolerance holds."""

    median: float
    p95: float
    max: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """No row is beyond the tolerance."""
        return self.max <= self.tolerance


@dataclass(frozen=True)
class FileReport:
    """Result for one reference file.

    Attributes
    ----------
    file : str
    rows : int
        Rows compared.
    exact_rows : int
        Rows that are equal in every compared column.
    columns : dict
        Errors by column.
    skipped_rows : int
        Rows of the file that have nothing to be compared with.
    note : str
        Why rows were skipped, or what the columns mean.
    worst : dict
        For each column that fails: the row with the largest error, in words.
    """

    file: str
    rows: int
    exact_rows: int
    columns: dict[str, ColumnErrors]
    skipped_rows: int = 0
    note: str = ""
    worst: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Every column keeps its tolerance."""
        return all(errors.passed for errors in self.columns.values())

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        columns = {
            name: {
                "median": errors.median,
                "p95": errors.p95,
                "max": errors.max,
                "tolerance": errors.tolerance,
            }
            for name, errors in self.columns.items()
        }
        return {
            "file": self.file,
            "rows": self.rows,
            "exact_rows": self.exact_rows,
            "columns": columns,
            "skipped_rows": self.skipped_rows,
            "note": self.note,
            "worst": self.worst,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class ValidationReport:
    """Result for a family of simulators."""

    family: str
    files: tuple[FileReport, ...]

    @property
    def passed(self) -> bool:
        """Every file passes, and there is at least one."""
        return bool(self.files) and all(file.passed for file in self.files)

    def document(self) -> dict[str, Any]:
        """Return the report as a JSON document."""
        files = [file.document() for file in self.files]
        return {"family": self.family, "files": files, "passed": self.passed}


def relative_errors(actual: Floats, expected: Floats, resolution: float = 0.0) -> Floats:
    """Return the error of each value, shape of the inputs; see the module."""
    difference = np.abs(actual - expected)
    # Half a unit would be enough for a rounded value; a whole one forgives the other rule at .5.
    difference = np.where(difference <= resolution, 0.0, difference)
    scale = np.where(expected == 0, 1.0, np.abs(expected))
    errors = difference / scale
    absent, expected_absent = np.isnan(actual), np.isnan(expected)
    errors = np.where(absent & expected_absent, 0.0, errors)
    return np.where(absent ^ expected_absent, MISSING_ERROR, errors)


class FileComparison:
    """Collects the rows of one reference file, batch by batch, and reports on them.

    Parameters
    ----------
    file : str
        Name of the reference file.
    columns : sequence of Column
        What is compared.
    """

    def __init__(self, file: str, columns: Sequence[Column]) -> None:
        self.file = file
        self.columns = tuple(columns)
        self._errors: dict[str, list[Floats]] = {column.name: [] for column in columns}
        self._labels: list[str] = []
        self._rows = 0
        self.skipped_rows = 0

    def add(
        self,
        label: str,
        expected: Mapping[str, npt.ArrayLike],
        actual: Mapping[str, npt.ArrayLike],
    ) -> None:
        """Compare a batch of rows: for each column, equally many expected and actual values.

        A batch with fewer actual rows than expected ones is filled up with missing values; one with
        more is cut, and counts as one more row that is wrong.
        """
        rows = max(len(np.atleast_1d(np.asarray(values))) for values in expected.values())
        produced = max(len(np.atleast_1d(np.asarray(values))) for values in actual.values())
        size = rows + (produced > rows)
        for column in self.columns:
            wanted = _resized(expected[column.name], size)
            got = _resized(actual[column.name], size)
            if size > rows:
                wanted[-1], got[-1] = np.nan, 0.0
            self._errors[column.name].append(relative_errors(got, wanted, column.resolution))
        self._labels += [f"{label}, row {row}" if size > 1 else label for row in range(size)]
        self._rows += size

    def skip(self, rows: int) -> None:
        """Count rows that have nothing to be compared with."""
        self.skipped_rows += rows

    def report(self, note: str = "") -> FileReport:
        """Return the report on all rows added so far."""
        equal = np.ones(self._rows, dtype=np.bool_)
        columns = {}
        worst = {}
        for column in self.columns:
            errors = np.concatenate([np.zeros(0), *self._errors[column.name]])
            equal &= errors <= column.equal_within
            if len(errors) == 0:
                columns[column.name] = ColumnErrors(0.0, 0.0, 0.0, column.tolerance)
                continue
            median, p95 = np.percentile(errors, (50, 95))
            result = ColumnErrors(float(median), float(p95), float(errors.max()), column.tolerance)
            columns[column.name] = result
            if not result.passed:
                worst[column.name] = self._labels[int(errors.argmax())]
        return FileReport(
            self.file, self._rows, int(equal.sum()), columns, self.skipped_rows, note, worst
        )


def _resized(values: npt.ArrayLike, size: int) -> Floats:
    """Return the values as floats, cut or filled up with nan."""
    given = np.atleast_1d(np.asarray(values, dtype=np.float64))[:size]
    return np.concatenate([given, np.full(size - len(given), np.nan)])
