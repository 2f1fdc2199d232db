"""Per-command scheduling: the clock moves from decision to decision, the agent picks the command.

After Ipek et al., Self-optimizing memory controllers: a reinforcement learning approach, ISCA 2008:
at each cycle a scheduler picks one of the commands that are legal for the requests in the
transaction queue, or none. Refresh is the environment's: when one is due, its rank takes no further
commands, is precharged and refreshed.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.command_layout import (
    C_ACCEPTED,
    C_DATA_SUM,
    C_DECISIONS,
    C_DUE,
    C_DUE_SUM,
    C_ENTRIES,
    C_FINISH,
    C_FREE,
    C_LENGTH,
    C_NEXT,
    C_NOW,
    C_SERVED,
    C_STATUS,
    DECISION,
    DONE,
    E_AUTO,
    E_BANK,
    E_BEHIND,
    E_COMMAND,
    E_REQUEST,
    E_ROW_IN_USE,
    E_TIME,
    ENTRY_WORDS,
    FULL,
    OVERTIME,
)
from chipgym.simulators.dram.commands import ACT, PRE, PREA, RD, RDA, REF, WR, WRA
from chipgym.simulators.dram.issue import constrain, first_bank
from chipgym.simulators.dram.layout import (
    B_CONFLICTS,
    B_EVICTED,
    B_GROUP,
    B_HITS,
    B_KEEP,
    B_RANK,
    B_ROW,
    FAR,
    K_BANKS_PER_RANK,
    K_BUFFER_SIZE,
    K_BURST,
    K_LIMIT,
    K_RANKS,
    K_RECORD,
    K_REFI,
    K_REQUESTS,
    K_RL,
    K_WL,
    Q_DATA,
    Q_TIME,
    R_OPEN,
    R_TRIGGER,
    RANK_ROWS,
    RECORD_WORDS,
    REQUEST_WORDS,
    ROW,
    S_BANK_ROWS,
    S_BUS,
    S_COUNTS,
    S_DIRECTION,
    S_FINISH,
    S_GROUP_ROWS,
    S_IDLE,
    S_INVOCATIONS,
    S_READS,
    S_RECORDED,
    S_WRITES,
    STEPS,
    T_BANK,
    T_COLUMN,
    T_CYCLE,
    T_ROW,
    TRACE_WORDS,
)
from chipgym.simulators.dram.power import close_power, count_power

__all__ = ["advance", "carry_out", "cost_cycles"]


@merged
def _accept(k: Any, s: Any, c: Any, tr: Any, rq: Any) -> None:
    """Take the next request of the player into the queue, if it is there and there is space."""
    request, t = c[C_ACCEPTED], c[C_NOW]
    if request >= k[K_REQUESTS] or c[C_LENGTH] >= k[K_BUFFER_SIZE]:
        return
    arrival = max(c[C_FREE], tr[request * TRACE_WORDS + T_CYCLE])
    if arrival > t:
        return
    if c[C_LENGTH] == 0:
        s[S_IDLE] += max(t - c[C_FINISH], 0)
    entry = C_ENTRIES + c[C_LENGTH] * ENTRY_WORDS
    c[entry + E_REQUEST] = request
    c[entry + E_BANK] = s[S_BANK_ROWS] + tr[request * TRACE_WORDS + T_BANK] * ROW
    c[C_LENGTH] += 1
    c[C_ACCEPTED] += 1
    c[C_FREE] = t + 1
    is_write = tr[request * TRACE_WORDS + T_COLUMN] & 1
    s[S_READS] += 1 - is_write
    s[S_WRITES] += is_write
    rq[request * REQUEST_WORDS + Q_TIME] = arrival


@merged
def _next_arrival(k: Any, c: Any, tr: Any) -> int:
    """Return when the next request enters the queue, as far as there is space."""
    request = c[C_ACCEPTED]
    if request >= k[K_REQUESTS] or c[C_LENGTH] >= k[K_BUFFER_SIZE]:
        return FAR
    return max(c[C_FREE], tr[request * TRACE_WORDS + T_CYCLE])


@merged
def _time_of(s: Any, bank: int, command: int) -> int:
    """Return the earliest cycle of a command to a bank."""
    time = max(s[bank + command], s[s[bank + B_GROUP] + command])
    return max(time, s[s[bank + B_RANK] + command], s[S_BUS])


@kernel
def _look(s: Any, c: Any, tr: Any) -> int:
    """Find each entry's next command and its time; return the earliest time of all."""
    earliest, t = FAR, c[C_NOW]
    end = C_ENTRIES + c[C_LENGTH] * ENTRY_WORDS
    for entry in range(C_ENTRIES, end, ENTRY_WORDS):
        request, bank = c[entry + E_REQUEST], c[entry + E_BANK]
        row, place = s[bank + B_ROW], request * TRACE_WORDS
        c[entry + E_TIME] = FAR
        c[entry + E_AUTO] = FAR
        if row < 0:
            command = ACT
        elif row != tr[place + T_ROW]:
            command = PRE
        else:
            command = RD + 2 * (tr[place + T_COLUMN] & 1)
        c[entry + E_COMMAND] = command
        c[entry + E_BEHIND] = 0
        c[entry + E_ROW_IN_USE] = 0
        for other in range(C_ENTRIES, end, ENTRY_WORDS):
            if c[other + E_BANK] == bank:
                if other < entry:
                    c[entry + E_BEHIND] = 1
                if other != entry and tr[c[other + E_REQUEST] * TRACE_WORDS + T_ROW] == row:
                    c[entry + E_ROW_IN_USE] = 1
        if t >= s[s[bank + B_RANK] + R_TRIGGER]:
            continue
        c[entry + E_TIME] = _time_of(s, bank, command)
        if command in (RD, WR):
            c[entry + E_AUTO] = _time_of(s, bank, command + 1)
        earliest = min(earliest, c[entry + E_TIME], c[entry + E_AUTO])
    return earliest


