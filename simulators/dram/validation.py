"""Validation of the DRAM simulator against results and command logs of DRAMSys v4.0.

Any folder with the file names and columns of the reference results is accepted. With
Arbiter=Simple the reference leaves the order of some events of one cycle to its event queue
(docs: "same-cycle rule"); rows that this can touch are compared with a tolerance.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np

from chipgym.simulators.core.comparison import (
    Column,
    FileComparison,
    FileReport,
    ValidationReport,
)
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.simulate import simulate, simulate_batch
from chipgym.simulators.dram.trace import Trace
from chipgym.simulators.dram.validation_cases import Folder, parse_config

__all__ = ["validate_dram"]

RESULTS = "golden_dramsys_v4.csv"
Row = dict[str, str]

COUNTS = tuple(f"n_{name}" for name in COMMANDS if name not in ("REFPB", "REFSB"))
LATENCIES = (
    "lat_all_mean_ns",
    "lat_all_p50_ns",
    "lat_all_p95_ns",
    "lat_all_p99_ns",
    "lat_all_max_ns",
    "lat_read_mean_ns",
    "lat_write_mean_ns",
)
RATES = ("avg_bw_gbps", "bw_pct", "bw_noidle_pct", "power_mW")
LAST_DIGIT = 0.0101  # of energies and rates
NANO_DIGIT = 2e-6  # of latencies
ENERGY_TOLERANCE = 1e-4
RACE_TOLERANCE = 0.02
RACE_LATENCY_TOLERANCE = 0.10
RACE_SHARE = 0.05
THINK_TOLERANCE = 3e-4
ADAPTIVE_COMMANDS = 3


def _energy(tolerance: float = ENERGY_TOLERANCE) -> Column:
    return Column("energy_pJ", tolerance, 1e-9, LAST_DIGIT)


def _exact_columns() -> list[Column]:
    return [
        Column("total_time_ps", 0.0, resolution=0.5),
        _energy(),
        *(Column(name, resolution=LAST_DIGIT) for name in RATES),
        *(Column(name, resolution=NANO_DIGIT) for name in LATENCIES),
        *(Column(name) for name in COUNTS),
    ]


def _touched_columns() -> list[Column]:
    """ArchGym traces with OpenAdaptive or a ThinkDelayFw: as the reference states."""
    return [
        Column("total_time_ps", 0.0, resolution=0.5),
        _energy(),
        Column("lat_all_mean_ns", THINK_TOLERANCE, resolution=NANO_DIGIT),
        *(Column(f"{name} (difference)", ADAPTIVE_COMMANDS) for name in COUNTS),
    ]


def _race_columns() -> list[Column]:
    return [
        Column("total_time_ps", RACE_TOLERANCE, resolution=0.5),
        _energy(RACE_TOLERANCE),
        Column("lat_all_mean_ns", RACE_LATENCY_TOLERANCE, resolution=NANO_DIGIT),
    ]


def _is_archgym(row: Row) -> bool:
    return row["trace"].startswith("archgym_")


def _is_touched(row: Row) -> bool:
    if not _is_archgym(row) or row["Arbiter"] != "Simple":
        return False
    return row["PagePolicy"] == "OpenAdaptive" or float(row["ThinkDelayFw"] or 0) > 0


def _is_race(row: Row) -> bool:
    return not _is_archgym(row) and row["Arbiter"] == "Simple"


def _measured(result: DramResult) -> dict[str, float]:
    """Return our results under the reference's column names."""
    has_reads, has_writes = not result.is_write.all(), result.is_write.any()
    values = {
        "total_time_ps": result.total_time_ns * 1000,
        "avg_bw_gbps": result.bandwidth_gbps,
        "bw_pct": result.bandwidth_percent,
        "bw_noidle_pct": result.busy_bandwidth_percent,
        "energy_pJ": result.energy_pj,
        "power_mW": result.power_mw,
        "lat_all_mean_ns": result.mean_latency_ns,
        "lat_all_p50_ns": result.latency_quantile_ns(0.50),
        "lat_all_p95_ns": result.latency_quantile_ns(0.95),
        "lat_all_p99_ns": result.latency_quantile_ns(0.99),
        "lat_all_max_ns": result.max_latency_ns,
        "lat_read_mean_ns": result.mean_read_latency_ns if has_reads else 0.0,
        "lat_write_mean_ns": result.mean_write_latency_ns if has_writes else 0.0,
    }
    return values | {f"n_{name}": float(count) for name, count in result.counts.items()}


