"""Verified scores of the baselines on an environment's tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from chipgym.leaderboards.ranking import (
    Entry,
    boards_of,
    by_suite,
    load_entries,
    task_result,
)
from chipgym.leaderboards.schema import TaskResult
from generators.markdown import ROOT, short, table

SUBMISSIONS = ROOT / "leaderboards" / "submissions"
SUITE = "core-v0"
INTRODUCTION = (
    "Of `{suite}`, as verified by replaying the actions of the submissions in "
    "`leaderboards/submissions`. The score is 0 for the random policy and 1 for the reference "
    "method; interquartile mean over seeds and test instances, with the 95 % interval of a "
    "stratified bootstrap. [How scores are made](../protocol.md), [all "
    "boards](../leaderboards.md).\n"
)
COMMANDS = """
```bash
chipgym benchmark {suite} --out runs/{suite}
chipgym leaderboard submit runs/{suite} --out leaderboards/submissions
```
"""
# Units at the end of metrics' names.
UNITS = {
    "_pj_ns": "pJ·ns",
    "_j_us": "J·µs",
    "_pj": "pJ",
    "_nj": "nJ",
    "_us": "µs",
    "_ns": "ns",
    "_ps": "ps",
    "_mw": "mW",
    "_um2": "µm²",
    "_j": "J",
    "_cycles": "cycles",
}


@cache
def entries(folder: Path = SUBMISSIONS) -> tuple[Entry, ...]:
    """Verified submissions below a folder."""
    return tuple(load_entries(folder)) if folder.is_dir() else ()


def score_section(env_id: str, folder: Path = SUBMISSIONS, suite: str = SUITE) -> str:
    """Section with a table for each task of a suite on an environment, best method first."""
    text = "\n## Baseline scores\n\n"
    group = by_suite(entries(folder)).get(suite, [])
    tables = list(_tables(group, env_id))
    if not tables:
        return text + f"No verified submission of `{suite}` is there yet.\n"
    made = COMMANDS.format(suite=suite)
    return text + INTRODUCTION.format(suite=suite) + made + "".join(tables)


def _tables(group: Sequence[Entry], env_id: str) -> Iterator[str]:
    for board in boards_of(group) if group else []:
        found = [(row.entry, task_result(row.entry, board.name)) for row in board.rows]
        ranked = [(entry, result) for entry, result in found if result is not None]
        if board.level == "task" and ranked and ranked[0][1].env == env_id:
            yield _task_table(board.name, ranked)


def _task_table(label: str, found: Sequence[tuple[Entry, TaskResult]]) -> str:
    task = found[0][1]
    name, unit = metric_words(task.metric)
    head = ["method", "kind", f"{name}{f' ({unit})' if unit else ''}", "score", "95 %", "seeds"]
    rows = [
        [
            entry.submission.name,
            entry.submission.kind,
            short(result.mean_metric),
            _score(result.iqm),
            _interval(result),
            len(entry.submission.seeds),
        ]
        for entry, result in found
    ]
    instances = len({result.instance for result in task.results})
    better = "lower" if task.lower_is_better else "higher"
    plural = "s" if instances > 1 else ""
    text = f"\n### {label}\n\nScenario `{task.scenario or 'default'}`, {instances} test "
    text += f"instance{plural}; of the metric {better} is better.\n\n"
    return text + table(head, rows, right=[2, 3, 4, 5])


def metric_words(metric: str) -> tuple[str, str]:
    """Split a metric's name into words and unit: ``mean_latency_us`` into mean latency, µs."""
    ending = next((end for end in UNITS if metric.endswith(end)), "")
    stem = metric.removesuffix(ending)
    return re.sub("_", " ", stem), UNITS.get(ending, "")


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(result: TaskResult) -> str:
    if result.iqm_low is None or result.iqm_high is None:
        return "–"
    return f"{_score(result.iqm_low)} to {_score(result.iqm_high)}"
