"""Kernels of runs that change their settings: planning anew, pausing by requests, measuring."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.banks import evaluate_bank, time_bank
from chipgym.simulators.dram.kernel import run
from chipgym.simulators.dram.layout import (
    B_QUEUE,
    FAR,
    FAR_INSTANT,
    GRP_FR_FCFS_WM,
    K_BANKS,
    K_POWER_DOWN,
    K_RANKS,
    K_SCHEDULER,
    PAUSED,
    Q_COUNT,
    Q_HEAD,
    Q_HIT,
    Q_HITS,
    Q_NEXT,
    Q_TAIL,
    QUEUE,
    R_PDN_ENTRY,
    R_PDN_EXIT,
    R_PDN_IDLE,
    R_PDN_SELF,
    R_PDN_STATE,
    RANK_ROWS,
    REQUEST_WORDS,
    ROW,
    S_BANK_ROWS,
    S_BANKS_NEXT,
    S_BEGIN,
    S_DATA,
    S_DELIVERED,
    S_END,
    S_PAUSE,
    S_WAKE,
    STEPS,
    T_COLUMN,
    TRACE_WORDS,
    WAKING,
)
from chipgym.simulators.dram.pointers import pointer
from chipgym.simulators.dram.power import power_until
from chipgym.simulators.dram.queues import append, evaluate_mode, queue_of

__all__ = ["measure_power", "replan", "run_delivered"]


@merged
def _empty(s: Any, queue: int) -> int:
    """Empty a queue; return its first request, -1: none."""
    head = s[queue + Q_HEAD]
    s[queue + Q_HEAD] = -1
    s[queue + Q_TAIL] = -1
    s[queue + Q_COUNT] = 0
    s[queue + Q_HIT] = -1
    s[queue + Q_HITS] = 0
    return head


@merged
def _requeue(k: Any, s: Any, tr: Any, rq: Any, bank: int) -> None:
    """Put a bank's requests into the queues of the present scheduler, in order of arrival."""
    reads = _empty(s, bank + B_QUEUE)
    writes = _empty(s, bank + B_QUEUE + QUEUE)
    while reads >= 0 or writes >= 0:
        if writes < 0 or 0 <= reads < writes:
            request, reads = reads, rq[reads * REQUEST_WORDS + Q_NEXT]
        else:
            request, writes = writes, rq[writes * REQUEST_WORDS + Q_NEXT]
        is_write = tr[request * TRACE_WORDS + T_COLUMN] & 1
        append(s, tr, rq, bank, queue_of(k, bank, is_write), request)


@merged
def _replan_power_down(k: Any, s: Any, rank: int) -> None:
    """Wake a rank if power-down was switched off; let an idle one sleep if it was switched on."""
    if k[K_POWER_DOWN] == WAKING:
        s[rank + R_PDN_ENTRY] = 0
        s[rank + R_PDN_SELF] = 0
        if s[rank + R_PDN_STATE] != 0:
            s[rank + R_PDN_EXIT] = 1
    elif s[rank + R_PDN_STATE] == 0:
        s[rank + R_PDN_SELF] = 0
        s[rank + R_PDN_ENTRY] = s[rank + R_PDN_IDLE]


@kernel
def replan(
    static: Any, state: Any, trace: Any, requests: Any, instant: int, power_down: bool
) -> None:
    """Queue, plan and time everything by changed settings, and have the controller look at once.

    `power_down` says that the power-down policy is among them.
    """
    k, s = pointer(static), pointer(state)
    tr, rq = pointer(trace), pointer(requests)
    first = s[S_BANK_ROWS]
    for bank in range(first, first + k[K_BANKS] * ROW, ROW):
        _requeue(k, s, tr, rq, bank)
    if k[K_SCHEDULER] == GRP_FR_FCFS_WM:
        evaluate_mode(k, s)
    if power_down:
        for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
            _replan_power_down(k, s, rank)
    earliest = FAR
    for bank in range(first, first + k[K_BANKS] * ROW, ROW):
        evaluate_bank(k, s, tr, rq, bank)
        earliest = min(earliest, time_bank(s, bank))
    s[S_BANKS_NEXT] = earliest
    s[S_WAKE] = min(s[S_WAKE], instant)


@kernel
def run_delivered(
    static: Any, state: Any, trace: Any, requests: Any, records: Any, target: int
) -> int:
    """Simulate cycle by cycle until `target` requests are delivered; return the status."""
    s = pointer(state)
    status = PAUSED
    while s[S_DELIVERED] < target:
        instant = min(s[S_BEGIN], s[S_END], s[S_DATA], s[S_WAKE])
        s[S_PAUSE] = min((instant // STEPS + 1) * STEPS, FAR_INSTANT)
        status = run(static, state, trace, requests, records)
        if status != PAUSED:
            return status
    return status


@kernel
def measure_power(static: Any, state: Any, now: int) -> None:
    """Close the power counters of a copied state at a cycle."""
    power_until(pointer(static), pointer(state), now)
