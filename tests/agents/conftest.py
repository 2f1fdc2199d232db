"""Problem views made by hand, for the tests of agents."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# For `recipe_toy` and `scheduler_toys`, which tests of planners and schedulers share.
sys.path.append(str(Path(__file__).resolve().parents[1]))


@dataclass(frozen=True)
class HandProblem:
    """One decision, every attribute of the problem view given or derived from `exec_us`."""

    exec_us: Any
    delay_us: Any
    pe_available_us: Any
    time_us: float = 0.0
    pass_index: int = 0
    pe_busy: Any = None
    slowdown: Any = None
    upward_rank_us: Any = None
    mean_exec_us: Any = None
    oct_us: Any = None
    table_pe: Any = None
    num_slots: int = 8
    wait_allowed: bool = True
    ready_job: Any = field(default=None)
    ready_app: Any = field(default=None)
    ready_task: Any = field(default=None)

    @property
    def num_ready(self) -> int:
        return len(self.exec_us)

    @property
    def num_pes(self) -> int:
        return self.exec_us.shape[1]

    @property
    def wait_action(self) -> int:
        return self.num_slots * self.num_pes

    @property
    def estimated_finish_us(self) -> Any:
        return self.exec_us * self.slowdown + np.maximum(
            self.delay_us, np.maximum(self.pe_available_us, 0.0)
        )

    def encode(self, slot: int, pe: int) -> int:
        return slot * self.num_pes + pe


def problem(exec_us: Any, **fields: Any) -> HandProblem:
    """Return a view of a decision with the given execution times; the rest is plain."""
    table = np.asarray(exec_us, dtype=np.float64)
    n, num_pes = table.shape
    plain: dict[str, Any] = {
        "delay_us": np.zeros((n, num_pes)),
        "pe_available_us": np.zeros(num_pes),
        "pe_busy": np.zeros(num_pes, dtype=bool),
        "slowdown": np.ones(num_pes),
        "upward_rank_us": np.zeros(n),
        "mean_exec_us": np.zeros(n),
        "oct_us": np.zeros((n, num_pes)),
        "table_pe": np.full(n, -1),
        "ready_job": np.zeros(n, dtype=np.int64),
        "ready_task": np.arange(n),
    }
    given = {key: np.asarray(value) if key in plain else value for key, value in fields.items()}
    return HandProblem(exec_us=table, **(plain | given))


@pytest.fixture
def make_problem() -> Callable[..., HandProblem]:
    """Function `problem`: a view of a decision from its execution times and more."""
    return problem
