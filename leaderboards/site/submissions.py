"""The page of a submission: what it is, its verification record, results and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipgym.leaderboards.ranking import Board, Entry, Ranked
from chipgym.leaderboards.schema import InstanceResult, TaskResult, family_of
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    badge,
    escape,
    link,
    number,
    page,
    plural,
    readable,
    score_text,
    slug,
    table,
)
from chipgym.leaderboards.site.rankings import board_path, short_env, task_path

__all__ = ["Download", "submission_page", "submission_path"]

SHOWN_INSTANCES = 400


@dataclass(frozen=True)
class Download:
    """A file that is offered: its path from the site's folder, what it is, and its bytes."""

    path: str
    title: str
    size: int


def submission_path(folder: str) -> str:
    """File of a submission's page, from the site's folder."""
    return f"submissions/{slug(folder)}.html"


def submission_page(entry: Entry, boards: Sequence[Board], downloads: Sequence[Download]) -> str:
    """A submission: who and what, its places, results, verification record, and downloads.

    `boards` are those of its suite.
    """
    head, found = entry.submission, entry.verification
    badges = [badge("verified", "ok"), badge(head.kind, head.kind)]
    if head.multi_agent:
        badges.append(badge("many agents"))
    if any(task.recorded_version for task in found.tasks):
        badges.append(badge("simulated again"))
    about = f"<p>{escape(head.description)}</p>" if head.description else ""
    facts = [
        ("Board", link(f"../{board_path(head.suite)}", head.suite)),
        ("Authors", escape(", ".join(head.authors) or "–")),
        ("Date", f"<time>{head.date}</time>"),
        ("Seeds", escape(_ranges(head.seeds))),
        ("Tasks", f"{len(found.tasks)} of {len(found.suite_tasks)}"),
        ("Training steps (attested)", f"{head.training_steps:,}"),
        ("Evaluations (attested)", f"{head.training_evaluations:,}"),
    ]
    return page(
        head.name,
        f'<p class="crumbs">{link("../index.html", "Boards")} / '
        f"{link(f'../{board_path(head.suite)}', head.suite)}</p><h1>{escape(head.name)}</h1>"
        f"<p>{''.join(badges)}</p>{about}{_facts(facts)}"
        f"<h2>Places</h2>{_places(entry, boards)}"
        f"<h2>Results by task</h2>{_tasks(entry, boards)}"
        f"<h2>Verification record</h2>{_record(entry)}"
        f"<h2>Downloads</h2>{_downloads(downloads)}"
        f"<h2>Instances</h2>{''.join(_instances(task) for task in found.tasks)}",
        root="../",
    )


