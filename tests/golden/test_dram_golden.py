"""The DRAM simulator against the reference results and command logs of DRAMSys v4.0."""

import pytest

from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import simulate
from chipgym.simulators.dram.validation import validate_dram
from chipgym.simulators.dram.validation_cases import Folder

RACES = ("same-cycle races", "share", "cmdtraces/summary.csv")


@pytest.fixture(scope="module")
def reference(shared_folder):
    return shared_folder / "golden" / "dram"


@pytest.fixture(scope="module")
def report(reference):
    return validate_dram(reference)


def test_every_tolerance_holds(report):
    assert not {file.file: file.worst for file in report.files if not file.passed}
    assert report.passed


def test_every_row_without_a_race_is_equal_in_every_column(report):
    checked = [file for file in report.files if not any(race in file.file for race in RACES)]
    different = {file.file: file.exact_rows for file in checked if file.exact_rows < file.rows}
    assert not different
    assert sum(file.rows for file in checked if "golden" in file.file) >= 1000


def test_rows_with_races_are_nearly_all_exact(report):
    races = next(file for file in report.files if "Arbiter=Simple, same" in file.file)
    assert races.exact_rows >= 0.94 * races.rows


def test_logged_runs_keep_the_standard(reference):
    folder = Folder(reference)
    summaries = folder.rows("cmdtraces/summary.csv")
    assert summaries
    for row in summaries:
        workload = folder.workload(row["trace"], row["device"])
        result = simulate(workload, folder.config(row["case"]), record_trace=True)
        assert violations(workload.memory.device, result.trace) == []
