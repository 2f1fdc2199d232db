"""The SoC simulator against the reference results, every case and every column."""

import pytest

from chipgym.simulators.soc.validation import validate_soc

STATISTICAL = {"socrates_summary.csv, noise", "socrates_summary.csv, random choices"}


@pytest.fixture(scope="module")
def report(shared_folder):
    return validate_soc(shared_folder / "golden" / "soc")


def test_every_tolerance_holds(report):
    failed = {file.file: file.worst for file in report.files if not file.passed}
    assert not failed
    assert report.passed


def test_every_row_is_equal_in_every_column(report):
    different = {
        file.file: (file.exact_rows, file.rows)
        for file in report.files
        if file.file not in STATISTICAL and file.exact_rows < file.rows
    }
    assert not different


def test_nothing_is_left_out(report, shared_folder):
    names = {path.name for path in (shared_folder / "golden" / "soc").glob("*.csv")}
    assert names == {file.file for file in report.files} - STATISTICAL
    for file in report.files:
        assert file.rows > 0
        assert file.skipped_rows == 0 or file.note
