"""`chipgym data list`, `chipgym data fetch` and `chipgym data verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from chipgym.experiments.cli.output import output_console, print_json, status_console

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Data set, see `chipgym data list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the data sets that can be fetched, and what of them is there."""
    from chipgym.experiments.datasets import DATASETS, states

    rows: list[dict[str, Any]] = []
    for dataset in DATASETS.values():
        found = list(states(dataset).values())
        rows.append(
            {
                "name": dataset.name,
                "description": dataset.description,
                "files": len(dataset.files),
                "fetched": found.count("ok"),
                "bytes": dataset.size,
                "licence": dataset.licence,
                "source": dataset.source,
                "folder": str(dataset.folder()),
            }
        )
    if as_json:
        print_json({"datasets": rows})
        return
    for row in rows:
        table = Table(title=str(row.pop("name")), title_justify="left", show_header=False)
        for key, value in row.items():
            table.add_row(key, str(value))
        output_console().print(table)


@app.command()
def fetch(
    name: Name,
    mirror: Annotated[
        str | None, typer.Option(help="Address below which the files are, instead of the usual.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder that holds the files.", exists=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a data set; run it again after an interruption, and it goes on."""
    from chipgym.experiments.datasets import dataset_named
    from chipgym.experiments.datasets import fetch as fetch_files

    dataset = dataset_named(name)
    console = status_console()
    done: dict[str, str] = {}
    for path, what in fetch_files(dataset, mirror, source):
        done[path] = what
        console.print(f"{len(done)} of {len(dataset.files)}: {path} {what}", highlight=False)
    if as_json:
        print_json({"name": name, "folder": str(dataset.folder()), "files": done})
    else:
        text = f"{name}: all {len(done)} files are in {dataset.folder()}"
        output_console().print(text, highlight=False, soft_wrap=True)


@app.command()
def verify(name: Name, as_json: Json = False) -> None:
    """Check size and SHA-256 of every file of a data set; exit status 1 unless all are right."""
    from chipgym.experiments.datasets import dataset_named, states

    dataset = dataset_named(name)
    found = states(dataset)
    passed = all(state == "ok" for state in found.values())
    if as_json:
        folder = str(dataset.folder())
        print_json({"name": name, "folder": folder, "files": found, "passed": passed})
    else:
        for path, state in found.items():
            output_console().print(f"{state:<8} {path}", highlight=False)
        if not passed:
            output_console().print(f"get them with `chipgym data fetch {name}`", highlight=False)
    if not passed:
        raise typer.Exit(1)
