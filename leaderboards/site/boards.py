"""Pages of boards: the overview, the ranking of a suite, and one page a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipgym.leaderboards.ranking import BestKnown, Entry, rank_family, rank_task
from chipgym.leaderboards.schema import TaskResult, family_of
from chipgym.leaderboards.site.charts import Series, interval_mark, line_chart
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

__all__ = ["board_page", "board_path", "index_page", "task_page", "task_path"]

RANKING = (
    Column("rank", "#", numeric=True),
    Column("method", "Method"),
    Column("kind", "Kind", wide=True),
    Column("score", "Score", numeric=True),
    Column("interval", "95 % interval"),
)
BUDGET = (
    Column("seeds", "Seeds", numeric=True, wide=True),
    Column("steps", "Training steps*", numeric=True, wide=True),
    Column("evaluations", "Evaluations*", numeric=True, wide=True),
    Column("date", "Date", wide=True),
)
KINDS = ("heuristic", "learned", "search")
PROFILE_POINTS = 121
Interval = tuple[float | None, float | None, float | None]


def board_path(suite: str) -> str:
    """File of a suite's board, from the site's folder."""
    return f"boards/{slug(suite)}.html"


def task_path(suite: str, label: str) -> str:
    """File of a task's page, from the site's folder."""
    return f"tasks/{slug(suite)}--{slug(label)}.html"


def index_page(suites: dict[str, list[Entry]], best: Sequence[BestKnown]) -> str:
    """The first page: all boards."""
    cards = "".join(_board_card(name, group) for name, group in suites.items())
    if not cards:
        cards = '<p class="note">No verified submission yet.</p>'
    methods = sum(map(len, suites.values()))
    records = sum(e.verification.records for group in suites.values() for e in group)
    tiles = _tiles(
        [
            (str(len(suites)), "boards"),
            (str(methods), "verified submissions"),
            (f"{records:,}", "episodes replayed"),
            (str(len(best)), "instances with a best-known solution"),
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


def _tiles(facts: Sequence[tuple[str, str]]) -> str:
    inner = "".join(f"<div><dt>{escape(b)}</dt><dd>{escape(a)}</dd></div>" for a, b in facts)
    return f'<dl class="tiles">{inner}</dl>'


def _board_card(name: str, group: Sequence[Entry]) -> str:
    tasks = group[0].verification.suite_tasks
    families = dict.fromkeys(family_of(env) for env in tasks.values())
    leaders = "".join(
        f"<li><span>{escape(entry.submission.name)}</span>"
        f"<b>{score_text(entry.verification.iqm)}</b></li>"
        for entry in group[:3]
        if entry.verification.complete
    )
    listed = f"<ol>{leaders}</ol>" if leaders else ""
    return (
        f'<article class="card"><h3>{link(board_path(name), name)}</h3>'
        f"<p>{''.join(badge(family) for family in families)}</p>"
        f'<p class="note">{_counted(group, tasks)}</p>{listed}</article>'
    )


def _counted(group: Sequence[Entry], tasks: Mapping[str, str]) -> str:
    """How much there is."""
    return f"{plural(len(group), 'submission')} on {plural(len(tasks), 'task')}"


def board_page(name: str, group: Sequence[Entry]) -> str:
    """Ranking of a suite over all tasks, over each family, and its tasks."""
    tasks = group[0].verification.suite_tasks
    families = list(dict.fromkeys(family_of(env) for env in tasks.values()))
    whole = [entry for entry in group if entry.verification.complete]
    sections = []
    if whole or len(families) == 1:
        sections.append(_whole_section(group))
    if len(families) > 1 or not whole:
        sections += [_family_section(group, family) for family in families]
    rows = [_task_row(name, group, label, env) for label, env in tasks.items()]
    columns = (
        Column("task", "Task"),
        Column("family", "Family", wide=True),
        Column("env", "Environment", wide=True),
        Column("best", "Best method"),
        Column("score", "Score", numeric=True),
        Column("methods", "Methods", numeric=True, wide=True),
    )
    sections.append(f"<h2>Tasks</h2>{table('tasks', 'Tasks of the suite', columns, rows)}")
    return page(
        name,
        f'<p class="crumbs">{link("../index.html", "Boards")}</p><h1>{escape(name)}</h1>'
        f'<p class="lead">{_counted(group, tasks)}. The score is 0 for the '
        "random policy and 1 for the reference method; interquartile mean over seeds and "
        "instances.</p>"
        f"{_toolbar()}{''.join(sections)}{ATTESTED}",
        root="../",
        current="Boards",
    )


ATTESTED = (
    '<p class="note">* Attested by the submitter: a budget cannot be proven from actions.</p>'
)


def _toolbar() -> str:
    """Search and filters; the script shows them."""
    kinds = "".join(
        f'<label><input type="checkbox" name="kind" value="{kind}" checked>{kind}</label>'
        for kind in KINDS
    )
    return (
        '<form class="tools" role="search" hidden><label class="find">Find '
        '<input type="search" name="q" placeholder="method or author" autocomplete="off"></label>'
        f"<fieldset><legend>Kind</legend>{kinds}</fieldset>"
        '<output aria-live="polite"></output></form>'
    )


def _whole_section(group: Sequence[Entry]) -> str:
    found: list[tuple[Entry, Interval]] = [
        (e, (e.verification.iqm, e.verification.iqm_low, e.verification.iqm_high))
        for e in group
        if e.verification.complete
    ]
    return f"<h2>All tasks</h2>{_ranking('ranking', 'Ranking over all tasks', found)}"


def _family_section(group: Sequence[Entry], family: str) -> str:
    found: list[tuple[Entry, Interval]] = [
        (entry, (result.iqm, result.iqm_low, result.iqm_high))
        for entry, result in rank_family(group, family)
    ]
    if not found:
        return ""
    name = f"ranking-{slug(family)}"
    return f"<h2>{escape(family)}</h2>{_ranking(name, f'Ranking: {family}', found)}"


def _ranking(name: str, caption: str, found: Sequence[tuple[Entry, Interval]]) -> str:
    scale = _common_scale([interval for _, interval in found])
    rows = [
        [*_score_cells(place, entry, interval, scale), *_budget_cells(entry)]
        for place, (entry, interval) in enumerate(found, 1)
    ]
    return table(name, caption, (*RANKING, *BUDGET), rows, tags=[_tag(e) for e, _ in found])


def _tag(entry: Entry) -> str:
    """What a row is filtered by: kind, then the words that a search looks through."""
    head = entry.submission
    return f"{head.kind}|{head.name} {' '.join(head.authors)}".lower()


def _common_scale(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Range that shows all points; long whiskers below it are cut."""
    values = [v for v, _, _ in intervals if v is not None] or [0.0]
    highs = [h for _, _, h in intervals if h is not None] or [1.0]
    low = max(min(0.0, *values), -2.0)
    return low - 0.04, max(1.0, *highs) + 0.04


