"""Bank machines: which command each bank wants next, by its page policy and the scheduler."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import merged
from chipgym.simulators.dram.commands import (
    ACT,
    NOP,
    PDEA,
    PDEP,
    PDXA,
    PDXP,
    PRE,
    PREA,
    RD,
    REF,
    SREFEN,
)
from chipgym.simulators.dram.layout import (
    B_BLOCKED,
    B_CMD,
    B_CONFLICTS,
    B_CURRENT,
    B_DIRTY,
    B_EVICTED,
    B_GROUP,
    B_HITS,
    B_KEEP,
    B_RANK,
    B_ROW,
    B_SLEEPS,
    B_TIME,
    CLOSED,
    FAR,
    K_BANKS,
    K_BANKS_PER_RANK,
    K_PAGE,
    OPEN,
    OPEN_ADAPTIVE,
    ROW,
    S_BANK_ROWS,
    S_BUS,
    T_COLUMN,
    T_ROW,
    TRACE_WORDS,
)
from chipgym.simulators.dram.queues import (
    close_row,
    further_hit,
    further_request,
    open_row,
    pick,
)

__all__ = ["evaluate_bank", "mark_all", "update_bank", "update_rank_banks"]


@merged
def _column_command(k: Any, s: Any, tr: Any, rq: Any, bank: int, is_write: int) -> int:
    """Return the command that moves the current request's data: with or without precharge."""
    policy = k[K_PAGE]
    if policy == OPEN:
        closes = False
    elif policy == CLOSED:
        closes = True
    elif policy == OPEN_ADAPTIVE:
        closes = further_request(k, s, bank, is_write) and not further_hit(
            k, s, tr, rq, bank, is_write
        )
    else:
        closes = not further_hit(k, s, tr, rq, bank, is_write)
    return RD + 2 * is_write + closes


@merged
def _choose(k: Any, s: Any, tr: Any, rq: Any, bank: int) -> int:
    """Return the bank's next command, and make the request it serves the current one."""
    if s[bank + B_BLOCKED] or s[bank + B_SLEEPS]:
        return NOP
    request = pick(k, s, tr, rq, bank)
    if request < 0:
        return NOP
    row = s[bank + B_ROW]
    if s[bank + B_KEEP] == 0 or tr[request * TRACE_WORDS + T_ROW] == row:
        s[bank + B_CURRENT] = request
    else:
        request = s[bank + B_CURRENT]
    if row < 0:
        return ACT
    if tr[request * TRACE_WORDS + T_ROW] != row:
        return PRE
    return _column_command(k, s, tr, rq, bank, tr[request * TRACE_WORDS + T_COLUMN] & 1)


@merged
def evaluate_bank(k: Any, s: Any, tr: Any, rq: Any, bank: int) -> None:
    """Find the next command of the bank whose row is at `bank`."""
    s[bank + B_DIRTY] = 0
    s[bank + B_CMD] = _choose(k, s, tr, rq, bank)


@merged
def time_bank(s: Any, bank: int) -> int:
    """Return (and keep) the earliest time of the bank's next command."""
    command = s[bank + B_CMD]
    time = FAR
    if command >= 0:
        time = max(s[bank + command], s[s[bank + B_GROUP] + command])
        time = max(time, s[s[bank + B_RANK] + command], s[S_BUS])
    s[bank + B_TIME] = time
    return time


@merged
def mark_all(k: Any, s: Any) -> None:
    """Have every bank evaluated anew."""
    first = s[S_BANK_ROWS]
    for bank in range(first, first + k[K_BANKS] * ROW, ROW):
        s[bank + B_DIRTY] = 1


@merged
def update_bank(s: Any, tr: Any, rq: Any, bank: int, command: int) -> None:
    """Take note of a command that the bank got; its request is still queued."""
    s[bank + B_DIRTY] = 1
    if command == ACT:
        open_row(s, tr, rq, bank, tr[s[bank + B_CURRENT] * TRACE_WORDS + T_ROW])
        s[bank + B_KEEP] = 1
        return
    if command == PRE:
        s[bank + B_EVICTED] = s[bank + B_CURRENT] >= 0
        close_row(s, bank)
    else:
        s[bank + B_CURRENT] = -1
        if s[bank + B_KEEP] == 0:
            s[bank + B_HITS] += 1
        else:
            s[bank + B_CONFLICTS] += s[bank + B_EVICTED]
            s[bank + B_EVICTED] = 0
    s[bank + B_KEEP] = 0


@merged
def update_rank_banks(k: Any, s: Any, first: int, command: int) -> None:
    """Take note of a command that all banks of a rank got; `first` is the place of the first."""
    for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
        s[bank + B_DIRTY] = 1
        if command == PREA:
            s[bank + B_KEEP] = 0
            close_row(s, bank)
        elif command == REF:
            s[bank + B_BLOCKED] = 0
            s[bank + B_SLEEPS] = 0
        elif command in (PDEA, PDEP, SREFEN):
            s[bank + B_SLEEPS] = 1
        elif command in (PDXA, PDXP):
            s[bank + B_SLEEPS] = 0
