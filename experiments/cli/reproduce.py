"""`chipgym reproduce STUDY`: repeat a published experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.experiments.papers.core.registry import STUDIES, Report, find_study

__all__ = ["reproduce"]


def reproduce(
    study: Annotated[
        str | None, typer.Argument(help="Study; without one, the list of studies.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small form that takes minutes: quote nothing of it.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Result folder; by default runs/reproduce/STUDY.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes; by default one a processor.")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Repeat a published experiment: tables, figures and raw records go into a folder.

    An interrupted study goes on where it was when the same command is given again.
    """
    if study is None:
        _list_studies(as_json)
        return
    chosen = find_study(study)
    folder = out or Path("runs") / "reproduce" / (study + ("-quick" if quick else ""))
    with _display() as progress:
        try:
            summary = chosen.run(folder, quick=quick, workers=workers, report=_reporter(progress))
        except KeyboardInterrupt as error:
            raise Interrupted("run the same command again to continue") from error
    if as_json:
        print_json(summary)
    else:
        for path in sorted(folder.glob("*.md")):
            typer.echo(path.read_text(encoding="utf-8"))
        typer.echo(f"written to {folder}")


def _list_studies(as_json: bool) -> None:
    if as_json:
        print_json({name: study.title for name, study in STUDIES.items()})
        return
    table = Table("study", "what it does")
    for name, study in STUDIES.items():
        table.add_row(name, study.title)
    output_console().print(table)


def _display() -> Progress:
    console = status_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _reporter(progress: Progress) -> Report:
    """Show a line for each kind of work; without a terminal, print every tenth of it."""
    lines = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in lines:
            lines[what] = progress.add_task(what, total=total)
        progress.update(lines[what], completed=done, total=total)
        if progress.disable and (done == total or done % max(1, total // 10) == 0):
            progress.console.print(f"{what}: {done}/{total}", markup=False, highlight=False)

    return report
