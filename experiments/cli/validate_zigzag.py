"""`chipgym validate codesign --zigzag`: ranks of the cost model against ZigZag's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.simulators.core.files import write_json

__all__ = ["COLUMNS", "compare", "correlation_rows"]

COLUMNS = ("ranked", "quantity", "pairs", "Spearman", "Kendall", "ZigZag / ours, median")
WHAT = {
    "layers": "layers, {}, template's loop order",
    "search": "layers, {}, loop order searched by ZigZag",
}


def compare(*, quick: bool, output: Path | None, as_json: bool) -> None:
    """Compare, and print or write the result."""
    from chipgym.simulators.accelerator.zigzag_validation import FULL, QUICK, compare_with_zigzag

    console = status_console()
    document = compare_with_zigzag(
        QUICK if quick else FULL, lambda text: console.print(text, highlight=False)
    )
    if output is not None:
        write_json(output, document)
    if as_json:
        print_json(document)
        return
    table = Table(title="Ranks against ZigZag", title_justify="left")
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if place < 2 else "right")
    for row in correlation_rows(document):
        table.add_row(*row)
    output_console().print(table)


def correlation_rows(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table."""
    for part, text in WHAT.items():
        for flow, quantities in document[part].items():
            for quantity, values in quantities.items():
                yield (text.format(flow), quantity, *_numbers(values))
    for quantity, values in document["sub_accelerators"].items():
        yield ("sub-accelerators, mean over layers", quantity, *_numbers(values))
    for quantity, values in document["designs"].items():
        yield ("complete designs", quantity, *_numbers(values))


def _numbers(values: dict[str, Any]) -> tuple[str, ...]:
    names = ("spearman", "kendall", "median_ratio")
    found = (values.get(name) for name in names)
    return (str(values["count"]), *("" if each is None else f"{each:.2f}" for each in found))
