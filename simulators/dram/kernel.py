"""The controller: one invocation after another, each at an instant at which something may change.

An invocation starts a response, accepts a request, evaluates the managers, selects and issues at
most one command, and finds out when to look again. The model is the controller of DRAMSys v4.0;
within a cycle, an invocation precedes what other modules do in the same step.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.arbiter import start_player
from chipgym.simulators.dram.banks import (
    evaluate_bank,
    time_bank,
)
from chipgym.simulators.dram.commands import NOP
from chipgym.simulators.dram.issue import first_bank, issue_due
from chipgym.simulators.dram.layout import (
    B_CMD,
    B_CURRENT,
    B_DIRTY,
    B_GROUP,
    B_PENDING,
    B_QUEUE,
    B_RANK,
    B_ROW,
    B_TIME,
    DONE,
    E_PENDING,
    FAR,
    FAR_INSTANT,
    FULL,
    K_BANKS,
    K_BANKS_PER_GROUP,
    K_BANKS_PER_RANK,
    K_CHANNELS,
    K_GROUPS,
    K_LIMIT,
    K_POWER_DOWN,
    K_RANKS,
    K_RECORD,
    OVERTIME,
    PAUSED,
    Q_HEAD,
    Q_HIT,
    Q_TAIL,
    QUEUE,
    R_FAW,
    R_PDN_CMD,
    R_PDN_ENTRY,
    R_PDN_IDLE,
    R_REF_BANK,
    R_REF_CMD,
    R_TRIGGER,
    RANK_ROWS,
    ROW,
    S_ARRIVED,
    S_BANK_ROWS,
    S_BANKS_NEXT,
    S_BEGIN,
    S_DATA,
    S_END,
    S_FINISH,
    S_GROUP_ROWS,
    S_HELD,
    S_IDLE,
    S_IDLE_SINCE,
    S_INVOCATIONS,
    S_LAST_BANK,
    S_NOW,
    S_PAUSE,
    S_RECORDED,
    S_RESP_HEAD,
    S_RESP_TAIL,
    S_STATUS,
    S_TRIGGER,
    S_WAKE,
    STEPS,
    STUCK,
)
from chipgym.simulators.dram.pointers import pointer
from chipgym.simulators.dram.power import close_power
from chipgym.simulators.dram.refresh import (
    evaluate_power_down,
    evaluate_refresh,
)
from chipgym.simulators.dram.refresh_sets import start_round
from chipgym.simulators.dram.requests import manage_request, manage_responses
from chipgym.simulators.dram.timing import NEVER, TABLE

__all__ = ["initialise", "invoke_at", "run"]


@kernel
def initialise(static: Any, state: Any, trace: Any, requests: Any, triggers: Any) -> None:
    """Prepare a zeroed state; `triggers` has the first refresh of each rank."""
    k, s = pointer(static), pointer(state)
    tr, rq = pointer(trace), pointer(requests)
    for event in (S_BEGIN, S_END, S_DATA, S_FINISH, S_ARRIVED, S_PAUSE):
        s[event] = FAR_INSTANT
    s[S_RESP_HEAD] = -1
    s[S_RESP_TAIL] = -1
    s[S_TRIGGER] = FAR
    s[S_BANKS_NEXT] = FAR
    s[S_GROUP_ROWS] = RANK_ROWS + k[K_RANKS] * ROW
    s[S_BANK_ROWS] = s[S_GROUP_ROWS] + k[K_GROUPS] * ROW
    s[S_LAST_BANK] = s[S_BANK_ROWS]
    end = s[S_BANK_ROWS] + k[K_BANKS] * ROW
    for row in range(RANK_ROWS, end, ROW):
        for command in range(TABLE):
            s[row + command] = NEVER
    for r in range(k[K_RANKS]):
        _initialise_rank(k, s, RANK_ROWS + r * ROW, triggers[r])
    for b in range(k[K_BANKS]):
        bank = s[S_BANK_ROWS] + b * ROW
        s[bank + B_RANK] = RANK_ROWS + b // k[K_BANKS_PER_RANK] * ROW
        s[bank + B_GROUP] = s[S_GROUP_ROWS] + b // k[K_BANKS_PER_GROUP] * ROW
        _initialise_bank(s, bank)
    if k[K_CHANNELS] == 1:
        start_player(k, s, tr, rq)


@merged
def _initialise_rank(k: Any, s: Any, rank: int, trigger: int) -> None:
    s[rank + R_REF_BANK] = first_bank(k, s, rank)
    start_round(k, s, rank)
    s[rank + R_TRIGGER] = trigger
    s[S_TRIGGER] = min(s[S_TRIGGER], trigger)
    s[rank + R_PDN_IDLE] = 1
    s[rank + R_PDN_ENTRY] = 1
    s[rank + R_REF_CMD] = NOP
    s[rank + R_PDN_CMD] = NOP
    for place in range(4):
        s[rank + R_FAW + place] = NEVER
    s[rank + E_PENDING] = FAR


@merged
def _initialise_bank(s: Any, bank: int) -> None:
    s[bank + B_CURRENT] = -1
    s[bank + B_ROW] = -1
    s[bank + B_CMD] = NOP
    s[bank + B_TIME] = FAR
    s[bank + B_PENDING] = FAR
    for queue in range(bank + B_QUEUE, bank + B_QUEUE + 2 * QUEUE, QUEUE):
        s[queue + Q_HEAD] = -1
        s[queue + Q_TAIL] = -1
        s[queue + Q_HIT] = -1


@merged
def _evaluate_managers(k: Any, s: Any, t: int, least: int) -> int:
    """Evaluate refresh and power-down managers; return their next time not below `least`."""
    following, trigger = FAR, FAR
    end = RANK_ROWS + k[K_RANKS] * ROW
    for rank in range(RANK_ROWS, end, ROW):
        time = max(evaluate_refresh(k, s, rank, first_bank(k, s, rank), t), t)
        trigger = min(trigger, s[rank + R_TRIGGER])
        if time >= least:
            following = min(following, time)
    s[S_TRIGGER] = trigger
    for rank in range(RANK_ROWS, end, ROW):
        time = max(evaluate_power_down(k, s, rank), t)
        if time >= least:
            following = min(following, time)
    return following


@merged
def _look_again(k: Any, s: Any, tr: Any, rq: Any, t: int, least: int) -> int:
    """Evaluate all banks; return the earliest time of their commands that is not below `least`."""
    earliest, following = FAR, FAR
    first = s[S_BANK_ROWS]
    for bank in range(first, first + k[K_BANKS] * ROW, ROW):
        if s[bank + B_DIRTY]:
            evaluate_bank(k, s, tr, rq, bank)
        time = time_bank(s, bank)
        earliest = min(earliest, time)
        time = max(time, t)
        if time >= least:
            following = min(following, time)
    s[S_BANKS_NEXT] = earliest
    return following


@kernel
def _act(k: Any, s: Any, tr: Any, rq: Any, rec: Any, instant: int, managers: bool) -> int:
    """Issue a command if one is due, evaluate everything, and return when to look again."""
    t = instant // STEPS
    if managers:
        _evaluate_managers(k, s, t, t)
    issued = issue_due(k, s, tr, rq, rec, instant)
    # Commands that could go now and did not wait for something else than time.
    least = t if issued else t + 1
    following = _look_again(k, s, tr, rq, t, least)
    if managers:
        return min(following, _evaluate_managers(k, s, t, least))
    return min(following, s[S_TRIGGER])


@merged
def _invoke(k: Any, s: Any, tr: Any, rq: Any, rec: Any, instant: int, ended: bool) -> None:
    """Run the controller once."""
    t = instant // STEPS
    manage_responses(k, s, tr, rq, instant, ended)
    manage_request(k, s, tr, rq, instant, 0)
    managers = t >= s[S_TRIGGER] or k[K_POWER_DOWN] != 0
    following = min(s[S_BANKS_NEXT], s[S_TRIGGER])
    if managers or following <= t:
        following = _act(k, s, tr, rq, rec, instant, managers)
    if following < FAR:
        wake = instant + 1 if following <= t else following * STEPS
        s[S_WAKE] = min(s[S_WAKE], wake)


@merged
def invoke_at(k: Any, s: Any, tr: Any, rq: Any, rec: Any, instant: int) -> None:
    """Take the events of an instant away and run the controller."""
    ended = s[S_END] == instant
    if s[S_BEGIN] == instant:
        s[S_BEGIN] = FAR_INSTANT
    if s[S_DATA] == instant:
        s[S_DATA] = FAR_INSTANT
    if s[S_WAKE] == instant:
        s[S_WAKE] = FAR_INSTANT
    if ended:
        s[S_END] = FAR_INSTANT
    s[S_NOW] = instant // STEPS
    s[S_INVOCATIONS] += 1
    _invoke(k, s, tr, rq, rec, instant, ended)


@kernel
def run(static: Any, state: Any, trace: Any, requests: Any, records: Any) -> int:
    """Simulate until the end, the pause, or until `records` is full; return and keep the status."""
    k, s = pointer(static), pointer(state)
    tr, rq, rec = pointer(trace), pointer(requests), pointer(records)
    while s[S_STATUS] != DONE:
        instant = min(s[S_BEGIN], s[S_END], s[S_DATA], s[S_WAKE])
        if instant > s[S_FINISH]:
            if s[S_HELD] == 0:
                s[S_IDLE] += s[S_FINISH] // STEPS - s[S_IDLE_SINCE]
            close_power(k, s)
            s[S_STATUS] = DONE
            break
        if instant >= s[S_PAUSE] and instant < FAR_INSTANT:
            s[S_STATUS] = PAUSED
            return PAUSED
        if instant >= FAR_INSTANT or instant // STEPS > k[K_LIMIT]:
            s[S_STATUS] = STUCK if instant >= FAR_INSTANT else OVERTIME
            return s[S_STATUS]
        if k[K_RECORD] and s[S_RECORDED] == k[K_RECORD]:
            s[S_STATUS] = FULL
            return FULL
        invoke_at(k, s, tr, rq, rec, instant)
    return s[S_STATUS]
