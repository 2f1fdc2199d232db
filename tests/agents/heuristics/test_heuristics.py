"""The heuristics on decisions small enough to check by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chipgym.agents.core.policy import Policy
from chipgym.agents.core.registry import make_policy
from chipgym.simulators.core.errors import InvalidValueError

INF = np.inf
HEURISTICS = [
    "MET",
    "EFT",
    "ETF",
    "ETF_LB",
    "STF",
    "HEFT_RT",
    "CEDR_HEFT_RT",
    "PEFT_RT",
    "table",
]


def choose(name: str, view: Any) -> tuple[int, int]:
    """(slot, PE) that a fresh policy chooses; (slots, 0) is waiting."""
    policy = make_policy(name)
    policy.reset(1, 0)
    action = int(policy.act(np.zeros((1, 1)), None, [view])[0])
    return divmod(action, view.num_pes)


@pytest.fixture
def two_tasks(make_problem: Any) -> Any:
    """Task 0 is long, task 1 short; PE 0 is fast but taken for 10 us."""
    return make_problem(
        [[4.0, 9.0], [2.0, 3.0]],
        pe_available_us=[10.0, 0.0],
        upward_rank_us=[30.0, 40.0],
        mean_exec_us=[6.5, 2.5],
        oct_us=[[0.0, 8.0], [0.0, 1.0]],
        table_pe=[0, 1],
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MET", (0, 0)),  # first task, fastest PE whatever its queue
        ("STF", (0, 0)),
        ("EFT", (0, 1)),  # 9 now beats 10 + 4
        ("ETF", (1, 1)),  # 3 is the least of all pairs
        ("ETF_LB", (1, 1)),
        ("HEFT_RT", (1, 1)),  # rank 40 first
        ("CEDR_HEFT_RT", (0, 1)),  # mean 6.5 first
        ("PEFT_RT", (0, 0)),  # mean cost 4 first; 14 + 0 beats 9 + 8
        ("table", (0, 0)),
    ],
)
def test_choice_of_two_tasks(two_tasks: Any, name: str, expected: tuple[int, int]) -> None:
    assert choose(name, two_tasks) == expected


@pytest.mark.parametrize("name", HEURISTICS)
def test_nothing_to_assign_is_waiting(make_problem: Any, name: str) -> None:
    view = make_problem([[INF, INF]])
    assert choose(name, view) == (view.num_slots, 0)
    empty = make_problem(np.zeros((0, 2)))
    assert choose(name, empty) == (empty.num_slots, 0)


@pytest.mark.parametrize("name", HEURISTICS)
def test_without_waiting_a_valid_action_is_taken(make_problem: Any, name: str) -> None:
    view = make_problem([[INF, INF]], wait_allowed=False)
    mask = np.zeros((1, 17), dtype=bool)
    mask[0, 5] = True
    assert make_policy(name).act(np.zeros((1, 1)), mask, [view])[0] == 5


@pytest.mark.parametrize("name", HEURISTICS)
def test_a_task_that_no_pe_supports_is_passed_over(make_problem: Any, name: str) -> None:
    view = make_problem(
        [[INF, INF], [3.0, INF]], upward_rank_us=[9.0, 1.0], mean_exec_us=[9.0, 1.0]
    )
    assert choose(name, view) == (1, 0)


def test_table_falls_back_on_earliest_finish(make_problem: Any) -> None:
    assert choose("table", make_problem([[5.0, 3.0]], table_pe=[-1])) == (0, 1)
    assert choose("table", make_problem([[5.0, INF]], table_pe=[1])) == (0, 0)


def test_met_spreads_within_a_pass_and_starts_anew_in_the_next(make_problem: Any) -> None:
    policy = make_policy("MET")
    policy.reset(1, 0)
    views = [
        make_problem(
            [[2.0] * 3] * left, ready_task=np.arange(3 - left, 3), pass_index=i, time_us=float(i)
        )
        for left, i in ((3, 0), (2, 0), (1, 0), (1, 1))
    ]
    assert [int(policy.act(np.zeros((1, 1)), None, [v])[0]) for v in views] == [0, 1, 2, 0]


def test_mets_filter_drops_by_position(make_problem: Any) -> None:
    # Busy PEs 0 and 2 of four: two deletions at position 0 leave 2 (busy) and 3.
    view = make_problem([[2.0] * 4], pe_busy=[True, False, True, False])
    assert choose("MET", view) == (0, 2)


def test_etf_lb_counts_provisional_bests(make_problem: Any) -> None:
    policy = make_policy("ETF_LB")
    policy.reset(1, 0)
    # Both PEs tie for both tasks; task 1 is shorter: 0 -> PE 0 (provisional), then 1 -> PE 1.
    view = make_problem([[4.0, 4.0], [3.0, 3.0]])
    assert divmod(int(policy.act(np.zeros((1, 1)), None, [view])[0]), 2) == (1, 1)
    # Counters are 1 and 1: the tie goes to PE 0, and its counter to 2; then PE 1 is preferred.
    later = make_problem([[4.0, 4.0]], pass_index=1, time_us=1.0)
    assert int(policy.act(np.zeros((1, 1)), None, [later])[0]) == 0
    latest = make_problem([[4.0, 4.0]], pass_index=2, time_us=2.0)
    assert int(policy.act(np.zeros((1, 1)), None, [latest])[0]) == 1


@pytest.mark.parametrize(("name", "second"), [("MET", 0), ("ETF_LB", 0)])
def test_an_episode_of_one_pass_is_told_from_the_next(
    make_problem: Any, name: str, second: int
) -> None:
    """Time and pass are the same again, but the task just assigned is there again."""
    policy = make_policy(name)
    view = make_problem([[4.0, 4.0]])
    actions = [int(policy.act(np.zeros((1, 1)), None, [view])[0]) for _ in range(3)]
    assert actions == [0, second, second]


@pytest.mark.parametrize("name", HEURISTICS)
def test_environments_are_kept_apart(make_problem: Any, name: str) -> None:
    """Interleaved environments get what each would get alone."""
    rng = np.random.default_rng(1)

    def views() -> list[Any]:
        return [
            make_problem(
                rng.integers(1, 3, size=(3, 3)),
                pe_busy=rng.random(3) < 0.5,
                pass_index=k // 2,
                time_us=float(k // 2),
            )
            for k in range(20)
        ]

    first, second = views(), views()
    alone: list[list[Any]] = []
    for sequence in (first, second):
        policy = make_policy(name)
        policy.reset(1, 0)
        alone.append([int(policy.act(np.zeros((1, 1)), None, [view])[0]) for view in sequence])
    together = make_policy(name)
    together.reset(2, 0)
    both = [
        together.act(np.zeros((2, 1)), None, pair).tolist()
        for pair in zip(first, second, strict=True)
    ]
    assert both == [list(pair) for pair in zip(*alone, strict=True)]


@pytest.mark.parametrize("name", HEURISTICS)
def test_problems_are_required(two_tasks: Any, name: str) -> None:
    policy = make_policy(name)
    assert isinstance(policy, Policy)
    with pytest.raises(InvalidValueError, match="problems"):
        policy.act(np.zeros((1, 1)), None, None)
    with pytest.raises(InvalidValueError, match="1 views"):
        policy.act(np.zeros((2, 1)), None, [two_tasks, two_tasks])
