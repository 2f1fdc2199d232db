"""`chipgym throughput FAMILY`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short streams: see that it works, quote nothing.")
    ] = False,
) -> None:
    """Measure simulator, environments, training and memory; nothing else should be running."""
    if family not in FAMILIES:
        raise UnknownNameError("family", family, FAMILIES)
    console = status_console()
    module = importlib.import_module(f"chipgym.experiments.throughput.{family}")
    measure = getattr(module, f"measure_{family}")
    document = measure(
        module.QUICK if quick else module.FULL, lambda text: console.print(text, highlight=False)
    )
    if output is not None:
        write_json(output, document)
    if as_json:
        print_json(document)
    else:
        output_console().print(FAMILIES[family](document))