@merged
def _record(
    k: Any, s: Any, tr: Any, rec: Any, rank: int, bank: int, command: int, request: int, t: int
) -> None:
    """Note a command about to be issued; `request` is -1 for those to all banks."""
    if k[K_RECORD] == 0:
        return
    row = s[S_RECORDED] * RECORD_WORDS
    s[S_RECORDED] += 1
    rec[row] = t
    rec[row + 1] = command
    rec[row + 2] = (rank - RANK_ROWS) // ROW
    for field in range(3, RECORD_WORDS):
        rec[row + field] = -1
    if request >= 0:
        rec[row + 3] = (s[bank + B_GROUP] - s[S_GROUP_ROWS]) // ROW
        rec[row + 4] = tr[request * TRACE_WORDS + T_BANK]
        rec[row + 5] = tr[request * TRACE_WORDS + T_ROW]
        if command != ACT and command != PRE:
            rec[row + 6] = tr[request * TRACE_WORDS + T_COLUMN] >> 1
        rec[row + 7] = request + 1


@merged
def _send(
    k: Any, s: Any, tr: Any, rec: Any, rank: int, bank: int, command: int, request: int, t: int
) -> None:
    """Put a command on the bus."""
    _record(k, s, tr, rec, rank, bank, command, request, t)
    constrain(k, s, rank, bank, command, t)
    count_power(k, s, rank, first_bank(k, s, rank), bank, command, t)
    s[S_COUNTS + command] += 1


@merged
def _refresh(k: Any, s: Any, c: Any, tr: Any, rec: Any) -> int:
    """Issue a refresh manager's command that may go now (-1), or return when to look again."""
    following, t = FAR, c[C_NOW]
    for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
        if t < s[rank + R_TRIGGER]:
            following = min(following, s[rank + R_TRIGGER])
            continue
        command = PREA if s[rank + R_OPEN] > 0 else REF
        time = max(s[rank + command], s[S_BUS])
        if time > t:
            following = min(following, time)
            continue
        first = first_bank(k, s, rank)
        _send(k, s, tr, rec, rank, first, command, -1, t)
        if command == PREA:
            s[rank + R_OPEN] = 0
            for bank in range(first, first + k[K_BANKS_PER_RANK] * ROW, ROW):
                s[bank + B_ROW] = -1
                s[bank + B_KEEP] = 0
        else:
            s[rank + R_TRIGGER] += k[K_REFI]
        return -1
    return following


@merged
def _next_change(k: Any, s: Any, c: Any, tr: Any) -> int:
    """Return the next cycle after now at which more is legal, a request comes or a rank is back."""
    t = c[C_NOW]
    following = _next_arrival(k, c, tr)
    if following <= t:
        following = t + 1
    for entry in range(C_ENTRIES, C_ENTRIES + c[C_LENGTH] * ENTRY_WORDS, ENTRY_WORDS):
        for kind in (E_TIME, E_AUTO):
            if c[entry + kind] > t:
                following = min(following, c[entry + kind])
    for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
        if t >= s[rank + R_TRIGGER]:
            command = PREA if s[rank + R_OPEN] > 0 else REF
            following = min(following, max(s[rank + command], s[S_BUS], t + 1))
    return following


@merged
def _count_due(k: Any, c: Any, tr: Any) -> None:
    """Count the requests whose time in the trace has come."""
    while c[C_DUE] < k[K_REQUESTS] and tr[c[C_DUE] * TRACE_WORDS + T_CYCLE] <= c[C_NOW]:
        c[C_DUE_SUM] += tr[c[C_DUE] * TRACE_WORDS + T_CYCLE]
        c[C_DUE] += 1


@merged
def _end(k: Any, s: Any, c: Any, tr: Any, status: int) -> int:
    """Close the books."""
    c[C_FINISH] = max(c[C_FINISH], c[C_NOW])
    s[S_FINISH] = c[C_FINISH] * STEPS
    s[S_INVOCATIONS] = c[C_DECISIONS]
    close_power(k, s)
    c[C_STATUS] = status
    return status


