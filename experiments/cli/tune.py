"""`chipgym tune ID`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from chipgym.experiments.cli.errors import Interrupted
from chipgym.experiments.cli.output import (
    output_console,
    parse_settings,
    print_json,
    status_console,
)
from chipgym.experiments.texts import quantity
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.core.hashing import content_hash

if TYPE_CHECKING:
    from chipgym.experiments.executors import Executor
    from chipgym.experiments.tuning.study import Trial, Tuning, TuningPlan

__all__ = ["tune"]


def tune(
    env_id: Annotated[str, typer.Argument(help="Environment id, see `chipgym list`.")],
    agent: Annotated[
        str | None, typer.Option(help="Algorithm (by default maskable_ppo), see `chipgym list`.")
    ] = None,
    searcher: Annotated[str | None, typer.Option(help="Or a searcher of designs.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Scenario of the environment.")] = None,
    objective: Annotated[str | None, typer.Option(help="Objective of the environment.")] = None,
    trials: Annotated[int, typer.Option(min=2, help="Settings, the stored one included.")] = 20,
    steps: Annotated[int, typer.Option(min=1, help="Environment steps of a training.")] = 50_000,
    budget: Annotated[int, typer.Option(min=1, help="Evaluations of a search.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each trial.")] = 2,
    instances: Annotated[
        int, typer.Option(min=1, help="Instances of the train split that judge.")
    ] = 8,
    sampler_seed: Annotated[int, typer.Option(min=0, help="Seed of Optuna's sampler.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Trials that are proposed at once.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Jobs at a time; by default one a core.")
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="YAML of what is searched; by default the package's.")
    ] = None,
    hyperparameter: Annotated[
        list[str] | None,
        typer.Option("--hyperparameter", "-p", help="name=value for all trials; repeatable."),
    ] = None,
    env_kwarg: Annotated[
        list[str] | None, typer.Option("--env-kwarg", "-k", help="name=value; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study.")] = None,
    save_to: Annotated[
        Path | None, typer.Option(help="Folder for NAME.yaml; by default your own, see the docs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search hyperparameters with Optuna; keep the best with provenance and what it all cost."""
    from chipgym.experiments.suite import TaskSpec
    from chipgym.experiments.tuning.space import load_space
    from chipgym.experiments.tuning.study import TuningPlan
    from chipgym.experiments.tuning.study import tune as run_study

    if agent is not None and searcher is not None:
        raise InvalidValueError("--agent and --searcher", [agent, searcher], "one of the two")
    method = searcher or agent or "maskable_ppo"
    fixed = parse_settings("--hyperparameter", hyperparameter or [])
    task = TaskSpec.parse(
        {
            "env": env_id,
            "scenario": scenario,
            "objective": objective,
            "split": "train",
            "instances": instances,
            "kwargs": parse_settings("--env-kwarg", env_kwarg or []),
        }
    )
    plan = TuningPlan(
        task=task,
        kind="algorithm" if searcher is None else "searcher",
        method=method,
        cost=steps if searcher is None else budget,
        space=load_space(method, space, searcher=searcher is not None),
        fixed=fixed,
        trials=trials,
        seeds=seeds,
        batch=batch,
        sampler_seed=sampler_seed,
    )
    _check(plan)
    name = f"{method}-{content_hash(plan.document())[:8]}"
    folder = out or Path("runs") / "tune" / name
    cores = workers or os.cpu_count() or 1

    def executor() -> Executor:
        from chipgym.experiments.executors import make_executor

        return make_executor("serial" if cores == 1 else "processes", cores)

    def show(trial: Trial) -> None:
        if not as_json:
            status_console().print(_line(trial, trials), markup=False, highlight=False)

    try:
        found = run_study(plan, folder, executor, show)
    except KeyboardInterrupt as error:
        raise Interrupted("run the same command again to continue") from error
    path = _save(found, save_to)
    if as_json:
        print_json({**found.document(), "folder": str(folder), "saved": path and str(path)})
        return
    output_console().print(_table(found))
    cost = found.cost
    typer.echo(
        f"cost: {cost['trials']} trials, {cost['steps']:,} steps, {cost['evaluations']:,} "
        f"evaluations, {cost['seconds']:,.0f} s of jobs"
    )
    if path is None:
        typer.echo("no setting was better than the stored one: nothing is written")
    else:
        typer.echo(f"written to {path}; use it: chipgym train … --hyperparams {path.parent}")
    typer.echo(f"records: {folder}")


def _check(plan: TuningPlan) -> None:
    """Find mistakes before anything runs, in what is fixed and in the ends of what is searched."""
    from chipgym.experiments.search_policy import check_searcher
    from chipgym.experiments.suite import AgentSpec
    from chipgym.experiments.training import check_algorithm, check_form

    if plan.kind == "algorithm":
        check_form(plan.method, plan.task)
    for last in (False, True):
        ends = {name: spec.end(last) for name, spec in plan.space.items()}
        values = {**plan.fixed, **ends}
        if plan.kind == "algorithm":
            check_algorithm(plan.method, values)
        else:
            agent = {"name": "trial", "searcher": plan.method, "budget": 1}
            spec = AgentSpec.parse({**agent, "hyperparameters": values})
            check_searcher(spec, plan.task)


def _save(found: Tuning, save_to: Path | None) -> Path | None:
    """Write the best setting, if it is not the stored one."""
    from chipgym.agents.core.hyperparameters import Provenance
    from chipgym.experiments.manifest import timestamp
    from chipgym.experiments.tuning.store import user_folder, write_entry

    if found.best.number == 0 or not found.best.gain or found.best.gain <= 0:
        return None
    plan, cost = found.plan, found.cost
    unit = "environment steps" if plan.kind == "algorithm" else "evaluations an instance"
    provenance = Provenance(
        tuned=True,
        trials=len(found.trials),
        budget=(
            f"{plan.cost:,} {unit} and {plan.seeds} seeds a trial; in all {cost['steps']:,} steps, "
            f"{cost['evaluations']:,} evaluations, {cost['seconds']:,.0f} s of jobs"
        ),
        source=(
            f"{shlex.join(['chipgym', *sys.argv[1:]])} ({timestamp()[:10]}): Optuna's TPE, seed "
            f"{plan.sampler_seed}; mean gain over the stored hyperparameters on train instances "
            f"0 to {max(plan.task.instance_indexes)}: {found.best.gain:.2%}"
        ),
    )
    folder = save_to or user_folder()
    if save_to is None and plan.kind == "searcher":
        folder = folder / "search"
    path = folder / f"{plan.method}.yaml"
    env_id = plan.task.env.rpartition(":")[2]
    write_entry(path, env_id, plan.task.scenario or "default", found.values, provenance)
    return path


def _line(trial: Trial, total: int) -> str:
    what = trial.error or f"gain {trial.gain or 0.0:+.2%} ({trial.seconds:.1f} s)"
    return f"[{trial.number + 1}/{total}] {what}"


def _table(found: Tuning) -> Table:
    table = Table(title=f"Trials of {found.plan.method}, best first", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("gain", justify="right")
    table.add_column("metric", justify="right")
    table.add_column("hyperparameters")
    for trial in sorted(found.trials, key=lambda t: -(t.gain if t.gain is not None else -9e9))[:10]:
        values = ", ".join(f"{k} {v}" for k, v in trial.values.items()) or "as stored"
        gain = "failed" if trial.gain is None else f"{trial.gain:+.2%}"
        metric = "-" if trial.metric is None else quantity(trial.metric)
        table.add_row(str(trial.number), gain, metric, escape(values))
    return table
