"""What commands print: JSON for programs, tables for people, progress while it lasts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import yaml
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from chipgym.experiments.jobs import JobOutcome
from chipgym.experiments.jobs import Progress as JobProgress
from chipgym.experiments.summary import Summary
from chipgym.experiments.texts import number, quantity, readable, span
from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "RunDisplay",
    "output_console",
    "parse_settings",
    "print_json",
    "ranking_table",
    "remark",
    "show_ranking",
    "status_console",
]

WIDTH_WITHOUT_TERMINAL = 100


def print_json(document: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(document, indent=2, allow_nan=False))


def output_console() -> Console:
    """Console for results, on standard output."""
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, soft_wrap=False)


def status_console() -> Console:
    """Console for progress and remarks, on standard error."""
    return Console(stderr=True)


def parse_settings(option: str, settings: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value`` options, the values as YAML (so 3, true and [1, 2] are what they look).

    Raises
    ------
    InvalidValueError
        A setting has no ``=`` or no name, or its value is not YAML.
    """
    values = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidValueError(option, text, "name=value")
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidValueError(f"{option} {name}", value, "a YAML value") from error
    return values


def ranking_table(summary: Summary) -> Table:
    """The ranking of a run as a table that fits a terminal of 100 columns."""
    metric = summary.common_metric
    shown = {metric: list(summary.metrics)} if metric else {}
    columns = shown or {f"{label} {name}": [label] for label, name in summary.metrics.items()}
    table = Table(
        title=f"Ranking of suite {summary.suite}",
        title_justify="left",
        box=SIMPLE,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("#", justify="right")
    table.add_column("agent", no_wrap=True)
    table.add_column("score (IQM)", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    for name in columns:
        table.add_column(readable(name), justify="right")
    for name in ("evalua-\ntions", "training\nsteps", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    for place, name, agent in summary.lines():
        iqm = agent.iqm
        cells = [place, name, number(iqm.value), f"[{number(iqm.low)}, {number(iqm.high)}]"]
        if not agent.complete:
            cells[2:] = ["-", "-"]
        for labels in columns.values():
            means = [agent.mean_metric[label] for label in labels if label in agent.mean_metric]
            cells += [quantity(sum(means) / len(labels)) if len(means) == len(labels) else "-"]
        costs = agent.task_evaluations, agent.task_training_steps
        cells += [*(span(cost.values()) for cost in costs), str(agent.seeds)]
        table.add_row(*map(escape, cells))
    return table


def show_ranking(summary: Summary) -> None:
    """Print the ranking of a run, and which instances do not count."""
    output_console().print(ranking_table(summary))
    for label, instances in summary.excluded.items():
        if instances:
            print(f"{label}: instances {list(instances)} do not count in the score (see docs)")


class RunDisplay:
    """Progress of a run on standard error: all jobs, and a line for each that is running.

    Without a terminal it prints a plain line for each job that ends.
    """

    def __init__(
        self, total: int, done: int, quiet: bool = False, quiet_failures: bool = False
    ) -> None:
        self._console = status_console()
        self._lines: dict[str, TaskID] = {}
        self._total, self._done, self._quiet = total, done, quiet
        self._quiet_failures = quiet_failures
        self._live = self._console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._all = self._progress.add_task("jobs", total=total, completed=done)

    def __enter__(self) -> RunDisplay:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def on_progress(self, progress: JobProgress) -> None:
        """Show how far a job is."""
        name = progress.key.rpartition("--")[0].replace("--", " ")
        text = f"{progress.phase} {name}"
        if progress.key not in self._lines:
            self._lines[progress.key] = self._progress.add_task(text, total=progress.total)
        line = self._lines[progress.key]
        self._progress.update(line, description=text, completed=progress.done, total=progress.total)

    def on_outcome(self, outcome: JobOutcome) -> None:
        """Take a job off the display."""
        self._done += 1
        self._progress.advance(self._all)
        line = self._lines.pop(outcome.key, None)
        if line is not None:
            self._progress.remove_task(line)
        if outcome.status == "failed":
            if self._quiet_failures:
                return
            self._console.print(f"failed: {outcome.key}: {outcome.error}", markup=False)
        elif not self._live and not self._quiet:
            text = f"[{self._done}/{self._total}] {outcome.key} ({outcome.wall_s:.1f} s)"
            self._console.print(text, markup=False, highlight=False)


@contextmanager
def remark(text: str, quiet: bool = False) -> Iterator[None]:
    """Say what is going on while something takes a while."""
    console = status_console()
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
