"""DS3's reference files against the ``ds3`` event order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from chipgym.simulators.core.comparison import Column, FileComparison, FileReport
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.result import SocResult
from chipgym.simulators.soc.tick_engine import run_tick, simulate_ticks, tick_result
from chipgym.simulators.soc.validation_cases import (
    DEFAULT_CAP,
    SIX_APPS,
    STUDY_HORIZON_US,
    STUDY_WARMUP_US,
    Case,
    Floats,
    Folder,
    Row,
    Rows,
    numbers,
    random_case,
    single_case,
    six_app_draws,
    stream_case,
    study_case,
)
from chipgym.simulators.soc.workload import Workload

__all__ = ["Runs", "check_ds3", "groups"]

# Files print six decimals of means and percentiles; energies and fractional times in full.
SIX_DIGITS = 1e-6
FLOAT_NOISE = 1e-9

SUMMARY_COLUMNS = (
    Column("completed"),
    Column("makespan", FLOAT_NOISE, FLOAT_NOISE),
    Column("avg_latency_ds3", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
    Column("avg_latency_true", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
    Column("p95_latency", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
    Column("energy_J", FLOAT_NOISE, FLOAT_NOISE),
    Column("avg_concurrent", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
    Column("sched_calls"),
    Column("tasks"),
)
TRACE_COLUMNS = (
    *(Column(name) for name in ("job_id", "base_id", "task_id", "pe_id")),
    *(Column(name) for name in ("data_ready", "start", "finish")),
    Column("energy_J", FLOAT_NOISE, FLOAT_NOISE),
)
JOB_COLUMNS = (Column("job_id"), Column("arrival"), Column("finish"))
GAP_COLUMNS = (Column("job_index"), Column("app"), Column("gap_after_us"))
AGGREGATE_COLUMNS = (
    Column("n_seeds"),
    Column("avg_latency_mean", FLOAT_NOISE, FLOAT_NOISE, 1e-4),
    Column("avg_latency_std", FLOAT_NOISE, FLOAT_NOISE, 1e-4),
    Column("energy_mJ_mean", FLOAT_NOISE, FLOAT_NOISE, 1e-4),
)
STUDY_COLUMNS = (
    Column("injected"),
    Column("completed"),
    Column("sim_end"),
    *(
        Column(name, FLOAT_NOISE, FLOAT_NOISE)
        for name in (
            "injection_rate_job_per_ms",
            "avg_latency_ds3",
            "avg_latency_true_completed",
            "energy_J",
        )
    ),
)

RunKey = tuple[str, str, str, str]


def groups(rows: Rows, *columns: str) -> dict[tuple[str, ...], Rows]:
    """Group rows by the text of some columns, in order of first appearance."""
    found: dict[tuple[str, ...], Rows] = {}
    for row in rows:
        found.setdefault(tuple(row[column] for column in columns), []).append(row)
    return found


def _names(columns: Iterable[Column]) -> list[str]:
    return [column.name for column in columns]


class Runs:
    """The simulations that the files of a folder share, each made once."""

    def __init__(self, folder: Folder) -> None:
        self._caps: dict[RunKey, int] = {}
        self._results: dict[RunKey, SocResult] = {}
        self.draws: dict[tuple[str, ...], Workload] = {}
        gaps = folder.read("multi_sto_gaps.csv", ("seed", "scale", "app", "gap_after_us"))
        for key, rows in groups(gaps, "seed", "scale").items():
            unknown = {row["app"] for row in rows} - set(SIX_APPS)
            if unknown:
                raise FileFormatError("multi_sto_gaps.csv", f"unknown app {sorted(unknown)[0]!r}")
            apps = np.array([SIX_APPS.index(row["app"]) for row in rows])
            self.draws[key] = Workload(apps, numbers(rows, "gap_after_us"))
        for row in folder.read("multi_sto_summary.csv", ("seed", "scale", "max_parallel")):
            self._caps[self.key(row)] = int(row["max_parallel"])

    @staticmethod
    def key(row: Row) -> RunKey:
        """Return what identifies a simulation in every file that has a row about it."""
        return row["case"], row["scheduler"], row.get("seed", ""), row.get("scale", "")

    def workload(self, seed: str, scale: str, jobs: int) -> Workload:
        """Return the tabulated six-application workload, or draw it where the table lacks it."""
        if (seed, scale) not in self.draws:
            self.draws[seed, scale] = six_app_draws(int(seed), float(scale), jobs)
        return self.draws[seed, scale]

    def case(self, row: Row, jobs: int) -> Case:
        """Return the simulation that a row is about."""
        name = row["case"]
        if name.startswith("single/"):
            return single_case(name)
        if name.startswith("det/"):
            return stream_case(name)
        if name.startswith("sto/"):
            cap = self._caps.get(self.key(row), DEFAULT_CAP)
            return random_case(self.workload(row["seed"], row["scale"], jobs), cap)
        raise FileFormatError(name, "not a case single/…, det/… or sto/…")

    def result(self, row: Row, jobs: int = 100) -> SocResult:
        """Return the result for a row, with its trace."""
        key = self.key(row)
        if not row["case"].startswith("sto/"):
            key = (*key[:2], "", "")
        if key not in self._results:
            case = self.case(row, jobs)
            self._results[key] = run_tick(
                case.platform,
                case.applications,
                case.workload,
                row["scheduler"],
                case.options,
                record_trace=True,
            )
        return self._results[key]


def summary_values(result: SocResult) -> dict[str, float]:
    """Return a result under the column names of the summary files."""
    ds3 = result.mean_latency_ds3_us
    return {
        "completed": result.completed,
        "makespan": result.makespan_us,
        "avg_latency_ds3": float("nan") if ds3 is None else ds3,
        "avg_latency_true": result.mean_latency_us,
        "p95_latency": result.p95_latency_us,
        "energy_J": result.energy_j,
        "avg_concurrent": result.mean_in_flight,
        "sched_calls": result.scheduler_passes,
        "tasks": result.tasks,
    }


def _check_summary(folder: Folder, runs: Runs, file: str) -> FileReport:
    comparison = FileComparison(file, SUMMARY_COLUMNS)
    names = _names(SUMMARY_COLUMNS)
    for row in folder.read(file, ["case", "scheduler", "n_jobs", *names]):
        expected = {name: numbers([row], name) for name in names}
        actual = summary_values(runs.result(row, int(row["n_jobs"])))
        comparison.add("/".join(runs.key(row)), expected, actual)
    return comparison.report()


def _check_traces(folder: Folder, runs: Runs, file: str) -> FileReport:
    comparison = FileComparison(file, TRACE_COLUMNS)
    names = _names(TRACE_COLUMNS)
    rows = folder.read(file, ["case", "scheduler", *names])
    for label, group in groups(rows, "case", "scheduler").items():
        result = runs.result(group[0])
        trace = result.trace
        if trace is None:
            continue
        sizes = np.bincount(trace.job, minlength=len(result.job_app))
        actual = {
            "job_id": trace.job,
            "base_id": trace.task,
            "task_id": trace.task + (np.cumsum(sizes) - sizes)[trace.job],
            "pe_id": trace.pe,
            "data_ready": trace.data_ready_us,
            "start": trace.start_us,
            "finish": trace.finish_us,
            "energy_J": trace.energy_j,
        }
        comparison.add("/".join(label), {name: numbers(group, name) for name in names}, actual)
    return comparison.report()


def _check_jobs(folder: Folder, runs: Runs, file: str, keys: tuple[str, ...]) -> FileReport:
    comparison = FileComparison(file, JOB_COLUMNS)
    names = _names(JOB_COLUMNS)
    for label, group in groups(folder.read(file, [*keys, *names]), *keys).items():
        result = runs.result(group[0], len(group))
        actual = {
            "job_id": np.arange(result.injected),
            "arrival": result.arrival_us,
            "finish": result.finish_us,
        }
        comparison.add("/".join(label), {name: numbers(group, name) for name in names}, actual)
    return comparison.report()


def _check_gaps(folder: Folder, runs: Runs, file: str) -> FileReport:
    """The draws are tabulated; here they are also drawn again."""
    comparison = FileComparison(file, GAP_COLUMNS)
    rows = folder.read(file, ["seed", "scale", *_names(GAP_COLUMNS)])
    for label, group in groups(rows, "seed", "scale").items():
        drawn = six_app_draws(int(label[0]), float(label[1]), len(group))
        expected = {
            "job_index": numbers(group, "job_index"),
            "app": runs.draws[label].app_index,
            "gap_after_us": numbers(group, "gap_after_us"),
        }
        actual = {
            "job_index": np.arange(len(group)),
            "app": drawn.app_index,
            "gap_after_us": drawn.gap_us,
        }
        comparison.add("/".join(label), expected, actual)
    return comparison.report()


def _check_aggregate(folder: Folder, runs: Runs, file: str) -> FileReport:
    comparison = FileComparison(file, AGGREGATE_COLUMNS)
    names = _names(AGGREGATE_COLUMNS)
    summary = folder.read("multi_sto_summary.csv", ["case", "scheduler", "seed", "scale", "n_jobs"])
    by_scale = groups(summary, "scale", "scheduler")
    for row in folder.read(file, ["scale", "scheduler", *names]):
        group = by_scale.get((row["scale"], row["scheduler"]), [])
        if not group:
            comparison.skip(1)
            continue
        results = [runs.result(member, int(member["n_jobs"])) for member in group]
        latency = np.array([summary_values(result)["avg_latency_ds3"] for result in results])
        energy_j = np.array([result.energy_j for result in results])
        actual = {
            "n_seeds": len(results),
            "avg_latency_mean": latency.mean(),
            "avg_latency_std": latency.std(ddof=1) if len(latency) > 1 else np.nan,
            "energy_mJ_mean": energy_j.mean() * 1000,
        }
        expected = {name: numbers([row], name) for name in names}
        comparison.add(f"scale {row['scale']}, {row['scheduler']}", expected, actual)
    return comparison.report()


def _study_values(row: Row) -> dict[str, float]:
    case = study_case(int(row["seed"]), float(row["scale"]))
    state = simulate_ticks(
        case.platform, case.applications, case.workload, row["scheduler"], case.options
    )
    result = tick_result(state)
    jobs = state.jobs[: result.injected]
    # DS3 counts a job as injected when its head task starts.
    head_start_us: Floats = state.tasks["start_us"][jobs["first_task"]]
    injected = int((head_start_us >= STUDY_WARMUP_US).sum())
    ds3 = result.mean_latency_ds3_us
    return {
        "injected": injected,
        "completed": int((result.finish_us >= STUDY_WARMUP_US).sum()),
        "sim_end": STUDY_HORIZON_US,
        "injection_rate_job_per_ms": 1000 * injected / (result.makespan_us - STUDY_WARMUP_US),
        "avg_latency_ds3": float("nan") if ds3 is None else ds3,
        "avg_latency_true_completed": float(np.nanmean(result.latency_us)),
        "energy_J": result.energy_j,
    }


def _check_study(folder: Folder, runs: Runs, file: str) -> FileReport:
    comparison = FileComparison(file, STUDY_COLUMNS)
    names = _names(STUDY_COLUMNS)
    for row in folder.read(file, ["scheduler", "seed", "scale", *names]):
        label = f"{row['scheduler']}, scale {row['scale']}, seed {row['seed']}"
        expected = {name: numbers([row], name) for name in names}
        comparison.add(label, expected, _study_values(row))
    return comparison.report()


def check_ds3(folder: Folder, runs: Runs) -> list[FileReport]:
    """Compare every DS3 file that the folder has."""
    stochastic = ("case", "scheduler", "seed", "scale")
    checks: dict[str, Callable[[str], FileReport]] = {
        "single_job_summary.csv": lambda file: _check_summary(folder, runs, file),
        "single_job_traces.csv": lambda file: _check_traces(folder, runs, file),
        "multi_det_summary.csv": lambda file: _check_summary(folder, runs, file),
        "multi_det_traces.csv": lambda file: _check_traces(folder, runs, file),
        "multi_det_jobs.csv": lambda file: _check_jobs(folder, runs, file, stochastic[:2]),
        "multi_sto_summary.csv": lambda file: _check_summary(folder, runs, file),
        "multi_sto_jobs.csv": lambda file: _check_jobs(folder, runs, file, stochastic),
        "multi_sto_gaps.csv": lambda file: _check_gaps(folder, runs, file),
        "multi_sto_agg.csv": lambda file: _check_aggregate(folder, runs, file),
        "case_study_wifi_80_20.csv": lambda file: _check_study(folder, runs, file),
    }
    return [check(file) for file, check in checks.items() if folder.has(file)]
