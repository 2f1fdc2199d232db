"""The page of a task: its ranking, curves, and the best-known solution of each instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from chipgym.leaderboards.best_known import BestKnown
from chipgym.leaderboards.ranking import Board, Entry, task_result
from chipgym.leaderboards.schema import TaskResult, family_of
from chipgym.leaderboards.site.best import best_table
from chipgym.leaderboards.site.charts import GREY, Series, line_chart
from chipgym.leaderboards.site.html import (
    Cell,
    Column,
    escape,
    link,
    number,
    page,
    plural,
    readable,
)
from chipgym.leaderboards.site.rankings import LEGEND, board_path, ranking_table, toolbar

__all__ = ["task_page"]

PROFILE_POINTS = 121
PROFILE_RANGE = (-1.0, 3.0)
"""Widest range of scores of a performance profile."""

Found = Sequence[tuple[Entry, TaskResult]]


def task_page(
    suite: str,
    board: Board,
    families: int,
    best: Sequence[BestKnown],
    solutions: Mapping[BestKnown, str],
) -> str:
    """A task: who is best, curves, and the best-known solution of each instance.

    Parameters
    ----------
    suite : str
        The suite.
    board : Board
        Of the task.
    families : int
        Number of families of the suite.
    best : sequence of BestKnown
        Best-known solutions of the task's instances.
    solutions : mapping
        Files of the solutions, from the site's folder.
    """
    label = board.name
    found = [
        (row.entry, result)
        for row in board.rows
        if (result := task_result(row.entry, label)) is not None
    ]
    task = found[0][1]
    mean = Column(
        "metric", readable(task.metric), numeric=True, best_first=not task.lower_is_better
    )
    ranking = ranking_table(
        board, "ranking", f"Ranking on {label}", [(mean, lambda entry: _mean(entry, label))]
    )
    facts = " · ".join(
        [
            f"<code>{escape(task.env)}</code>",
            f"scenario {escape(task.scenario or 'default')}",
            *([f"objective {escape(task.objective)}"] if task.objective else []),
            plural(len({result.instance for result in task.results}), "test instance"),
            f"simulator {escape(task.simulator_version)}",
        ]
    )
    family = family_of(task.env)
    crumbs = [link("../index.html", "Boards"), link(f"../{board_path(suite)}", suite)]
    if families > 1:
        crumbs.append(link(f"../{board_path(suite, family)}", family))
    better = "lower" if task.lower_is_better else "higher"
    return page(
        f"{label} · {suite}",
        f'<p class="crumbs">{" / ".join(crumbs)}</p><h1>{escape(label)}</h1>'
        f'<p class="lead">{facts}. Metric: {escape(readable(task.metric))}, {better} is better.</p>'
        f"{toolbar('method or author')}{ranking}{LEGEND}{_curves(found)}"
        f"{_instances(best, solutions)}",
        root="../",
        current="Boards",
    )


def _mean(entry: Entry, label: str) -> Cell:
    task = task_result(entry, label)
    value = None if task is None else task.mean_metric
    return Cell(number(value), value)


def _curves(found: Found) -> str:
    colours = _colours(found)
    profile = line_chart(
        "Share of runs with at least a score, over all seeds and instances (verified)",
        _profiles(found, colours),
        "score",
        "share of runs",
        y_range=(0.0, 1.0),
        steps=True,
    )
    curves = _learning_curves(found, colours)
    sections = [
        f"<h2>{title}</h2>{chart}"
        for title, chart in (("Performance profile", profile), ("Learning curves", curves))
        if chart
    ]
    return "".join(sections)


def _learning_curves(found: Found, colours: Mapping[str, int]) -> str:
    """Curves against evaluations; against steps where an evaluation outlasts the training."""
    curves = [
        (entry, curve)
        for entry, task in found
        if (curve := entry.submission.curves.get(task.label))
    ]
    counted = all(
        earlier.evaluations < later.evaluations
        for _, curve in curves
        for earlier, later in pairwise(curve)
    )
    cost = "simulator evaluations" if counted else "environment steps"
    return line_chart(
        f"Score against {cost}, with 95 % intervals over seeds; of a search, the best design by "
        "then and its evaluations on each instance (attested)",
        [
            Series(
                entry.submission.name,
                [(point.evaluations if counted else point.steps, point.score) for point in curve],
                [(point.low, point.high) for point in curve],
                colours.get(entry.folder, GREY),
            )
            for entry, curve in curves
        ],
        cost,
        "score",
    )


def _colours(found: Found) -> dict[str, int]:
    """Colour of a submission in both charts: the best ones, half of them with a curve."""
    curved = [entry.folder for entry, task in found if entry.submission.curves.get(task.label)]
    order = dict.fromkeys([*curved[: GREY // 2], *(entry.folder for entry, _ in found)])
    chosen = set(list(order)[:GREY])
    in_order = [entry.folder for entry, _ in found if entry.folder in chosen]
    return {folder: colour for colour, folder in enumerate(in_order)}


def _profiles(found: Found, colours: Mapping[str, int]) -> list[Series]:
    """Share of scores at or above each threshold."""
    scores = [
        (entry, [result.score for result in task.results if result.score is not None])
        for entry, task in found
    ]
    every = [score for _, values in scores for score in values] or [0.0]
    low = max(PROFILE_RANGE[0], min(0.0, *every))
    high = min(PROFILE_RANGE[1], max(1.1, *every) + 0.05)
    thresholds = [low + (high - low) * k / (PROFILE_POINTS - 1) for k in range(PROFILE_POINTS)]
    return [
        Series(
            entry.submission.name,
            _profile(values, thresholds),
            colour=colours.get(entry.folder, GREY),
        )
        for entry, values in scores
        if values
    ]


def _profile(scores: Sequence[float], thresholds: Sequence[float]) -> list[tuple[float, float]]:
    return [(limit, sum(score >= limit for score in scores) / len(scores)) for limit in thresholds]


def _instances(best: Sequence[BestKnown], solutions: Mapping[BestKnown, str]) -> str:
    if not best:
        return ""
    return f"<h2>Best-known solutions</h2>{best_table('instances', best, solutions, root='../')}"
