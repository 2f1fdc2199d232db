"""`chipgym report RUN` and `chipgym report RUN RUN ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipgym.experiments.cli.output import print_json, show_ranking

__all__ = ["report"]

COMPARISON = Path("comparison.html")


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[
        Path | None,
        typer.Option(help="HTML file; by default in the folder, of several comparison.html here."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Agent that the others are compared with (several runs).")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for tables (.md, .csv, .tex) and figures.")
    ] = None,
    format: Annotated[
        list[str] | None, typer.Option(help="Of figures: svg, png, pdf; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Recompute the statistics of a run and write its report again; of several, compare them."""
    from chipgym.experiments.comparison import compare_runs
    from chipgym.experiments.export import export_run
    from chipgym.experiments.grouping import summarise_environments, summary_document
    from chipgym.experiments.report import write_comparison, write_report
    from chipgym.experiments.runner import load_run
    from chipgym.experiments.summary import summarise
    from chipgym.simulators.core.errors import InvalidValueError
    from chipgym.simulators.core.files import write_json

    loaded = [load_run(folder) for folder in runs]
    comparison = None
    if len(loaded) == 1:
        if baseline is not None:
            raise InvalidValueError("--baseline", baseline, "given with several runs only")
        run, target = loaded[0], out or runs[0] / "report.html"
    else:
        comparison = compare_runs(loaded, baseline)
        run, target = comparison.merged, out or COMPARISON
    summary, groups = summarise(run), summarise_environments(run)
    document = {"report": str(target), **summary_document(summary, groups)}
    if comparison is None:
        write_report(run, summary, target, groups)
        document["folder"] = str(runs[0])
        if out is None:
            write_json(runs[0] / "summary.json", summary_document(summary, groups))
    else:
        write_comparison(comparison, summary, target, groups)
        document["folders"] = [str(folder) for folder in runs]
        document["baseline"] = comparison.baseline
        document["differences"] = [entry.document() for entry in comparison.differences()]
    if figures is not None:
        written = export_run(run, summary, figures, format or ("svg", "png"))
        document["files"] = [str(path) for path in written]
    if as_json:
        print_json(document)
        return
    for part in groups.values() or [summary]:
        show_ranking(part)
    if figures is not None:
        typer.echo(f"tables and figures: {figures}")
    typer.echo(f"report: {target}")
