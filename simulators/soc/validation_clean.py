"""Reference files of the clean event order and of the static schedulers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chipgym.simulators.core.comparison import Column, FileComparison, FileReport
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference import Simulation
from chipgym.simulators.soc.reference_rules import RULES, Choice, Pass
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.static import StaticSchedule, heft, peft
from chipgym.simulators.soc.validation_cases import (
    Case,
    Folder,
    Rows,
    applications_named,
    numbers,
    platform_for,
    random_case,
    stream_case,
)
from chipgym.simulators.soc.validation_ds3 import Runs, groups

__all__ = ["check_clean"]

FLOAT_NOISE = 1e-9
# Printed digits of the files.
FOUR_DIGITS, THREE_DIGITS, SIX_DIGITS = 1.0001e-4, 1.0001e-3, 1.0001e-6

SEMANTICS_COLUMNS = (
    Column("avg_latency_clean_event_driven", FLOAT_NOISE, FLOAT_NOISE, FOUR_DIGITS),
    Column("avg_latency_ds3", FLOAT_NOISE, FLOAT_NOISE, FOUR_DIGITS),
)
SHORTEST_FIRST = "shortest first"
HEURISTICS = {
    "MET": "MET",
    "EFT": "EFT",
    "ETF": "ETF",
    "ETF_LB": "ETF_LB",
    "RANKU_EFT": "HEFT_RT",
    "SHORTFIRST_EFT": SHORTEST_FIRST,
}
ORACLE_COLUMNS = (Column("HEFT"), Column("HEFT_noinsert"), Column("PEFT"))
STATIC_COLUMNS = (
    *(Column(name) for name in ("base_id", "pe_id", "start", "finish")),
    Column("rank_u", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
)
DEFAULT_JOBS = 100


def _shortest_first(state: Pass) -> list[Choice]:
    """Earliest finish time in order of rising upward rank."""
    turned = [replace(task, upward_rank_us=-task.upward_rank_us) for task in state.ready]
    return RULES["HEFT_RT"](replace(state, ready=turned))


def _shortest_first_latency(case: Case) -> float:
    """Mean latency under a rule that is no scheduler of the package, in the plain simulator."""
    simulation = Simulation(
        case.platform, case.applications, case.workload, "HEFT_RT", case.options, None, False
    )
    simulation.rule = _shortest_first
    simulation.run()
    return simulation.result().mean_latency_us


def _clean_latency(case: Case, scheduler: str) -> float:
    if scheduler == SHORTEST_FIRST:
        return _shortest_first_latency(case)
    result = simulate(case.platform, case.applications, case.workload, scheduler, case.options)
    return result.mean_latency_us


def _check_semantics(folder: Folder, runs: Runs, file: str) -> FileReport:
    comparison = FileComparison(file, SEMANTICS_COLUMNS)
    names = [column.name for column in SEMANTICS_COLUMNS]
    for row in folder.read(file, ["scheduler", "seed", "scale", *names]):
        workload = runs.workload(row["seed"], row["scale"], DEFAULT_JOBS)
        tick = runs.result({**row, "case": "sto/six_default"})
        ds3 = tick.mean_latency_ds3_us
        clean = _clean_latency(random_case(workload, order="clean"), row["scheduler"])
        actual = {
            "avg_latency_clean_event_driven": clean,
            "avg_latency_ds3": float("nan") if ds3 is None else ds3,
        }
        label = f"{row['scheduler']}, scale {row['scale']}, seed {row['seed']}"
        comparison.add(label, {name: numbers([row], name) for name in names}, actual)
    return comparison.report()


def _check_heuristics(folder: Folder, file: str, names: Sequence[str]) -> FileReport:
    columns = [Column(name, FLOAT_NOISE, FLOAT_NOISE, THREE_DIGITS) for name in names]
    comparison = FileComparison(file, columns)
    for row in folder.read(file, ["case", *names]):
        case = stream_case(row["case"], order="clean")
        actual = {name: _clean_latency(case, HEURISTICS[name]) for name in names}
        comparison.add(row["case"], {name: numbers([row], name) for name in names}, actual)
    return comparison.report("heuristic columns; the others are bounds of a search or a solver")


def _static(app: str, algorithm: str) -> StaticSchedule:
    application = applications_named([app])[0]
    platform: Platform = platform_for([app])
    if algorithm == "PEFT":
        return peft(platform, application)
    return heft(platform, application, insertion=algorithm == "HEFT")


def _check_oracles(folder: Folder, file: str) -> FileReport:
    comparison = FileComparison(file, ORACLE_COLUMNS)
    names = [column.name for column in ORACLE_COLUMNS]
    for row in folder.read(file, ["app", *names]):
        actual = {name: _static(row["app"], name).makespan_us for name in names}
        comparison.add(row["app"], {name: numbers([row], name) for name in names}, actual)
    return comparison.report("makespans of the list schedulers")


def _check_static_traces(folder: Folder, file: str) -> FileReport:
    comparison = FileComparison(file, STATIC_COLUMNS)
    names = [column.name for column in STATIC_COLUMNS]
    rows = folder.read(file, ["app", "algo", *names])
    for (app, algorithm), group in groups(rows, "app", "algo").items():
        if algorithm not in ("HEFT", "HEFT_noinsert", "PEFT"):
            comparison.skip(len(group))
            continue
        schedule = _static(app, algorithm)
        ordered: Rows = sorted(group, key=lambda row: int(row["base_id"]))
        if len(ordered) != len(schedule.pe):
            raise FileFormatError(file, f"{app}, {algorithm}: {len(ordered)} tasks")
        actual = {
            "base_id": np.arange(len(schedule.pe)),
            "pe_id": schedule.pe,
            "start": schedule.start_us,
            "finish": schedule.finish_us,
            # The file gives HEFT's upward rank for every algorithm.
            "rank_u": _static(app, "HEFT").rank,
        }
        label = f"{app}, {algorithm}"
        comparison.add(label, {name: numbers(ordered, name) for name in names}, actual)
    return comparison.report("skipped: solver placements, which are one of several optima")


def check_clean(folder: Folder, runs: Runs) -> list[FileReport]:
    """Compare every file about the clean order and the static schedulers that the folder has."""
    reports = []
    if folder.has("clean_semantics_vs_ds3.csv"):
        reports.append(_check_semantics(folder, runs, "clean_semantics_vs_ds3.csv"))
    if folder.has("headroom_search.csv"):
        reports.append(_check_heuristics(folder, "headroom_search.csv", list(HEURISTICS)))
    if folder.has("offline_cpsat_multi.csv"):
        names = ["EFT", "ETF", "RANKU_EFT"]
        reports.append(_check_heuristics(folder, "offline_cpsat_multi.csv", names))
    if folder.has("single_job_static_oracles.csv"):
        reports.append(_check_oracles(folder, "single_job_static_oracles.csv"))
    if folder.has("single_job_static_traces.csv"):
        reports.append(_check_static_traces(folder, "single_job_static_traces.csv"))
    return reports
