"""`chipgym benchmark SUITE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import (
    RunDisplay,
    output_console,
    print_json,
    ranking_table,
    remark,
)

__all__ = ["benchmark"]


def benchmark(
    suite: Annotated[str, typer.Argument(help="Name of a suite, or path of a YAML file.")],
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/SUITE-HASH.")
    ] = None,
    executor: Annotated[str, typer.Option(help="serial or processes.")] = "processes",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time; by default one a core.")
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The suite's shortened form.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a suite, print the ranking, and write the report. Finished jobs are never run again."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import default_folder, plan_suite, run_suite
    from chipgym.experiments.suite import load_suite
    from chipgym.experiments.summary import summarise
    from chipgym.simulators.core.files import write_json

    chosen = load_suite(suite)
    chosen = chosen.shortened() if smoke else chosen
    folder = out or default_folder(chosen)
    runner = make_executor(executor, workers or os.cpu_count() or 1)
    with remark("checking the suite (the first time, kernels are compiled)", quiet=as_json):
        plan = plan_suite(chosen, folder)
    todo, total = len(plan.unfinished), len(plan.all_jobs)
    try:
        with RunDisplay(total, total - todo, quiet=as_json) as display:
            run = run_suite(plan, runner, display.on_progress, display.on_outcome)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"finished jobs are kept in {folder}; run the same command again to resume"
        ) from error
    with remark("statistics and report", quiet=as_json):
        summary = summarise(run)
        write_json(folder / "summary.json", summary.document())
        if report:
            from chipgym.experiments.report import write_report

            write_report(run, summary, folder / "report.html")
    if as_json:
        print_json({"folder": str(folder), **summary.document()})
        return
    output_console().print(ranking_table(summary))
    for label, instances in summary.excluded.items():
        if instances:
            typer.echo(f"{label}: instances {list(instances)} do not count in the score (see docs)")
    typer.echo(f"results: {folder}")
    if report:
        typer.echo(f"report: {folder / 'report.html'}")
