"""The typed view of a command decision that heuristics read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.command_batch import CommandBatch
from chipgym.simulators.dram.command_layout import (
    C_ENTRIES,
    C_LENGTH,
    C_NEXT,
    C_NOW,
    E_AUTO,
    E_BEHIND,
    E_COMMAND,
    E_REQUEST,
    E_ROW_IN_USE,
    E_TIME,
    ENTRY_WORDS,
)
from chipgym.simulators.dram.commands import ACT, COMMANDS, PRE
from chipgym.simulators.dram.layout import FAR, T_BANK, T_COLUMN, T_CYCLE, T_ROW, TRACE_WORDS

__all__ = ["CommandProblem", "view_problem"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CommandProblem:
    """One decision: n requests in the transaction queue, oldest first, of at most Q.

    Attributes
    ----------
    cycle : int
    num_slots : int
        Q.
    wait_action : int
        The action that issues nothing.
    wait_allowed : bool
    command : tuple of str
        Next command of each request: ``"ACT"``, ``"PREPB"``, ``"RD"`` or ``"WR"``.
    is_column : bool array, shape (n,)
        It is RD or WR.
    is_precharge : bool array, shape (n,)
    legal, legal_auto : bool array, shape (n,)
        It may issue now; with auto-precharge.
    ready_cycle : int64 array, shape (n,)
        Cycle at which it may issue; beyond any run while the rank waits for its refresh.
    row_in_use : bool array, shape (n,)
        Another request goes to the open row of the bank.
    behind : bool array, shape (n,)
        An older request goes to the same bank.
    request, bank, row, due_cycle : int64 array, shape (n,)
        Number of the request, its place, and its time in the trace.
    is_write : bool array, shape (n,)
    """

    cycle: int
    num_slots: int
    wait_action: int
    wait_allowed: bool
    command: tuple[str, ...]
    is_column: Bools
    is_precharge: Bools
    legal: Bools
    legal_auto: Bools
    ready_cycle: Ints
    row_in_use: Bools
    behind: Bools
    request: Ints
    bank: Ints
    row: Ints
    due_cycle: Ints
    is_write: Bools

    def encode(self, slot: int, auto_precharge: bool = False) -> int:
        """Return the action that issues a request's next command."""
        return slot + self.num_slots * int(auto_precharge)


def view_problem(batch: CommandBatch, row: int) -> CommandProblem:
    """Return the present decision of a row."""
    c = batch.control[row]
    slots = batch.generator.scenario.entries
    length, now = int(c[C_LENGTH]), int(c[C_NOW])
    entries = c[C_ENTRIES:].reshape(slots, ENTRY_WORDS)[:length].copy()
    places = batch.trace[row].reshape(-1, TRACE_WORDS)[entries[:, E_REQUEST]]
    command = entries[:, E_COMMAND]
    return CommandProblem(
        cycle=now,
        num_slots=slots,
        wait_action=2 * slots,
        wait_allowed=bool(c[C_NEXT] < FAR),
        command=tuple(COMMANDS[number] for number in command),
        is_column=(command != ACT) & (command != PRE),
        is_precharge=command == PRE,
        legal=entries[:, E_TIME] <= now,
        legal_auto=entries[:, E_AUTO] <= now,
        ready_cycle=entries[:, E_TIME],
        row_in_use=entries[:, E_ROW_IN_USE] != 0,
        behind=entries[:, E_BEHIND] != 0,
        request=entries[:, E_REQUEST],
        bank=places[:, T_BANK],
        row=places[:, T_ROW],
        due_cycle=places[:, T_CYCLE],
        is_write=(places[:, T_COLUMN] & 1) != 0,
    )
