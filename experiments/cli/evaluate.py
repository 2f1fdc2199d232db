"""`chipgym evaluate ID`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from chipgym.experiments.cli.output import output_console, parse_settings, print_json
from chipgym.experiments.texts import quantity
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

__all__ = ["evaluate"]


def evaluate(
    env_id: Annotated[str, typer.Argument(help="Environment id, see `chipgym list`.")],
    agent: Annotated[str | None, typer.Option(help="Policy, see `chipgym list`.")] = None,
    load: Annotated[Path | None, typer.Option(help="Folder of a trained agent.")] = None,
    scenario: Annotated[
        str | None, typer.Option(help="Scenario; by default that of the training.")
    ] = None,
    objective: Annotated[str | None, typer.Option(help="Objective of the environment.")] = None,
    wrapper: Annotated[
        str | None, typer.Option(help="Form of the actions; by default that of the training.")
    ] = None,
    instances: Annotated[
        int | None, typer.Option(min=1, help="The first n test instances; by default up to 8.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the policy.")] = 0,
    env_kwarg: Annotated[
        list[str] | None, typer.Option("--env-kwarg", "-k", help="name=value; repeatable.")
    ] = None,
    parallel_kwarg: Annotated[
        list[str] | None, typer.Option(help="The same, for the PettingZoo form only.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the records (JSON lines).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Evaluate a policy or a trained agent on test instances, and score it where references are."""
    from chipgym.experiments.environments import probe, with_instances
    from chipgym.experiments.evaluation import evaluate as episodes
    from chipgym.experiments.parallel import make_env_for
    from chipgym.experiments.references import stored_references
    from chipgym.experiments.suite import TaskSpec
    from chipgym.experiments.work import record_line
    from chipgym.simulators.core.files import write_bytes

    if (agent is None) == (load is None):
        raise InvalidValueError("--agent", agent, "exactly one of --agent and --load")
    given: dict[str, Any] = {
        "scenario": scenario,
        "objective": objective,
        "kwargs": parse_settings("--env-kwarg", env_kwarg or []),
        "parallel_kwargs": parse_settings("--parallel-kwarg", parallel_kwarg or []),
        "wrapper": wrapper,
    }
    if load is not None:
        given = _with_training(load, given)
    task = TaskSpec.parse({"env": env_id, "instances": 1, **given})
    task = with_instances(task, instances, usual=8)
    facts = probe(task)
    policy, name = _policy(agent, load)
    env = make_env_for(task, policy)
    _check_fit(policy, env, load)
    records = list(
        episodes(
            env,
            policy,
            task=task.label,
            agent=name,
            seed=seed,
            instances=task.instance_indexes,
        )
    )
    env.close()
    if out is not None:
        write_bytes(out, b"".join(record_line(record) for record in records))
    references = stored_references(task, facts.simulator_version)
    rows = []
    for record in records:
        value = record.metrics[facts.metric]
        score = None
        if references is not None and value is not None:
            found = references.score(record.instance, value)
            score = found if found == found else None
        rows.append(
            {
                "instance": record.instance,
                "instance_id": record.instance_id,
                facts.metric: value,
                _score_column(facts.metric): score,
                "steps": record.steps,
            }
        )
    _show(rows, facts.metric, name, as_json)


def _with_training(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Fill what was not given from the task that the agent was trained on."""
    from chipgym.simulators.core.files import read_json

    path = folder / "config.json"
    document = read_json(path)
    trained = document.get("task") if isinstance(document, dict) else None
    if not isinstance(trained, dict):
        raise FileFormatError(path, "not what a training leaves: no task in it")
    merged = {name: value or trained.get(name) for name, value in given.items()}
    return {name: value for name, value in merged.items() if value is not None}


def _policy(agent: str | None, load: Path | None) -> tuple[Any, str]:
    from chipgym.experiments.policies import build_policy
    from chipgym.experiments.training import load_trained

    if load is not None:
        policy = load_trained(load)
        return policy, str(policy.name)
    assert agent is not None
    return build_policy(agent), agent.replace(":", ".")


def _check_fit(policy: Any, env: Any, load: Path | None) -> None:
    """Refuse a trained agent in an environment of other spaces than it was trained in."""
    if getattr(policy, "multi_agent", False) and policy.joint != env.joint:
        raise InvalidValueError("--load", str(load), f"agents for {env.joint.agents}")
    network = getattr(policy, "network", None)
    for name in ("observation_space", "action_space"):
        trained = getattr(network, name, None)
        if trained is None:  # its network takes any number of tasks and PEs
            continue
        if trained.shape != getattr(env, name).shape:
            raise InvalidValueError(
                "--load", str(load), f"an agent for {name} {getattr(env, name).shape}"
            )
        if getattr(trained, "n", None) != getattr(getattr(env, name), "n", None):
            raise InvalidValueError("--load", str(load), f"an agent for {getattr(env, name)}")


def _score_column(metric: str) -> str:
    """Name of the score of the protocol beside a metric, which may itself be called score."""
    return "score" if metric != "score" else "protocol_score"


def _show(rows: list[dict[str, Any]], metric: str, agent: str, as_json: bool) -> None:
    values = [row[metric] for row in rows if row[metric] is not None]
    mean = sum(values) / len(values) if values else None
    if as_json:
        print_json({"agent": agent, "metric": metric, "mean": mean, "instances": rows})
        return
    from rich.table import Table

    table = Table(title=f"{agent}: {metric}", title_justify="left")
    column = _score_column(metric)
    scores = [row[column] for row in rows if row[column] is not None]
    shown = ("instance", metric, column, "steps") if scores else ("instance", metric, "steps")
    for name in shown:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            *(_cell(name, row[name if name != "instance" else "instance_id"]) for name in shown)
        )
    table.add_section()
    means = {"instance": "mean", metric: mean, "steps": ""}
    if scores:
        means[column] = sum(scores) / len(scores)
    table.add_row(*(_cell(name, means[name]) for name in shown))
    output_console().print(table)
    if scores:
        typer.echo("score: 0 is the random policy, 1 the reference method", err=True)


def _cell(column: str, value: Any) -> str:
    """A value as text: scores with three digits, metrics with as many as they need."""
    if isinstance(value, float):
        return f"{value:.3f}" if column.endswith("score") else quantity(value)
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
