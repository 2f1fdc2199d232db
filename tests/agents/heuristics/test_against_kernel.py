"""Each heuristic, one decision at a time, against the simulator's scheduler over whole passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chipgym.agents.core.registry import make_policy
from chipgym.simulators.soc.scheduling import SCHEDULERS, schedule

INF = np.inf


class Stream:
    """Passes with random ready tasks over PEs whose availability is carried along."""

    def __init__(self, seed: int, num_pes: int, slow: bool) -> None:
        self.slow = slow
        self.rng = np.random.default_rng(seed)
        self.num_pes = num_pes
        self.now = 0.0
        self.available = np.zeros(num_pes)
        self.lifetime = np.zeros(num_pes, dtype=np.int64)

    def ready(self) -> dict[str, Any]:
        """Ready tasks with small whole times, so that ties are frequent."""
        rng, num_pes = self.rng, self.num_pes
        n = int(rng.integers(1, 9))
        exec_us = rng.integers(1, 5, size=(n, num_pes)).astype(float)
        exec_us[rng.random((n, num_pes)) < 0.3] = INF
        if rng.random() < 0.2:
            exec_us[rng.integers(n)] = INF
        self.now += float(rng.integers(1, 4))
        return {
            "exec_us": exec_us,
            "delay_us": rng.integers(0, 3, size=(n, num_pes)).astype(float),
            "pe_busy": rng.random(num_pes) < 0.4,
            "slowdown": rng.choice([1.0, 1.25, 2.0], num_pes) if self.slow else np.ones(num_pes),
            "upward_rank_us": rng.integers(0, 4, size=n).astype(float),
            "mean_exec_us": rng.integers(0, 4, size=n).astype(float),
            "oct_us": np.zeros((n, num_pes)),
            "table_pe": rng.integers(-1, num_pes, size=n),
            "ready_job": np.zeros(n, dtype=np.int64),
            "ready_task": np.arange(n),
        }

    def whole_pass(self, kind: int, ready: dict[str, Any]) -> list[tuple[int, int]]:
        """What the simulator's scheduler does with the pass."""
        n = len(ready["exec_us"])
        size = max(n, self.num_pes)
        out_task, out_pe = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        made = schedule(
            kind,
            n,
            ready["exec_us"],
            ready["delay_us"],
            ready["slowdown"],
            ready["pe_busy"],
            self.now,
            self.available,
            self.lifetime,
            ready["upward_rank_us"],
            ready["mean_exec_us"],
            ready["table_pe"],
            np.ones(1, dtype=np.uint64),
            np.zeros((3, size), dtype=np.int64),
            np.zeros(n),
            out_task,
            out_pe,
        )
        return [(int(t), int(p)) for t, p in zip(out_task[:made], out_pe[:made], strict=True)]


def one_by_one(
    make_problem: Any,
    policy: Any,
    pass_index: int,
    now: float,
    available: Any,
    ready: dict[str, Any],
    num_envs: int,
) -> list[tuple[int, int]]:
    """Let the policy take the pass decision by decision, in several environments alike."""
    left = list(range(len(ready["exec_us"])))
    picks: list[tuple[int, int]] = []
    per_task = [k for k in ready if k not in ("pe_busy", "slowdown")]
    while left:
        view = make_problem(
            **{k: v[left] if k in per_task else v for k, v in ready.items()},
            pe_available_us=np.maximum(available - now, 0.0),
            time_us=now,
            pass_index=pass_index,
        )
        actions = policy.act(np.zeros((num_envs, 1)), None, [view] * num_envs)
        assert (actions == actions[0]).all()
        if actions[0] == view.wait_action:
            break
        slot, pe = divmod(int(actions[0]), view.num_pes)
        available[pe] = now + view.estimated_finish_us[slot, pe]
        picks.append((left.pop(slot), pe))
    return picks


NAMES = [name for name in SCHEDULERS if name != "random"]


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize(
    ("name", "slow"),
    [(name, False) for name in NAMES] + [("MET", True), ("STF", True), ("ETF_LB", True)],
)
def test_the_same_decisions_as_the_simulators_scheduler(
    make_problem: Any, name: str, slow: bool, num_envs: int
) -> None:
    policy = make_policy(name)
    policy.reset(num_envs, 0)
    decisions = 0
    for seed in range(12):  # each seed is a new episode of the same policy object
        stream = Stream(seed, 5, slow)
        available = np.zeros(5)
        for pass_index in range(40):
            ready = stream.ready()
            expected = stream.whole_pass(SCHEDULERS[name], ready)
            got = one_by_one(
                make_problem, policy, pass_index, stream.now, available, ready, num_envs
            )
            assert got == expected
            decisions += len(got)
    assert decisions > 1000
