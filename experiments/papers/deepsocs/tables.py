"""Tables of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.papers.deepsocs.analysis import Records, mean_interval
from chipgym.experiments.papers.deepsocs.entrants import ENTRANTS
from chipgym.experiments.papers.deepsocs.points import Sweep
from chipgym.experiments.statistics import Interval

__all__ = [
    "ablation_table",
    "bound_table",
    "brittleness_table",
    "gain_table",
    "latency_table",
    "omission_table",
]

NOT_PLAYED = "-"


def latency_table(records: Records, sweep: Sweep, names: Sequence[str]) -> Table:
    """Mean latency of everybody at every value."""
    return _sweep_table(
        records,
        sweep,
        names,
        f"{sweep.title}: mean job latency in µs (columns: {sweep.axis})",
        lambda name, point: f"{records.latency(name, point).value:.1f}",
    )


def gain_table(records: Records, sweep: Sweep, names: Sequence[str]) -> Table:
    """Gain over ETF of everybody at every value, with intervals."""
    return _sweep_table(
        records,
        sweep,
        [name for name in names if name != "ETF"],
        f"{sweep.title}: mean job latency below that of ETF in %, paired by stream, with 95 % "
        f"intervals over streams and training seeds (columns: {sweep.axis})",
        lambda name, point: _text(records.gain(name, point)),
    )


def _sweep_table(
    records: Records, sweep: Sweep, names: Sequence[str], title: str, cell: Any
) -> Table:
    rows = []
    for name in names:
        points = [point for point in sweep.points.values() if records.played(name, point)]
        if not points:
            continue
        row: dict[str, object] = {
            "scheduler": name,
            "kind": ENTRANTS[name].kind,
            "seeds x streams": _counts(records, name, points),
        }
        for value, point in sweep.points.items():
            played = records.played(name, point)
            row[f"{value:g}"] = cell(name, point) if played else NOT_PLAYED
        rows.append(row)
    return Table.of(title, rows)


def _counts(records: Records, name: str, points: Sequence[str]) -> str:
    """Training seeds and streams, and of how many pairs of them there is a record."""
    facts = records.facts(name, points[0])
    seeds, streams, episodes = facts["training_seeds"], facts["streams"], facts["episodes"]
    every = f"{seeds} x {streams}"
    assert isinstance(seeds, int)
    assert isinstance(streams, int)
    return every if episodes == seeds * streams else f"{every}, {episodes} pairs"


def brittleness_table(
    records: Records, sweep: Sweep, names: Sequence[str]
) -> tuple[Table, dict[str, Any]]:
    """How latency grows with noise, and how much more than that of ETF; also as a document."""
    calm, *noisy = sweep.points.items()
    rows: list[dict[str, object]] = []
    document: dict[str, Any] = {}
    for name in names:
        if not records.played(name, calm[1]):
            continue
        row: dict[str, object] = {"scheduler": name, "kind": ENTRANTS[name].kind}
        document[name] = {}
        for value, point in noisy:
            if not records.played(name, point):
                row[f"{value:g} %"] = NOT_PLAYED
                continue
            growth = records.growth(name, point, calm[1])
            excess = records.excess_growth(name, point, calm[1])
            row[f"{value:g} %"] = f"{growth.value:.1f} ({_text(excess)})"
            document[name][f"{value:g}"] = {
                "growth_percent": growth.document(),
                "growth_above_etf_points": excess.document(),
            }
        rows.append(row)
    title = (
        "Growth of a stream's mean job latency from no noise to that in the column, in %, and in "
        "brackets how far it is above that of ETF, in percentage points with 95 % intervals"
    )
    return Table.of(title, rows), document


def bound_table(
    records: Records, bounds: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]
) -> tuple[Table, dict[str, Any]]:
    """How far schedulers are above the clairvoyant lower bound; also as a document."""
    first: dict[str, object] = {"scheduler": "streams with proven optimum", "kind": ""}
    second: dict[str, object] = {"scheduler": "best schedule found", "kind": "clairvoyant"}
    document: dict[str, Any] = {}
    for point, found in bounds.items():
        proven = sum(entry["status"] == "optimal" for entry in found)
        first[point] = f"{proven} of {len(found)}"
        ratios = [
            100.0 * (entry["found_us"] / entry["bound_us"] - 1.0)
            for entry in found
            if entry["found_us"] is not None
        ]
        gap = mean_interval(ratios) if ratios else Interval(np.nan, np.nan, np.nan)
        second[point] = _text(gap)
        document[point] = {"proven": proven, "streams": len(found), "found": gap.document()}
    rows = [first, second]
    for name in names:
        row: dict[str, object] = {"scheduler": name, "kind": ENTRANTS[name].kind}
        for point, found in bounds.items():
            if records.played(name, point):
                gap = records.gap(name, point, [entry["bound_us"] for entry in found])
                row[point] = _text(gap)
                document[point][name] = gap.document()
            else:
                row[point] = NOT_PLAYED
        if any(records.played(name, point) for point in bounds):
            rows.append(row)
    title = (
        "Mean job latency above the clairvoyant lower bound of the exact solver, in %, with 95 % "
        "intervals over streams (and training seeds)"
    )
    return Table.of(title, rows), document


def ablation_table(
    records: Records, points: Sequence[str], names: Sequence[str]
) -> tuple[Table, dict[str, Any]]:
    """Gain over ETF of agents and of their ablations, and what each ablation loses."""
    rows: list[dict[str, object]] = []
    document: dict[str, Any] = {}
    for point in points:
        for name in names:
            whole = ENTRANTS[name].of
            if not records.played(name, point):
                continue
            gain = records.gain(name, point)
            row: dict[str, object] = {
                "scheduler": name,
                "point": point,
                "seeds x streams": _counts(records, name, [point]),
                "below ETF, %": _text(gain),
                "lost, points": NOT_PLAYED,
            }
            facts: dict[str, Any] = {"gain_percent": gain.document()}
            if whole and records.played(whole, point):
                loss = records.loss(whole, name, point)
                row["lost, points"] = _text(loss)
                facts["lost_points"] = loss.document()
            document.setdefault(name, {})[point] = facts
            rows.append(row)
    title = (
        "Ablations: mean job latency below that of ETF, and percentage points lost against the "
        "whole agent, paired by stream, with 95 % intervals"
    )
    return Table.of(title, rows), document


def omission_table(records: Records) -> Table:
    """Who did not play where, and why."""
    rows: list[dict[str, object]] = []
    for name, at in records.omitted.items():
        for reason in dict.fromkeys(at.values()):
            points = [point for point, why in at.items() if why == reason]
            shown = "everywhere" if "" in points else ", ".join(points)
            rows.append({"scheduler": name, "where": shown, "why": reason})
    if not rows:
        rows.append({"scheduler": "none", "where": "", "why": "everybody played everywhere"})
    return Table.of("What was left out", rows)


def _text(interval: Interval) -> str:
    return interval_text(interval.value, interval.low, interval.high, 1)
