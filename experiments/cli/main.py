"""Entry point of `chipgym`. Subcommands are imported when they are called, and not before."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

import chipgym
from chipgym.experiments.cli.errors import guarded, report_error
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["COMMANDS", "main"]

PACKAGE = "chipgym.experiments.cli"
COMMANDS = {
    "list": ("list_names:list_names", "List environments, scenarios, agents and suites."),
    "info": ("info:info", "Describe an environment: spaces, scenarios, observation fields."),
    "train": ("train:train", "Train an agent on an environment."),
    "tune": ("tune:tune", "Search hyperparameters of an agent."),
    "evaluate": ("evaluate:evaluate", "Evaluate an agent on test instances."),
    "benchmark": (
        "benchmark:benchmark",
        "Run a suite: agents x tasks x seeds, ranking and report.",
    ),
    "report": ("report:report", "Write the report of a finished run again."),
    "reproduce": ("reproduce:reproduce", "Repeat a published experiment."),
    "validate": ("validate:validate", "Compare a simulator with reference results."),
    "throughput": ("throughput:throughput", "Measure simulators, environments and agents."),
    "data": ("data:app", "Record episodes; fetch data that do not ship."),
    "leaderboard": ("leaderboard:leaderboard", "Submit, verify and build leaderboards."),
    "doctor": ("doctor:doctor", "Check the installation; --warm-up compiles the kernels."),
}
"""Function of every subcommand, as module (in this package) and name, and its line of help."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends in `SystemExit`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = next((word for word in given if not word.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        report_error(UnknownNameError("subcommand", name, COMMANDS, "chipgym"))
        sys.exit(2)
    completing = "_CHIPGYM_COMPLETE" in os.environ
    app = _root()
    for command, (place, text) in COMMANDS.items():
        if completing or command == name:
            _mount(app, command, place, text)
        else:
            app.command(command, help=text)(_placeholder)
    app(args=given, prog_name="chipgym")


def _root() -> typer.Typer:
    app = typer.Typer(
        help="Reinforcement-learning environments for designing chips.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                help="Print the version and exit.",
                is_eager=True,
                callback=_print_version,
            ),
        ] = False,
    ) -> None:
        """The options before the subcommand."""

    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(chipgym.__version__)
        raise typer.Exit


def _mount(app: typer.Typer, command: str, place: str, text: str) -> None:
    """Add a subcommand: the module's Typer `app` if it has one, otherwise the function."""
    module, _, attribute = place.partition(":")
    try:
        loaded = importlib.import_module(f"{PACKAGE}.{module}")
    except ModuleNotFoundError as error:
        missing = error.name or str(error)

        def absent() -> None:
            raise typer.Exit(report_error(f"'{command}' needs {missing!r}, which is not installed"))

        app.command(command, help=text)(absent)
        return
    group: Any = getattr(loaded, "app", None)
    if isinstance(group, typer.Typer):
        for entry in group.registered_commands:
            if entry.callback is not None:
                entry.callback = guarded(entry.callback)
        app.add_typer(group, name=command, help=text)
        return
    function: Callable[..., None] = getattr(loaded, attribute)
    app.command(command, help=text)(guarded(function))


def _placeholder() -> None:
    """Stands for a subcommand that is not the one being called."""


if __name__ == "__main__":
    main()