def _expected(row: Row) -> dict[str, float]:
    names = ("total_time_ps", "energy_pJ", *RATES, *LATENCIES, *COUNTS)
    return {name: float(row[name]) for name in names}


def _with_differences(
    expected: Mapping[str, float], actual: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Add the absolute differences of the counts, to be compared with 0."""
    names = [f"{name} (difference)" for name in COUNTS]
    zeros = dict.fromkeys(names, 0.0)
    off = {f"{name} (difference)": abs(actual[name] - expected[name]) for name in COUNTS}
    return {**expected, **zeros}, {**actual, **off}


def _simulated(folder: Folder, rows: Sequence[Row]) -> list[dict[str, float]]:
    """Simulate every row, workload by workload; results in the order of the rows."""
    results: dict[int, dict[str, float]] = {}
    numbers = sorted(range(len(rows)), key=lambda i: (rows[i]["trace"], rows[i]["device"], i))
    for (trace, device), group in groupby(
        numbers, key=lambda i: (rows[i]["trace"], rows[i]["device"])
    ):
        members = list(group)
        configs = [parse_config(rows[i]) for i in members]
        batch = simulate_batch(folder.workload(trace, device), configs)
        results.update(zip(members, map(_measured, batch), strict=True))
    return [results[i] for i in range(len(rows))]


def _compare(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    results: Sequence[dict[str, float]],
    chosen: Callable[[Row], bool],
    note: str,
) -> list[FileReport]:
    comparison = FileComparison(f"{RESULTS}, {title}", columns)
    for row, result in zip(rows, results, strict=True):
        if chosen(row):
            label = f"{row['config']} on {row['trace']}, {row['device']}"
            comparison.add(label, *_with_differences(_expected(row), result))
    report = comparison.report(note)
    return [report] if report.rows else []


def _check_results(folder: Folder) -> list[FileReport]:
    rows = folder.rows(RESULTS)
    results = _simulated(folder, rows)
    return [
        *_compare(
            "ArchGym traces",
            _exact_columns(),
            rows,
            results,
            lambda row: _is_archgym(row) and not _is_touched(row),
            "",
        ),
        *_compare(
            "ArchGym traces, same-cycle races",
            _touched_columns(),
            rows,
            results,
            _is_touched,
            "Arbiter=Simple with OpenAdaptive or ThinkDelayFw; counts as absolute differences",
        ),
        *_compare(
            "Arbiter=Fifo and Reorder",
            _exact_columns(),
            rows,
            results,
            lambda row: not _is_archgym(row) and row["Arbiter"] != "Simple",
            "",
        ),
        *_compare(
            "Arbiter=Simple, same-cycle races",
            _race_columns(),
            rows,
            results,
            _is_race,
            "the order within a cycle is left to the reference's event queue",
        ),
        *_check_share(rows, results),
    ]


def _check_share(rows: Sequence[Row], results: Sequence[dict[str, float]]) -> list[FileReport]:
    """Check how many rows with Arbiter=Simple differ in time."""
    pairs = [(row, result) for row, result in zip(rows, results, strict=True) if _is_race(row)]
    if not pairs:
        return []
    wrong = [
        abs(result["total_time_ps"] - float(row["total_time_ps"])) > 0.5 for row, result in pairs
    ]
    name = "share of rows not exact in time"
    comparison = FileComparison(f"{RESULTS}, Arbiter=Simple, share", [Column(name, RACE_SHARE)])
    comparison.add("all rows", {name: [0.0]}, {name: [float(np.mean(wrong))]})
    return [comparison.report(f"{len(pairs) - sum(wrong)} of {len(pairs)} rows are exact in time")]


COMMAND_COLUMNS = {
    "cycle": "cycle",
    "command": "command",
    "rank": "rank",
    "bankgroup": "group",
    "bank": "bank",
    "row": "row",
    "column": "column",
    "payload_id": "request",
}


def _check_log(folder: Folder, summary: Row) -> list[FileReport]:
    """Compare one logged run command by command and request by request."""
    case = summary["case"]
    config = folder.config(case)
    workload = folder.workload(summary["trace"], summary["device"])
    result = simulate(workload, config, record_trace=True)
    expected = _logged_commands(folder.rows(f"cmdtraces/{case}/commands.csv"))
    assert result.trace is not None
    actual = {theirs: result.trace.columns()[ours] for theirs, ours in COMMAND_COLUMNS.items()}
    departure = _departure(expected, actual)
    if departure is not None and config.arbiter == "Simple":
        return [_departed(case, summary, result, departure, len(expected["cycle"]))]
    commands = FileComparison(f"cmdtraces/{case}/commands.csv", [Column(n) for n in expected])
    commands.add(case, expected, actual)
    wanted, got = _requests(folder, case, workload.trace, result)
    columns = [Column(name, resolution=0.5) for name in wanted]
    requests = FileComparison(f"cmdtraces/{case}/requests.csv", columns)
    requests.add(case, wanted, got)
    return [commands.report(), requests.report()]


def _logged_commands(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    def number(name: str, text: str) -> float:
        return float(COMMANDS.index(text) if name == "command" else int(text))

    return {
        name: np.array([number(name, row[name]) for row in rows], dtype=np.float64)
        for name in COMMAND_COLUMNS
    }


def _departure(expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]) -> int | None:
    """Return the first command that differs, None if none does."""
    sizes = len(expected["cycle"]), len(actual["cycle"])
    common = min(sizes)
    differs = np.zeros(common, dtype=np.bool_)
    for name in COMMAND_COLUMNS:
        differs |= expected[name][:common] != actual[name][:common]
    if differs.any():
        return int(differs.argmax())
    return common if sizes[0] != sizes[1] else None


def _departed(
    case: str, summary: Row, result: DramResult, departure: int, commands: int
) -> FileReport:
    """Compare the totals of a log from which a same-cycle race departs."""
    comparison = FileComparison(f"cmdtraces/summary.csv, {case}", _race_columns())
    comparison.add(case, _expected(summary), _measured(result))
    comparison.skip(commands - departure)
    return comparison.report(
        f"a same-cycle race departs from the log after {departure} of {commands} equal commands"
    )


def _requests(
    folder: Folder, case: str, trace: Trace, result: DramResult
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return arrival, response, direction and address in order of completion: theirs and ours."""
    rows = folder.rows(f"cmdtraces/{case}/requests.csv")
    names = ("begin_req_ps", "begin_resp_ps", "is_write", "address")
    wanted = {name: np.array([float(int(row[name], 0)) for row in rows]) for name in names}
    order = np.argsort(result.finish_ns, kind="stable")
    got = {
        "begin_req_ps": (result.finish_ns - result.latency_ns)[order] * 1000,
        "begin_resp_ps": result.finish_ns[order] * 1000,
        "is_write": trace.is_write[order].astype(np.float64),
        "address": trace.address[order].astype(np.float64),
    }
    return wanted, got


def validate_dram(reference: str | os.PathLike[str]) -> ValidationReport:
    """Simulate every case of a folder of reference results and compare column by column.

    Parameters
    ----------
    reference : path
        Folder with ``golden_dramsys_v4.csv``, ``traces`` and ``cmdtraces``; either part may be
        missing.

    Returns
    -------
    ValidationReport
        Everything exact (energy 1e-4) on ArchGym's traces and with Arbiter Fifo or Reorder, but for
        the two tolerances that the reference states; with Arbiter=Simple at least 95 % of the rows
        exact in time, and all within 2 % in time and energy; command logs equal.

    Raises
    ------
    FileFormatError
        The folder has none of the files, or a file breaks its format.
    """
    folder = Folder(reference)
    files = _check_results(folder)
    for summary in folder.rows("cmdtraces/summary.csv"):
        files += _check_log(folder, summary)
    if not files:
        raise FileFormatError(reference, "has none of the reference files of the DRAM family")
    return ValidationReport("dram", tuple(files))