def _ranges(seeds: Sequence[int]) -> str:
    """Numbers with runs joined: ``0 to 9, 42``."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(f"{r[0]} to {r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)


LEVELS = {"suite": "all tasks", "family": "family", "environment": "environment"}


def _places(entry: Entry, boards: Sequence[Board]) -> str:
    """Where it is ranked, on boards of several tasks."""
    columns = (
        Column("board", "Board", heads=True),
        Column("over", "Over", wide=True),
        Column("place", "Place", numeric=True),
        Column("score", "Score", numeric=True, best_first=True),
        Column("interval", "95 % interval", wide=True),
    )
    rows = []
    for board in boards:
        place, row = _place(board, entry)
        if board.level == "task" or row is None:
            continue
        title = "all tasks" if board.level == "suite" else short_env(board.name)
        over = f"{LEVELS[board.level]}, {plural(len(board.tasks), 'task')}"
        interval = f"{score_text(row.iqm_low)} to {score_text(row.iqm_high)}"
        rows.append(
            [
                Cell(link(f"../{_path(board, entry)}", title), title),
                Cell(escape(over), over),
                Cell(f"{place} of {len(board.rows)}", place),
                Cell(f"<b>{score_text(row.iqm)}</b>", row.iqm),
                Cell(interval, row.iqm_low),
            ]
        )
    if not rows:
        return '<p class="note">It has single tasks only.</p>'
    return table("places", "Places on boards", columns, rows)


def _place(board: Board, entry: Entry) -> tuple[int, Ranked | None]:
    found = ((k, row) for k, row in enumerate(board.rows, 1) if row.entry is entry)
    return next(found, (0, None))


def _path(board: Board, entry: Entry) -> str:
    """Page of a board."""
    tasks = entry.verification.suite_tasks
    family = family_of(tasks[board.tasks[0]])
    alone = board.level == "suite" or len(set(map(family_of, tasks.values()))) == 1
    return board_path(entry.submission.suite, "" if alone else family)


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<div><dt>{escape(name)}</dt><dd>{text}</dd></div>" for name, text in facts)
    return f'<dl class="facts">{inner}</dl>'


def _tasks(entry: Entry, boards: Sequence[Board]) -> str:
    columns = (
        Column("task", "Task", heads=True),
        Column("place", "Place", numeric=True),
        Column("score", "Score", numeric=True, best_first=True),
        Column("interval", "95 % interval", wide=True),
        Column("metric", "Metric", wide=True),
        Column("mean", "Mean", numeric=True),
    )
    of_task = {board.name: board for board in boards if board.level == "task"}
    rows = []
    for task in entry.verification.tasks:
        board = of_task[task.label]
        place, _ = _place(board, entry)
        page_of_task = f"../{task_path(entry.submission.suite, task.label)}"
        rows.append(
            [
                Cell(link(page_of_task, task.label), task.label),
                Cell(f"{place} of {len(board.rows)}", place),
                Cell(f"<b>{score_text(task.iqm)}</b>", task.iqm),
                Cell(f"{score_text(task.iqm_low)} to {score_text(task.iqm_high)}", task.iqm_low),
                Cell(escape(readable(task.metric)), task.metric),
                Cell(number(task.mean_metric), task.mean_metric),
            ]
        )
    return table("results", "Results by task", columns, rows)


def _record(entry: Entry) -> str:
    """What was checked, as a list, and the fingerprints of what it was checked on."""
    found = entry.verification
    episodes = plural(found.records, "episode")
    again = [task for task in found.tasks if task.recorded_version]
    checked = [task.label for task in found.tasks if task.feasibility == "checked"]
    unchecked = [task.label for task in found.tasks if task.feasibility != "checked"]
    if again:
        names = ", ".join(f"{t.label} (recorded with {t.recorded_version})" for t in again)
        replayed = (
            f"{episodes} replayed in a fresh process; a newer simulator made the results of "
            f"{names}."
        )
    else:
        replayed = (
            f"{episodes} replayed in a fresh process: decisions, counts and times equal, energies "
            "and returns within 1e-9."
        )
    lines = [replayed]
    if checked:
        lines.append(f"Independent check passed on {', '.join(checked)}.")
    if unchecked:
        lines.append(f"No independent check exists for {', '.join(unchecked)}.")
    agreed = "" if again else "; the claims agreed"
    lines.append(f"Scores, intervals and means recomputed{agreed}.")
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    versions = ", ".join(
        dict.fromkeys(f"{task.env} {task.simulator_version}" for task in found.tasks)
    )
    facts = [
        ("Package", f"chipgym {escape(found.package_version)}"),
        ("Simulators", escape(versions)),
        ("SHA-256 of records", f"<code>{escape(found.records_sha256)}</code>"),
        ("SHA-256 of submission", f"<code>{escape(found.submission_sha256)}</code>"),
    ]
    return f'<ul class="checks">{items}</ul>{_facts(facts)}'


def _downloads(downloads: Sequence[Download]) -> str:
    items = "".join(
        f"<li>{link(f'../{entry.path}', entry.title)} "
        f'<span class="note">{entry.size / 1000:,.1f} kB</span></li>'
        for entry in downloads
    )
    return f'<ul class="downloads">{items}</ul>'


def _instances(task: TaskResult) -> str:
    """Results of each instance, over the seeds; all single ones are in the verification record."""
    by_instance: dict[int, list[InstanceResult]] = {}
    for result in task.results:
        by_instance.setdefault(result.instance, []).append(result)
    shown = [by_instance[instance] for instance in sorted(by_instance)[:SHOWN_INSTANCES]]
    several = any(len(results) > 1 for results in shown)
    columns = [
        Column("instance", "Instance", heads=True),
        Column("mean", readable(task.metric), numeric=True),
        *([Column("best", "Best seed", numeric=True, wide=True)] if several else []),
        *([Column("worst", "Worst seed", numeric=True, wide=True)] if several else []),
        Column("score", "Score", numeric=True, best_first=True),
    ]
    rows = [_instance_row(results, task.lower_is_better, several) for results in shown]
    more = len(by_instance) - len(rows)
    rest = f'<p class="note">{more:,} more are in the records.</p>' if more else ""
    inner = table(f"instances-{slug(task.label)}", f"Results on {task.label}", columns, rows)
    count = plural(len(by_instance), "instance")
    runs = plural(len(task.results), "episode")
    return (
        f"<details><summary>{escape(task.label)}: {count}, {runs}</summary>{inner}{rest}</details>"
    )


def _instance_row(
    results: Sequence[InstanceResult], lower_is_better: bool, several: bool
) -> list[Cell]:
    values = sorted((result.metric for result in results), reverse=not lower_is_better)
    scores = [result.score for result in results if result.score is not None]
    mean = sum(values) / len(values)
    score = sum(scores) / len(scores) if scores else None
    ends = [Cell(number(values[0]), values[0]), Cell(number(values[-1]), values[-1])]
    return [
        Cell(f"<code>{escape(results[0].instance_id)}</code>", results[0].instance),
        Cell(number(mean), mean),
        *(ends if several else []),
        Cell(score_text(score), score),
    ]
