"""Ranking tables, who is not in them, and the tools that filter them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chipgym.leaderboards.ranking import Board, Entry, Ranked
from chipgym.leaderboards.schema import family_of
from chipgym.leaderboards.site.charts import interval_mark
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    badge,
    escape,
    link,
    plural,
    row_tag,
    score_text,
    slug,
    table,
)

__all__ = [
    "LEGEND",
    "board_path",
    "coverage",
    "families_of",
    "ranking_table",
    "short_env",
    "tag_of",
    "task_path",
    "toolbar",
]

RANKING = (
    Column("rank", "#", numeric=True),
    Column("method", "Method", heads=True, wraps=True),
    Column("kind", "Kind", wide=True),
    Column("score", "Score", numeric=True, best_first=True),
    Column("interval", "95 % interval", best_first=True),
)
BUDGET = (
    Column("seeds", "Seeds", numeric=True, wide=True, best_first=True),
    Column("steps", "Training steps*", numeric=True, wide=True),
    Column("evaluations", "Evaluations*", numeric=True, wide=True),
    Column("date", "Date", wide=True),
)
KINDS = ("heuristic", "learned", "search")
LEGEND = (
    '<p class="note">Score: 0 is the random policy (solid line), 1 the reference method (dashed). '
    f"{badge('verified', 'ok')}all scores and intervals, recomputed from the submitted actions. "
    "* Attested by the submitter: a budget cannot be proven from actions.</p>"
)

Extra = tuple[Column, Callable[[Entry], Cell]]


def board_path(suite: str, family: str = "") -> str:
    """File of a suite's board, or of a family's in it, from the site's folder."""
    return f"boards/{slug(suite)}{'--' if family else ''}{slug(family) if family else ''}.html"


def task_path(suite: str, label: str) -> str:
    """File of a task's page, from the site's folder."""
    return f"tasks/{slug(suite)}--{slug(label)}.html"


def short_env(env: str) -> str:
    """An environment's id without the name of this package."""
    return env.removeprefix("chipgym/")


def families_of(tasks: Mapping[str, str]) -> list[str]:
    """Families of some tasks, given as their environments by label."""
    return list(dict.fromkeys(map(family_of, tasks.values())))


def tag_of(entry: Entry) -> str:
    """Attributes by which a submission's row is filtered: of its families, their numbers."""
    head, found = entry.submission, entry.verification
    every = families_of(found.suite_tasks)
    families = sorted({every.index(family_of(task.env)) for task in found.tasks})
    text = f"{head.name} {' '.join(head.authors)}"
    return row_tag(kind=head.kind, text=text, method=slug(entry.folder), families=families)


def toolbar(placeholder: str, *, kinds: bool = True, families: Sequence[str] = ()) -> str:
    """Search and filters; the script shows them."""
    parts = [
        '<label class="find">Find <input type="search" name="q" '
        f'placeholder="{escape(placeholder)}" autocomplete="off"></label>'
    ]
    if families:
        options = "".join(
            f'<option value="{slug(family)}" data-f="{number}">{escape(family)}</option>'
            for number, family in enumerate(families)
        )
        parts.append(
            '<label>Family <select name="family"><option value="">all</option>'
            f"{options}</select></label>"
        )
    if kinds:
        boxes = "".join(
            f'<label><input type="checkbox" name="kind" value="{kind}" checked>{kind}</label>'
            for kind in KINDS
        )
        parts.append(f"<fieldset><legend>Kind</legend>{boxes}</fieldset>")
    return (
        f'<form class="tools" role="search" hidden>{"".join(parts)}'
        '<output aria-live="polite"></output></form>'
    )


def ranking_table(board: Board, name: str, caption: str, extra: Sequence[Extra] = ()) -> str:
    """The submissions that have all of a board's tasks, best first, on a common scale."""
    scale = _common_scale(board.rows)
    rows = [
        [
            *_score_cells(place, row, scale),
            *(cell(row.entry) for _, cell in extra),
            *_budget_cells(row.entry),
        ]
        for place, row in enumerate(board.rows, 1)
    ]
    columns = (*RANKING, *(column for column, _ in extra), *BUDGET)
    return table(name, caption, columns, rows, tags=[tag_of(row.entry) for row in board.rows])


def coverage(board: Board) -> str:
    """Who is not ranked because of tasks that are missing, and what they have."""
    if not board.partial:
        return ""
    columns = (
        Column("method", "Method", heads=True, wraps=True),
        Column("kind", "Kind", wide=True),
        Column("count", "Tasks", numeric=True, best_first=True),
        Column("tasks", "Which", wraps=True),
    )
    rows = [
        [
            Cell(_submission_link(entry), entry.submission.name),
            Cell(badge(entry.submission.kind, entry.submission.kind), entry.submission.kind),
            Cell(f"{len(tasks)} of {len(board.tasks)}", len(tasks)),
            Cell(escape(", ".join(tasks)), tasks[0]),
        ]
        for entry, tasks in board.partial
    ]
    name = f"partial-{slug(board.level)}-{slug(board.name)}"
    inner = table(name, f"Not ranked: {board.name}", columns, rows, tags=_tags(board))
    count = plural(len(board.partial), "submission")
    verb = "has" if len(board.partial) == 1 else "have"
    return (
        f"<details><summary>Not ranked here: {count} that {verb} only some of these tasks"
        f"</summary>{inner}</details>"
    )


def _tags(board: Board) -> list[str]:
    return [tag_of(entry) for entry, _ in board.partial]


def _common_scale(rows: Sequence[Ranked]) -> tuple[float, float]:
    """Range that shows all points; long whiskers below it are cut."""
    values = [row.iqm for row in rows if row.iqm is not None] or [0.0]
    highs = [row.iqm_high for row in rows if row.iqm_high is not None] or [1.0]
    low = max(min(0.0, *values), -2.0)
    return low - 0.04, max(1.0, *highs) + 0.04


def _submission_link(entry: Entry) -> str:
    return link(f"../submissions/{slug(entry.folder)}.html", entry.submission.name)


def _score_cells(place: int, row: Ranked, scale: tuple[float, float]) -> list[Cell]:
    head = row.entry.submission
    authors = f'<span class="by">{escape(", ".join(head.authors))}</span>' if head.authors else ""
    text = f"{score_text(row.iqm_low)} to {score_text(row.iqm_high)}"
    mark = interval_mark(row.iqm, row.iqm_low, row.iqm_high, scale)
    small = f'<span class="narrow">{badge(head.kind, head.kind)}</span>'
    return [
        Cell(str(place), place),
        Cell(f"{_submission_link(row.entry)}{authors}{small}", head.name),
        Cell(badge(head.kind, head.kind), head.kind),
        Cell(f"<b>{score_text(row.iqm)}</b>", row.iqm),
        Cell(f'{mark}<span class="range">{text}</span>', row.iqm_low),
    ]


def _budget_cells(entry: Entry) -> list[Cell]:
    head = entry.submission
    steps, evaluations = head.training_steps, head.training_evaluations
    return [
        Cell(str(len(head.seeds)), len(head.seeds)),
        Cell(f"{steps:,}", steps),
        Cell(f"{evaluations:,}", evaluations),
        Cell(f"<time>{head.date}</time>", head.date),
    ]
