"""`chipgym data`: data sets that are fetched, and datasets of episodes that are recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from chipgym.experiments.cli.output import (
    output_console,
    parse_settings,
    print_json,
    remark,
    status_console,
)

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="Data set, see `chipgym data list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_datasets(as_json: Json = False) -> None:
    """List the data sets that can be fetched, and what of them is there."""
    from chipgym.experiments.datasets import DATASETS, states

    rows: list[dict[str, Any]] = []
    for dataset in DATASETS.values():
        found = list(states(dataset).values())
        rows.append(
            {
                "name": dataset.name,
                "description": dataset.description,
                "files": len(dataset.files),
                "fetched": found.count("ok"),
                "bytes": dataset.size,
                "licence": dataset.licence,
                "source": dataset.source,
                "folder": str(dataset.folder()),
            }
        )
    if as_json:
        print_json({"datasets": rows})
        return
    for row in rows:
        table = Table(title=str(row.pop("name")), title_justify="left", show_header=False)
        for key, value in row.items():
            table.add_row(key, str(value))
        output_console().print(table)


@app.command()
def fetch(
    name: Name,
    mirror: Annotated[
        str | None, typer.Option(help="Address below which the files are, instead of the usual.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder that holds the files.", exists=True)
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a data set; run it again after an interruption, and it goes on."""
    from chipgym.experiments.datasets import dataset_named
    from chipgym.experiments.datasets import fetch as fetch_files

    dataset = dataset_named(name)
    console = status_console()
    done: dict[str, str] = {}
    for path, what in fetch_files(dataset, mirror, source):
        done[path] = what
        console.print(f"{len(done)} of {len(dataset.files)}: {path} {what}", highlight=False)
    if as_json:
        print_json({"name": name, "folder": str(dataset.folder()), "files": done})
    else:
        text = f"{name}: all {len(done)} files are in {dataset.folder()}"
        output_console().print(text, highlight=False, soft_wrap=True)


@app.command()
def verify(name: Name, as_json: Json = False) -> None:
    """Check size and SHA-256 of every file of a data set; exit status 1 unless all are right."""
    from chipgym.experiments.datasets import dataset_named, states

    dataset = dataset_named(name)
    found = states(dataset)
    passed = all(state == "ok" for state in found.values())
    if as_json:
        folder = str(dataset.folder())
        print_json({"name": name, "folder": folder, "files": found, "passed": passed})
    else:
        for path, state in found.items():
            output_console().print(f"{state:<8} {path}", highlight=False)
        if not passed:
            output_console().print(f"get them with `chipgym data fetch {name}`", highlight=False)
    if not passed:
        raise typer.Exit(1)


@app.command()
def record(
    source: Annotated[
        str, typer.Argument(help="Environment id, or folder of a finished run or training.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the dataset.")],
    agent: Annotated[
        list[str] | None,
        typer.Option(help="Policy (see `chipgym list`); of a run those to keep, repeatable."),
    ] = None,
    load: Annotated[Path | None, typer.Option(help="Folder of a trained agent.")] = None,
    scenario: Annotated[str | None, typer.Option(help="Scenario of the environment.")] = None,
    objective: Annotated[str | None, typer.Option(help="Objective of the environment.")] = None,
    split: Annotated[str, typer.Option(help="train or test.")] = "train",
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each seed.")] = 32,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of the policy: 0, 1, ….")] = 1,
    env_kwarg: Annotated[
        list[str] | None, typer.Option("--env-kwarg", "-k", help="name=value; repeatable.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task of a run with several.")] = None,
    name: Annotated[str | None, typer.Option(help="Minari id, such as mine/soc/etf-v0.")] = None,
    format: Annotated[
        list[str] | None, typer.Option(help="parquet or minari, repeatable; by default both.")
    ] = None,
    references: Annotated[
        int, typer.Option(min=0, help="Instances for the reference scores; 0 for none.")
    ] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record episodes as Minari and Parquet: of a policy, or of a finished run, played again."""
    from chipgym.experiments.offline.files import FORMATS, write_dataset
    from chipgym.experiments.offline.record import record_policy, record_results, results_of
    from chipgym.experiments.policies import build_policy
    from chipgym.experiments.suite import TaskSpec
    from chipgym.experiments.training import load_trained
    from chipgym.simulators.core.errors import InvalidValueError

    names = agent or []
    with remark("recording", quiet=as_json):
        if Path(source).is_dir():
            dataset = record_results(
                results_of(Path(source)),
                agents=names,
                task=task,
                name=name,
                reference_instances=references,
            )
        else:
            if (load is None) == (len(names) != 1):
                raise InvalidValueError("--agent", names, "exactly one of --agent and --load")
            policy = build_policy(names[0]) if load is None else load_trained(load)
            spec = TaskSpec.parse(
                {
                    "env": source,
                    "scenario": scenario,
                    "objective": objective,
                    "split": split,
                    "instances": episodes,
                    "kwargs": parse_settings("--env-kwarg", env_kwarg or []),
                }
            )
            dataset = record_policy(
                spec,
                policy,
                agent=names[0].replace(":", ".") if names else str(policy.name),
                seeds=range(seeds),
                name=name,
                reference_instances=references,
            )
        written = write_dataset(dataset, out, format or FORMATS)
    if as_json:
        head = dataset.head.model_dump(mode="json")
        print_json({"folder": str(out), "files": [str(path) for path in written], **head})
        return
    _show_dataset(out)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="Folder of a recorded dataset.")],
    as_json: Json = False,
) -> None:
    """Read a recorded dataset back and say what is in it."""
    from chipgym.experiments.offline.episodes import episode_rows
    from chipgym.experiments.offline.files import read_dataset

    if as_json:
        dataset = read_dataset(folder)
        head = dataset.head.model_dump(mode="json")
        print_json({**head, "episodes": episode_rows(dataset.episodes)})
        return
    _show_dataset(folder)


def _show_dataset(folder: Path) -> None:
    import numpy as np

    from chipgym.experiments.offline.files import read_dataset

    dataset = read_dataset(folder)
    head = dataset.head
    returns = np.array([episode.episode_return for episode in dataset.episodes])
    table = Table(title=head.name, title_justify="left", show_header=False)
    shown = {
        "folder": folder,
        "environment": head.task["env"],
        "agents": ", ".join(head.agents),
        "episodes, steps": f"{head.total_episodes:,}, {head.total_steps:,}",
        "observations": dataset.observation_space.shape,
        "actions": dataset.action_space,
        "masks": "yes" if dataset.episodes[0].masks is not None else "no",
        "returns": f"mean {returns.mean():.4f}, from {returns.min():.4f} to {returns.max():.4f}",
        "reference scores": f"random {head.ref_min_score}, {head.reference_policy} "
        f"{head.ref_max_score}",
        "simulator": head.simulator_version,
    }
    for key, value in shown.items():
        table.add_row(key, str(value))
    output_console().print(table)
