"""`chipgym leaderboard submit | verify | build | serve | references`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chipgym.experiments.cli.output import print_json, remark
from chipgym.leaderboards.schema import VERIFIED_FILE, Verification
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

SUBMISSIONS = Path(__file__).resolve().parents[2] / "leaderboards" / "submissions"
SITE = Path("leaderboard-site")
Suite = Annotated[str | None, typer.Option(help="YAML file of a suite that is not shipped.")]
Imports = Annotated[
    list[str] | None,
    typer.Option("--import", help="Module that registers environments of your own; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TimeLimit = Annotated[float, typer.Option(help="Seconds that a verification may take.")]
MemoryLimit = Annotated[float, typer.Option(help="GiB of address space that it may use.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Verifications at a time; by default one a core.")
]
TIME_S, MEMORY_GIB = 14400.0, 32.0


@app.command()
def submit(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    agent: Annotated[
        list[str] | None, typer.Option(help="Agent of the run; repeatable; by default all.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the submission; of several, their parent.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name in the ranking.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Author; repeatable.")] = None,
    description: Annotated[str, typer.Option(help="One or two sentences.")] = "",
    kind: Annotated[
        str | None,
        typer.Option(
            help="Of a ready policy: heuristic, learned or search; by default what it says itself."
        ),
    ] = None,
    training_steps: Annotated[
        int | None, typer.Option(help="Environment steps with which a ready policy was trained.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Trained policy to offer: *.onnx or *.safetensors.")
    ] = None,
    suite: Suite = None,
    imports: Imports = None,
    time_limit_s: TimeLimit = TIME_S,
    memory_gib: MemoryLimit = MEMORY_GIB,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Pack agents' records into submissions, and verify them. Exit status 1: some are rejected."""
    from chipgym.experiments.runner import load_run
    from chipgym.experiments.submission import Packer, State
    from chipgym.experiments.submission import submit as pack
    from chipgym.experiments.suite import slug
    from chipgym.leaderboards.fresh_process import Limits, in_turn

    loaded = load_run(run)
    agents = agent or [entry.name for entry in loaded.suite.agents]
    if len(agents) != 1:
        for option, value in {"name": name, "policy": policy, "kind": kind}.items():
            if value is not None:
                raise InvalidValueError(f"--{option}", str(value), "for one --agent only")
        if training_steps is not None:
            raise InvalidValueError("--training-steps", training_steps, "for one --agent only")
    packer = Packer(loaded)
    options: dict[str, Any] = {
        "name": name,
        "authors": author or [],
        "state": State(kind, training_steps, description),
        "policy": policy,
        "suite": suite,
        "imports": imports or [],
        "limits": Limits(time_limit_s, memory_gib),
    }

    def one(entry: str) -> tuple[Path, Verification]:
        parent = Path("submissions") if out is None else out
        target = parent / f"{slug(loaded.suite.name)}--{slug(name or entry)}"
        if len(agents) == 1:
            target = out or target
            return target, pack(packer, entry, target, **options)
        try:
            return target, pack(packer, entry, target, **options)
        except ChipGymError as error:  # the others are packed nevertheless
            return target, _failed(error)

    what = agents[0] if len(agents) == 1 else f"{len(agents)} agents"
    with remark(f"replaying {what} in fresh processes", quiet=as_json):
        found = in_turn(one, agents, workers)
    _report(found, as_json)