@kernel
def advance(k: Any, s: Any, c: Any, tr: Any, rq: Any, rec: Any) -> int:
    """Move the clock to the next cycle at which a command is legal; return and keep the status."""
    while True:
        if k[K_RECORD] and s[S_RECORDED] + 2 > k[K_RECORD]:
            return FULL
        _count_due(k, c, tr)
        if c[C_SERVED] == k[K_REQUESTS]:
            return _end(k, s, c, tr, DONE)
        if c[C_NOW] > k[K_LIMIT]:
            return _end(k, s, c, tr, OVERTIME)
        _accept(k, s, c, tr, rq)
        following = _refresh(k, s, c, tr, rec)
        if following < 0:
            continue
        earliest = _look(s, c, tr)
        if earliest <= c[C_NOW]:
            c[C_NEXT] = _next_change(k, s, c, tr)
            c[C_STATUS] = DECISION
            return DECISION
        c[C_NOW] = min(following, earliest, max(_next_arrival(k, c, tr), c[C_NOW] + 1))


@merged
def _serve(k: Any, s: Any, c: Any, tr: Any, rq: Any, entry: int, latency: int) -> None:
    """Take the request of a CAS out of the queue."""
    request = c[entry + E_REQUEST]
    end = c[C_NOW] + latency + k[K_BURST]
    row = request * REQUEST_WORDS
    rq[row + Q_TIME] = end - rq[row + Q_TIME]
    rq[row + Q_DATA] = end
    is_write = tr[request * TRACE_WORDS + T_COLUMN] & 1
    s[S_READS] -= 1 - is_write
    s[S_WRITES] -= is_write
    s[S_DIRECTION] = is_write
    c[C_SERVED] += 1
    c[C_DATA_SUM] += end
    c[C_FINISH] = max(c[C_FINISH], end)
    c[C_LENGTH] -= 1
    for word in range(entry, C_ENTRIES + c[C_LENGTH] * ENTRY_WORDS):
        c[word] = c[word + ENTRY_WORDS]


@merged
def _update_bank(s: Any, tr: Any, rank: int, bank: int, command: int, request: int) -> None:
    """Take note of a command that a bank got: its row, and what its next access will count as."""
    if command == ACT:
        s[bank + B_ROW] = tr[request * TRACE_WORDS + T_ROW]
        s[bank + B_KEEP] = 1
        s[rank + R_OPEN] += 1
        return
    if command == PRE:
        s[bank + B_EVICTED] = 1
    elif s[bank + B_KEEP] == 0:
        s[bank + B_HITS] += 1
    else:
        s[bank + B_CONFLICTS] += s[bank + B_EVICTED]
        s[bank + B_EVICTED] = 0
    s[bank + B_KEEP] = 0
    if command in (PRE, RDA, WRA):
        s[bank + B_ROW] = -1
        s[rank + R_OPEN] -= 1


@kernel
def carry_out(k: Any, s: Any, c: Any, tr: Any, rq: Any, rec: Any, action: int) -> bool:
    """Carry out an action of the present decision, if it is legal; return whether it is.

    Of Q entries: 0..Q-1 the entry's next command, Q..2Q-1 the same with auto-precharge, 2Q none.
    """
    size, t = k[K_BUFFER_SIZE], c[C_NOW]
    if action < 0 or action > 2 * size or c[C_STATUS] != DECISION:
        return False
    if action == 2 * size:
        if c[C_NEXT] >= FAR:
            return False
        c[C_NOW] = c[C_NEXT]
        for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
            if s[rank + R_TRIGGER] > t:
                c[C_NOW] = min(c[C_NOW], s[rank + R_TRIGGER])
        c[C_DECISIONS] += 1
        return True
    slot, auto = action % size, action // size
    entry = C_ENTRIES + slot * ENTRY_WORDS
    if slot >= c[C_LENGTH] or c[entry + (E_AUTO if auto else E_TIME)] > t:
        return False
    bank, request = c[entry + E_BANK], c[entry + E_REQUEST]
    rank, command = s[bank + B_RANK], c[entry + E_COMMAND] + auto
    _send(k, s, tr, rec, rank, bank, command, request, t)
    _update_bank(s, tr, rank, bank, command, request)
    if command != ACT and command != PRE:
        _serve(k, s, c, tr, rq, entry, k[K_RL] if command < WR else k[K_WL])
    c[C_DECISIONS] += 1
    return True


@merged
def cost_cycles(c: Any) -> tuple[int, int]:
    """Return the time, and the sum of responses from the trace's times, so far; neither falls.

    A request counts from its time in the trace to the end of its data, or to now.
    """
    time = c[C_NOW] if c[C_STATUS] == DECISION else c[C_FINISH]
    waiting = c[C_DUE] - c[C_SERVED]
    return time, c[C_DATA_SUM] + waiting * c[C_NOW] - c[C_DUE_SUM]
