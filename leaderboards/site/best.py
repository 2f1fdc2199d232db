"""Best-known solutions: the table of a task's page, and the page of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipgym.leaderboards.best_known import BestKnown
from chipgym.leaderboards.schema import family_of
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    escape,
    link,
    number,
    page,
    readable,
    row_tag,
    score_text,
    slug,
    table,
)
from chipgym.leaderboards.site.rankings import short_env, task_path, toolbar

__all__ = ["best_page", "best_table"]

Cells = Sequence[tuple[Column, Cell]]


def best_page(best: Sequence[BestKnown], solutions: Mapping[BestKnown, str]) -> str:
    """The best-known solution of every instance; `solutions` names the file of each."""
    families = list(dict.fromkeys(family_of(entry.env) for entry in best))
    content = '<p class="note">No verified submission yet.</p>'
    if best:
        tools = toolbar(
            "task, instance or method",
            kinds=False,
            families=families if len(families) > 1 else (),
        )
        content = tools + best_table("best", best, solutions, families=families)
    return page(
        "Best known",
        "<h1>Best-known solutions</h1>"
        '<p class="lead">The best verified result of each test instance, over all submissions of '
        "all suites, with the actions that lead to it. Of several that are equal, the first by "
        "date holds it.</p>"
        f"{content}",
        current="Best known",
    )


def best_table(
    name: str,
    best: Sequence[BestKnown],
    solutions: Mapping[BestKnown, str],
    *,
    families: Sequence[str] = (),
    root: str = "",
) -> str:
    """Table of best-known solutions; with `families`, each row also says of what it is."""
    known = any(entry.optimum is not None for entry in best)
    rows = [
        [
            *(_where(entry, root) if families else ()),
            *_solution(entry, solutions[entry], root, known, metric=bool(families)),
        ]
        for entry in best
    ]
    columns = [column for column, _ in rows[0]]
    tags = [_tag(entry, families) for entry in best] if families else ()
    cells = [[cell for _, cell in row] for row in rows]
    return table(name, "Best-known solution of each instance", columns, cells, tags=tags)


def _tag(entry: BestKnown, families: Sequence[str]) -> str:
    text = f"{entry.env} {entry.task} {entry.instance_id} {entry.name}"
    return row_tag(text=text, families=[families.index(family_of(entry.env))])


def _where(entry: BestKnown, root: str) -> Cells:
    return (
        (
            Column("task", "Task", wraps=True),
            Cell(link(root + task_path(entry.suite, entry.task), entry.task), entry.task),
        ),
        (
            Column("env", "Environment", wide=True),
            Cell(f"<code>{escape(short_env(entry.env))}</code>", entry.env),
        ),
    )


def _solution(entry: BestKnown, file: str, root: str, known: bool, *, metric: bool) -> Cells:
    """Value, gap and holder of a solution; `known`: some optimum in the table is known."""
    holder = link(f"{root}submissions/{slug(entry.folder)}.html", entry.name)
    if entry.equalled_by:
        holder += f' <span class="note">and {entry.equalled_by} more</span>'
    title = "Best known" if metric else f"Best known: {readable(entry.metric)}"
    cells = [
        (
            Column("instance", "Instance", heads=True),
            Cell(f"<code>{escape(entry.instance_id)}</code>", entry.instance),
        ),
        *(
            [(Column("metric", "Metric", wide=True), Cell(escape(readable(entry.metric))))]
            if metric
            else []
        ),
        (
            Column("value", title, numeric=True),
            Cell(f"<b>{number(entry.value)}</b>", entry.value),
        ),
        (
            Column("score", "Score", numeric=True, wide=True, best_first=True),
            Cell(score_text(entry.score), entry.score),
        ),
    ]
    if known:
        text = "unknown" if entry.gap is None else f"{100 * entry.gap:.2f} %"
        cells.append((Column("gap", "Gap to optimum", numeric=True), Cell(text, entry.gap)))
    download = f'<a href="{escape(root + file)}" download>actions</a>'
    return [
        *cells,
        (Column("method", "Held by", wraps=True), Cell(holder, entry.name)),
        (Column("seed", "Seed", numeric=True, wide=True), Cell(str(entry.seed), entry.seed)),
        (Column("date", "Since", wide=True), Cell(f"<time>{entry.date}</time>", entry.date)),
        (Column("solution", "Solution"), Cell(download)),
    ]
