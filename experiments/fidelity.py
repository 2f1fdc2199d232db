"""The stored reports of how the simulators compare with their references.

`chipgym validate FAMILY --output FILE` writes such a report, and the documentation shows those in
``docs/data/fidelity``. A report that is not of the present simulator, or not what a validation
finds now, is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated

from pydantic import Field

import chipgym
from chipgym.simulators.core.comparison import ValidationReport
from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.logic.locate import PINNED_PACKAGE

__all__ = [
    "REFERENCES",
    "FidelityReport",
    "Reference",
    "StoredColumn",
    "StoredFile",
    "differences",
    "fidelity_of",
    "simulator_version",
]

SIMULATORS = {
    "soc": "chipgym.simulators.soc.simulate",
    "dram": "chipgym.simulators.dram.simulate",
    "logic": "chipgym.simulators.logic.simulate",
    "codesign": "chipgym.simulators.accelerator.simulate",
}
"""Module with ``SIMULATOR_VERSION`` of each family."""

NOISE = 1e-9
"""Errors below this are floating-point noise, which differs between processors."""

Count = Annotated[int, Field(ge=0)]


class Reference(Description):
    """A program whose results are the reference, and its version."""

    name: str
    version: str
    source: str


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "soc": (
        Reference(
            name="DS3",
            version="commit 056c9300c304",
            source="Arda et al., IEEE Transactions on Computers, 2020",
        ),
        Reference(
            name="SoCRATES",
            version="commit e246978bc615",
            source="Sung and Ryu, ICMLA 2021",
        ),
        Reference(
            name="a model of the clean order and of the static schedulers",
            version="part of the reference results",
            source="written independently of ChipGym",
        ),
    ),
    "dram": (
        Reference(
            name="DRAMSys",
            version="v4.0, commit 7925e4a5e83b",
            source="Steiner et al., SAMOS 2020; energy by DRAMPower, branch rgr, 1ddc48a3872d",
        ),
    ),
    "logic": (
        Reference(
            name="ABC, run by itself",
            version=PINNED_PACKAGE,
            source="Brayton and Mishchenko, CAV 2010",
        ),
    ),
    "codesign": (
        Reference(
            name="MAESTRO",
            version="commit 4eb08d17",
            source="Kwon et al., MICRO 2019",
        ),
    ),
}
"""What made the reference results of each family."""


class StoredColumn(Description):
    """Relative errors of one column over all rows of a file; see `simulators.core.comparison`."""

    median: float
    p95: float
    max: float
    tolerance: float


class StoredFile(Description):
    """Result for one reference file, as `FileReport` has it."""

    file: str
    rows: Count
    exact_rows: Count
    columns: dict[str, StoredColumn]
    skipped_rows: Count
    note: str
    worst: dict[str, str]
    passed: bool

    @property
    def largest_error(self) -> float:
        """Largest error in any column."""
        return max((column.max for column in self.columns.values()), default=0.0)


class FidelityReport(Description):
    """A validation, with what it was held against and what made it.

    Attributes
    ----------
    family : str
    simulator_version, package_version : str
        Of ChipGym's simulator and of the package.
    references : tuple of Reference
        Programs that made the reference results.
    command : str
        What made this report.
    files : tuple of StoredFile
    passed : bool
        Every stated tolerance holds.
    """

    family: str
    simulator_version: str
    package_version: str
    references: tuple[Reference, ...]
    command: str
    files: tuple[StoredFile, ...]
    passed: bool

    @property
    def rows(self) -> int:
        """Rows compared."""
        return sum(file.rows for file in self.files)

    @property
    def exact_rows(self) -> int:
        """Rows that are equal in every compared column."""
        return sum(file.exact_rows for file in self.files)


def simulator_version(family: str) -> str:
    """Version of a family's simulator as it is now."""
    if family not in SIMULATORS:
        raise UnknownNameError("family", family, SIMULATORS)
    return str(import_module(SIMULATORS[family]).SIMULATOR_VERSION)


def fidelity_of(report: ValidationReport) -> FidelityReport:
    """Return the report of a validation that has just been made."""
    document = report.document()
    return FidelityReport.parse(
        {
            **document,
            "simulator_version": simulator_version(report.family),
            "package_version": chipgym.__version__,
            "references": [reference.document() for reference in REFERENCES[report.family]],
            "command": f"chipgym validate {report.family} --reference DIR --output FILE",
        }
    )


def differences(stored: FidelityReport, found: FidelityReport) -> list[str]:
    """Say in what a stored report differs from one made now; floating-point noise is no matter.

    Parameters
    ----------
    stored, found : FidelityReport

    Returns
    -------
    list of str
        A line a difference; empty where the stored one is up to date.
    """
    return [*_head_differences(stored, found), *_file_differences(stored, found)]


def _head_differences(stored: FidelityReport, found: FidelityReport) -> Iterator[str]:
    for name in ("family", "simulator_version", "references", "passed"):
        old, new = getattr(stored, name), getattr(found, name)
        if old != new:
            yield f"{name}: {old} is stored, now {new}"


def _file_differences(stored: FidelityReport, found: FidelityReport) -> Iterator[str]:
    olds, news = ({file.file: file for file in report.files} for report in (stored, found))
    for name in sorted(olds.keys() ^ news.keys()):
        yield f"{name}: {'no longer compared' if name in olds else 'not stored'}"
    for name in sorted(olds.keys() & news.keys()):
        old, new = olds[name], news[name]
        for count in ("rows", "exact_rows", "skipped_rows", "note", "passed"):
            if getattr(old, count) != getattr(new, count):
                change = f"{getattr(old, count)} is stored, now {getattr(new, count)}"
                yield f"{name}, {count}: {change}"
        if set(old.columns) != set(new.columns):
            yield f"{name}: other columns"
            continue
        for column, errors in old.columns.items():
            if abs(errors.max - new.columns[column].max) > max(NOISE, NOISE * errors.max):
                change = f"{errors.max:g} is stored, now {new.columns[column].max:g}"
                yield f"{name}, largest error of {column}: {change}"
