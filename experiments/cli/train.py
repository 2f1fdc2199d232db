"""`chipgym train ID`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import RunDisplay, parse_settings, print_json

__all__ = ["train"]


def train(
    env_id: Annotated[str, typer.Argument(help="Environment id, see `chipgym list`.")],
    agent: Annotated[str, typer.Option(help="Algorithm, see `chipgym list`.")] = "maskable_ppo",
    scenario: Annotated[str | None, typer.Option(help="Scenario of the environment.")] = None,
    objective: Annotated[str | None, typer.Option(help="Objective of the environment.")] = None,
    wrapper: Annotated[
        str | None, typer.Option(help="Form of the actions: continuous or multiplexed.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Environment steps.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the training.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Result folder.")] = None,
    hyperparameter: Annotated[
        list[str] | None, typer.Option("--hyperparameter", "-p", help="name=value; repeatable.")
    ] = None,
    hyperparams: Annotated[
        Path | None,
        typer.Option(envvar="CHIPGYM_HYPERPARAMS", help="Folder of your own hyperparameters."),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="tensorboard (the default), wandb, mlflow, none; repeatable."),
    ] = None,
    env_kwarg: Annotated[
        list[str] | None, typer.Option("--env-kwarg", "-k", help="name=value; repeatable.")
    ] = None,
    parallel_kwarg: Annotated[
        list[str] | None, typer.Option(help="The same, for the PettingZoo form only.")
    ] = None,
    curve_points: Annotated[int, typer.Option(min=0, help="Points of the learning curve.")] = 10,
    instances: Annotated[
        int | None, typer.Option(min=1, help="Test instances at the end; by default up to 4.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train an agent, evaluate it, and keep it. The same command never trains twice."""
    from chipgym.experiments.environments import probe, with_instances
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.jobs import Job, make_job
    from chipgym.experiments.results import is_finished, read_result
    from chipgym.experiments.runner import RunError, run_jobs
    from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
    from chipgym.experiments.tracking import DEFAULT_TRACKERS, check_trackers
    from chipgym.experiments.training import check_algorithm, check_form

    trackers = check_trackers(track or DEFAULT_TRACKERS)
    own = _own_hyperparameters(hyperparams, agent, env_id, scenario)
    overrides = {**own, **parse_settings("--hyperparameter", hyperparameter or [])}
    check_algorithm(agent, overrides)
    task = TaskSpec.parse(
        {
            "env": env_id,
            "scenario": scenario,
            "objective": objective,
            "instances": 1,
            "kwargs": parse_settings("--env-kwarg", env_kwarg or []),
            "parallel_kwargs": parse_settings("--parallel-kwarg", parallel_kwarg or []),
            "wrapper": wrapper,
        }
    )
    spec = AgentSpec.parse(
        {
            "name": agent.replace(":", "."),
            "algorithm": agent,
            "steps": steps,
            "hyperparameters": overrides,
        }
    )
    task = with_instances(task, instances, usual=4)
    facts = probe(task)
    check_form(agent, task)
    in_curve = min(2, len(task.instance_indexes))
    curve = CurveSpec.parse({"points": curve_points, "instances": in_curve})
    planned = make_job(
        Path("runs"), task, spec, seed, curve, facts.simulator_version, facts.content
    )
    folder = out or Path("runs") / planned.key
    job = Job(planned.key, str(folder), planned.config, track=trackers)
    _check_folder(folder, job.config)
    if is_finished(folder) and not as_json:
        typer.echo(f"{folder}: trained before, nothing to do", err=True)
    with RunDisplay(1, 0, quiet=as_json, quiet_failures=True) as display:
        try:
            failed = run_jobs(
                [job], make_executor("serial", 1), display.on_progress, display.on_outcome
            )
        except KeyboardInterrupt as error:
            raise Interrupted("run the same command again to start this training anew") from error
    if failed:
        details = f" (see {failed[0].details})" if failed[0].details else ""
        raise RunError(failed[0].error + details)
    result = read_result(job)
    values = [record.metrics[facts.metric] for record in result.records]
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else None
    if as_json:
        document = {
            "folder": str(folder),
            "training_steps": result.training_steps,
            "training_evaluations": result.training_evaluations,
            f"mean_{facts.metric}" if not facts.metric.startswith("mean_") else facts.metric: mean,
        }
        print_json(document)
        return
    text = "-" if mean is None else f"{mean:,.2f}"
    typer.echo(f"{folder}: {result.training_steps:,} steps; {facts.metric} {text} (test)")
    typer.echo(f"chipgym evaluate {env_id} --load {folder}")


def _own_hyperparameters(
    folder: Path | None, algorithm: str, env_id: str, scenario: str | None
) -> dict[str, Any]:
    """Values of the user's own file for the task; {} where it says nothing of it."""
    from chipgym.agents.core.hyperparameters import load_hyperparameters
    from chipgym.simulators.core.errors import FileFormatError

    if folder is None or not (folder / f"{algorithm}.yaml").is_file():
        return {}
    try:
        found = load_hyperparameters(
            algorithm, env_id.rpartition(":")[2], scenario or "default", folder
        )
    except FileFormatError as error:
        if "no entry" in error.reason:
            return {}
        raise
    typer.echo(f"hyperparameters: {folder / algorithm}.yaml, {found.key}", err=True)
    return found.values


def _check_folder(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a folder that holds something else than this training or a failed one."""
    from chipgym.experiments.results import DONE, TRAINING
    from chipgym.simulators.core.errors import FileFormatError
    from chipgym.simulators.core.files import read_json

    if not folder.is_dir():
        return
    if not (folder / "config.json").is_file():
        if any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise FileFormatError(folder, "holds something else; choose another --out")
        return
    kept = [name for name in (TRAINING, DONE) if (folder / name).is_file()]
    if kept and read_json(folder / "config.json") != config:
        raise FileFormatError(folder, "holds another training; choose another --out")
