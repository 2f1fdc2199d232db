"""Memory schedulers as policies on the problem view of per-command scheduling.

FR-FCFS: Rixner et al., Memory access scheduling, ISCA 2000. Both have an open-page and a
closed-page form; the latter precharges with the last queued access to a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import BoolArray
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["CommandView", "FirstComeFirstServed", "FirstReady"]


class CommandView(Protocol):
    """What a command-scheduling environment publishes: n queued requests, oldest first."""

    @property
    def wait_action(self) -> int:
        """Action that issues nothing."""
        ...

    @property
    def is_column(self) -> BoolArray:
        """Whether the next command is a read or a write, shape (n,)."""
        ...

    @property
    def is_precharge(self) -> BoolArray:
        """Whether it is a precharge, shape (n,)."""
        ...

    @property
    def legal(self) -> BoolArray:
        """Whether it may issue now, shape (n,)."""
        ...

    @property
    def legal_auto(self) -> BoolArray:
        """Whether it may issue now with auto-precharge, shape (n,)."""
        ...

    @property
    def row_in_use(self) -> BoolArray:
        """Whether another request goes to the bank's open row, shape (n,)."""
        ...

    @property
    def behind(self) -> BoolArray:
        """Whether an older request goes to the same bank, shape (n,)."""
        ...

    def encode(self, slot: int, auto_precharge: bool = False) -> int:
        """Return the action that issues the next command of a request."""
        ...


class _Scheduler:
    """What both share: one choice per environment, and the page policy.

    Parameters
    ----------
    closed : bool
        Precharge with the last queued access to a row.
    """

    name = ""

    def __init__(self, closed: bool = False) -> None:
        self.closed = closed

    def reset(self, num_envs: int, seed: int) -> None:
        """Do nothing: there is no memory."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[Any] | None,
    ) -> Actions:
        """Choose a command for each environment; none where none fits."""
        if problems is None:
            raise InvalidValueError("problems", None, f"the problem views, which {self.name} reads")
        return np.array([self.choose(problem) for problem in problems], dtype=np.int64)

    def choose(self, problem: CommandView) -> int:
        """Return the action for one environment."""
        raise NotImplementedError

    def _issuable(self, problem: CommandView) -> tuple[BoolArray, BoolArray]:
        """Whether each request's command may go now, and whether with auto-precharge."""
        auto = problem.is_column & ~problem.row_in_use & self.closed
        return np.where(auto, problem.legal_auto, problem.legal), auto


def _first(chosen: BoolArray) -> int:
    """Index of the oldest chosen request, -1: none."""
    return int(chosen.argmax()) if chosen.any() else -1


class FirstReady(_Scheduler):
    """FR-FCFS: the oldest read or write that may go now, else the oldest activate or precharge.

    A row that a queued request goes to is not precharged.
    """

    name = "FR_FCFS"

    def choose(self, problem: CommandView) -> int:
        """Take column commands first."""
        ready, auto = self._issuable(problem)
        slot = _first(ready & problem.is_column)
        if slot < 0:
            slot = _first(ready & ~(problem.is_precharge & problem.row_in_use))
        return problem.encode(slot, bool(auto[slot])) if slot >= 0 else problem.wait_action


class FirstComeFirstServed(_Scheduler):
    """FCFS: each bank serves its requests in order; of the banks, the oldest that may go now."""

    name = "FCFS"

    def choose(self, problem: CommandView) -> int:
        """Take the oldest request that no older one of its bank precedes."""
        ready, auto = self._issuable(problem)
        slot = _first(ready & ~problem.behind)
        return problem.encode(slot, bool(auto[slot])) if slot >= 0 else problem.wait_action
