"""Validation of small folders of reference results, right and wrong ones."""

import json

import pytest

from chipgym.experiments.cli.main import main
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.validation import validate_soc

HEADER = (
    "case,soc,scheduler,comm,dvfs,n_jobs,max_parallel,seed,scale,completed,makespan,"
    "avg_latency_ds3,avg_latency_true,p95_latency,energy_J,avg_concurrent,sched_calls,tasks\n"
)
# A measured row of the public DS3 implementation.
ROW = (
    "single/wifi_tx/pe_to_pe/performance,SoC.MULTIPLE_BAL.txt,MET,pe_to_pe,performance,1,12,0,0,"
    "1,71.0,71.0,71.0,71.0,0.00027202850000708733,1.0,15,27\n"
)
GAPS = "seed,scale,job_index,app,gap_after_us\n0,25,0,lag,46\n0,25,1,scr,35\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "single_job_summary.csv").write_text(HEADER + ROW)
    return tmp_path


def test_a_row_that_agrees(folder):
    report = validate_soc(folder)
    (file,) = report.files
    assert (file.rows, file.exact_rows, report.passed) == (1, 1, True)
    assert file.columns["energy_J"].max < 1e-12


def test_a_row_that_does_not(folder):
    (folder / "single_job_summary.csv").write_text(HEADER + ROW.replace(",71.0,71.0", ",70.0,71.0"))
    report = validate_soc(folder)
    assert not report.passed
    assert report.files[0].exact_rows == 0
    assert report.files[0].columns["makespan"].max == pytest.approx(1 / 70)
    assert "makespan" in report.files[0].worst


def test_random_workloads_are_drawn_as_ds3_draws_them(tmp_path):
    (tmp_path / "multi_sto_gaps.csv").write_text(GAPS)
    (file,) = validate_soc(tmp_path).files
    assert (file.rows, file.exact_rows) == (2, 2)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("case,scheduler\n", "lacks the columns"),
        (HEADER + "single/wifi_tx/pe_to_pe/performance,x\n", "line 2"),
        (HEADER + ROW.replace("wifi_tx", "wifi_xx"), "not an application"),
        (HEADER + ROW.replace("single/", "double/"), "not a case"),
        (HEADER + ROW.replace(",27\n", ",many\n"), "not a number"),
    ],
)
def test_broken_files_are_refused(tmp_path, content, match):
    (tmp_path / "single_job_summary.csv").write_text(content)
    with pytest.raises(FileFormatError, match=match):
        validate_soc(tmp_path)


def test_a_folder_without_reference_files_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="none of the reference files"):
        validate_soc(tmp_path)
    with pytest.raises(FileFormatError, match="not a folder"):
        validate_soc(tmp_path / "absent")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["validate", *arguments])
    return end.value.code, capsys.readouterr().out


def test_the_command_prints_json(folder, capsys):
    status, out = run(capsys, "soc", "--reference", str(folder), "--json")
    document = json.loads(out)
    assert status in (0, None)
    assert document["passed"] is True
    assert document["files"][0]["file"] == "single_job_summary.csv"


def test_the_command_prints_a_table_and_fails_where_it_must(folder, capsys):
    (folder / "single_job_summary.csv").write_text(HEADER + ROW.replace(",15,27", ",16,27"))
    status, out = run(capsys, "soc", "--reference", str(folder))
    assert status == 1
    assert "sched_calls" in out
    assert "FAIL" in out


def test_an_unknown_family_is_named(folder, capsys):
    status, _ = run(capsys, "sok", "--reference", str(folder))
    assert status not in (0, None)
