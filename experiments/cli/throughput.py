"""`chipgym throughput FAMILY`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.simulators.core.errors import UnknownNameError
from chipgym.simulators.core.files import write_json

__all__ = ["throughput"]

FAMILIES = ("soc", "logic")


def throughput(
    family: Annotated[str, typer.Argument(help="Family to measure: soc or logic.")] = "soc",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Short streams: see that it works, quote nothing.")
    ] = False,
) -> None:
    """Measure simulator, environments, training and memory; nothing else should be running."""
    if family not in FAMILIES:
        raise UnknownNameError("family", family, FAMILIES)
    document = _measure(family, quick)
    if output is not None:
        write_json(output, document)
    if as_json:
        print_json(document)
    else:
        output_console().print(_table(document) if family == "soc" else _logic_table(document))


def _measure(family: str, quick: bool) -> dict[str, Any]:
    console = status_console()

    def report(text: str) -> None:
        console.print(text, highlight=False)

    if family == "logic":
        from chipgym.experiments.throughput import logic

        return logic.measure_logic(logic.QUICK if quick else logic.FULL, report)
    from chipgym.experiments.throughput import soc

    return soc.measure_soc(soc.QUICK if quick else soc.FULL, report)


def _logic_table(document: dict[str, Any]) -> Table:
    """Show the circuits; the JSON has the rest."""
    table = Table(title=f"Throughput of logic, {document['abc']}", title_justify="left")
    columns = {
        "circuit": "circuit",
        "nodes": "nodes",
        "bare_abc_ms": "ABC, ms",
        "step_ms": "step, ms",
        "step_over_bare_abc": "step / ABC",
        "replay_over_session": "replay / step",
        "cached_step_us": "cached, µs",
    }
    for head in columns.values():
        table.add_column(head, justify="left" if head == "circuit" else "right")
    for row in document["circuits"]:
        table.add_row(*(str(row[key]) for key in columns))
    summary = document["summary"]
    means = (summary[key] for key in list(columns)[4:])
    table.add_row("mean (cached: median)", "", "", "", *(str(value) for value in means))
    return table


def _table(document: dict[str, Any]) -> Table:
    """Show the medians; the JSON has the rest."""
    title = f"Throughput of {document['family']}, scenario {document['scenario']}, one core"
    table = Table(title=title, title_justify="left")
    table.add_column("what", no_wrap=True)
    table.add_column("median", justify="right")
    table.add_column("best", justify="right")
    table.add_column("per CPU s", justify="right")
    table.add_column("unit", no_wrap=True)
    table.add_column("against plain Python", justify="right")
    for name, row in document["simulator"].items():
        ratio = f"{row['ratio_to_reference']:,.0f} x"
        _add_rate(table, f"simulate, {name}", row["tasks_per_s"], "tasks/s", ratio)
    for order, rate in document["tick_orders"].items():
        _add_rate(table, f"simulate, ETF, order {order}", rate, "tasks/s")
    for kind, rates in document["environment"].items():
        if isinstance(rates, dict):
            for choice, rate in rates.items():
                _add_rate(table, f"{kind}, {choice.replace('_', ' ')}", rate, "decisions/s")
    training = document["training"]
    frames = f"{training['frames_per_s']:,.0f}"
    share = f"{training['environment_share']:.1%}"
    per_cpu_s = f"{training['frames_per_cpu_s']:,.0f}"
    table.add_row(f"training, {training['algorithm']}", frames, "", per_cpu_s, "frames/s")
    table.add_row("  time in the environment", share, "", "", "of the training")
    for row in document["linearity"]["streams"]:
        time = f"{row['cpu_us_per_task']:.3f}"
        table.add_row(f"ETF, {row['jobs']:,} jobs", time, "", "", "µs of CPU per task")
    for row in document["memory"]["streams"]:
        peak = f"{row['peak_mib']:,.1f}"
        table.add_row(f"memory, {row['jobs']:,} jobs", peak, "", "", "MiB peak")
    return table


def _add_rate(table: Table, what: str, rate: dict[str, float], unit: str, ratio: str = "") -> None:
    numbers = (f"{rate[name]:,.0f}" for name in ("median", "best", "per_cpu_s"))
    table.add_row(what, *numbers, unit, ratio)
