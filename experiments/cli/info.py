"""`chipgym info ID`."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from chipgym.experiments.cli.output import output_console, print_json

__all__ = ["info"]


def info(
    env_id: Annotated[str, typer.Argument(help="Environment id, see `chipgym list`.")],
    scenario: Annotated[str | None, typer.Option(help="Scenario; by default the default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe an environment: spaces, metric, scenarios, observation fields."""
    document, text = _describe(env_id, scenario)
    if as_json:
        print_json(document)
        return
    console = output_console()
    console.print(f"[bold]{env_id}[/bold]")
    console.print(text + "\n", highlight=False, markup=False, soft_wrap=True)
    for name, value in document.items():
        if isinstance(value, dict):
            console.print(f"[bold]{name.replace('_', ' ')}[/bold]")
            for key, words in value.items():
                console.print(f"  {key:<24} {words}", highlight=False, markup=False, soft_wrap=True)
        else:
            console.print(
                f"{name.replace('_', ' ')}: {value}", highlight=False, markup=False, soft_wrap=True
            )


def _describe(env_id: str, scenario: str | None) -> tuple[dict[str, Any], str]:
    from chipgym.experiments.environments import make_env, probe, scenarios
    from chipgym.experiments.suite import TaskSpec

    task = TaskSpec.parse({"env": env_id, "scenario": scenario, "instances": 1})
    facts = probe(task)
    env = make_env(task)
    base: Any = env.unwrapped
    layout = getattr(base, "observation_layout", None)
    document = {
        "env": env_id,
        "scenario": scenario or getattr(getattr(base, "scenario", None), "name", None),
        "observation_space": _space(env.observation_space),
        "action_space": _space(env.action_space),
        "primary_metric": facts.metric,
        "lower_is_better": facts.lower_is_better,
        "reference_policy": facts.reference_policy,
        "simulator_version": facts.simulator_version,
        "test_instances": facts.num_instances,
        "scenarios": scenarios(env_id),
        "observation_fields": {
            field.name: f"{tuple(field.shape)} {_content(field)}"
            for field in (layout.fields if layout is not None else ())
        },
    }
    env.close()
    return document, inspect.getdoc(type(base)) or ""


def _content(field: Any) -> str:
    """What a field holds: its unit and meaning, or its columns."""
    if field.columns:
        names = ", ".join(column.name for column in field.columns)
        return f"{field.meaning}: {names}"
    return f"[{field.unit}] {field.meaning}"


def _space(space: Any) -> str:
    """A space in one line; the bounds of a large box are left to the observation fields."""
    if space.shape and len(str(space)) > 100:
        return f"{type(space).__name__}{tuple(space.shape)}, {space.dtype}"
    return str(space)
