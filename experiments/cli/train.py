"""`chipgym train ID`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import RunDisplay, parse_settings, print_json

__all__ = ["train"]


def train(
    env_id: Annotated[str, typer.Argument(help="Environment id, see `chipgym list`.")],
    agent: Annotated[str, typer.Option(help="Algorithm, see `chipgym list`.")] = "maskable_ppo",
    scenario: Annotated[str | None, typer.Option(help="Scenario of the environment.")] = None,
    objective: Annotated[str | None, typer.Option(help="Objective of the environment.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Environment steps.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Result folder.")] = None,
    hyperparameter: Annotated[
        list[str] | None, typer.Option("--hyperparameter", "-p", help="name=value; repeatable.")
    ] = None,
    env_kwarg: Annotated[
        list[str] | None, typer.Option("--env-kwarg", "-k", help="name=value; repeatable.")
    ] = None,
    curve_points: Annotated[int, typer.Option(min=0, help="Points of the learning curve.")] = 10,
    instances: Annotated[int, typer.Option(min=1, help="Test instances at the end.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train an agent, evaluate it, and keep it. The same command never trains twice."""
    from chipgym.experiments.environments import probe
    from chipgym.experiments.executors import make_executor
    from chipgym.experiments.jobs import Job, make_job
    from chipgym.experiments.results import is_finished, read_result
    from chipgym.experiments.runner import RunError, run_jobs
    from chipgym.experiments.suite import AgentSpec, CurveSpec, TaskSpec
    from chipgym.experiments.training import check_algorithm
    from chipgym.simulators.core.errors import FileFormatError
    from chipgym.simulators.core.files import read_json

    check_algorithm(agent)
    task = TaskSpec.parse(
        {
            "env": env_id,
            "scenario": scenario,
            "objective": objective,
            "instances": instances,
            "kwargs": parse_settings("--env-kwarg", env_kwarg or []),
        }
    )
    spec = AgentSpec.parse(
        {
            "name": agent.replace(":", "."),
            "algorithm": agent,
            "steps": steps,
            "hyperparameters": parse_settings("--hyperparameter", hyperparameter or []),
        }
    )
    facts = probe(task)
    curve = CurveSpec(points=curve_points, instances=min(2, instances))
    planned = make_job(Path("runs"), task, spec, seed, curve, facts.simulator_version)
    folder = out or Path("runs") / planned.key
    job = Job(planned.key, str(folder), planned.config)
    if (folder / "config.json").is_file() and read_json(folder / "config.json") != job.config:
        raise FileFormatError(folder, "holds another training; choose another --out")
    if is_finished(folder) and not as_json:
        typer.echo(f"{folder}: trained before, nothing to do", err=True)
    with RunDisplay(1, 0, quiet=as_json) as display:
        try:
            failed = run_jobs(
                [job], make_executor("serial", 1), display.on_progress, display.on_outcome
            )
        except KeyboardInterrupt as error:
            raise Interrupted("run the same command again to start this training anew") from error
    if failed:
        raise RunError(failed[0].error)
    result = read_result(job)
    values = [record.metrics[facts.metric] for record in result.records]
    mean = sum(value for value in values if value is not None) / len(values)
    if as_json:
        document = {
            "folder": str(folder),
            "training_steps": result.training_steps,
            "training_evaluations": result.training_evaluations,
            f"mean_{facts.metric}" if not facts.metric.startswith("mean_") else facts.metric: mean,
        }
        print_json(document)
        return
    typer.echo(f"{folder}: {result.training_steps:,} steps; {facts.metric} {mean:,.2f} (test)")
    typer.echo(f"chipgym evaluate {env_id} --load {folder}")
