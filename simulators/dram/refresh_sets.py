"""Refresh of one set of banks at a time: a bank, a pair of banks, or the same bank of each group.

Bank b of a rank belongs to set b modulo the number of sets, which covers all three. Not validated:
no reference result uses these modes. The rules follow DRAMSys v4.0's managers
(RefreshManagerPerBank, RefreshManagerSameBank), which work as the all-bank one, but for this:

- The interval is that between two refreshes of any set; postponed and pulled-in refreshes are
  counted in rounds, that is, the limits are multiplied by the number of sets.
- Every set is refreshed once a round, in any order: a due refresh goes to the first set left in the
  round all of whose banks are idle. With none idle it is put off, or, when no more may be, forced
  on the first set left.
- Open banks of the chosen set are precharged one by one; the rest of the rank goes on.

Two rules depart from DRAMSys: a forced refresh blocks its banks from its choice on, not only when
they are closed (else they may be opened again and again before it), and an interval passes without
its refresh only when that was pulled in, so that none is lost while banks close.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.commands import ACT, NOP, PRE
from chipgym.simulators.dram.layout import (
    B_BLOCKED,
    B_CMD,
    B_CURRENT,
    B_DIRTY,
    B_ROW,
    B_TIME,
    BANK_RULES,
    FAR,
    K_BANKS_PER_RANK,
    K_FAW,
    K_POSTPONED,
    K_PULLEDIN,
    K_REFI,
    K_SET_COMMAND,
    K_SET_SHIFT,
    K_SETS,
    R_FAW,
    R_FAW_NEXT,
    R_FLEX,
    R_REF_BANK,
    R_REF_CMD,
    R_REF_FORCED,
    R_REF_LEFT,
    R_REF_STATE,
    R_REF_TIME,
    R_TRIGGER,
    ROW,
    S_BUS,
)
from chipgym.simulators.dram.timing import TABLE

__all__ = ["PULLED_IN", "REGULAR", "evaluate_set_refresh", "refresh_set", "start_round"]

REGULAR, PULLED_IN = range(2)


@merged
def start_round(k: Any, s: Any, rank: int) -> None:
    """Let every set of a rank wait for its refresh."""
    s[rank + R_REF_LEFT] = (1 << k[K_SETS]) - 1
    s[rank + R_REF_FORCED] = -1


@merged
def _idle_set(k: Any, s: Any, rank: int, first: int) -> int:
    """Return the first set left in the round without a current request, -1: none."""
    sets = k[K_SETS]
    for number in range(sets):
        if (s[rank + R_REF_LEFT] >> number) & 1:
            idle = True
            for bank in range(number, k[K_BANKS_PER_RANK], sets):
                if s[first + bank * ROW + B_CURRENT] >= 0:
                    idle = False
            if idle:
                return number
    return -1


@merged
def _force(k: Any, s: Any, rank: int, first: int, number: int) -> None:
    """Block the banks of a set until its refresh."""
    s[rank + R_REF_FORCED] = number
    for index in range(number, k[K_BANKS_PER_RANK], k[K_SETS]):
        bank = first + index * ROW
        s[bank + B_BLOCKED] = 1
        s[bank + B_CMD] = NOP
        s[bank + B_TIME] = FAR


@merged
def _choose_set(k: Any, s: Any, rank: int, first: int, t: int) -> int:
    """Return the set to refresh, -1: put off."""
    if s[rank + R_REF_FORCED] >= 0:
        return s[rank + R_REF_FORCED]
    pulled_in = s[rank + R_REF_STATE] == PULLED_IN
    if pulled_in and t >= s[rank + R_TRIGGER] + k[K_REFI]:
        s[rank + R_TRIGGER] += k[K_REFI]
        s[rank + R_REF_STATE] = REGULAR
        pulled_in = False
    number = _idle_set(k, s, rank, first)
    if not pulled_in and s[rank + R_FLEX] >= k[K_POSTPONED]:
        if number < 0:
            number = 0
            while (s[rank + R_REF_LEFT] >> number) & 1 == 0:
                number += 1
        _force(k, s, rank, first, number)
    elif number < 0:
        s[rank + R_TRIGGER] += k[K_REFI]
        s[rank + R_REF_STATE] = REGULAR
        if not pulled_in:
            s[rank + R_FLEX] += 1
    return number


@kernel
def evaluate_set_refresh(k: Any, s: Any, rank: int, first: int, t: int) -> int:
    """Find the manager's command at or after its trigger; return when to look again."""
    number = _choose_set(k, s, rank, first, t)
    if number < 0:
        return s[rank + R_TRIGGER]
    command = k[K_SET_COMMAND]
    chosen = first + number * ROW
    time = max(
        s[rank + command], s[rank + R_FAW + s[rank + R_FAW_NEXT]] + k[K_FAW] + k[K_SET_SHIFT]
    )
    for index in range(number, k[K_BANKS_PER_RANK], k[K_SETS]):
        bank = first + index * ROW
        if s[bank + B_ROW] >= 0:
            command, chosen = PRE, bank
            time = max(s[bank + PRE], s[rank + PRE])
            break
        time = max(time, s[bank + command])
    s[rank + R_REF_BANK] = chosen
    s[rank + R_REF_CMD] = command
    s[rank + R_REF_TIME] = max(time, s[S_BUS])
    return s[rank + R_REF_TIME]


@kernel
def refresh_set(k: Any, s: Any, rank: int, first: int, chosen: int, command: int, t: int) -> None:
    """Take note of the refresh of the set whose first bank is at `chosen`.

    It counts as an ACT in the window of tFAW.
    """
    number = (chosen - first) // ROW
    for index in range(number, k[K_BANKS_PER_RANK], k[K_SETS]):
        bank = first + index * ROW
        s[bank + B_BLOCKED] = 0
        s[bank + B_DIRTY] = 1
        for later in range(TABLE):
            rule = k[BANK_RULES + command * TABLE + later]
            s[bank + later] = max(s[bank + later], t + rule)
    place = s[rank + R_FAW_NEXT]
    s[rank + R_FAW + place] = t - k[K_SET_SHIFT]
    place = (place + 1) & 3
    s[rank + R_FAW_NEXT] = place
    s[rank + ACT] = max(s[rank + ACT], s[rank + R_FAW + place] + k[K_FAW])
    s[rank + R_REF_FORCED] = -1
    s[rank + R_REF_LEFT] &= ~(1 << number)
    if s[rank + R_REF_LEFT] == 0:
        start_round(k, s, rank)
    _advance(k, s, rank)


@merged
def _advance(k: Any, s: Any, rank: int) -> None:
    """Go on to a refresh before its time, or to the next interval."""
    if s[rank + R_REF_STATE] == PULLED_IN:
        s[rank + R_FLEX] -= 1
    else:
        s[rank + R_REF_STATE] = PULLED_IN
    if s[rank + R_FLEX] <= -k[K_PULLEDIN]:
        s[rank + R_REF_STATE] = REGULAR
        s[rank + R_TRIGGER] += k[K_REFI]
