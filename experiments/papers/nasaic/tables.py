"""The tables of the study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from chipgym.envs.codesign.presets import find_scenario
from chipgym.experiments.papers.core.tables import Table, interval_text
from chipgym.experiments.papers.nasaic.analysis import PUBLISHED, Results
from chipgym.experiments.papers.nasaic.flows import ASIC_FIRST, FLOWS, NAS_FIRST, NASAIC
from chipgym.experiments.statistics import Interval

__all__ = ["budget_table", "design_table", "flow_table", "ratio_table"]

UNKNOWN = "-"
DESIGNS = (NAS_FIRST, ASIC_FIRST, NASAIC)


def _text(interval: Interval, digits: int, factor: float = 1.0) -> str:
    if math.isnan(interval.value):
        return UNKNOWN
    value, low, high = (factor * n for n in (interval.value, interval.low, interval.high))
    return interval_text(value, low, high, digits)


def _number(value: float, digits: int = 0) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:,.{digits}f}"


def _data(scenario: str) -> str:
    return f"{scenario} ({find_scenario(scenario).data_sets})"


def flow_table(results: Results) -> Table:
    """What every flow reached in every scenario."""
    records = []
    for scenario in results.scenarios:
        for flow in results.flows:
            found = results.summary(scenario, flow)
            records.append(
                {
                    "flow": FLOWS[flow].title,
                    "workload (data sets)": _data(scenario),
                    "runs that meet the specs, %": _number(100 * found.specs_met),
                    "designs that do, %": _number(100 * found.meeting, 1),
                    "evaluations to the first": _number(found.first_meeting),
                    "best accuracy under the specs, %": _text(found.accuracy, 2, 100),
                    "regret against the grid, points": _text(found.regret, 2, 100),
                    "hypervolume, % of all flows'": _text(found.volume, 1, 100),
                    "evaluations": _number(found.evaluations),
                    "trainings": _number(found.trainings),
                    "measured accuracies, %": _number(100 * found.measured),
                }
            )
    return Table.of(
        f"The flows at equal budgets, {len(results.seeds)} seeds: interquartile means with 95 % "
        "bootstrap intervals over seeds; runs without a design that meets the specs count as "
        "accuracy 0",
        records,
    )


def ratio_table(results: Results) -> Table:
    """NASAIC's final designs against those of the flows of two steps, beside the paper's claim."""
    records = []
    for scenario in results.scenarios:
        for other in (NAS_FIRST, ASIC_FIRST):
            found = results.comparison(scenario, NASAIC, other)
            records.append(
                {
                    "NASAIC against": FLOWS[other].title,
                    "workload (data sets)": _data(scenario),
                    "latency reduction, %": _text(found.latency, 2),
                    "energy, times less": _text(found.energy, 2),
                    "area, times less": _text(found.area, 2),
                    "accuracy loss, points": _text(found.accuracy, 2),
                    "seeds": str(found.pairs),
                }
            )
    records.append(
        {
            "NASAIC against": "NAS -> ASIC, published (abstract)",
            "workload (data sets)": "W1 of the paper (CIFAR-10, nuclei): not comparable",
            "latency reduction, %": f"{PUBLISHED['latency_reduction_percent']:.2f}",
            "energy, times less": f"{PUBLISHED['energy_factor']:.2f}",
            "area, times less": f"{PUBLISHED['area_factor']:.2f}",
            "accuracy loss, points": f"{PUBLISHED['accuracy_loss_points']:.2f}",
            "seeds": UNKNOWN,
        }
    )
    return Table.of(
        "NASAIC's final designs against those of the flows of two steps, paired by seed: "
        "interquartile means with 95 % bootstrap intervals; seeds in which NASAIC meets the specs. "
        "Last row: the paper's abstract, on other data, specs and constants",
        records,
    )


def budget_table(results: Results, checkpoints: Sequence[int]) -> Table:
    """Best accuracy under the specifications after part of the budget."""
    records = []
    for scenario in results.scenarios:
        for flow in results.flows:
            record: dict[str, object] = {
                "flow": FLOWS[flow].title,
                "workload": scenario,
            }
            most = FLOWS[flow].most_evaluations
            for count in checkpoints:
                values = results.best_after(scenario, flow, count)
                shown = most is None or count <= most
                record[f"after {count:,}"] = (
                    f"{100 * results.middle(values):.2f}" if shown else "not run"
                )
            records.append(record)
    return Table.of(
        "Best weighted accuracy under the specs over evaluations, interquartile mean, %", records
    )


def design_table(results: Results) -> Table:
    """The most accurate final design of each flow over the seeds, in the form of the paper's."""
    records = []
    for scenario in results.scenarios:
        for flow in DESIGNS:
            finals = [run["final"] for run in results.of(scenario, flow)]
            best = max(finals, key=lambda final: (final["meets"], final["accuracy"] or 0.0))
            records.append(_design(scenario, flow, best))
    return Table.of("The best final design of each flow, in the form of the paper's table", records)


def _design(scenario: str, flow: str, final: dict[str, Any]) -> dict[str, object]:
    options = final["options"]
    units = sorted(name for name in options if name.startswith("chip.dataflow"))
    chips = []
    for name in units:
        number = name.removeprefix("chip.dataflow")
        pes, width = options[f"chip.pes{number}"], options[f"chip.bandwidth{number}"]
        chips.append(f"{options[name]}, {pes}, {width}" if pes else "none")
    accuracies = [UNKNOWN if a is None else f"{100 * a:.2f}" for a in final["accuracies"]]
    limits = ("latency", "energy", "area")
    missed = [n for n, ratio in zip(limits, final["relative"], strict=True) if ratio > 1.0]
    return {
        "flow": FLOWS[flow].title,
        "workload (data sets)": _data(scenario),
        "sub-accelerators (dataflow, PEs, bandwidth)": "; ".join(chips),
        "accuracies, %": ", ".join(accuracies),
        "latency, cycles": f"{final['costs'][0]:,.0f}",
        "energy, nJ": f"{final['costs'][1]:.4g}",
        "area, um^2": f"{final['costs'][2]:.4g}",
        "misses": ", ".join(missed) or "none",
    }
