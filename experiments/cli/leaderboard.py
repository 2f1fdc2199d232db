"""`chipgym leaderboard submit | verify | build | references`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from chipgym.experiments.cli.output import print_json, remark
from chipgym.leaderboards.schema import VERIFIED_FILE, Verification

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

SUBMISSIONS = Path(__file__).resolve().parents[2] / "leaderboards" / "submissions"
Suite = Annotated[str | None, typer.Option(help="YAML file of a suite that is not shipped.")]
Imports = Annotated[
    list[str] | None,
    typer.Option("--import", help="Module that registers environments of your own; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def submit(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    agent: Annotated[str, typer.Option(help="Agent of the run.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the submission.")] = None,
    name: Annotated[str | None, typer.Option(help="Name in the ranking.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Author; repeatable.")] = None,
    description: Annotated[str, typer.Option(help="One or two sentences.")] = "",
    suite: Suite = None,
    imports: Imports = None,
    as_json: Json = False,
) -> None:
    """Pack an agent's records into a submission, and verify it."""
    from chipgym.experiments.runner import load_run
    from chipgym.experiments.submission import submit as pack
    from chipgym.experiments.suite import slug

    loaded = load_run(run)
    target = out or Path("submissions") / f"{slug(loaded.suite.name)}--{slug(name or agent)}"
    with remark("replaying in a fresh process", quiet=as_json):
        verification = pack(
            loaded,
            agent,
            target,
            name=name,
            authors=author or [],
            description=description,
            suite=suite,
            imports=imports or [],
        )
    _report(target, verification, as_json)


@app.command()
def verify(
    submission: Annotated[Path, typer.Argument(help="Folder of the submission.")],
    suite: Suite = None,
    imports: Imports = None,
    as_json: Json = False,
) -> None:
    """Replay a submission in a fresh process. Exit status 1: it is rejected."""
    from chipgym.leaderboards.schema import load_submission
    from chipgym.leaderboards.verify import verify_in_fresh_process

    load_submission(submission)
    with remark("replaying in a fresh process", quiet=as_json):
        verification = verify_in_fresh_process(submission, suite=suite, imports=imports or [])
    _report(submission, verification, as_json)


@app.command()
def build(
    submissions: Annotated[Path, typer.Argument(help="Folder of submissions.")] = SUBMISSIONS,
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = Path("leaderboard-site"),
    suite: Suite = None,
    imports: Imports = None,
    verify_first: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify", help="Replay each one first; otherwise trust records."
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """Verify all submissions and build the static site. Exit status 1: some were rejected."""
    from chipgym.leaderboards.ranking import load_entries, submission_folders
    from chipgym.leaderboards.site import build_site
    from chipgym.leaderboards.verify import verify_in_fresh_process

    folders = submission_folders(submissions)
    rejected = {}
    for folder in folders if verify_first else ():
        with remark(f"replaying {folder.name}", quiet=as_json):
            verification = verify_in_fresh_process(folder, suite=suite, imports=imports or [])
        verification.save(folder / VERIFIED_FILE)
        if not verification.passed:
            rejected[folder.name] = list(verification.reasons)
    entries = load_entries(submissions)
    page = build_site(entries, out)
    if as_json:
        print_json({"page": str(page), "ranked": len(entries), "rejected": rejected})
    else:
        for name, reasons in rejected.items():
            typer.echo(f"rejected: {name}: {reasons[0]}", err=True)
        typer.echo(f"{page}: {len(entries)} of {len(folders)} submissions")
    if rejected:
        raise typer.Exit(1)


@app.command()
def references(
    suite: Annotated[str, typer.Argument(help="Suite whose tasks get references.")] = "quick",
    instances: Annotated[int | None, typer.Option(min=1, help="The first n instances.")] = None,
    as_json: Json = False,
) -> None:
    """Make the stored references (random, and the reference method) of a suite's tasks again."""
    from chipgym.experiments.environments import probe
    from chipgym.experiments.references import measure_references, reference_path
    from chipgym.experiments.suite import load_suite

    command = shlex.join(["chipgym", *sys.argv[1:]])
    written = {}
    for given in load_suite(suite).tasks:
        task = given if instances is None else given.model_copy(update={"instances": instances})
        with remark(f"references of {task.label}", quiet=as_json):
            made = measure_references(task, probe(task), command)
        path = reference_path(task)
        made.save(path)
        written[task.label] = {"file": path.name, "excluded": list(made.excluded)}
    if as_json:
        print_json(written)
        return
    for label, entry in written.items():
        typer.echo(f"{label}: {entry['file']}, excluded instances: {entry['excluded'] or 'none'}")


def _report(folder: Path, verification: Verification, as_json: bool) -> None:
    """Print a verification; a rejection is exit status 1."""
    if as_json:
        print_json({"folder": str(folder), **verification.document()})
    elif verification.passed:
        iqm = "-" if verification.iqm is None else f"{verification.iqm:.4f}"
        typer.echo(f"{folder}: verified, {verification.records} records, score (IQM) {iqm}")
    else:
        typer.echo(f"{folder}: rejected", err=True)
        for reason in verification.reasons:
            typer.echo(f"  {reason}", err=True)
    if not verification.passed:
        raise typer.Exit(1)
