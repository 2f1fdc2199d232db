"""Built-in schedulers of the per-command engine, and whole runs with them.

FR-FCFS (Rixner et al., Memory access scheduling, ISCA 2000): the oldest column command that may go
now; else the oldest ACT or PRE, a row with queued hits staying open. FCFS: each bank serves its
requests in order. Their closed forms precharge with the last queued hit of a row.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.command_kernel import advance, carry_out
from chipgym.simulators.dram.command_layout import (
    C_ENTRIES,
    C_LENGTH,
    C_NOW,
    DECISION,
    E_AUTO,
    E_BEHIND,
    E_COMMAND,
    E_ROW_IN_USE,
    E_TIME,
    ENTRY_WORDS,
    FCFS,
    FCFS_CLOSED,
    FR_FCFS,
    FR_FCFS_CLOSED,
)
from chipgym.simulators.dram.commands import ACT, PRE
from chipgym.simulators.dram.layout import K_BUFFER_SIZE
from chipgym.simulators.dram.pointers import pointer

__all__ = ["COMMAND_SCHEDULERS", "choose", "play", "start", "take"]

COMMAND_SCHEDULERS: dict[str, int] = {
    "FR_FCFS": FR_FCFS,
    "FR_FCFS_CLOSED": FR_FCFS_CLOSED,
    "FCFS": FCFS,
    "FCFS_CLOSED": FCFS_CLOSED,
}
"""Number of each scheduler by name."""


@merged
def choose(k: Any, c: Any, scheduler: int) -> int:
    """Return the action of a scheduler at a decision."""
    size, t = k[K_BUFFER_SIZE], c[C_NOW]
    in_order = scheduler >= FCFS
    closed = scheduler in (FR_FCFS_CLOSED, FCFS_CLOSED)
    fallback = 2 * size
    for slot in range(c[C_LENGTH]):
        entry = C_ENTRIES + slot * ENTRY_WORDS
        command = c[entry + E_COMMAND]
        if in_order and c[entry + E_BEHIND]:
            continue
        auto = 0
        if command != ACT and command != PRE:
            auto = 1 if closed and not c[entry + E_ROW_IN_USE] else 0
        elif not in_order and command == PRE and c[entry + E_ROW_IN_USE]:
            continue
        if c[entry + (E_AUTO if auto else E_TIME)] > t:
            continue
        action = slot + auto * size
        if in_order or (command != ACT and command != PRE):
            return action
        if fallback == 2 * size:
            fallback = action
    return fallback


@kernel
def start(static: Any, state: Any, control: Any, trace: Any, requests: Any, records: Any) -> int:
    """Move a run to its next decision; return the status."""
    return advance(
        pointer(static),
        pointer(state),
        pointer(control),
        pointer(trace),
        pointer(requests),
        pointer(records),
    )


@kernel
def take(
    static: Any, state: Any, control: Any, trace: Any, requests: Any, records: Any, action: int
) -> bool:
    """Carry out an action, if it is legal; return whether it is. `start` then moves the clock."""
    return carry_out(
        pointer(static),
        pointer(state),
        pointer(control),
        pointer(trace),
        pointer(requests),
        pointer(records),
        action,
    )


@kernel
def play(
    static: Any, state: Any, control: Any, trace: Any, requests: Any, records: Any, scheduler: int
) -> int:
    """Run on with a scheduler until the end or until `records` is full; return the status."""
    k, s, c = pointer(static), pointer(state), pointer(control)
    tr, rq, rec = pointer(trace), pointer(requests), pointer(records)
    while True:
        status = advance(k, s, c, tr, rq, rec)
        if status != DECISION:
            return status
        carry_out(k, s, c, tr, rq, rec, choose(k, c, scheduler))
