"""`chipgym throughput FAMILY`."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

import chipgym
from chipgym.experiments.cli import throughput_tables
from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.files import write_json

__all__ = ["throughput"]

FAMILIES: dict[str, Callable[[dict[str, Any]], Table]] = {
    "soc": throughput_tables.soc_table,
    "dram": throughput_tables.dram_table,
    "logic": throughput_tables.logic_table,
    "codesign": throughput_tables.codesign_table,
}
"""Families by name, each a module of `chipgym.experiments.throughput`, and how they are shown."""


def throughput(
    family: Annotated[str, typer.Argument(help=f"Family: {', '.join(FAMILIES)}.")] = "soc",
    every: Annotated[
        bool, typer.Option("--all", help="All families, and a plain-Python yardstick.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show ratios to the committed baseline.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="Compare with this file instead of the committed one.")
    ] = None,
    save_baseline: Annotated[
        Path | None, typer.Option(help="Write what was measured as baseline into this file.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short streams: see that it works, quote nothing.")
    ] = False,
) -> None:
    """Measure simulator, environments, training and memory; nothing else should be running."""
    if family not in FAMILIES:
        raise UnknownNameError("family", family, FAMILIES)
    if not (every or compare or baseline or save_baseline):
        document = _measure(family, quick)
        _show(document, document, [family], output, as_json)
        return
    names = list(FAMILIES) if every else [family]
    document = _measure_with_yardstick(names, quick)
    if compare or baseline:
        document["ratios"] = _ratios(document, quick, baseline)
    if save_baseline is not None:
        _save(document, quick, save_baseline)
    _show(document, document["families"], names, output, as_json)


def _measure(family: str, quick: bool) -> dict[str, Any]:
    console = status_console()
    module = importlib.import_module(f"chipgym.experiments.throughput.{family}")
    effort = module.QUICK if quick else module.FULL
    measured: dict[str, Any] = getattr(module, f"measure_{family}")(
        effort, lambda text: console.print(f"{family}: {text}", highlight=False)
    )
    return measured


def _measure_with_yardstick(names: list[str], quick: bool) -> dict[str, Any]:
    """Measure families, with the yardstick before and after them."""
    from chipgym.experiments.throughput.yardstick import measure_yardstick

    before = measure_yardstick().per_cpu_s
    families = {name: _measure(name, quick) for name in names}
    after = measure_yardstick().per_cpu_s
    return {
        "effort": "quick" if quick else "full",
        "yardstick_per_cpu_s": float(f"{(before + after) / 2:.4g}"),
        "families": families,
    }


def _ratios(document: dict[str, Any], quick: bool, path: Path | None) -> dict[str, float]:
    from chipgym.experiments.throughput.baseline import BASELINE, compare, load_baseline, rates_of

    committed = load_baseline("quick" if quick else "full", path or BASELINE)
    rates = rates_of(document["families"])
    return compare(rates, document["yardstick_per_cpu_s"], committed)


def _save(document: dict[str, Any], quick: bool, path: Path) -> None:
    from chipgym.experiments.throughput.baseline import Baseline, rates_of, save_baseline

    first = next(iter(document["families"].values()))
    found = Baseline(
        command=shlex.join(["chipgym", *sys.argv[1:]]),
        cpu=str(first["manifest"]["cpu"]),
        package_version=chipgym.__version__,
        yardstick=document["yardstick_per_cpu_s"],
        rates=rates_of(document["families"]),
        wall_rates=rates_of(document["families"], "median"),
    )
    save_baseline("quick" if quick else "full", found, path)


def _show(
    document: dict[str, Any],
    families: dict[str, Any],
    names: list[str],
    output: Path | None,
    as_json: bool,
) -> None:
    if output is not None:
        write_json(output, document)
    if as_json:
        print_json(document)
        return
    console = output_console()
    for name in names:
        console.print(FAMILIES[name](families.get(name, document)))
    if "ratios" in document:
        console.print(throughput_tables.ratio_table(document["ratios"]))
