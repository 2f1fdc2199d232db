"""Refresh and power-down managers of the ranks."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.commands import (
    ACT,
    NOP,
    PDEA,
    PDEP,
    PDXA,
    PDXP,
    PRE,
    PREA,
    RDA,
    REF,
    REFPB,
    SREFEN,
    SREFEX,
    WRA,
)
from chipgym.simulators.dram.layout import (
    ALL_BANK,
    B_BLOCKED,
    B_CMD,
    B_CURRENT,
    B_TIME,
    FAR,
    K_BANKS_PER_RANK,
    K_POSTPONED,
    K_POWER_DOWN,
    K_PULLEDIN,
    K_REFI,
    K_REFRESH,
    R_FLEX,
    R_OPEN,
    R_PDN_CMD,
    R_PDN_ENTRY,
    R_PDN_EXIT,
    R_PDN_IDLE,
    R_PDN_SELF,
    R_PDN_STATE,
    R_PDN_TIME,
    R_REF_CMD,
    R_REF_SLEEPS,
    R_REF_STATE,
    R_REF_TIME,
    R_TRIGGER,
    ROW,
    S_BUS,
    WAKING,
)
from chipgym.simulators.dram.refresh_sets import (
    PULLED_IN,
    REGULAR,
    evaluate_set_refresh,
    start_round,
)

__all__ = [
    "evaluate_power_down",
    "evaluate_refresh",
    "update_power_down",
    "update_refresh",
]

IDLE, ACTIVE_PDN, PRECHARGE_PDN, SELF_REFRESH, EXTRA_REFRESH = range(5)


@merged
def request_entry(s: Any, rank: int) -> None:
    """Tell the power-down manager that the rank holds no request any more."""
    s[rank + R_PDN_IDLE] = 1
    if s[rank + R_PDN_STATE] == IDLE:
        s[rank + R_PDN_ENTRY] = 1


@merged
def request_exit(s: Any, rank: int) -> None:
    """Tell the power-down manager that a request came."""
    s[rank + R_PDN_IDLE] = 0
    s[rank + R_PDN_SELF] = 0
    _interrupt(s, rank)


@merged
def _interrupt(s: Any, rank: int) -> None:
    s[rank + R_PDN_ENTRY] = 0
    if s[rank + R_PDN_STATE] != IDLE:
        s[rank + R_PDN_EXIT] = 1


@merged
def _any_busy(k: Any, s: Any, first: int) -> bool:
    for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
        if s[bank + B_CURRENT] >= 0:
            return True
    return False


@merged
def _block(k: Any, s: Any, first: int) -> None:
    for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
        if s[bank + B_BLOCKED] == 0:
            s[bank + B_BLOCKED] = 1
            s[bank + B_CMD] = NOP
            s[bank + B_TIME] = FAR


@merged
def _refresh_command(k: Any, s: Any, rank: int, first: int, t: int) -> int:
    """Return the refresh manager's command at or after its trigger, NOP: put off."""
    if t >= s[rank + R_TRIGGER] + k[K_REFI]:
        s[rank + R_TRIGGER] += k[K_REFI]
        s[rank + R_REF_STATE] = REGULAR
    if s[rank + R_REF_STATE] == PULLED_IN:
        if not _any_busy(k, s, first):
            return REF
        s[rank + R_REF_STATE] = REGULAR
        s[rank + R_TRIGGER] += k[K_REFI]
        return NOP
    if s[rank + R_FLEX] >= k[K_POSTPONED]:  # above it after a change of the settings
        _block(k, s, first)
    elif _any_busy(k, s, first):
        s[rank + R_FLEX] += 1
        s[rank + R_TRIGGER] += k[K_REFI]
        return NOP
    return PREA if s[rank + R_OPEN] > 0 else REF


@kernel
def _evaluate_due(k: Any, s: Any, rank: int, first: int, t: int) -> int:
    _interrupt(s, rank)
    if s[rank + R_REF_SLEEPS]:
        return FAR
    if k[K_REFRESH] != ALL_BANK:
        return evaluate_set_refresh(k, s, rank, first, t)
    command = _refresh_command(k, s, rank, first, t)
    s[rank + R_REF_CMD] = command
    if command < 0:
        return s[rank + R_TRIGGER]
    s[rank + R_REF_TIME] = max(s[rank + command], s[S_BUS])
    return s[rank + R_REF_TIME]


