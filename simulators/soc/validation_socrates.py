"""SoCRATES' reference files against the ``ds3gym`` event order, their gaps replayed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.comparison import Column, FileComparison, FileReport
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.tick_engine import simulate_ticks, task_trace, tick_result
from chipgym.simulators.soc.tick_state import TickState
from chipgym.simulators.soc.validation_cases import Folder, Row, Rows, applications_named, numbers
from chipgym.simulators.soc.validation_ds3 import groups
from chipgym.simulators.soc.workload import Workload

__all__ = ["check_socrates"]

FLOAT_NOISE, SIX_DIGITS = 1e-9, 1e-6
KEY = ("case", "scheduler", "seed", "scale", "exec_noise_std")
DAG_NAMES = ("top", *(f"top{k}" for k in range(2, 11)))
DEFAULT_LENGTH_US, DEFAULT_CAP = 5000.0, 3
# A replayed stream of gaps can be too short once the schedule differs, so it is repeated.
STREAM_REPEATS = 3
# Draws of our own noise for each seed of the reference.
NOISE_KEYS = 16
RANDOM_TOLERANCE = 0.1
STANDARD_ERRORS = 3.0

SUMMARY_COLUMNS = (
    *(Column(name) for name in ("injected", "completed", "cum_latency", "tasks_started")),
    Column("avg_latency", FLOAT_NOISE, FLOAT_NOISE, SIX_DIGITS),
)
JOB_COLUMNS = (Column("job_id"), Column("arrival"), Column("finish"))
TRACE_COLUMNS = tuple(
    Column(name)
    for name in ("job_id", "base_id", "task_id", "pe_id", "ready", "data_ready", "start", "finish")
)
DRAW_COLUMNS = (Column("draws"),)


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row.get(name, "0.0") for name in KEY)


def _is_statistical(row: Row) -> bool:
    """Noise and random choices are drawn from our own streams."""
    return row["scheduler"] == "random" or float(row.get("exec_noise_std", "0")) > 0


class _Runs:
    """The simulations that the files of a folder share."""

    def __init__(self, folder: Folder) -> None:
        gaps = folder.read("socrates_gaps.csv", (*KEY, "gaps_in_draw_order"))
        self.gaps = {_key(row): _stream(row) for row in gaps}
        jobs = folder.read("socrates_jobs.csv", (*KEY, "job"))
        self.apps = {key: _dag_index(rows) for key, rows in groups(jobs, *KEY).items()}
        columns = (*KEY, "sim_length", "max_num_jobs", "pss")
        summary = folder.read("socrates_summary.csv", columns)
        self.settings = {_key(row): row for row in summary}
        self._states: dict[tuple[str, ...], TickState] = {}

    def workload(self, row: Row, key: int = 0) -> Workload:
        """Return the replayed workload of a row: its DAGs by job, its gaps by draw."""
        gaps = self.gaps[_key(row)]
        if _is_statistical(row):
            gaps = np.tile(gaps, STREAM_REPEATS)
        apps = self.apps.get(_key(row))
        if apps is None:
            apps = _drawn_dags(row, len(gaps))
        # Jobs and draws do not pair one to one; jobs beyond the replayed ones are never reached, or
        # only by statistical runs, for which the sequence of DAGs starts again.
        # One more than either, so that the last draw is made as well.
        size = max(len(gaps), len(apps)) + 1
        beyond = np.full(size - len(gaps), self.length_us(row))
        return Workload(np.resize(apps, size), np.concatenate([gaps, beyond]), key)

    def length_us(self, row: Row) -> float:
        """Return the horizon of a row's simulation."""
        settings = self.settings.get(_key(row))
        return DEFAULT_LENGTH_US if settings is None else float(settings["sim_length"])

    def simulate(self, row: Row, key: int = 0) -> TickState:
        """Simulate a row."""
        settings = self.settings.get(_key(row), {})
        options = SocOptions(
            order="ds3gym",
            max_in_flight=int(settings.get("max_num_jobs", DEFAULT_CAP)),
            horizon_us=self.length_us(row),
            steady_state_fill=settings.get("pss", "1") == "1",
            noise_std=float(row.get("exec_noise_std", "0")),
        )
        platform = Platform.named("canonical-3pe")
        applications = applications_named(DAG_NAMES)
        workload = self.workload(row, key)
        return simulate_ticks(platform, applications, workload, row["scheduler"], options)

    def state(self, row: Row) -> TickState | None:
        """Return the final state of a row's simulation, or nothing without its gaps."""
        key = _key(row)
        if key not in self.gaps or _is_statistical(row):
            return None
        if key not in self._states:
            self._states[key] = self.simulate(row)
        return self._states[key]


