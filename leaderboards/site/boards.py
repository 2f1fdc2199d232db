"""Pages of boards: the first page, the boards of a suite, and those of a family in it.

A method is made for an environment: a list scheduler decides on SocScheduling-v0 and on nothing
else. So environments come first on every page, with rankings over all their tasks; rankings over a
family or a suite follow, for those who have all of its tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipgym.leaderboards.best_known import BestKnown
from chipgym.leaderboards.ranking import Board, Entry
from chipgym.leaderboards.schema import family_of
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    badge,
    escape,
    link,
    page,
    plural,
    row_tag,
    score_text,
    slug,
    table,
)
from chipgym.leaderboards.site.matrix import matrix
from chipgym.leaderboards.site.rankings import (
    LEGEND,
    board_path,
    coverage,
    families_of,
    ranking_table,
    short_env,
    task_path,
    toolbar,
)

__all__ = ["family_page", "index_page", "suite_page"]

FIND = "method or author"


def index_page(suites: Mapping[str, Sequence[Board]], best: Sequence[BestKnown]) -> str:
    """The first page: all suites, and who leads on each environment."""
    cards = "".join(_suite_card(name, boards) for name, boards in suites.items())
    if not cards:
        cards = '<p class="note">No verified submission yet.</p>'
    entries = [entry for boards in suites.values() for entry in _submissions(boards)]
    tiles = _tiles(
        [
            (len(suites), "suite"),
            (len(entries), "verified submission"),
            (sum(entry.verification.records for entry in entries), "replayed episode"),
            (len(best), "best-known solution"),
        ]
    )
    return page(
        "Boards",
        "<h1>Chip design, ranked by what can be replayed</h1>"
        '<p class="lead">A submission is a set of actions. Each was replayed in a fresh process, '
        "checked by rules written apart from the simulators, and only what came out is ranked.</p>"
        f'{tiles}<h2>Boards</h2><div class="cards">{cards}</div>',
        current="Boards",
    )


def _submissions(boards: Sequence[Board]) -> list[Entry]:
    """All submissions of a suite: those that have all tasks, then the others."""
    return [row.entry for row in boards[0].rows] + [entry for entry, _ in boards[0].partial]


def _tasks(boards: Sequence[Board]) -> dict[str, str]:
    return dict(_submissions(boards)[0].verification.suite_tasks)


def _tiles(facts: Sequence[tuple[int, str]]) -> str:
    inner = "".join(
        f"<div><dt>{name}{'' if count == 1 else 's'}</dt><dd>{count:,}</dd></div>"
        for count, name in facts
    )
    return f'<dl class="tiles">{inner}</dl>'


def _suite_card(suite: str, boards: Sequence[Board]) -> str:
    tasks = _tasks(boards)
    families = families_of(tasks)
    groups = "".join(
        f"<section><h4>{_family_link(suite, family, families)}</h4>"
        f"<ul>{_leaders(_of_environments(boards, tasks, family), tasks)}</ul></section>"
        for family in families
    )
    return (
        f'<article class="card"><h3>{link(board_path(suite), suite)}</h3>'
        f'<p class="note">{_counted(boards)}</p><div class="groups">{groups}</div></article>'
    )


def _family_link(suite: str, family: str, families: Sequence[str]) -> str:
    return link(board_path(suite, family if len(families) > 1 else ""), family)


def _leaders(boards: Sequence[Board], tasks: Mapping[str, str]) -> str:
    """Best method of each environment."""
    items = []
    for board in boards:
        first = board.rows[0] if board.rows else None
        name = first.entry.submission.name if first else "–"
        items.append(
            f"<li><small>{escape(short_env(tasks[board.tasks[0]]))}</small>"
            f"<span>{escape(name)}</span><b>{score_text(first.iqm if first else None)}</b></li>"
        )
    return "".join(items)


def _of_environments(boards: Sequence[Board], tasks: Mapping[str, str], family: str) -> list[Board]:
    """The board over the tasks of each environment of a family, whatever it is called."""
    found = []
    for env in dict.fromkeys(env for env in tasks.values() if family_of(env) == family):
        labels = tuple(label for label, own in tasks.items() if own == env)
        found.append(next(board for board in boards if board.tasks == labels))
    return found


def _counted(boards: Sequence[Board]) -> str:
    """How much there is."""
    count = plural(len(_submissions(boards)), "submission")
    return f"{count} on {plural(len(boards[0].tasks), 'task')}"


def suite_page(suite: str, boards: Sequence[Board]) -> str:
    """A suite: who leads where, the ranking over all tasks, and the scores on each."""
    tasks = _tasks(boards)
    families = families_of(tasks)
    several = families if len(families) > 1 else ()
    environments = [b for f in families for b in _of_environments(boards, tasks, f)]
    sections = []
    if len(environments) > 1:
        sections.append(f"<h2>Leaders</h2>{_leader_table(suite, environments, tasks, families)}")
    whole = f"<h2>All {len(tasks)} tasks</h2>" if len(tasks) > 1 else ""
    sections.append(whole + _ranking(boards[0], "ranking"))
    if not several:
        sections += [_section(board, tasks) for board in environments if board is not boards[0]]
    sections += [
        f"<h2>Scores by task</h2>{matrix(suite, _submissions(boards), tasks, families)}",
        _task_table(suite, boards, tasks, families),
    ]
    return page(
        suite,
        f'<p class="crumbs">{link("../index.html", "Boards")}</p><h1>{escape(suite)}</h1>'
        f'<p class="lead">{_counted(boards)}. Scores are interquartile means over seeds and '
        "instances; a ranking holds those who have all of its tasks.</p>"
        f"{_tabs(suite, families, '')}{toolbar(FIND, families=several)}"
        f"{''.join(sections)}{LEGEND}",
        root="../",
        current="Boards",
    )


def family_page(suite: str, family: str, boards: Sequence[Board]) -> str:
    """A family in a suite: a ranking for each environment, then over all of the family."""
    every = _tasks(boards)
    families = families_of(every)
    tasks = {label: env for label, env in every.items() if family_of(env) == family}
    environments = _of_environments(boards, every, family)
    sections = [_section(board, tasks) for board in environments]
    if len(environments) > 1:
        whole = next(board for board in boards if board.tasks == tuple(tasks))
        sections.append(f"<h2>The whole family</h2>{_ranking(whole, 'ranking')}")
    own = [e for e in _submissions(boards) if any(t.label in tasks for t in e.verification.tasks)]
    sections += [
        f"<h2>Scores by task</h2>{matrix(suite, own, tasks, families)}",
        _task_table(suite, boards, tasks, families),
    ]
    crumbs = f"{link('../index.html', 'Boards')} / {link(f'../{board_path(suite)}', suite)}"
    return page(
        f"{family} · {suite}",
        f'<p class="crumbs">{crumbs}</p><h1>{escape(family)}</h1>'
        f'<p class="lead">{plural(len(own), "submission")} on {plural(len(tasks), "task")} of '
        f"{plural(len(environments), 'environment')}. Methods for the same environment compare "
        "with one another; so each has its ranking.</p>"
        f"{_tabs(suite, families, family)}{toolbar(FIND)}{''.join(sections)}{LEGEND}",
        root="../",
        current="Boards",
    )


def _tabs(suite: str, families: Sequence[str], current: str) -> str:
    """Links to the pages of a suite."""
    if len(families) == 1:
        return ""
    entries = [("", "Overview"), *((family, family) for family in families)]
    links = "".join(
        f'<a href="../{board_path(suite, family)}"'
        f"{' aria-current=page' if family == current else ''}>{escape(title)}</a>"
        for family, title in entries
    )
    return f'<nav class="tabs" aria-label="Families of {escape(suite)}">{links}</nav>'


def _section(board: Board, tasks: Mapping[str, str]) -> str:
    """The ranking of one environment."""
    env = tasks[board.tasks[0]]
    names = "".join(badge(label) for label in board.tasks)
    return (
        f"<h2>{escape(short_env(env))}</h2><p>{names}</p>{_ranking(board, f'ranking-{slug(env)}')}"
    )


def _ranking(board: Board, name: str) -> str:
    if not board.rows:
        empty = '<p class="note">No submission has all of these tasks yet.</p>'
        return empty + coverage(board)
    return ranking_table(board, name, f"Ranking: {board.name}") + coverage(board)


def _leader_table(
    suite: str, boards: Sequence[Board], tasks: Mapping[str, str], families: Sequence[str]
) -> str:
    columns = (
        Column("environment", "Environment", heads=True),
        Column("family", "Family", wide=True),
        Column("tasks", "Tasks", numeric=True, wide=True, best_first=True),
        Column("best", "Best method", wraps=True),
        Column("kind", "Kind", wide=True),
        Column("score", "Score", numeric=True, best_first=True),
        Column("range", "95 % interval", wide=True),
        Column("methods", "Ranked", numeric=True, wide=True, best_first=True),
    )
    rows, tags = [], []
    for board in boards:
        env = tasks[board.tasks[0]]
        family = family_of(env)
        place = "" if len(families) == 1 else f"../{board_path(suite, family)}"
        rows.append(
            [
                Cell(link(f"{place}#ranking-{slug(env)}", short_env(env)), env),
                Cell(escape(family), family),
                Cell(str(len(board.tasks)), len(board.tasks)),
                *_first(board),
                Cell(str(len(board.rows)), len(board.rows)),
            ]
        )
        tags.append(row_tag(families=[families.index(family)]))
    return table("leaders", "Best method of each environment", columns, rows, tags=tags)


def _first(board: Board) -> list[Cell]:
    """Name, kind and score of who leads."""
    if not board.rows:
        return [Cell("–"), Cell(""), Cell("–"), Cell("")]
    row = board.rows[0]
    head = row.entry.submission
    target = f"../submissions/{slug(row.entry.folder)}.html"
    text = f"{score_text(row.iqm_low)} to {score_text(row.iqm_high)}"
    return [
        Cell(link(target, head.name), head.name),
        Cell(badge(head.kind, head.kind), head.kind),
        Cell(f"<b>{score_text(row.iqm)}</b>", row.iqm),
        Cell(text, row.iqm_low),
    ]


def _task_table(
    suite: str, boards: Sequence[Board], tasks: Mapping[str, str], families: Sequence[str]
) -> str:
    columns = (
        Column("task", "Task", heads=True),
        Column("family", "Family", wide=True),
        Column("env", "Environment", wide=True),
        Column("best", "Best method", wraps=True),
        Column("kind", "Kind", wide=True),
        Column("score", "Score", numeric=True, best_first=True),
        Column("range", "95 % interval", wide=True),
        Column("methods", "Methods", numeric=True, wide=True, best_first=True),
    )
    rows, tags = [], []
    for label, env in tasks.items():
        board = next(b for b in boards if b.level == "task" and b.name == label)
        family = family_of(env)
        shown = link(f"../{task_path(suite, label)}", label) if board.rows else escape(label)
        rows.append(
            [
                Cell(shown, label),
                Cell(escape(family), family),
                Cell(f"<code>{escape(short_env(env))}</code>", env),
                *_first(board),
                Cell(str(len(board.rows)), len(board.rows)),
            ]
        )
        tags.append(row_tag(families=[families.index(family)]))
    return (
        f"<h2>Tasks</h2>{table('tasks', 'Tasks and who leads on them', columns, rows, tags=tags)}"
    )
