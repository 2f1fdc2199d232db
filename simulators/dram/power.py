"""Online power counters of the ranks, by the rules of DRAMPower's command-list evaluation.

A precharge that RDA or WRA implies counts at its own later time: a bank keeps it pending until
another command or the end comes after it.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.commands import (
    ACT,
    PDEA,
    PDEP,
    PDXA,
    PDXP,
    PRE,
    PREA,
    RD,
    RDA,
    REF,
    REFPB,
    SREFEN,
    SREFEX,
    WR,
    WRA,
)
from chipgym.simulators.dram.layout import (
    B_LAST_ACT,
    B_PENDING,
    B_POWERED,
    E_ACTIVE_FROM,
    E_ACTS,
    E_CYCLES,
    E_END,
    E_IDLE_FROM,
    E_LOW_FROM,
    E_MODE,
    E_OPEN,
    E_PENDING,
    E_PRES,
    E_READS,
    E_REFS,
    E_SET_REFS,
    E_WRITES,
    FAR,
    K_BANKS_PER_RANK,
    K_BURST,
    K_DQSCK,
    K_RANKS,
    K_RAS,
    K_RCD,
    K_RDA_OFFSET,
    K_RFC,
    K_RL,
    K_RP,
    K_WL,
    K_WR,
    K_WRA_OFFSET,
    RANK_ROWS,
    ROW,
    S_BANK_ROWS,
)

__all__ = ["close_power", "count_power", "end_of_power", "fill_power", "power_until"]

# Kinds of background cycles, in this order from E_CYCLES on: banks active, all precharged, active
# and precharged power-down, self-refresh, and the refresh at its start while powered down (active
# and precharged part) and after an early exit (the same).
ACTIVE, PRECHARGED, PDN_ACTIVE, PDN_PRECHARGED, SELF, S_ACT, S_PRE, U_ACT, U_PRE = range(9)

# What a rank's background is.
AWAKE, LOW_ACTIVE, LOW_PRECHARGED, LOW_SELF = range(4)


@merged
def _spend(s: Any, rank: int, kind: int, cycles: int) -> None:
    if cycles > 0:
        s[rank + E_CYCLES + kind] += cycles


@merged
def _precharge(k: Any, s: Any, rank: int, bank: int, t: int) -> None:
    """Count the precharge of a bank, explicit or implied."""
    s[rank + E_END] = t + k[K_RP] - 1
    if s[bank + B_POWERED] == 0:
        return
    s[bank + B_POWERED] = 0
    s[rank + E_PRES] += 1
    s[rank + E_OPEN] -= 1
    if s[rank + E_OPEN] == 0:
        _spend(s, rank, ACTIVE, t - s[rank + E_ACTIVE_FROM])
        s[rank + E_IDLE_FROM] = t


@kernel
def _flush(k: Any, s: Any, rank: int, first: int, t: int) -> None:
    """Count all implied precharges up to a time, in order of time."""
    end = first + k[K_BANKS_PER_RANK] * ROW
    while s[rank + E_PENDING] <= t:
        due = s[rank + E_PENDING]
        following = FAR
        for bank in range(first, end, ROW):
            pending = s[bank + B_PENDING]
            if pending == due:
                s[bank + B_PENDING] = FAR
                _precharge(k, s, rank, bank, due)
            elif pending < following:
                following = pending
        s[rank + E_PENDING] = following


@merged
def _imply_precharge(k: Any, s: Any, rank: int, bank: int, t: int) -> None:
    due = max(t, s[bank + B_LAST_ACT] + k[K_RAS])
    s[bank + B_PENDING] = due
    s[rank + E_PENDING] = min(s[rank + E_PENDING], due)


@merged
def _count_bank_command(k: Any, s: Any, rank: int, bank: int, command: int, t: int) -> None:
    if command == ACT:
        s[rank + E_END] = t + k[K_RCD] - 1
        s[bank + B_LAST_ACT] = t
        if s[bank + B_POWERED] == 0:
            s[bank + B_POWERED] = 1
            s[rank + E_ACTS] += 1
            if s[rank + E_OPEN] == 0:
                _spend(s, rank, PRECHARGED, t - s[rank + E_IDLE_FROM])
                s[rank + E_ACTIVE_FROM] = t
            s[rank + E_OPEN] += 1
    elif command in (RD, RDA):
        s[rank + E_READS] += 1
        s[rank + E_END] = t + k[K_RL] + k[K_DQSCK] + 1 + k[K_BURST] - 1
        if command == RDA:
            _imply_precharge(k, s, rank, bank, t + k[K_RDA_OFFSET])
    elif command in (WR, WRA):
        s[rank + E_WRITES] += 1
        s[rank + E_END] = t + k[K_WL] + k[K_BURST] + k[K_WR] - 1
        if command == WRA:
            _imply_precharge(k, s, rank, bank, t + k[K_WRA_OFFSET])
    elif command == PRE:
        _precharge(k, s, rank, bank, t)


@merged
def _close_banks(k: Any, s: Any, rank: int, first: int) -> None:
    s[rank + E_OPEN] = 0
    for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
        s[bank + B_POWERED] = 0


@kernel
def _count_rank_command(k: Any, s: Any, rank: int, first: int, command: int, t: int) -> None:
    s[rank + E_END] = t - 1
    if command == PREA:
        s[rank + E_END] = t + k[K_RP] - 1
        if s[rank + E_OPEN] > 0:
            _spend(s, rank, ACTIVE, t - s[rank + E_ACTIVE_FROM])
            s[rank + E_IDLE_FROM] = t
            s[rank + E_PRES] += s[rank + E_OPEN]
            _close_banks(k, s, rank, first)
    elif command == REF:
        active = k[K_RFC] - k[K_RP]
        s[rank + E_REFS] += 1
        _spend(s, rank, PRECHARGED, t - s[rank + E_IDLE_FROM])
        _spend(s, rank, ACTIVE, active)
        s[rank + E_IDLE_FROM] = t + active
        s[rank + E_ACTIVE_FROM] = t
        _close_banks(k, s, rank, first)
    elif command == PDEA:
        _spend(s, rank, ACTIVE, t - s[rank + E_ACTIVE_FROM])
        _sleep(s, rank, LOW_ACTIVE, t)
    elif command == PDXA:
        _spend(s, rank, PDN_ACTIVE, t - s[rank + E_LOW_FROM])
        s[rank + E_ACTIVE_FROM] = t
        s[rank + E_MODE] = AWAKE
    elif command in (PDEP, SREFEN):
        _spend(s, rank, PRECHARGED, t - s[rank + E_IDLE_FROM])
        _sleep(s, rank, LOW_PRECHARGED if command == PDEP else LOW_SELF, t)
    elif command == PDXP:
        _spend(s, rank, PDN_PRECHARGED, t - s[rank + E_LOW_FROM])
        s[rank + E_IDLE_FROM] = t
        s[rank + E_MODE] = AWAKE
    elif command == SREFEX:
        _end_self_refresh(k, s, rank, t)
    elif command >= REFPB:
        s[rank + E_SET_REFS] += 1


@merged
def _sleep(s: Any, rank: int, mode: int, t: int) -> None:
    s[rank + E_MODE] = mode
    s[rank + E_LOW_FROM] = t


@merged
def _end_self_refresh(k: Any, s: Any, rank: int, t: int) -> None:
    """Split a self-refresh into its opening refresh and the rest."""
    cycles = t - s[rank + E_LOW_FROM]
    active = k[K_RFC] - k[K_RP]
    s[rank + E_MODE] = AWAKE
    if cycles >= k[K_RFC]:
        _spend(s, rank, S_ACT, active)
        _spend(s, rank, S_PRE, k[K_RP])
        _spend(s, rank, SELF, cycles - k[K_RFC])
        s[rank + E_IDLE_FROM] = t
    elif cycles >= active:
        precharged = cycles - active
        _spend(s, rank, S_ACT, active)
        _spend(s, rank, S_PRE, precharged)
        _spend(s, rank, U_PRE, k[K_RP] - precharged)
        s[rank + E_IDLE_FROM] = t + k[K_RP] - precharged
    else:
        _spend(s, rank, S_ACT, cycles)
        _spend(s, rank, U_ACT, active - cycles)
        _spend(s, rank, U_PRE, k[K_RP])
        s[rank + E_IDLE_FROM] = t + k[K_RFC] - cycles


@merged
def count_power(k: Any, s: Any, rank: int, first: int, bank: int, command: int, t: int) -> None:
    """Count a command that reaches the memory in a cycle.

    `rank` is the place of the rank's row, `first` that of its first bank and `bank` that of the
    command's bank.
    """
    if s[rank + E_PENDING] <= t:
        _flush(k, s, rank, first, t)
    if command <= PRE:
        _count_bank_command(k, s, rank, bank, command, t)
    else:
        _count_rank_command(k, s, rank, first, command, t)


@kernel
def close_power(k: Any, s: Any) -> None:
    """Count what is pending and close the open intervals of all ranks at the end of the trace."""
    fill_power(k, s, end_of_power(k, s))


@merged
def end_of_power(k: Any, s: Any) -> int:
    """Count what is pending, and return when the last command of a channel is over."""
    for r in range(k[K_RANKS]):
        rank = RANK_ROWS + r * ROW
        first = s[S_BANK_ROWS] + r * k[K_BANKS_PER_RANK] * ROW
        _flush(k, s, rank, first, FAR - 1)
    end = 0
    for r in range(k[K_RANKS]):
        end = max(end, s[RANK_ROWS + r * ROW + E_END])
    return end


@merged
def fill_power(k: Any, s: Any, end: int) -> None:
    """Close the open intervals of all ranks."""
    for r in range(k[K_RANKS]):
        _close_rank(k, s, RANK_ROWS + r * ROW, end)


@merged
def _close_rank(k: Any, s: Any, rank: int, end: int) -> None:
    mode = s[rank + E_MODE]
    low = end - s[rank + E_LOW_FROM]
    if mode == LOW_ACTIVE:
        _spend(s, rank, PDN_ACTIVE, low)
    elif mode == LOW_PRECHARGED:
        _spend(s, rank, PDN_PRECHARGED, low)
    elif mode == LOW_SELF:
        active = k[K_RFC] - k[K_RP]
        _spend(s, rank, S_ACT, min(low, active))
        _spend(s, rank, S_PRE, min(low - active, k[K_RP]))
        _spend(s, rank, SELF, low - k[K_RFC])
    elif s[rank + E_OPEN] > 0:
        _spend(s, rank, ACTIVE, end - s[rank + E_ACTIVE_FROM])
    else:
        _spend(s, rank, PRECHARGED, end - s[rank + E_IDLE_FROM])


@kernel
def power_until(k: Any, s: Any, now: int) -> None:
    """Close the open intervals of a copied state at a cycle before which everything is known.

    The counters then never exceed those of any later cycle, nor those of the end.
    """
    for r in range(k[K_RANKS]):
        first = s[S_BANK_ROWS] + r * k[K_BANKS_PER_RANK] * ROW
        _flush(k, s, RANK_ROWS + r * ROW, first, now - 1)
    end = 0
    for r in range(k[K_RANKS]):
        end = max(end, s[RANK_ROWS + r * ROW + E_END])
    fill_power(k, s, min(end, now - 1))