def _stream(row: Row) -> npt.NDArray[np.float64]:
    try:
        return np.array([float(text) for text in row["gaps_in_draw_order"].split()])
    except ValueError as error:
        raise FileFormatError("socrates_gaps.csv", f"a gap is not a number: {error}") from error


def _dag_index(rows: Rows) -> npt.NDArray[np.int64]:
    known = {f"Top_{k}": k - 1 for k in range(1, len(DAG_NAMES) + 1)}
    unknown = {row["job"] for row in rows} - set(known)
    if unknown:
        raise FileFormatError("socrates_jobs.csv", f"unknown job {sorted(unknown)[0]!r}")
    return np.array([known[row["job"]] for row in rows])


def _drawn_dags(row: Row, jobs: int) -> npt.NDArray[np.int64]:
    """Draw the DAGs as SoCRATES does, where no file names them."""
    if row["case"] != "all10":
        return np.zeros(jobs, np.int64)
    generator = np.random.RandomState(int(row["seed"]))
    kinds = len(DAG_NAMES)
    return np.array([generator.choice(kinds, 1, p=[1 / kinds] * kinds)[0] for _ in range(jobs)])


def _started(state: TickState) -> npt.NDArray[np.int64]:
    return np.flatnonzero(~np.isnan(state.tasks["start_us"]))


def _summary_values(state: TickState) -> dict[str, float]:
    result = tick_result(state)
    jobs = state.jobs[: result.injected]
    completed = result.completed
    total = float(np.nansum(result.latency_us))
    return {
        "injected": int((~np.isnan(state.tasks["start_us"][jobs["first_task"]])).sum()),
        "completed": completed,
        "cum_latency": total,
        "tasks_started": len(_started(state)),
        "avg_latency": total / completed if completed else float("nan"),
    }


def _check_summary(folder: Folder, runs: _Runs, file: str) -> FileReport:
    comparison = FileComparison(file, SUMMARY_COLUMNS)
    names = [column.name for column in SUMMARY_COLUMNS]
    for row in folder.read(file, (*KEY, *names)):
        state = runs.state(row)
        if state is None:
            comparison.skip(1)
            continue
        expected = {name: numbers([row], name) for name in names}
        comparison.add("/".join(_key(row)), expected, _summary_values(state))
    return comparison.report("noise and random choices: see the next entries")


def _check_jobs(folder: Folder, runs: _Runs, file: str) -> FileReport:
    comparison = FileComparison(file, JOB_COLUMNS)
    names = [column.name for column in JOB_COLUMNS]
    for label, group in groups(folder.read(file, (*KEY, *names)), *KEY).items():
        state = runs.state(group[0])
        if state is None:
            comparison.skip(len(group))
            continue
        result = tick_result(state)
        actual = {
            "job_id": np.arange(result.injected),
            "arrival": result.arrival_us,
            "finish": result.finish_us,
        }
        comparison.add("/".join(label), {name: numbers(group, name) for name in names}, actual)
    return comparison.report("skipped: noise and random choices, or no gaps")


