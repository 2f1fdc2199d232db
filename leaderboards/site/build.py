"""Builds the site: ``index.html``, ``leaderboard.json`` and ``best_known.json``."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from chipgym.leaderboards.ranking import BestKnown, Entry, best_known, rank
from chipgym.simulators.core.files import write_json, write_text

__all__ = ["build_site"]

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2330; --muted: #5c6675;
  --grid: #e3e7ed; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e6eaf0; --muted: #9aa5b5;
  --grid: #2a323e; } }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; }
p { max-width: 46rem; } .note { color: var(--muted); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; text-align: left; border-bottom: 1px solid var(--grid);
  white-space: nowrap; }
th { color: var(--muted); } td.n, th.n { text-align: right; }
"""


def build_site(entries: Sequence[Entry], out: str | Path) -> Path:
    """Write the site of some verified submissions; returns the page's path."""
    root = Path(out)
    suites = rank(entries)
    best = best_known(entries)
    ranking = {name: [entry.document() for entry in group] for name, group in suites.items()}
    write_json(root / "leaderboard.json", {"suites": ranking})
    write_json(root / "best_known.json", [solution.document() for solution in best])
    write_text(root / "index.html", _page(suites, best))
    return root / "index.html"


def _page(suites: dict[str, list[Entry]], best: Sequence[BestKnown]) -> str:
    sections = [_suite(name, group) for name, group in suites.items()]
    if not sections:
        sections = ["<p class='note'>No verified submission yet.</p>"]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>ChipGym leaderboards</title><style>{STYLE}</style></head><body>"
        "<h1>ChipGym leaderboards</h1><p>Every submission is a set of actions and schedules. Each "
        "was replayed in a fresh process, checked for feasibility by rules written apart from the "
        "simulator, and its statistics were recomputed; only those are ranked. Training budgets "
        "cannot be proven from artefacts: they are the submitters' word.</p>"
        f"{''.join(sections)}{_best(best)}</body></html>\n"
    )


def _suite(name: str, group: Sequence[Entry]) -> str:
    tasks = [(task.label, task.metric) for task in group[0].verification.tasks]
    heads = ["#", "method", "kind", "authors", "score, IQM [95 % interval]"]
    heads += [f"{label}: {metric}" for label, metric in tasks]
    heads += ["seeds", "training steps (attested)", "evaluations (attested)", "date"]
    rows = []
    for place, entry in enumerate(group, 1):
        head, found = entry.submission, entry.verification
        means = {task.label: task.mean_metric for task in found.tasks}
        cells = [str(place), head.name, head.kind, ", ".join(head.authors) or "–"]
        cells.append(f"{_number(found.iqm)} [{_number(found.iqm_low)}, {_number(found.iqm_high)}]")
        cells += [f"{means[label]:,.2f}" if label in means else "–" for label, _ in tasks]
        cells += [str(len(head.seeds)), f"{head.training_steps:,}"]
        cells += [f"{head.training_evaluations:,}", head.date]
        rows.append(cells)
    return (
        f"<h2>Suite {html.escape(name)}</h2>{_table(heads, rows, {0, *range(4, len(heads) - 1)})}"
    )


def _best(best: Sequence[BestKnown]) -> str:
    if not best:
        return ""
    heads = ["environment", "scenario", "instance", "metric", "best known", "method", "seed"]
    rows = [
        [
            entry.env,
            entry.scenario or "default",
            entry.instance_id,
            entry.metric,
            f"{entry.value:,.3f}",
            entry.name,
            str(entry.seed),
        ]
        for entry in best
    ]
    return f"<h2>Best-known solutions</h2>{_table(heads, rows, {4, 6})}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: set[int]) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if k in numeric else ''}>{html.escape(value)}</{tag}>"
            for k, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f"<div class='scroll'><table><thead><tr>{cells('th', heads)}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
