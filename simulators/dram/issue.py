"""Selection and issue of a command, and how it constrains what may follow."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import merged
from chipgym.simulators.dram.banks import (
    update_bank,
    update_rank_banks,
)
from chipgym.simulators.dram.commands import ACT, NOP, PRE, RD, REFPB, WRA
from chipgym.simulators.dram.layout import (
    B_CMD,
    B_CURRENT,
    B_GROUP,
    B_TIME,
    BANK_RULES,
    FAR,
    GROUP_RULES,
    K_BANKS_PER_RANK,
    K_FAW,
    K_MUX,
    K_PHY_FW,
    K_RANKS,
    K_RECORD,
    K_THINK_FW,
    OTHER_RULES,
    R_FAW,
    R_FAW_NEXT,
    R_PDN_CMD,
    R_PDN_TIME,
    R_REF_BANK,
    R_REF_CMD,
    R_REF_TIME,
    R_REQUESTS,
    RANK_ROWS,
    RANK_RULES,
    RECORD_WORDS,
    ROW,
    S_BANK_ROWS,
    S_BANKS_NEXT,
    S_BUS,
    S_COUNTS,
    S_GROUP_ROWS,
    S_RECORDED,
    S_STRICT_NEXT,
    STEPS,
    STRICT,
    T_COLUMN,
    T_ROW,
    TRACE_WORDS,
)
from chipgym.simulators.dram.power import count_power
from chipgym.simulators.dram.refresh import (
    request_entry,
    update_power_down,
    update_refresh,
)
from chipgym.simulators.dram.refresh_sets import refresh_set
from chipgym.simulators.dram.requests import finish_request
from chipgym.simulators.dram.timing import TABLE

__all__ = ["constrain", "first_bank", "issue_due"]


@merged
def first_bank(k: Any, s: Any, rank: int) -> int:
    """Return the place of the first bank of the rank whose row is at `rank`."""
    return s[S_BANK_ROWS] + (rank - RANK_ROWS) * k[K_BANKS_PER_RANK]


@merged
def _relax(s: Any, row: int, k: Any, rules: int, t: int) -> None:
    """Push the earliest times of a row back by the constraints of a command at t."""
    for command in range(TABLE):
        s[row + command] = max(s[row + command], t + k[rules + command])


@merged
def constrain(k: Any, s: Any, rank: int, bank: int, command: int, t: int) -> None:
    """Let a command constrain what may follow."""
    s[S_BUS] = t + 1
    offset = command * TABLE
    _relax(s, rank, k, RANK_RULES + offset, t)
    if command <= PRE:
        _relax(s, bank, k, BANK_RULES + offset, t)
        _relax(s, s[bank + B_GROUP], k, GROUP_RULES + offset, t)
        if command == ACT:
            _limit_activates(k, s, rank, t)
    if k[K_RANKS] > 1:
        for other in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
            if other != rank:
                _relax(s, other, k, OTHER_RULES + offset, t)


@merged
def _limit_activates(k: Any, s: Any, rank: int, t: int) -> None:
    """Allow four ACT in each window."""
    place = s[rank + R_FAW_NEXT]
    s[rank + R_FAW + place] = t
    place = (place + 1) & 3
    s[rank + R_FAW_NEXT] = place
    s[rank + ACT] = max(s[rank + ACT], s[rank + R_FAW + place] + k[K_FAW])


@merged
def _issue(
    k: Any, s: Any, tr: Any, rq: Any, rank: int, bank: int, command: int, instant: int
) -> None:
    """Send a command.

    `bank` is the place of the row of its bank, of the first of the set or rank for several banks.
    """
    t = instant // STEPS
    request = s[bank + B_CURRENT]
    first = first_bank(k, s, rank)
    if command <= PRE:
        update_bank(s, tr, rq, bank, command)
    elif command >= REFPB:
        refresh_set(k, s, rank, first, bank, command, t)
    else:
        update_rank_banks(k, s, first, command)
    update_refresh(k, s, rank, command, t)
    update_power_down(k, s, rank, command)
    constrain(k, s, rank, bank, command, t)
    count_power(k, s, rank, first, bank, command, t + k[K_THINK_FW] + k[K_PHY_FW])
    s[S_COUNTS + command] += 1
    if RD <= command <= WRA:
        finish_request(k, s, tr, rq, bank, request, command, instant)
        s[rank + R_REQUESTS] -= 1
    if s[rank + R_REQUESTS] == 0:
        request_entry(s, rank)


@merged
def _record(k: Any, s: Any, tr: Any, rec: Any, rank: int, bank: int, command: int, t: int) -> None:
    """Note a command about to be issued."""
    row = s[S_RECORDED] * RECORD_WORDS
    s[S_RECORDED] += 1
    rec[row] = t
    rec[row + 1] = command
    rec[row + 2] = (rank - RANK_ROWS) // ROW
    for field in range(3, RECORD_WORDS):
        rec[row + field] = -1
    if command <= PRE or command >= REFPB:
        rec[row + 3] = (s[bank + B_GROUP] - s[S_GROUP_ROWS]) // ROW
        rec[row + 4] = (bank - s[S_BANK_ROWS]) // ROW
    request = s[bank + B_CURRENT]
    if command <= PRE and request >= 0:
        rec[row + 5] = tr[request * TRACE_WORDS + T_ROW]
        if command != ACT and command != PRE:
            rec[row + 6] = tr[request * TRACE_WORDS + T_COLUMN] >> 1
        rec[row + 7] = request + 1


@merged
def _oldest_bank(k: Any, s: Any, first: int, t: int) -> int:
    """Return the place of the bank of a rank that may issue and is first in line, -1: none.

    In line: by time (times that are past count as now), then by request.
    """
    best, best_request = -1, FAR
    strict = k[K_MUX] == STRICT
    for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
        if s[bank + B_TIME] > t:
            continue
        request = s[bank + B_CURRENT]
        command = s[bank + B_CMD]
        if strict and RD <= command <= WRA and request != s[S_STRICT_NEXT]:
            continue
        if request < best_request:
            best, best_request = bank, request
    return best


@merged
def issue_due(k: Any, s: Any, tr: Any, rq: Any, rec: Any, instant: int) -> bool:
    """Select a command that may issue now, and issue it; return whether there was one."""
    t = instant // STEPS
    best_rank, best_bank, best_command, best_number = -1, -1, NOP, FAR
    banks_due = s[S_BANKS_NEXT] <= t
    for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
        first = first_bank(k, s, rank)
        if s[rank + R_PDN_CMD] >= 0:
            if s[rank + R_PDN_TIME] <= t and best_rank < 0:
                best_rank, best_bank, best_command = rank, first, s[rank + R_PDN_CMD]
            continue
        if s[rank + R_REF_CMD] >= 0 and s[rank + R_REF_TIME] <= t and best_number >= 0:
            best_rank, best_command = rank, s[rank + R_REF_CMD]
            best_bank = s[rank + R_REF_BANK]
            best_number = -1
        elif banks_due:
            bank = _oldest_bank(k, s, first, t)
            if bank >= 0 and s[bank + B_CURRENT] < best_number:
                best_rank, best_bank, best_command = rank, bank, s[bank + B_CMD]
                best_number = s[bank + B_CURRENT]
    if best_rank < 0:
        return False
    if k[K_RECORD]:
        _record(k, s, tr, rec, best_rank, best_bank, best_command, t)
    _issue(k, s, tr, rq, best_rank, best_bank, best_command, instant)
    return True
