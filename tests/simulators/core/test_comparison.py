import json

import numpy as np
import pytest

from chipgym.simulators.core.comparison import (
    Column,
    FileComparison,
    ValidationReport,
    relative_errors,
)

NAN = float("nan")


def test_errors_are_relative_and_absolute_at_zero():
    errors = relative_errors(np.array([1.1, 90.0, 0.5, 0.0]), np.array([1.0, 100.0, 0.0, 0.0]))
    assert errors == pytest.approx([0.1, 0.1, 0.5, 0.0])


def test_a_missing_value_on_one_side_is_an_error_of_one():
    errors = relative_errors(np.array([NAN, NAN, 3.0]), np.array([NAN, 3.0, NAN]))
    assert errors.tolist() == [0, 1, 1]


def test_differences_within_the_resolution_are_none():
    errors = relative_errors(np.array([2 / 3, 0.667]), np.array([0.6667, 0.6667]), 1e-4)
    assert errors[0] == 0
    assert errors[1] > 0


def compare(actual, tolerance=0.0, equal_within=0.0):
    comparison = FileComparison("file.csv", [Column("a"), Column("b", tolerance, equal_within)])
    comparison.add("case", {"a": [1, 2, 3], "b": [10.0, 10.0, 10.0]}, actual)
    return comparison.report()


def test_a_file_that_agrees():
    report = compare({"a": [1, 2, 3], "b": [10.0, 10.0, 10.0]})
    assert (report.rows, report.exact_rows, report.passed) == (3, 3, True)
    assert report.worst == {}


def test_the_tolerance_decides_and_the_worst_row_is_named():
    actual = {"a": [1, 2, 3], "b": [10.0, 10.0, 11.0]}
    strict, loose = compare(actual), compare(actual, tolerance=0.2)
    assert (strict.passed, loose.passed) == (False, True)
    assert strict.exact_rows == loose.exact_rows == 2
    assert strict.worst == {"b": "case, row 2"}
    assert strict.columns["b"].max == pytest.approx(0.1)
    assert strict.columns["b"].median == 0


def test_noise_counts_as_equal():
    actual = {"a": [1, 2, 3], "b": [10.0, 10.0, 10.0 + 1e-9]}
    assert compare(actual, 1e-9, 1e-9).exact_rows == 3


@pytest.mark.parametrize("rows", [2, 4])
def test_too_few_and_too_many_rows_fail(rows):
    report = compare({"a": np.arange(1, rows + 1), "b": np.full(rows, 10.0)}, tolerance=0.5)
    assert not report.passed
    assert report.exact_rows < report.rows


def test_the_document_is_json():
    report = ValidationReport("soc", (compare({"a": [1, 2, 4], "b": [10, 10, 10]}),))
    document = json.loads(json.dumps(report.document(), allow_nan=False))
    assert document["family"] == "soc"
    assert document["passed"] is False
    (file,) = document["files"]
    assert (file["file"], file["rows"], file["exact_rows"]) == ("file.csv", 3, 2)
    assert set(file["columns"]["a"]) == {"median", "p95", "max", "tolerance"}


def test_nothing_compared_is_not_a_pass():
    assert not ValidationReport("soc", ()).passed
