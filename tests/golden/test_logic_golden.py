"""The logic-synthesis simulator against the reference results, every case and every column."""

import csv
import shutil

import pytest

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import PINNED_PACKAGE, find_abc
from chipgym.simulators.logic.validation import validate_logic

SMALL = ("gen_int2float11", "gen_priority128", "epfl_router", "epfl_ctrl", "gen_alu32")
# Runs in memory with a library that cannot ship: published facts, not cases to repeat.
NOT_COMPARED = {"search_asap7.csv"}


@pytest.fixture(scope="module")
def reference(shared_folder):
    try:
        executable = find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")
    if executable.package != PINNED_PACKAGE:
        pytest.skip(f"reference results are those of {PINNED_PACKAGE}")
    return shared_folder / "golden" / "logic"


def reduced(reference, folder, keep):
    """Copy the rows that are kept to another folder."""
    for source in reference.glob("*.csv"):
        if source.name in NOT_COMPARED:
            continue
        with source.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if keep(source.name, row)]
        with (folder / source.name).open("w", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames)
            writer.writeheader()
            writer.writerows(rows)
    return folder


def check(report):
    different = {
        file.file: (file.exact_rows, file.rows, file.worst)
        for file in report.files
        if file.exact_rows < file.rows or file.skipped_rows or not file.rows
    }
    assert not different
    assert report.passed


def test_small_circuits_are_equal_in_every_column(reference, shared_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPGYM_SHARED", str(shared_folder))

    def keep(name, row):
        return row["circuit"] in SMALL and row.get("method") != "random100_median"

    report = validate_logic(reduced(reference, tmp_path, keep))
    assert {file.file for file in report.files} == {path.name for path in tmp_path.glob("*.csv")}
    check(report)


def test_a_changed_value_fails(reference, shared_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPGYM_SHARED", str(shared_folder))

    def keep(name, row):
        if name == "qor_le_demo.csv" and row["recipe_id"] == "r00":
            row["nf_area"] = str(float(row["nf_area"]) + 0.01)
            row["aig_sha256"] = "0" * 64
        return name == "qor_le_demo.csv" and row["circuit"] == SMALL[0]

    report = validate_logic(reduced(reference, tmp_path, keep))
    assert not report.passed
    (file,) = (file for file in report.files if file.rows)
    assert file.exact_rows == file.rows - 1
    assert set(file.worst) == {"nf_area", "aig_sha256"}
    assert "r00" in file.worst["nf_area"]


def test_missing_circuits_are_skipped_and_said(reference, shared_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPGYM_SHARED", str(tmp_path))

    def keep(name, row):
        kept = name == "single_commands.csv" and row["circuit"] == SMALL[0]
        if kept and row["command"] == "balance":
            row["circuit"] = "epfl_unknown"
        return kept

    folder = tmp_path / "golden" / "logic"
    folder.mkdir(parents=True)
    circuits = tmp_path / "data" / "logic" / "generated"
    shutil.copytree(shared_folder / "data" / "logic" / "generated", circuits)
    report = validate_logic(reduced(reference, folder, keep))
    (file,) = (file for file in report.files if file.skipped_rows)
    assert file.skipped_rows == 1
    assert "not there" in file.note


def test_folders_without_cases_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="none of the reference files"):
        validate_logic(tmp_path)
    with pytest.raises(FileFormatError, match="not a folder"):
        validate_logic(tmp_path / "none")
