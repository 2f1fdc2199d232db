"""Scheduling rules on passes small enough to check by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest

from chipgym.simulators.soc.reference_rules import RULES, Pass, ReadyTask, SplitMix64
from chipgym.simulators.soc.scheduling import SCHEDULERS, schedule

INF = np.inf


@dataclass
class Case:
    """One pass: rows are ready tasks, columns PEs."""

    exec_us: list[list[float]]
    delay_us: list[list[float]] | None = None
    available: list[float] | None = None
    busy: list[bool] | None = None
    slowdown: list[float] | None = None
    lifetime: list[int] | None = None
    rank: list[float] | None = None
    table: list[int] | None = None
    now: float = 0.0
    seed: int = 0
    after: dict[str, list[float]] = field(default_factory=dict)

    def filled(self) -> tuple[np.ndarray, ...]:
        exec_us = np.array(self.exec_us, dtype=np.float64)
        tasks, pes = exec_us.shape

        def default(value, size, fill, dtype):
            return np.array([fill] * size if value is None else value, dtype=dtype)

        delay = np.zeros((tasks, pes)) if self.delay_us is None else np.array(self.delay_us)
        supported = np.isfinite(exec_us)
        mean = np.where(supported, exec_us, 0.0).sum(axis=1) / np.maximum(supported.sum(axis=1), 1)
        return (
            exec_us,
            delay.astype(np.float64),
            default(self.slowdown, pes, 1.0, np.float64),
            default(self.busy, pes, False, np.bool_),
            default(self.available, pes, 0.0, np.float64),
            default(self.lifetime, pes, 0, np.int64),
            default(self.rank, tasks, 0.0, np.float64),
            mean,
            default(self.table, tasks, -1, np.int64),
        )


def compiled(scheduler: str, case: Case) -> list[tuple[int, int]]:
    """Run the kernel; picks as (task, PE) in order."""
    exec_us, delay, slowdown, busy, available, lifetime, rank, mean, table = case.filled()
    tasks, pes = exec_us.shape
    size = max(tasks, pes)
    out_task, out_pe = np.zeros(tasks, dtype=np.int64), np.zeros(tasks, dtype=np.int64)
    made = schedule(
        SCHEDULERS[scheduler],
        tasks,
        exec_us,
        delay,
        slowdown,
        busy,
        case.now,
        available,
        lifetime,
        rank,
        mean,
        table,
        np.array([case.seed], dtype=np.uint64),
        np.zeros((3, size), dtype=np.int64),
        np.zeros(size),
        out_task,
        out_pe,
    )
    case.after = {"available": available.tolist(), "lifetime": lifetime.tolist()}
    return list(zip(out_task[:made].tolist(), out_pe[:made].tolist(), strict=True))


def plain(scheduler: str, case: Case) -> list[tuple[int, int]]:
    """Run the plain-Python rule on the same pass."""
    exec_us, delay, slowdown, busy, available, lifetime, rank, mean, table = case.filled()
    ready = [
        ReadyTask(
            {p: float(e) for p, e in enumerate(exec_us[t]) if e < INF},
            delay[t].tolist().__getitem__,
            float(rank[t]),
            float(mean[t]),
            int(table[t]),
        )
        for t in range(len(exec_us))
    ]
    state = Pass(
        case.now,
        ready,
        available.tolist(),
        lifetime.tolist(),
        slowdown.tolist(),
        busy.tolist(),
        SplitMix64(case.seed),
    )
    return RULES[scheduler](state)


def picks(scheduler: str, case: Case) -> list[tuple[int, int]]:
    """Both implementations, which must agree."""
    result = compiled(scheduler, case)
    assert plain(scheduler, case) == result
    return result


def test_met_takes_the_fastest_pe_and_spreads_ties():
    case = Case([[5, 3, 3, INF]] * 3)
    assert picks("MET", case) == [(0, 1), (1, 2), (2, 1)]


def test_met_avoids_busy_pes_among_the_fastest():
    assert picks("MET", Case([[3, 3, 3]], busy=[True, False, False])) == [(0, 1)]
    assert picks("MET", Case([[3, 3, 3]], busy=[True, True, True])) == [(0, 0)]
    assert picks("MET", Case([[2, 3, 3]], busy=[True, False, False])) == [(0, 0)]


def test_met_filter_deletes_by_position():
    # PEs 0 and 2 are busy. Two deletions at position 0 remove PEs 0 and 1: the idle one goes and
    # the busy PE 2 stays, as in DS3.
    assert picks("MET", Case([[3, 3, 3]], busy=[True, False, True])) == [(0, 2)]
    # The first busy one is last: the second deletion has nothing left to remove.
    assert picks("MET", Case([[3, 3, 3, 3]], busy=[False, False, True, True])) == [(0, 0)]


def test_stf_always_takes_the_first_fastest():
    assert picks("STF", Case([[5, 3, 3]] * 3, available=[0, 100, 0])) == [(0, 1), (1, 1), (2, 1)]


def test_eft_counts_queues_and_delays():
    case = Case(
        [[4, 10], [4, 10], [4, 10]],
        delay_us=[[0, 0], [3, 0], [0, 0]],
        available=[12.0, 10.0],
        now=10.0,
    )
    # Task 0: 2 + 4 against 10. Task 1: 6 + 4 ties with 10 on PE 1: the lower index. Task 2: PE 1.
    assert picks("EFT", case) == [(0, 0), (1, 0), (2, 1)]
    assert case.after["available"] == [20.0, 20.0]


def test_a_delay_overlaps_with_the_wait():
    case = Case([[4, 9]], delay_us=[[5, 0]], available=[13.0, 0.0], now=10.0)
    # max(5, 3) + 4 = 9 ties with 9 + max(0, 0): the lower index.
    assert picks("EFT", case) == [(0, 0)]


def test_etf_takes_the_earliest_task_first():
    case = Case([[9, 9], [2, 4], [3, 5]])
    # Finishes: task 1 at 2; then task 2 at 5 on either PE, PE 0 first; then task 0 at 9 on PE 1.
    assert picks("ETF", case) == [(1, 0), (2, 0), (0, 1)]


def test_etf_ties_go_to_the_earlier_task():
    assert picks("ETF", Case([[5, 5], [5, 5], [5, 5]])) == [(0, 0), (1, 1), (2, 0)]


def test_etf_lb_sees_frequencies_and_balances_ties():
    assert picks("ETF_LB", Case([[4, 6]], slowdown=[2.0, 1.0])) == [(0, 1)]
    case = Case([[5, 5, 5]], lifetime=[3, 1, 1])
    assert picks("ETF_LB", case) == [(0, 1)]
    assert case.after["lifetime"] == [3, 2, 1]


def test_etf_lb_counts_provisional_bests():
    # Task 0 is best at first (8), task 1 beats it (3): both raise a counter; then task 0 again.
    case = Case([[8, 9], [9, 3]])
    assert picks("ETF_LB", case) == [(1, 1), (0, 0)]
    assert case.after["lifetime"] == [2, 1]


def test_runtime_heft_orders_by_rank():
    case = Case([[5, 5]] * 3, rank=[1.0, 7.0, 7.0])
    assert picks("HEFT_RT", case) == [(1, 0), (2, 1), (0, 0)]


def test_cedr_orders_by_mean_execution_time():
    case = Case([[2, 4], [9, 9], [4, 2]], rank=[9.0, 1.0, 2.0])
    assert picks("CEDR_HEFT_RT", case) == [(1, 0), (0, 1), (2, 1)]


def test_a_table_decides_and_falls_back_to_eft():
    case = Case([[5, 3], [5, INF], [5, 9]], table=[0, 1, -1])
    # Task 1's PE does not support it; task 2 has no entry: PE 0 would end at 15, PE 1 at 9.
    assert picks("table", case) == [(0, 0), (1, 0), (2, 1)]


def test_random_is_uniform_over_supporting_pes():
    chosen = Counter()
    for seed in range(600):
        for _, pe in picks("random", Case([[1, INF, 9, 4]] * 5, seed=seed)):
            chosen[pe] += 1
    assert sorted(chosen) == [0, 2, 3]
    assert all(abs(count - 1000) < 120 for count in chosen.values())


@pytest.mark.parametrize("scheduler", sorted(RULES))
def test_both_implementations_agree_on_random_passes(scheduler: str):
    rng = np.random.default_rng(4)
    for seed in range(150):
        tasks, pes = int(rng.integers(1, 9)), int(rng.integers(1, 7))
        exec_us = rng.choice(
            [0.0, 1.0, 2.0, 5.0, INF], size=(tasks, pes), p=[0.1, 0.3, 0.2, 0.2, 0.2]
        )
        exec_us[:, int(rng.integers(pes))] = 3.0
        case = Case(
            exec_us.tolist(),
            rng.integers(0, 4, (tasks, pes)).tolist(),
            rng.integers(0, 25, pes).tolist(),
            (rng.random(pes) < 0.5).tolist(),
            rng.choice([1.0, 2.0], pes).tolist(),
            rng.integers(0, 3, pes).tolist(),
            rng.integers(0, 4, tasks).tolist(),
            rng.integers(-1, pes, tasks).tolist(),
            now=10.0,
            seed=seed,
        )
        picks(scheduler, case)


def test_a_task_that_no_usable_pe_supports_stays():
    # Every PE that supports task 1 has failed: its row is all infinite.
    case = Case([[5, 3], [INF, INF], [4, 9]])
    for scheduler in ("MET", "EFT", "ETF", "ETF_LB", "STF", "random", "table"):
        assert sorted(task for task, _ in compiled(scheduler, case)) == [0, 2]