def _score_cells(
    place: int, entry: Entry, interval: Interval, scale: tuple[float, float]
) -> list[Cell]:
    head = entry.submission
    value, low, high = interval
    authors = f'<span class="by">{escape(", ".join(head.authors))}</span>' if head.authors else ""
    text = f"{score_text(low)} to {score_text(high)}"
    return [
        Cell(str(place), place),
        Cell(f"{link(f'../submissions/{slug(entry.folder)}.html', head.name)}{authors}", head.name),
        Cell(badge(head.kind, head.kind), head.kind),
        Cell(f"<b>{score_text(value)}</b>", value),
        Cell(f'{interval_mark(*interval, scale)}<span class="range">{text}</span>', low),
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


def _task_row(suite: str, group: Sequence[Entry], label: str, env: str) -> list[Cell]:
    found = rank_task(group, label)
    family = family_of(env)
    name = found[0][0].submission.name if found else "–"
    score = found[0][1].iqm if found else None
    return [
        Cell(link(f"../{task_path(suite, label)}", label), label),
        Cell(escape(family), family),
        Cell(f"<code>{escape(env)}</code>", env),
        Cell(escape(name), name),
        Cell(score_text(score), score),
        Cell(str(len(found)), len(found)),
    ]


def task_page(suite: str, label: str, group: Sequence[Entry], best: Sequence[BestKnown]) -> str:
    """A task: who is best, curves, and the best-known solution of each instance."""
    found = rank_task(group, label)
    task = found[0][1]
    intervals: list[Interval] = [(t.iqm, t.iqm_low, t.iqm_high) for _, t in found]
    scale = _common_scale(intervals)
    columns = (
        *RANKING,
        Column("metric", readable(task.metric), numeric=True),
        *BUDGET,
    )
    rows = [
        [
            *_score_cells(place, entry, interval, scale),
            Cell(number(result.mean_metric), result.mean_metric),
            *_budget_cells(entry),
        ]
        for place, ((entry, result), interval) in enumerate(zip(found, intervals, strict=True), 1)
    ]
    ranking = table(
        "ranking", f"Ranking on {label}", columns, rows, tags=[_tag(e) for e, _ in found]
    )
    facts = " · ".join(
        [
            f"<code>{escape(task.env)}</code>",
            f"scenario {escape(task.scenario or 'default')}",
            *([f"objective {escape(task.objective)}"] if task.objective else []),
            plural(len({r.instance for r in task.results}), "test instance"),
            f"simulator {escape(task.simulator_version)}",
        ]
    )
    better = "lower" if task.lower_is_better else "higher"
    return page(
        f"{label} · {suite}",
        f'<p class="crumbs">{link("../index.html", "Boards")} / '
        f"{link(f'../{board_path(suite)}', suite)}</p><h1>{escape(label)}</h1>"
        f'<p class="lead">{facts}. Metric: {escape(readable(task.metric))}, {better} is better.</p>'
        f"{_toolbar()}{ranking}{ATTESTED}{_curves(found)}{_instances(best)}",
        root="../",
        current="Boards",
    )


def _curves(found: Sequence[tuple[Entry, TaskResult]]) -> str:
    profile = line_chart(
        "Share of runs with at least a score, over all seeds and instances (verified)",
        [Series(entry.submission.name, _profile(task)) for entry, task in found],
        "score",
        "share of runs",
        y_range=(0.0, 1.0),
        steps=True,
    )
    learning = line_chart(
        "Score against simulator evaluations spent, with 95 % intervals over seeds (attested)",
        [
            Series(
                entry.submission.name,
                [(point.evaluations, point.score) for point in curve],
                [(point.low, point.high) for point in curve],
            )
            for entry, task in found
            if (curve := entry.submission.curves.get(task.label))
        ],
        "evaluations",
        "score",
    )
    sections = [
        f"<h2>{title}</h2>{chart}"
        for title, chart in (("Performance profile", profile), ("Learning curves", learning))
        if chart
    ]
    return "".join(sections)


def _profile(task: TaskResult) -> list[tuple[float, float]]:
    """Share of scores at or above each threshold."""
    scores = [result.score for result in task.results if result.score is not None]
    if not scores:
        return []
    low, high = -0.5, 1.5
    points = []
    for k in range(PROFILE_POINTS):
        threshold = low + (high - low) * k / (PROFILE_POINTS - 1)
        points.append((threshold, sum(score >= threshold for score in scores) / len(scores)))
    return points


def _instances(best: Sequence[BestKnown]) -> str:
    columns = (
        Column("instance", "Instance"),
        Column("value", "Best known", numeric=True),
        Column("score", "Score", numeric=True),
        Column("method", "Method"),
        Column("seed", "Seed", numeric=True, wide=True),
    )
    rows = [
        [
            Cell(f"<code>{escape(entry.instance_id)}</code>", entry.instance),
            Cell(number(entry.value), entry.value),
            Cell(score_text(entry.score), entry.score),
            Cell(link(f"../submissions/{slug(entry.folder)}.html", entry.name), entry.name),
            Cell(str(entry.seed), entry.seed),
        ]
        for entry in best
    ]
    if not rows:
        return ""
    return (
        "<h2>Best-known solutions</h2>"
        f"{table('instances', 'Best-known solution of each instance', columns, rows)}"
    )
