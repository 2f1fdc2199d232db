"""The committed baseline of the throughput, and how a new measurement compares with it.

A rate is divided by that of the plain-Python yardstick in the same run, and then by the same
quotient of the baseline: 1 is as fast as before, 0.5 half as fast, whatever the machine. Machines
still differ in caches and memory, so that ratios across machines are worth a look, not a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["BASELINE", "Baseline", "compare", "load_baseline", "rates_of", "save_baseline"]

BASELINE = Path(__file__).resolve().parent / "baseline.json"
Effort = Literal["full", "quick"]
RateKind = Literal["per_cpu_s", "median"]
NAMES = ("circuit", "trace", "name", "env", "threads", "workers", "jobs")
"""Fields that tell the rows of a list apart."""

UNITS_S = {"_ms": 1e-3, "_us": 1e-6}
"""Endings of names of times, with their units in seconds."""


class Baseline(Description):
    """Rates of one run.

    Attributes
    ----------
    command, cpu, package_version : str
        What measured them.
    yardstick : float
        Rate of the plain-Python yardstick.
    rates : dict
        Rates by place in the document of `measure_FAMILY`, all per CPU second or per second.
    wall_rates : dict
        The same per second of wall time: what a user sees. On several threads it is the larger.
    """

    command: str
    cpu: str
    package_version: str
    yardstick: Annotated[float, Field(gt=0)]
    rates: dict[str, Annotated[float, Field(gt=0)]]
    wall_rates: dict[str, Annotated[float, Field(gt=0)]] = {}


def rates_of(families: Mapping[str, Any], kind: RateKind = "per_cpu_s") -> dict[str, float]:
    """Every rate in the documents of the families; times in ms or µs count as their inverse.

    Parameters
    ----------
    families : mapping
        Documents of `measure_FAMILY` by family.
    kind : {"per_cpu_s", "median"}
        Per CPU second, or the median per second of wall time.
    """
    return dict(_walk(families, "", kind))


def load_baseline(effort: Effort, path: Path = BASELINE) -> Baseline:
    """Read the baseline of an effort.

    Raises
    ------
    FileFormatError
        The file cannot be read, or has none of this effort.
    """
    document = read_json(path)
    if not isinstance(document, dict) or effort not in document:
        raise FileFormatError(path, f"has no baseline of the effort {effort!r}")
    return Baseline.parse(document[effort])


def save_baseline(effort: Effort, baseline: Baseline, path: Path = BASELINE) -> None:
    """Write the baseline of an effort; that of the other one is kept."""
    document = read_json(path) if path.is_file() else {}
    write_json(path, {**document, effort: baseline.document()})


def compare(rates: Mapping[str, float], yardstick: float, baseline: Baseline) -> dict[str, float]:
    """Ratio to the baseline of each rate that both have: below 1 is slower."""
    return {
        name: round(rate / yardstick / (baseline.rates[name] / baseline.yardstick), 3)
        for name, rate in rates.items()
        if name in baseline.rates
    }


def _walk(value: Any, place: str, kind: RateKind) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        if kind in value:
            yield place, float(value[kind])
            return
        for name, part in value.items():
            if name in ("manifest", "memory", "summary", "linearity"):
                continue
            yield from _walk(part, f"{place}/{name}" if place else str(name), kind)
            unit = next((s for end, s in UNITS_S.items() if str(name).endswith(end)), None)
            if f"{str(name)[:-3]}_cpu_ms" in value:  # CPU time is there as well
                continue
            if unit is not None and isinstance(part, int | float) and part > 0:
                yield f"{place}/{name}", float(f"{1.0 / (part * unit):.4g}")
    elif isinstance(value, list):
        for number, row in enumerate(value):
            names = [str(row[n]) for n in NAMES if isinstance(row, Mapping) and n in row]
            yield from _walk(row, f"{place}/{' '.join(names) or number}", kind)
