"""The feasibility checker accepts simulated schedules and finds every kind of corruption."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from chipgym.leaderboards.feasibility import check_schedule, schedule_metrics
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.reference import simulate_reference
from chipgym.simulators.soc.workload import Workload

CHIP = Platform.named("ds3-16pe")
APPS = [Application.named(name) for name in ("wifi-tx", "range-detection", "temporal-mitigation")]
WORKLOAD = Workload(np.array([0, 1, 2, 0, 0, 2, 1, 0]), np.full(8, 15.0), key=5)
COLUMNS = ("job", "app", "task", "pe", "ready_us", "start_us", "finish_us")

CASES = {
    "plain": SocOptions(),
    "cap": SocOptions(max_in_flight=3),
    "shared memory": SocOptions(communication="shared_memory"),
    "noise": SocOptions(noise_std=0.3),
    "slow": SocOptions(governor="constant-1000"),
    "horizon": SocOptions(horizon_us=150.0),
    "fill": SocOptions(steady_state_fill=True, max_in_flight=4),
    "warm-up": SocOptions(warmup_us=150.0),
}


def simulated(
    options: SocOptions, scheduler: str = "ETF"
) -> tuple[dict[str, list], dict[str, float]]:
    result = simulate_reference(CHIP, APPS, WORKLOAD, scheduler, options, record_trace=True)
    columns = result.trace.columns()
    metrics = {
        "mean_latency_us": result.mean_latency_us,
        "p95_latency_us": result.p95_latency_us,
        "makespan_us": result.makespan_us,
        "completed_jobs": result.completed,
    }
    return {name: columns[name].tolist() for name in COLUMNS}, metrics


def kinds(schedule, options=None, **kwargs) -> set[str]:
    return {v.kind for v in check_schedule(CHIP, APPS, WORKLOAD, schedule, options, **kwargs)}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
@pytest.mark.parametrize("scheduler", ["MET", "ETF", "random"])
def test_simulated_schedules_pass_in_any_order(options: SocOptions, scheduler: str):
    schedule, metrics = simulated(options, scheduler)
    assert kinds(schedule, options, claimed=metrics) == set()
    shuffle = np.random.default_rng(0).permutation(len(schedule["job"]))
    mixed = {name: [column[k] for k in shuffle] for name, column in schedule.items()}
    assert kinds(mixed, options, claimed=metrics) == set()
    recomputed = schedule_metrics(CHIP, APPS, WORKLOAD, mixed, options)
    assert recomputed == pytest.approx(metrics, nan_ok=True)


@pytest.fixture
def schedule() -> dict[str, list]:
    return simulated(SocOptions())[0]


def row_of(schedule: dict[str, list], job: int, task: int) -> int:
    return next(
        k
        for k, pair in enumerate(zip(schedule["job"], schedule["task"], strict=True))
        if pair == (job, task)
    )


def move(schedule: dict[str, list], row: int, by_us: float) -> None:
    schedule["start_us"][row] += by_us
    schedule["finish_us"][row] += by_us


def test_a_missing_column(schedule):
    del schedule["pe"]
    assert kinds(schedule) == {"format"}


@pytest.mark.parametrize("value", ["x", float("nan"), None, [1]])
def test_values_that_are_not_numbers(schedule, value):
    schedule["start_us"][3] = value
    assert kinds(schedule) == {"format"}


def test_columns_of_different_length(schedule):
    schedule["start_us"].append(1.0)
    assert kinds(schedule) == {"format"}


def test_numbers_that_are_not_whole(schedule):
    schedule["pe"][0] = 1.5
    assert kinds(schedule) == {"format"}


@pytest.mark.parametrize(
    ("column", "value"), [("job", 99), ("job", -1), ("app", 2), ("task", 500), ("pe", 16)]
)
def test_things_that_do_not_exist(schedule, column, value):
    schedule[column][row_of(schedule, 0, 26)] = value
    assert "unknown" in kinds(schedule)


def test_a_task_left_out(schedule):
    row = row_of(schedule, 0, 26)  # the last task: nobody waits for it
    for column in schedule.values():
        del column[row]
    assert "coverage" in kinds(schedule)


def test_a_task_executed_twice(schedule):
    for column in schedule.values():
        column.append(column[0])
    assert "coverage" in kinds(schedule)


def test_a_pe_that_does_not_support_the_task(schedule):
    schedule["pe"][row_of(schedule, 0, 0)] = 15  # a scrambler on a Viterbi accelerator
    assert "placement" in kinds(schedule)


def test_a_task_that_is_too_short(schedule):
    row = row_of(schedule, 0, 0)
    schedule["finish_us"][row] -= 1
    found = check_schedule(CHIP, APPS, WORKLOAD, schedule)
    assert {(v.kind, v.job, v.task) for v in found} >= {("duration", 0, 0)}
    assert "took 9 µs on PE 4, not 10" in found[0].message


def test_a_task_that_starts_before_its_data(schedule):
    # The transform waits for its transfer over the slow link: 1 µs after its predecessor ends.
    late = max(
        (k for k in range(len(schedule["job"])) if schedule["job"][k] == 7),
        key=lambda k: schedule["start_us"][k],
    )
    move(schedule, late, -1.0)
    assert "precedence" in kinds(schedule)


def test_a_missing_predecessor_beside_a_horizon():
    options = SocOptions(horizon_us=150.0)
    schedule = simulated(options)[0]
    row = row_of(schedule, 0, 0)
    for column in schedule.values():
        del column[row]
    assert "precedence" in kinds(schedule, options)


def test_two_tasks_at_a_time_on_one_pe(schedule):
    rows = [k for k, pe in enumerate(schedule["pe"]) if pe == 4]
    first, second = sorted(rows, key=lambda k: schedule["start_us"][k])[:2]
    move(schedule, first, schedule["start_us"][second] - schedule["start_us"][first])
    assert "capacity" in kinds(schedule)


def test_a_task_inside_another(schedule):
    # A short task hidden in the middle of a long one that ends after its successor on the PE.
    lengths = [b - a for a, b in zip(schedule["start_us"], schedule["finish_us"], strict=True)]
    long = int(np.argmax(lengths))
    other = next(k for k in range(len(lengths)) if schedule["pe"][k] == schedule["pe"][long] != k)
    middle = (schedule["start_us"][long] + schedule["finish_us"][long]) / 2
    move(schedule, other, middle - schedule["start_us"][other])
    assert "capacity" in kinds(schedule)


def test_a_start_before_the_arrival(schedule):
    row = row_of(schedule, 7, 0)
    assert schedule["start_us"][row] >= 105.0
    move(schedule, row, 100.0 - schedule["start_us"][row])
    assert "arrival" in kinds(schedule)


def test_more_jobs_in_flight_than_the_cap(schedule):
    assert "arrival" in kinds(schedule, SocOptions(max_in_flight=2))


def test_a_false_ready_time(schedule):
    schedule["ready_us"][row_of(schedule, 3, 5)] += 1
    assert kinds(schedule) == {"ready"}


def test_ready_times_are_optional(schedule):
    del schedule["ready_us"]
    assert kinds(schedule) == set()


def test_a_finish_beyond_the_horizon(schedule):
    assert "horizon" in kinds(schedule, SocOptions(horizon_us=100.0))


@pytest.mark.parametrize(
    "name", ["mean_latency_us", "p95_latency_us", "makespan_us", "completed_jobs"]
)
def test_a_false_claim(name: str):
    schedule, metrics = simulated(SocOptions())
    metrics[name] *= 0.999
    assert kinds(schedule, claimed=metrics) == {"metric"}
    metrics[name] = float("nan")
    assert kinds(schedule, claimed=metrics) == {"metric"}


def test_the_wrong_communication_is_noticed(schedule):
    assert "precedence" in kinds(schedule, SocOptions(communication="shared_memory"))


def test_the_wrong_noise_is_noticed():
    options = SocOptions(noise_std=0.3)
    schedule = simulated(options)[0]
    assert "duration" in kinds(schedule)
    other = Workload(WORKLOAD.app_index, WORKLOAD.gap_us, key=6)
    found = check_schedule(CHIP, APPS, other, schedule, options)
    assert "duration" in {v.kind for v in found}


def test_changing_frequencies_allow_a_range_of_durations():
    slow = simulated(SocOptions(governor="powersave"))[0]
    assert kinds(slow, SocOptions(governor="ondemand")) == set()
    assert "duration" in kinds(slow)
    row = row_of(slow, 0, 26)
    slow["finish_us"][row] += 1000.0
    assert "duration" in kinds(slow, SocOptions(governor="explicit"))


def test_idling_on_purpose_is_allowed():
    # One job, everything 50 µs late: worse, but feasible.
    workload = Workload(np.zeros(1, dtype=np.int64), np.zeros(1))
    result = simulate_reference(CHIP, APPS, workload, "ETF", record_trace=True)
    columns = {name: result.trace.columns()[name].tolist() for name in COLUMNS[:4]}
    columns["start_us"] = (result.trace.start_us + 50).tolist()
    columns["finish_us"] = (result.trace.finish_us + 50).tolist()
    assert check_schedule(CHIP, APPS, workload, columns) == []
    metrics = schedule_metrics(CHIP, APPS, workload, columns)
    assert metrics["mean_latency_us"] == result.mean_latency_us + 50


def test_the_schedule_is_not_changed(schedule):
    before = copy.deepcopy(schedule)
    check_schedule(CHIP, APPS, WORKLOAD, schedule)
    assert schedule == before


def test_tick_orders_are_refused(schedule):
    with pytest.raises(InvalidValueError, match="order"):
        check_schedule(CHIP, APPS, WORKLOAD, schedule, SocOptions(order="ds3"))
