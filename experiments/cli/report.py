"""`chipgym report RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipgym.experiments.cli.output import output_console, print_json, ranking_table

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path | None, typer.Option(help="HTML file; by default in the folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Recompute the statistics of a run from its records, and write the report again."""
    from chipgym.experiments.report import write_report
    from chipgym.experiments.runner import load_run
    from chipgym.experiments.summary import summarise

    loaded = load_run(run)
    summary = summarise(loaded)
    target = out or run / "report.html"
    write_report(loaded, summary, target)
    if as_json:
        print_json({"folder": str(run), "report": str(target), **summary.document()})
        return
    output_console().print(ranking_table(summary))
    typer.echo(f"report: {target}")
