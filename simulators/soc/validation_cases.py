"""Reference cases by name: which simulation a row of a reference file stands for.

Case names: ``single/<app>/<communication>/<governor>``, ``det/<apps>_x<jobs>_gap<us>[_cap<n>]``,
``sto/<mix>``, ``case_study``. Workloads that are drawn at random are those of the reference
simulators: applications from NumPy's legacy generator, gaps from Python's.
"""

from __future__ import annotations

import csv
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.workload import Workload

__all__ = [
    "APPLICATIONS",
    "SIX_APPS",
    "Case",
    "Folder",
    "Row",
    "Rows",
    "applications_named",
    "drawn_workload",
    "numbers",
    "platform_for",
    "random_case",
    "single_case",
    "six_app_draws",
    "stream_case",
    "study_case",
]

Row = dict[str, str]
Rows = list[Row]
Floats = npt.NDArray[np.float64]

# Short names in the reference files, and the shipped applications.
APPLICATIONS = {
    "wifi_tx": "wifi-tx",
    "wifi_rx": "wifi-rx",
    "lag": "range-detection",
    "sct": "single-carrier-tx",
    "scr": "single-carrier-rx",
    "temp_mit": "temporal-mitigation",
    "top": "canonical",
    **{f"top{k}": f"canonical-{k}" for k in range(2, 11)},
}
SIX_APPS = ("wifi_tx", "wifi_rx", "lag", "sct", "scr", "temp_mit")
SIX_PROBABILITIES = (0.2, 0.2, 0.2, 0.1, 0.1, 0.2)
WIFI_APPS, WIFI_PROBABILITIES = ("wifi_tx", "wifi_rx"), (0.8, 0.2)
STUDY_HORIZON_US, STUDY_WARMUP_US = 100_000.0, 10_000.0
DEFAULT_CAP = 12

STREAM_NAME = re.compile(
    r"(?:det/)?(?P<apps>\w+?)_x(?P<jobs>\d+)_gap(?P<gap>\d+)(?:_cap(?P<cap>\d+))?"
)


@dataclass(frozen=True)
class Case:
    """One simulation."""

    platform: Platform
    applications: tuple[Application, ...]
    workload: Workload
    options: SocOptions = field(default_factory=SocOptions)


class Folder:
    """A folder of reference files, any of which may be absent."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise FileFormatError(path, "not a folder of reference results")

    def has(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.path / name).is_file()

    def read(self, name: str, columns: Sequence[str]) -> Rows:
        """Read a file that has at least the given columns; no rows where it is absent.

        Raises
        ------
        FileFormatError
            The file is unreadable, lacks a column, or has a row of the wrong length.
        """
        path = self.path / name
        if not path.is_file():
            return []
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, restkey="", restval=None)
                rows: Rows = list(reader)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise FileFormatError(path, f"cannot be read: {error}") from error
        missing = set(columns) - set(reader.fieldnames or ())
        if missing:
            raise FileFormatError(path, f"lacks the columns {sorted(missing)}")
        for number, row in enumerate(rows, 2):
            if "" in row or None in row.values():
                raise FileFormatError(path, f"line {number} has the wrong number of fields")
        return rows


def numbers(rows: Rows, column: str) -> Floats:
    """Return a column as numbers; empty and infinite entries ("did not happen") become nan."""
    try:
        values = np.array([float(row[column] or "nan") for row in rows], dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(column, f"a field is not a number: {error}") from error
    return np.where(np.isinf(values), np.nan, values)


def applications_named(names: Sequence[str]) -> tuple[Application, ...]:
    """Return the shipped applications of some short names."""
    unknown = set(names) - set(APPLICATIONS)
    if unknown:
        raise FileFormatError(sorted(unknown)[0], "not an application of the reference cases")
    return tuple(Application.named(APPLICATIONS[name]) for name in names)


def platform_for(names: Sequence[str]) -> Platform:
    """Return the platform on which the reference cases run some applications."""
    canonical = all(name.startswith("top") for name in names)
    return Platform.named("canonical-3pe" if canonical else "ds3-16pe")


def drawn_workload(
    seed: int, scale: float, jobs: int, probabilities: Sequence[float], key: int = 0
) -> Workload:
    """Return the workload that DS3 draws for a seed: categorical jobs, exponential whole gaps."""
    generator = np.random.RandomState(seed)
    gaps = random.Random(seed)
    kinds = len(probabilities)
    app_index = [int(generator.choice(kinds, 1, p=probabilities)[0]) for _ in range(jobs)]
    gap_us = [float(int(gaps.expovariate(1 / scale))) for _ in range(jobs)]
    return Workload(np.array(app_index), np.array(gap_us), key)


def single_case(name: str) -> Case:
    """Build ``single/<app>/<communication>/<governor>``: one job at time 0."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != "single":
        raise FileFormatError(name, "not a case single/<app>/<communication>/<governor>")
    communication = parts[2]
    if communication not in ("pe_to_pe", "shared_memory"):
        raise FileFormatError(name, f"unknown communication {communication!r}")
    options = SocOptions(
        order="ds3",
        communication="shared_memory" if communication == "shared_memory" else "pe_to_pe",
        governor=parts[3],
        max_in_flight=DEFAULT_CAP,
    )
    workload = Workload(np.zeros(1, np.int64), np.zeros(1))
    return Case(platform_for(parts[1:2]), applications_named(parts[1:2]), workload, options)


def stream_case(name: str, order: str = "ds3") -> Case:
    """Build ``[det/]<apps>_x<jobs>_gap<us>[_cap<n>]``: jobs at a fixed gap.

    ``<apps>`` is an application, ``six_rr`` (the six in turn) or ``six_burst`` (one of each).
    """
    match = STREAM_NAME.fullmatch(name)
    if match is None:
        raise FileFormatError(name, "not a case <apps>_x<jobs>_gap<us>[_cap<n>]")
    apps = SIX_APPS if match["apps"].startswith("six_") else (match["apps"],)
    jobs = int(match["jobs"])
    workload = Workload(np.arange(jobs) % len(apps), np.full(jobs, float(match["gap"])))
    cap = int(match["cap"] or DEFAULT_CAP)
    options = SocOptions(order="ds3" if order == "ds3" else "clean", max_in_flight=cap)
    return Case(platform_for(apps), applications_named(apps), workload, options)


def random_case(workload: Workload, cap: int = DEFAULT_CAP, order: str = "ds3") -> Case:
    """Build a stream of the six-application mix."""
    options = SocOptions(order="ds3" if order == "ds3" else "clean", max_in_flight=cap)
    return Case(platform_for(SIX_APPS), applications_named(SIX_APPS), workload, options)


def study_case(seed: int, scale: float) -> Case:
    """Build DS3's case study: WiFi transmitter and receiver up to a horizon."""
    jobs = int(2 * STUDY_HORIZON_US / scale) + 1000
    workload = drawn_workload(seed, scale, jobs, WIFI_PROBABILITIES)
    options = SocOptions(
        order="ds3",
        max_in_flight=DEFAULT_CAP,
        horizon_us=STUDY_HORIZON_US,
        warmup_us=STUDY_WARMUP_US,
    )
    return Case(platform_for(WIFI_APPS), applications_named(WIFI_APPS), workload, options)


def six_app_draws(seed: int, scale: float, jobs: int) -> Workload:
    """Return the six-application workload of a seed and mean gap."""
    return drawn_workload(seed, scale, jobs, SIX_PROBABILITIES)
