"""The reports on fidelity and performance are of the present code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import generate
import pytest
import typer
from generators import performance, rates
from generators.fidelity import FAMILIES, REPORTS, fidelity_section, load

from chipgym.experiments.cli import validate as cli
from chipgym.experiments.fidelity import (
    REFERENCES,
    FidelityReport,
    differences,
    fidelity_of,
    simulator_version,
)
from chipgym.experiments.throughput.baseline import Baseline
from chipgym.simulators.core.comparison import Column, FileComparison, ValidationReport
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stored_report_is_of_the_present_simulator(family: str) -> None:
    report = load(family)
    again = f"chipgym validate {family} --reference DIR --output docs/data/fidelity/{family}.json"
    assert report.family == family
    assert report.simulator_version == simulator_version(family), again
    assert report.references == REFERENCES[family], again
    assert report.passed
    assert 0 < report.exact_rows <= report.rows


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_page_shows_its_report(family: str) -> None:
    report, text = load(family), fidelity_section(family)
    assert f"{report.exact_rows:,} of {report.rows:,} rows" in text
    for file in report.files:
        name = file.file.partition(",")[0]
        assert f"| `{name}`" in text
        assert f" | {file.exact_rows:,}\u00a0/\u00a0{file.rows:,} |" in text
        assert file.note in text
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "simulators").glob("*.md"))
    assert f"{{{{ fidelity {family} }}}}" in pages


def test_every_family_has_a_report_and_ci_compares_them() -> None:
    assert {path.stem for path in REPORTS.glob("*.json")} == set(FAMILIES) == set(cli.VALIDATORS)
    script = ROOT / ".ci" / "run"
    if script.is_file():
        assert '--stored "docs/data/fidelity/$family.json"' in script.read_text()


def validation(error: float = 0.0, rows: int = 4) -> ValidationReport:
    comparison = FileComparison("cases.csv", [Column("latency", 0.1)])
    comparison.add(
        "all", {"latency": [1.0] * rows}, {"latency": [1.0] * (rows - 1) + [1.0 + error]}
    )
    return ValidationReport("soc", (comparison.report("a note"),))


def test_a_report_that_is_not_what_is_found_now_is_told_by_what_differs() -> None:
    stored = fidelity_of(validation())
    assert differences(stored, fidelity_of(validation(1e-13))) == [
        "cases.csv, exact_rows: 4 is stored, now 3"
    ]
    found = differences(stored, fidelity_of(validation(0.05, rows=5)))
    assert "cases.csv, rows: 4 is stored, now 5" in found
    assert "cases.csv, largest error of latency: 0 is stored, now 0.05" in found
    older = stored.model_copy(update={"simulator_version": "0.0.1"})
    assert differences(older, stored) == [
        f"simulator_version: 0.0.1 is stored, now {stored.simulator_version}"
    ]
    gone = stored.model_copy(update={"files": ()})
    assert differences(stored, gone) == ["cases.csv: no longer compared"]
    assert differences(gone, stored) == ["cases.csv: not stored"]
    with pytest.raises(UnknownNameError, match="sco"):
        simulator_version("sco")


def test_validate_writes_a_report_and_compares_with_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    errors = [0.0]
    monkeypatch.setattr(
        "chipgym.simulators.soc.validation.validate_soc", lambda folder: validation(errors[0])
    )
    path = tmp_path / "soc.json"
    cli.validate("soc", tmp_path, output=path)
    assert json.loads(path.read_text())["command"] == (
        "chipgym validate soc --reference DIR --output FILE"
    )
    assert FidelityReport.load(path) == fidelity_of(validation())
    cli.validate("soc", tmp_path, stored=path)
    errors[0] = 0.05
    with pytest.raises(typer.Exit):
        cli.validate("soc", tmp_path, stored=path)
    assert "is out of date" in capfd.readouterr().err
    with pytest.raises(FileFormatError):
        cli.validate("soc", tmp_path, stored=tmp_path / "missing.json")


BASELINE = Baseline(
    command="chipgym throughput --all",
    cpu="a processor",
    package_version="0.1.0",
    yardstick=1000.0,
    rates={
        "soc/simulator/ETF/tasks_per_s": 500.0,
        "soc/simulator/ETF/reference_tasks_per_s": 25.0,
        "soc/environment/scalar/random_valid": 10.0,
        "dram/simulator/stream/evaluations_per_s": 50.0,
        "dram/simulator/stream/reference_requests_per_s": 5000.0,
        "dram/cores/stream 2/evaluations_per_s": 40.0,
        "dram/environment/chipgym/DramTuning-v0/vector_2": 20.0,
        "logic/circuits/alu/bare_abc_cpu_ms": 100.0,
        "logic/circuits/alu/step_cpu_ms": 80.0,
        "logic/environment/uncached/step_us": 20.0,
    },
    wall_rates={"soc/simulator/ETF/tasks_per_s": 400.0},
)


@pytest.fixture
def baseline(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in (performance, rates):
        monkeypatch.setattr(module, "committed", lambda: ("full", BASELINE))
    return BASELINE


def test_rates_are_shown_with_their_ratios(baseline: Baseline) -> None:
    soc, dram, logic = (performance.family_table(name) for name in ("soc", "dram", "logic"))
    assert "| simulate, ETF | tasks | 400 | 500 | 2 | 20 |" in soc
    assert "| `chipgym/SocScheduling-v0`, one environment, random legal actions | steps |" in soc
    assert "| simulate, stream | traces |  | 50 | 20 | 100 |" in dram
    assert "| simulate_batch, stream, 2 threads | traces |  | 40 | 25 |  |" in dram
    assert "| `alu` | 100 | 80 |  |  | 0.80 |" in logic
    assert "no rates of this family" in performance.family_table("codesign")
    section = rates.rate_section("chipgym/DramTuning-v0")
    assert "| 2 environments through `make_vec` |  | 20 |" in section
    assert "a processor" in section
    assert "no rates of this environment" in rates.rate_section("chipgym/CoDesign-v0")


def test_pages_leave_nothing_to_fill() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert "{{" not in generate.fill(page.read_text(encoding="utf-8")), page.name