@app.command()
def verify(
    submission: Annotated[
        Path | None, typer.Argument(help="Folder of the submission; with --all, of submissions.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Simulate all submissions again with the installed simulators, and keep what "
            "comes out.",
        ),
    ] = False,
    suite: Suite = None,
    imports: Imports = None,
    time_limit_s: TimeLimit = TIME_S,
    memory_gib: MemoryLimit = MEMORY_GIB,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Replay a submission in a fresh process. Exit status 1: it is rejected."""
    from chipgym.leaderboards.fresh_process import Limits, verify_in_fresh_process
    from chipgym.leaderboards.schema import load_submission

    options: dict[str, Any] = {
        "suite": suite,
        "imports": imports or [],
        "limits": Limits(time_limit_s, memory_gib),
    }
    if every:
        _report(_verify_all(submission or SUBMISSIONS, as_json, workers, options), as_json)
        return
    if submission is None:
        raise InvalidValueError("submission", None, "a folder, or --all")
    load_submission(submission)
    with remark("replaying in a fresh process", quiet=as_json):
        verification = verify_in_fresh_process(submission, **options)
    _report([(submission, verification)], as_json)


@app.command()
def build(
    submissions: Annotated[Path, typer.Argument(help="Folder of submissions.")] = SUBMISSIONS,
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = SITE,
    suite: Suite = None,
    imports: Imports = None,
    verify_first: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify", help="Replay each one first; otherwise trust records."
        ),
    ] = True,
    time_limit_s: TimeLimit = TIME_S,
    memory_gib: MemoryLimit = MEMORY_GIB,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Verify all submissions and build the static site. Exit status 1: some were rejected."""
    from chipgym.leaderboards.fresh_process import Limits
    from chipgym.leaderboards.ranking import load_entries, submission_folders
    from chipgym.leaderboards.site import build_site

    folders = submission_folders(submissions)
    options: dict[str, Any] = {
        "suite": suite,
        "imports": imports or [],
        "limits": Limits(time_limit_s, memory_gib),
    }
    found = _verify_all(submissions, as_json, workers, options) if verify_first else []
    rejected = {folder.name: list(v.reasons) for folder, v in found if not v.passed}
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
def serve(
    site: Annotated[Path, typer.Argument(help="Folder that `build` made.")] = SITE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Serve the site to this machine's browser, until Ctrl-C."""
    from chipgym.leaderboards.site import make_server

    server = make_server(site, port)
    typer.echo(f"http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("")
    finally:
        server.server_close()


@app.command()
def references(
    suite: Annotated[
        str | None, typer.Argument(help="Suite whose tasks get references; or give --env.")
    ] = None,
    env: Annotated[str | None, typer.Option(help="Environment id of a single task.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Its scenario.")] = None,
    instances: Annotated[int | None, typer.Option(min=1, help="The first n instances.")] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Finished run of the suite: store what it has measured, if not stored."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the stored references (random, and the reference method) of a suite's tasks again."""
    from chipgym.experiments.environments import probe, with_instances
    from chipgym.experiments.references import TaskReferences, measure_references, reference_path
    from chipgym.experiments.run_references import references_of_run
    from chipgym.experiments.runner import load_run
    from chipgym.experiments.suite import TaskSpec, load_suite

    if (suite is None) == (env is None):
        raise InvalidValueError("suite", suite, "exactly one of a suite and --env")
    if env is not None:
        document = {"env": env, "scenario": scenario, "instances": 1}
        tasks: tuple[TaskSpec, ...] = (
            with_instances(TaskSpec.parse(document), instances, usual=8),
        )
    else:
        tasks = load_suite(str(suite)).tasks
    command = shlex.join(["chipgym", *sys.argv[1:]])
    loaded = None
    if run is not None:
        if suite is None or instances is not None:
            raise InvalidValueError("--run", str(run), "with a suite, and without --instances")
        loaded = load_run(run)
        # Where the run lies on this machine says nothing to anyone else.
        command = shlex.join(["chipgym", "leaderboard", "references", suite, "--run", run.name])
    written: dict[str, dict[str, Any]] = {}
    for given in tasks:
        task = given if instances is None else given.model_copy(update={"instances": instances})
        path = reference_path(task)
        with remark(f"references of {task.label}", quiet=as_json):
            if loaded is None:
                made: TaskReferences | None = measure_references(task, probe(task), command)
            else:
                made = references_of_run(loaded, task, command)
        if made is None:
            made = TaskReferences.load(path)
        else:
            made.save(path)
        written[task.label] = {"file": path.name, "excluded": list(made.excluded)}
    if as_json:
        print_json(written)
        return
    for label, entry in written.items():
        typer.echo(f"{label}: {entry['file']}, excluded instances: {entry['excluded'] or 'none'}")


def _verify_all(
    root: Path, as_json: bool, workers: int | None, options: dict[str, Any]
) -> list[tuple[Path, Verification]]:
    """Simulate all submissions below a folder again, and write each outcome beside it."""
    from chipgym.leaderboards.fresh_process import in_turn, verify_in_fresh_process
    from chipgym.leaderboards.ranking import submission_folders

    def one(folder: Path) -> tuple[Path, Verification]:
        verification = verify_in_fresh_process(folder, resimulate=True, **options)
        verification.save(folder / VERIFIED_FILE)
        return folder, verification

    folders = submission_folders(root)
    with remark(f"replaying {len(folders)} submissions", quiet=as_json):
        return in_turn(one, folders, workers)


def _failed(error: ChipGymError) -> Verification:
    """An agent that could not be packed, reported as what could not be verified."""
    import chipgym

    return Verification(passed=False, reasons=(str(error),), package_version=chipgym.__version__)


def _report(found: list[tuple[Path, Verification]], as_json: bool) -> None:
    """Print verifications; a rejection is exit status 1."""
    if as_json:
        documents = [{"folder": str(folder), **entry.document()} for folder, entry in found]
        print_json(documents[0] if len(documents) == 1 else documents)
    for folder, verification in () if as_json else found:
        if verification.passed:
            iqm = "-" if verification.iqm is None else f"{verification.iqm:.4f}"
            typer.echo(f"{folder}: verified, {verification.records} records, score (IQM) {iqm}")
            continue
        typer.echo(f"{folder}: rejected", err=True)
        for reason in verification.reasons:
            typer.echo(f"  {reason}", err=True)
    if not all(verification.passed for _, verification in found):
        raise typer.Exit(1)