@merged
def evaluate_refresh(k: Any, s: Any, rank: int, first: int, t: int) -> int:
    """Find the refresh manager's next command; return when to look again.

    `rank` is the place of the rank's row, `first` that of its first bank.
    """
    if k[K_REFRESH] == 0:
        return FAR
    s[rank + R_REF_CMD] = NOP
    if t < s[rank + R_TRIGGER]:
        return s[rank + R_TRIGGER]
    return _evaluate_due(k, s, rank, first, t)


@merged
def update_refresh(k: Any, s: Any, rank: int, command: int, t: int) -> None:
    """Take note of a command that went to the rank or one of its banks."""
    if command == ACT:
        s[rank + R_OPEN] += 1
    elif command in (PRE, RDA, WRA):
        s[rank + R_OPEN] -= 1
    elif command >= PREA:
        _update_rank_refresh(k, s, rank, command, t)


@kernel
def _update_rank_refresh(k: Any, s: Any, rank: int, command: int, t: int) -> None:
    if command == PREA:
        s[rank + R_OPEN] = 0
    elif command == REF:
        _refreshed(k, s, rank, t)
    elif command in (PDEA, PDEP):
        s[rank + R_REF_SLEEPS] = 1
    elif command == SREFEN:
        s[rank + R_REF_SLEEPS] = 1
        s[rank + R_TRIGGER] = FAR
    elif command in (PDXA, PDXP):
        s[rank + R_REF_SLEEPS] = 0


@merged
def _refreshed(k: Any, s: Any, rank: int, t: int) -> None:
    if s[rank + R_REF_SLEEPS]:  # the one that follows self-refresh
        s[rank + R_REF_STATE] = REGULAR
        s[rank + R_TRIGGER] = t + k[K_REFI]
        s[rank + R_REF_SLEEPS] = 0
        start_round(k, s, rank)
        return
    if s[rank + R_REF_STATE] == PULLED_IN:
        s[rank + R_FLEX] -= 1
    else:
        s[rank + R_REF_STATE] = PULLED_IN
    if s[rank + R_FLEX] <= -k[K_PULLEDIN]:
        s[rank + R_REF_STATE] = REGULAR
        s[rank + R_TRIGGER] += k[K_REFI]


@merged
def _power_down_command(k: Any, s: Any, rank: int) -> int:
    if s[rank + R_PDN_EXIT]:
        state = s[rank + R_PDN_STATE]
        if state == ACTIVE_PDN:
            return PDXA
        if state == PRECHARGE_PDN:
            return PDXP
        return SREFEX if state == SELF_REFRESH else REF
    if k[K_POWER_DOWN] == WAKING:
        return NOP
    if s[rank + R_PDN_ENTRY]:
        return PDEA if s[rank + R_OPEN] > 0 else PDEP
    return SREFEN if s[rank + R_PDN_SELF] else NOP


@merged
def evaluate_power_down(k: Any, s: Any, rank: int) -> int:
    """Find the power-down manager's next command; return its time."""
    if k[K_POWER_DOWN] == 0:
        return FAR
    command = _power_down_command(k, s, rank)
    s[rank + R_PDN_CMD] = command
    s[rank + R_PDN_TIME] = FAR if command < 0 else max(s[rank + command], s[S_BUS])
    return s[rank + R_PDN_TIME]


@merged
def update_power_down(k: Any, s: Any, rank: int, command: int) -> None:
    """Take note of a command that went to the whole rank."""
    if k[K_POWER_DOWN] == 0 or command <= PREA:
        return
    if command == REF:
        if s[rank + R_PDN_STATE] == EXTRA_REFRESH:
            s[rank + R_PDN_STATE] = IDLE
            s[rank + R_PDN_EXIT] = 0
        elif s[rank + R_PDN_IDLE]:
            s[rank + R_PDN_ENTRY] = 1
    elif command in (PDEA, PDEP):
        s[rank + R_PDN_STATE] = ACTIVE_PDN if command == PDEA else PRECHARGE_PDN
        s[rank + R_PDN_ENTRY] = 0
    elif command in (PDXA, PDXP):
        s[rank + R_PDN_STATE] = IDLE
        s[rank + R_PDN_EXIT] = 0
        if command == PDXP and s[rank + R_PDN_IDLE]:
            s[rank + R_PDN_SELF] = 1
    elif command == SREFEN:
        s[rank + R_PDN_STATE] = SELF_REFRESH
        s[rank + R_PDN_ENTRY] = 0
        s[rank + R_PDN_SELF] = 0
    elif command == SREFEX:
        s[rank + R_PDN_STATE] = EXTRA_REFRESH
    elif command >= REFPB and s[rank + R_PDN_IDLE]:
        s[rank + R_PDN_ENTRY] = 1
