"""How a simulator compares with its references: the stored reports of `chipgym validate`."""

from __future__ import annotations

from chipgym.experiments.fidelity import NOISE, FidelityReport, StoredColumn, StoredFile
from generators.deviations import deviation_plot
from generators.markdown import ROOT, table

REPORTS = ROOT / "docs" / "data" / "fidelity"
PLOTTED = 1e-5
"""Columns with smaller errors are not drawn."""
FAMILIES = ("soc", "dram", "logic", "codesign")
ABSOLUTE = ("(difference)", "standard_errors", "share of")
"""Parts of the names of columns whose errors are no relative ones."""


def load(family: str) -> FidelityReport:
    """Read the stored report of a family."""
    return FidelityReport.load(REPORTS / f"{family}.json")


def fidelity_section(family: str) -> str:
    """Result of the stored validation: what was compared, file by file, and what is not equal."""
    report = load(family)
    text = f"{_headline(report)}\n\n{_references(report)}\n{_file_table(report)}{_notes(report)}"
    plot = deviation_plot(
        [
            (f"{file.file}: {name}", column)
            for file in report.files
            for name, column in file.columns.items()
            if column.max > PLOTTED and not is_absolute(name)
        ]
    )
    if plot:
        text += f"\nColumns with relative errors above {percent(PLOTTED)}: median (hollow), 95th "
        text += f"percentile and largest (full), and the tolerance (bar).\n\n{plot}\n"
    return f"{text}\n{_details(report)}\n{_made_by(report)}"


def _headline(report: FidelityReport) -> str:
    verdict = "holds" if report.passed else "**does not hold**"
    skipped = sum(file.skipped_rows for file in report.files)
    left = f" {skipped:,} further rows have nothing to be compared with; the notes say why." * (
        skipped > 0
    )
    return (
        f"**{report.exact_rows:,} of {report.rows:,} rows are equal in every compared column**, "
        f"and every stated tolerance {verdict}.{left}"
    )


def _references(report: FidelityReport) -> str:
    rows = [[each.name, each.version, each.source] for each in report.references]
    return table(["reference", "version", "source"], rows)


def _file_table(report: FidelityReport) -> str:
    rows = [
        [
            file_name(file),
            f"{file.exact_rows:,}\u00a0/\u00a0{file.rows:,}",
            f"{file.skipped_rows:,}" if file.skipped_rows else "",
            _largest(file),
        ]
        for file in report.files
    ]
    return table(["file", "rows equal", "left out", "largest error"], rows, right=[1, 2])


def file_name(file: StoredFile) -> str:
    """Set the name of the file as code, and the part of it that is meant as text."""
    name, comma, part = file.file.partition(",")
    return f"`{name}`{comma}{part}"


def _notes(report: FidelityReport) -> str:
    """List what the reports on single files say: what is meant, and what was left out, why."""
    notes = [f"- {file_name(file)}: {file.note}." for file in report.files if file.note]
    return "\n" + "\n".join(notes) + "\n" if notes else ""


def _largest(file: StoredFile) -> str:
    """Name the largest relative error of a file; noise is that of floating-point numbers."""
    shown = [(column.max, name) for name, column in file.columns.items() if not is_absolute(name)]
    absolute = [
        f"{column.max:.3g} {name}"
        for name, column in file.columns.items()
        if is_absolute(name) and column.max > 0
    ]
    if absolute and max(shown, default=(0.0, ""))[0] <= NOISE:
        return absolute[0].replace("_", " ")
    largest, name = max(shown, default=(0.0, ""))
    if largest == 0:
        return "0"
    return "rounding" if largest <= NOISE else f"{percent(largest)} in `{name}`"


def percent(value: float) -> str:
    """Write an error as a share: 3.5 %, 0.00049 %."""
    return f"{float(f'{100 * value:.2g}'):g} %"


def is_absolute(column: str) -> bool:
    """Whether a column's error is a number of its own and no relative one."""
    return any(part in column for part in ABSOLUTE)


def _details(report: FidelityReport) -> str:
    """Errors of every column, folded away."""
    rows = [
        [file_name(file), f"`{name}`", *_errors(name, column)]
        for file in report.files
        for name, column in file.columns.items()
    ]
    head = ["file", "column", "median", "p95", "largest", "tolerance"]
    lines = table(head, rows, right=[2, 3, 4, 5]).splitlines()
    inner = "\n".join(f"    {line}" for line in lines)
    return f'??? note "All {len(rows)} compared columns"\n\n{inner}\n'


def _errors(name: str, column: StoredColumn) -> list[str]:
    values = (column.median, column.p95, column.max, column.tolerance)
    if is_absolute(name):
        return [f"{value:.3g}" for value in values]
    return ["0" if value == 0 else f"{value:.1e}" for value in values]


def _made_by(report: FidelityReport) -> str:
    link = f"../data/fidelity/{report.family}.json"
    return (
        f"Simulator version {report.simulator_version}. Made by `{report.command}`; "
        f"[the report as JSON]({link}). CI makes it again and fails where it is not this one.\n"
    )
