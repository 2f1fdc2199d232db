"""`chipgym validate FAMILY --reference DIR`: hold a simulator against reference results."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.experiments.cli.validate_zigzag import compare
from chipgym.experiments.fidelity import FidelityReport, differences, fidelity_of
from chipgym.simulators.core.comparison import FileReport, ValidationReport
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["VALIDATORS", "validate"]

VALIDATORS = {
    "soc": "chipgym.simulators.soc.validation:validate_soc",
    "codesign": "chipgym.simulators.accelerator.validation:validate_codesign",
    "logic": "chipgym.simulators.logic.validation:validate_logic",
    "dram": "chipgym.simulators.dram.validation:validate_dram",
}
"""Function of every family that takes a folder and returns a `ValidationReport`."""


def validate(
    family: Annotated[str, typer.Argument(help=f"Simulator family: {', '.join(VALIDATORS)}.")],
    reference: Annotated[
        Path | None, typer.Option(help="Folder of reference results (CSV files).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    zigzag: Annotated[
        bool, typer.Option("--zigzag", help="Codesign: compare ranks with ZigZag instead.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="With --zigzag: a few cases, to see that it works.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the report as JSON to this file.")
    ] = None,
    stored: Annotated[
        Path | None, typer.Option(help="Fail where the report is not the one in this file.")
    ] = None,
) -> None:
    """Compare a simulator with reference results, file by file and column by column.

    The exit status is 1 where a stated tolerance is missed, or a stored report is out of date.
    """
    if family not in VALIDATORS:
        raise UnknownNameError("family", family, VALIDATORS)
    if zigzag:
        if family != "codesign":
            raise InvalidValueError("zigzag", family, "the family codesign")
        compare(quick=quick, output=output, as_json=json)
        return
    if reference is None:
        raise InvalidValueError("reference", None, "a folder of reference results")
    module, _, name = VALIDATORS[family].partition(":")
    function: Callable[[Path], ValidationReport] = getattr(importlib.import_module(module), name)
    with status_console().status(f"simulating the reference cases in {reference} ..."):
        report = function(reference)
    if json:
        print_json(report.document())
    else:
        _print_report(report)
    found = fidelity_of(report)
    if output is not None:
        found.save(output)
    current = stored is None or _is_current(stored, found)
    if not (report.passed and current):
        raise typer.Exit(1)


def _is_current(path: Path, found: FidelityReport) -> bool:
    """Compare with a stored report, and say in what it differs."""
    changes = differences(FidelityReport.load(path), found)
    for change in changes:
        status_console().print(change, highlight=False)
    if changes:
        command = f"chipgym validate {found.family} --reference DIR --output {path}"
        status_console().print(f"{path} is out of date: {command}", highlight=False)
    return not changes


def _print_report(report: ValidationReport) -> None:
    console = output_console()
    console.print(_table(report))
    for file in report.files:
        if file.note:
            skipped = f" ({file.skipped_rows} rows skipped)" if file.skipped_rows else ""
            console.print(f"{file.file}: {file.note}{skipped}")
        for column, row in file.worst.items():
            console.print(f"{file.file}: {column} is furthest off in {row}")
    compared = sum(file.rows for file in report.files)
    exact = sum(file.exact_rows for file in report.files)
    verdict = "passed" if report.passed else "FAILED"
    console.print(f"{verdict}: {exact:,} of {compared:,} rows are equal in every compared column")


def _table(report: ValidationReport) -> Table:
    table = Table(title=f"Validation of {report.family}", title_justify="left")
    table.add_column("file")
    table.add_column("exact / rows", justify="right")
    table.add_column("column")
    for heading in ("median", "p95", "max", "tolerance"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for file in report.files:
        _add_file(table, file)
    return table


def _add_file(table: Table, file: FileReport) -> None:
    """Add one line a column; errors are relative."""
    first = [file.file, f"{file.exact_rows:,} / {file.rows:,}"]
    for name, errors in file.columns.items():
        values = [errors.median, errors.p95, errors.max, errors.tolerance]
        table.add_row(
            *first,
            name,
            *("0" if value == 0 else f"{value:.1e}" for value in values),
            "ok" if errors.passed else "FAIL",
        )
        first = ["", ""]
    table.add_section()
