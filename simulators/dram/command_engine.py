"""One run of the per-command engine: lowered, stepped, read back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, SimulationError, UnknownNameError
from chipgym.simulators.dram import command_layout as ct
from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.command_scheduling import COMMAND_SCHEDULERS, play, start, take
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.engine import Run, Workload
from chipgym.simulators.dram.result import DramResult

__all__ = ["MAX_ENTRIES", "CommandRun", "simulate_commands"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MAX_ENTRIES = 256


class CommandRun:
    """A run in which every command is chosen from outside, in progress.

    Requests of the trace enter a transaction queue of Q entries by the rules of the trace player:
    one a cycle, not before their time, and only where there is space. A decision is due at each
    cycle at which a command is legal. Its actions are, of the entries from the oldest on: 0..Q-1,
    the entry's next command (PRE where another row is open, ACT where none is, else RD or WR);
    Q..2Q-1, RD or WR with auto-precharge; 2Q, none, until more is legal or a request comes.
    Refreshes are forced when they are due.

    Parameters
    ----------
    workload : Workload
    entries : int
        Q.
    limit_cycles : int, optional
        The run is cut off after this cycle; by default where a controller would count as stuck.
    record : bool
        Keep every command.

    Raises
    ------
    InvalidValueError
        `entries` is not between 1 and `MAX_ENTRIES`.
    """

    def __init__(
        self,
        workload: Workload,
        entries: int = 16,
        *,
        limit_cycles: int | None = None,
        record: bool = False,
    ) -> None:
        if not 1 <= entries <= MAX_ENTRIES:
            raise InvalidValueError("entries", entries, f"1..{MAX_ENTRIES}")
        config = ControllerConfig(request_buffer_size=int(entries), scheduler_buffer="Shared")
        self.workload = workload
        self.entries = int(entries)
        self.base = Run(workload, config, record=record)
        if limit_cycles is not None:
            self.base.static[at.K_LIMIT] = limit_cycles
        self.control = np.zeros(ct.C_ENTRIES + entries * ct.ENTRY_WORDS, dtype=np.int64)
        self._advance()

    @property
    def num_actions(self) -> int:
        """Actions of a decision: 2 Q + 1."""
        return 2 * self.entries + 1

    @property
    def finished(self) -> bool:
        """Whether no decision is due any more."""
        return bool(self.control[ct.C_STATUS] != ct.DECISION)

    @property
    def complete(self) -> bool:
        """Whether every request is served."""
        return bool(self.control[ct.C_STATUS] == ct.DONE)

    @property
    def cycle(self) -> int:
        """Present cycle."""
        return int(self.control[ct.C_NOW])

    def legal(self) -> Bools:
        """Legal actions, bool, shape (2 Q + 1,)."""
        mask = np.zeros(self.num_actions, dtype=np.bool_)
        if not self.finished:
            length = int(self.control[ct.C_LENGTH])
            rows = self.control[ct.C_ENTRIES :].reshape(self.entries, ct.ENTRY_WORDS)[:length]
            mask[:length] = rows[:, ct.E_TIME] <= self.cycle
            mask[self.entries : self.entries + length] = rows[:, ct.E_AUTO] <= self.cycle
            mask[-1] = self.control[ct.C_NEXT] < at.FAR
        return mask

    def step(self, action: int) -> bool:
        """Carry out an action and go on to the next decision; return whether there is none.

        Raises
        ------
        InvalidValueError
            The action is not legal; nothing has changed.
        """
        if not take(*self._buffers(), int(action)):
            allowed = np.flatnonzero(self.legal()).tolist()
            raise InvalidValueError("action", action, f"the legal ones, {allowed}")
        self._advance()
        return self.finished

    def play(self, scheduler: str) -> None:
        """Run to the end with a built-in scheduler, one of `COMMAND_SCHEDULERS`."""
        if scheduler not in COMMAND_SCHEDULERS:
            raise UnknownNameError("scheduler", scheduler, COMMAND_SCHEDULERS)
        while play(*self._buffers(), COMMAND_SCHEDULERS[scheduler]) == ct.FULL:
            self._grow()

    def result(self) -> DramResult:
        """Return the result of a complete run.

        `latency_ns` counts from the cycle at which the player offered the request.

        Raises
        ------
        SimulationError
            The run is not complete.
        """
        if not self.complete:
            served = int(self.control[ct.C_SERVED])
            raise SimulationError(f"{served} of {len(self.workload.trace)} requests are served")
        return self.base.result()

    def _buffers(self) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
        base = self.base
        trace = self.workload.requests
        return base.static, base.state, self.control, trace, base.requests, base.records

    def _advance(self) -> None:
        while start(*self._buffers()) == ct.FULL:
            self._grow()

    def _grow(self) -> None:
        records = self.base.records
        self.base.records = np.concatenate([records, np.zeros_like(records)])
        self.base.static[at.K_RECORD] = len(self.base.records)


def simulate_commands(
    workload: Workload,
    scheduler: str = "FR_FCFS",
    *,
    entries: int = 16,
    record_trace: bool = False,
) -> DramResult:
    """Simulate a workload with a built-in scheduler. A pure function of its arguments.

    Raises
    ------
    UnknownNameError
        There is no such scheduler.
    """
    run = CommandRun(workload, entries, record=record_trace)
    run.play(scheduler)
    return run.result()
