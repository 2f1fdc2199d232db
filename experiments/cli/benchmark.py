"""`chipgym benchmark SUITE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import (
    RunDisplay,
    output_console,
    print_json,
    remark,
    show_ranking,
)

if TYPE_CHECKING:
    from chipgym.experiments.runner import Plan, Run

__all__ = ["benchmark"]


def benchmark(
    suite: Annotated[
        str | None, typer.Argument(help="Name of a suite, or path of a YAML file.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/SUITE-HASH.")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="serial, processes (the default) or ray.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time; by default one a core.")
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, max=100, help="New tries for a job whose process died.")
    ] = 2,
    ray_address: Annotated[
        str | None, typer.Option(help="Ray cluster, which must see the run folder.")
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="tensorboard (the default), wandb, mlflow, none; repeatable."),
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="The suite's shortened form.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the suite; show its jobs and an estimate.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a suite's YAML.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write report.html.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a suite, print the ranking, and write the report. Finished jobs are never run again."""
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.runner import default_folder, plan_suite, run_suite
    from chipgym.experiments.suite import load_suite, suite_names, suite_schema
    from chipgym.experiments.tracking import DEFAULT_TRACKERS, check_trackers
    from chipgym.simulators.core.errors import UnknownNameError

    if schema:
        print_json(suite_schema())
        return
    if suite is None:
        raise UnknownNameError("suite", "", suite_names())
    chosen = load_suite(suite)
    chosen = chosen.shortened() if smoke else chosen
    folder = out or default_folder(chosen)
    trackers = check_trackers(track or DEFAULT_TRACKERS)
    cores = workers or os.cpu_count() or 1
    with remark("checking the suite (the first time, kernels are compiled)", quiet=as_json):
        plan = plan_suite(chosen, folder, trackers)
    if dry_run:
        _show_plan(plan, cores, as_json)
        return
    name = executor or ("ray" if ray_address else "processes")
    runner = make_executor(name, cores, retries=retries, address=ray_address)
    todo, total = len(plan.unfinished), len(plan.all_jobs)
    try:
        with RunDisplay(total, total - todo, quiet=as_json) as display:
            run = run_suite(plan, runner, display.on_progress, display.on_outcome)
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"finished jobs are kept in {folder}; run the same command again to resume"
        ) from error
    _show_results(run, folder, report, as_json)


def _show_plan(plan: Plan, cores: int, as_json: bool) -> None:
    """Print the jobs of a plan and how long they will take."""
    from chipgym.experiments.cli.plan_table import plan_document, plan_table, plan_text
    from chipgym.experiments.estimate import Estimator

    document = plan_document(plan, Estimator(plan.folder.parent), cores)
    if as_json:
        print_json(document)
        return
    output_console().print(plan_table(document))
    typer.echo(plan_text(document))


def _show_results(run: Run, folder: Path, report: bool, as_json: bool) -> None:
    """Write summary and report, and print the rankings."""
    from chipgym.experiments.grouping import summarise_environments, summary_document
    from chipgym.experiments.summary import summarise
    from chipgym.simulators.core.files import write_json

    with remark("statistics and report", quiet=as_json):
        summary, groups = summarise(run), summarise_environments(run)
        document = summary_document(summary, groups)
        write_json(folder / "summary.json", document)
        if report:
            from chipgym.experiments.report import write_report

            write_report(run, summary, folder / "report.html", groups)
    if as_json:
        print_json({"folder": str(folder), **document})
        return
    for part in groups.values() or [summary]:
        show_ranking(part)
    typer.echo(f"results: {folder}")
    if report:
        typer.echo(f"report: {folder / 'report.html'}")