def _check_traces(folder: Folder, runs: _Runs, file: str) -> FileReport:
    comparison = FileComparison(file, TRACE_COLUMNS)
    names = [column.name for column in TRACE_COLUMNS]
    rows = folder.read(file, (*KEY[:-1], *names))
    for label, group in groups(rows, *KEY[:-1]).items():
        state = runs.state(group[0])
        if state is None:
            comparison.skip(len(group))
            continue
        select = _started(state)
        trace = task_trace(state, select)
        actual = {
            "job_id": trace.job,
            "base_id": trace.task,
            "task_id": select,
            "pe_id": trace.pe,
            "ready": trace.ready_us,
            "data_ready": trace.data_ready_us,
            "start": trace.start_us,
            "finish": trace.finish_us,
        }
        ordered = sorted(group, key=lambda row: int(row["task_id"]))
        comparison.add("/".join(label), {name: numbers(ordered, name) for name in names}, actual)
    return comparison.report("skipped: random choices, or no gaps")


def _check_draws(folder: Folder, runs: _Runs, file: str) -> FileReport:
    comparison = FileComparison(file, DRAW_COLUMNS)
    for row in folder.read(file, KEY):
        state = runs.state(row)
        if state is None:
            comparison.skip(1)
            continue
        drawn = int(state.run[0]["next_gap"])
        expected = {"draws": len(runs.gaps[_key(row)])}
        comparison.add("/".join(_key(row)), expected, {"draws": drawn})
    return comparison.report("number of gaps drawn; skipped: noise and random choices")


def _latencies(runs: _Runs, row: Row) -> npt.NDArray[np.float64]:
    """Mean latency of a row's set-up under several random streams of our own."""
    first = NOISE_KEYS * (1 + int(row["seed"]))
    states = [runs.simulate(row, first + key) for key in range(NOISE_KEYS)]
    return np.array([_summary_values(state)["avg_latency"] for state in states])


def _check_statistics(folder: Folder, runs: _Runs, file: str, noise: bool) -> FileReport:
    """Compare means over seeds where random numbers are our own."""
    columns = [Column("avg_latency", RANDOM_TOLERANCE)]
    if noise:
        columns.append(Column("standard_errors", STANDARD_ERRORS))
    kind = "noise" if noise else "random choices"
    comparison = FileComparison(f"{file}, {kind}", columns)
    rows = [
        row
        for row in folder.read(file, (*KEY, "avg_latency"))
        if _is_statistical(row)
        and _key(row) in runs.gaps
        and (float(row["exec_noise_std"]) > 0) == noise
    ]
    for label, group in groups(rows, "case", "scheduler", "scale", "exec_noise_std").items():
        theirs = numbers(group, "avg_latency")
        ours = np.array([_latencies(runs, row) for row in group])
        expected = {"avg_latency": theirs.mean(), "standard_errors": 0.0}
        actual = {"avg_latency": ours.mean(), "standard_errors": _distance(ours, theirs)}
        comparison.add("/".join(label), expected, actual)
    return comparison.report("one row a set-up: means over seeds, never equal")


def _distance(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float:
    """Distance of two means over seeds, in standard errors; ours has a row of streams a seed.

    The variance comes from our streams, which are many: it is the same for both by hypothesis, and
    from a handful of reference runs it could not be told.
    """
    seeds, streams = ours.shape
    error = np.sqrt(ours.var(axis=1, ddof=1).mean() / seeds * (1 + 1 / streams))
    return float(abs(ours.mean() - theirs.mean()) / error)


def check_socrates(folder: Folder) -> list[FileReport]:
    """Compare every SoCRATES file that the folder has."""
    runs = _Runs(folder)
    reports = []
    if folder.has("socrates_summary.csv"):
        reports.append(_check_summary(folder, runs, "socrates_summary.csv"))
        statistics = [
            _check_statistics(folder, runs, "socrates_summary.csv", noise)
            for noise in (True, False)
        ]
        reports += [report for report in statistics if report.rows]
    if folder.has("socrates_jobs.csv"):
        reports.append(_check_jobs(folder, runs, "socrates_jobs.csv"))
    if folder.has("socrates_traces.csv"):
        reports.append(_check_traces(folder, runs, "socrates_traces.csv"))
    if folder.has("socrates_gaps.csv"):
        reports.append(_check_draws(folder, runs, "socrates_gaps.csv"))
    return reports
