"""The table of all submissions and all tasks: who has what, and how well it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipgym.leaderboards.ranking import Entry
from chipgym.leaderboards.schema import family_of
from chipgym.leaderboards.site.html import escape, framed, link, score_text, slug
from chipgym.leaderboards.site.rankings import families_of, tag_of, task_path

__all__ = ["matrix"]

LEVELS = (0.0, 0.5, 0.9, 1.0)
"""Scores from which a cell has the next darker ground."""

KEY = (
    '<ul class="legend heat" aria-label="Grounds of the cells">'
    '<li class="h0">below 0</li><li class="h1">0 to 0.5</li><li class="h2">0.5 to 0.9</li>'
    '<li class="h3">0.9 to 1</li><li class="h4">1 and above</li><li><b>bold</b>: best of the task'
    "</li></ul>"
)


def matrix(
    suite: str, entries: Sequence[Entry], tasks: Mapping[str, str], families: Sequence[str]
) -> str:
    """Scores of submissions on tasks.

    Parameters
    ----------
    suite : str
        The suite.
    entries : sequence of Entry
        Rows, in order.
    tasks : mapping
        Environment of each task that has a column, by label.
    families : sequence of str
        Families of the suite; a cell bears its family's number, by which the script filters.
    """
    number = {label: families.index(family_of(env)) for label, env in tasks.items()}
    best = {label: _best(entries, label) for label in tasks}
    rows = "".join(_row(entry, tasks, number, best) for entry in entries)
    had = {task.label for entry in entries for task in entry.verification.tasks}
    links = {label: task_path(suite, label) for label in tasks if label in had}
    content = f"{_heads(tasks, number, families, links)}<tbody>{rows}</tbody>"
    return framed("scores", "Score of each submission on each task", content, "matrix") + KEY


def _scores(entry: Entry) -> dict[str, float | None]:
    return {task.label: task.iqm for task in entry.verification.tasks}


def _best(entries: Sequence[Entry], label: str) -> float | None:
    found = [_scores(entry).get(label) for entry in entries]
    return max((score for score in found if score is not None), default=None)


def _heads(
    tasks: Mapping[str, str],
    number: Mapping[str, int],
    families: Sequence[str],
    links: Mapping[str, str],
) -> str:
    """Two rows: families over their tasks, each with a button that sorts and a link."""
    groups = "".join(
        f'<th scope="colgroup" data-f="{families.index(family)}" '
        f'colspan="{sum(number[label] == families.index(family) for label in tasks)}">'
        f"<span>{escape(family)}</span></th>"
        for family in families_of(tasks)
    )
    columns = "".join(
        f'<th scope="col" data-key="{slug(label)}" data-first="desc" data-f="{number[label]}">'
        f'<button type="button"><span>{escape(label)}</span></button>'
        f"{_task_link(label, links)}</th>"
        for label in tasks
    )
    method = (
        '<th scope="col" rowspan="2" data-key="method"><button type="button">Method</button></th>'
    )
    count = (
        '<th scope="col" rowspan="2" data-key="count" data-first="desc" class="n">'
        '<button type="button">Tasks</button></th>'
    )
    return f"<thead><tr>{method}{count}{groups}</tr><tr>{columns}</tr></thead>"


def _task_link(label: str, links: Mapping[str, str]) -> str:
    if label not in links:
        return ""
    return f'<a href="../{links[label]}" aria-label="Page of {escape(label)}">→</a>'


def _row(
    entry: Entry,
    tasks: Mapping[str, str],
    number: Mapping[str, int],
    best: Mapping[str, float | None],
) -> str:
    scores = _scores(entry)
    had = [label for label in tasks if label in scores]
    cells = "".join(_cell(label, scores, number[label], best[label]) for label in tasks)
    name = link(f"../submissions/{slug(entry.folder)}.html", entry.submission.name)
    return (
        f'<tr {tag_of(entry)}><th scope="row">{name}</th><td class="n" data-v="{len(had)}">'
        f"{len(had)}</td>{cells}</tr>"
    )


def _cell(label: str, scores: Mapping[str, float | None], family: int, best: float | None) -> str:
    if label not in scores:
        return f'<td data-f="{family}"></td>'
    score = scores[label]
    if score is None:
        return f'<td data-f="{family}">–</td>'
    level = sum(score >= limit for limit in LEVELS)
    text = score_text(score, 2)
    shown = f"<b>{text}</b>" if score == best else text
    return f'<td class="h{level}" data-f="{family}" data-v="{score:.6g}">{shown}</td>'
