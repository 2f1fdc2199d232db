"""`chipgym list`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from chipgym.experiments.cli.output import output_console, print_json

__all__ = ["list_names"]


def list_names(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List environments, scenarios, agents and suites."""
    names = _names()
    if as_json:
        print_json(names)
        return
    console = output_console()
    for title, entries in _sections(names):
        console.print(f"[bold]{title}[/bold]")
        items = entries.items() if isinstance(entries, dict) else ((name, "") for name in entries)
        for name, text in items:
            console.print(
                f"  {name:<32} {text}".rstrip(), highlight=False, markup=False, soft_wrap=True
            )


def _sections(names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield title and entries of what is printed; environments of equal scenarios share theirs."""
    from chipgym.agents.core.registry import policy_summary
    from chipgym.agents.search.registry import searcher_summary
    from chipgym.envs.registration import ENVIRONMENTS, added_environments

    summaries = {entry.id: entry.summary for entry in (*ENVIRONMENTS, *added_environments())}
    said: dict[str, Callable[[str], str]] = {
        "environments": lambda name: summaries.get(name, ""),
        "policies": policy_summary,
        "searchers": searcher_summary,
    }
    for title, entries in names.items():
        if title in said:
            yield title, {name: said[title](name) for name in entries}
        elif title != "scenarios":
            yield title, entries
        else:
            for found in {tuple(each.items()): each for each in entries.values()}.values():
                ids = ", ".join(env_id for env_id, each in entries.items() if each == found)
                yield f"scenarios of {ids}", found


def _names() -> dict[str, Any]:
    from chipgym.agents.core.registry import policy_names
    from chipgym.agents.search.registry import searcher_names
    from chipgym.experiments.environments import env_ids, scenarios
    from chipgym.experiments.suite import load_suite, suite_names
    from chipgym.experiments.training import algorithm_names

    listed: dict[str, Any] = {"environments": env_ids()}
    for name in env_ids():
        found = scenarios(name)
        if found:
            listed.setdefault("scenarios", {})[name] = found
    listed["policies"] = policy_names()
    listed["searchers"] = searcher_names()
    listed["algorithms"] = algorithm_names()
    listed["suites"] = {name: load_suite(name).description for name in suite_names()}
    return listed
