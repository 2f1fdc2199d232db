"""Requests and responses at the controller: accepted, taken out by their CAS, answered."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import merged
from chipgym.simulators.dram.arbiter import accepted, respond
from chipgym.simulators.dram.banks import (
    evaluate_bank,
    mark_all,
    time_bank,
)
from chipgym.simulators.dram.commands import RDA, WRA
from chipgym.simulators.dram.layout import (
    B_QUEUE,
    B_RANK,
    BANKWISE,
    FAR_INSTANT,
    FR_FCFS_GRP,
    GRP_FR_FCFS_WM,
    IN_ORDER,
    K_BUFFER,
    K_BUFFER_SIZE,
    K_BURST,
    K_PHY_BW,
    K_PHY_FW,
    K_REQUESTS,
    K_RESPONSES,
    K_RL,
    K_SCHEDULER,
    K_THINK_BW,
    K_THINK_FW,
    K_WL,
    Q_COUNT,
    Q_DATA,
    Q_NEXT,
    QUEUE,
    R_REQUESTS,
    READ_WRITE,
    REQUEST_WORDS,
    ROW,
    S_ACCEPTED,
    S_ARRIVED,
    S_BANK_ROWS,
    S_BANKS_NEXT,
    S_DATA,
    S_DIRECTION,
    S_HELD,
    S_IDLE,
    S_IDLE_SINCE,
    S_LAST_BANK,
    S_READS,
    S_RESP_BUSY,
    S_RESP_HEAD,
    S_RESP_NEXT,
    S_RESP_TAIL,
    S_STRICT_NEXT,
    S_WRITES,
    STEPS,
    T_BANK,
    T_COLUMN,
    TRACE_WORDS,
)
from chipgym.simulators.dram.queues import append, close_row, evaluate_mode, queue_of, remove
from chipgym.simulators.dram.refresh import (
    request_exit,
)

__all__ = ["finish_request", "manage_request", "manage_responses"]


@merged
def _next_response(k: Any, s: Any, rq: Any) -> int:
    """Return the request whose response is the next to leave, -1: none known."""
    if k[K_RESPONSES] == IN_ORDER:
        return s[S_RESP_HEAD]
    following = s[S_RESP_NEXT]
    if following < k[K_REQUESTS] and rq[following * REQUEST_WORDS + Q_DATA] > 0:
        return following
    return -1


@merged
def _arm_responses(k: Any, s: Any, rq: Any, t: int) -> None:
    """Be invoked when the next response is due, if it is not yet."""
    request = _next_response(k, s, rq)
    if request >= 0 and rq[request * REQUEST_WORDS + Q_DATA] > t:
        s[S_DATA] = min(s[S_DATA], rq[request * REQUEST_WORDS + Q_DATA] * STEPS)


@merged
def manage_responses(k: Any, s: Any, tr: Any, rq: Any, instant: int, ended: bool) -> None:
    """Finish the response in progress if its END_RESP is here, and start the next one."""
    t = instant // STEPS
    released = False
    if s[S_RESP_BUSY]:
        if not ended:
            return
        s[S_RESP_BUSY] = 0
        released = True
        s[S_HELD] -= 1
        if s[S_HELD] == 0:
            s[S_IDLE_SINCE] = t
    request = _next_response(k, s, rq)
    if request < 0:
        return
    if rq[request * REQUEST_WORDS + Q_DATA] > t:
        _arm_responses(k, s, rq, t)
        return
    s[S_RESP_BUSY] = 1
    s[S_RESP_NEXT] = request + 1
    if k[K_RESPONSES] == IN_ORDER:
        s[S_RESP_HEAD] = rq[request * REQUEST_WORDS + Q_NEXT]
    respond(k, s, tr, rq, request, (t + 1) * STEPS if released else instant + 1)


@merged
def _has_space(k: Any, s: Any) -> bool:
    size = k[K_BUFFER_SIZE]
    if k[K_BUFFER] == BANKWISE:  # of the bank that got the last request: as upstream has it
        queue = s[S_LAST_BANK] + B_QUEUE
        return s[queue + Q_COUNT] + s[queue + QUEUE + Q_COUNT] < size
    if k[K_BUFFER] == READ_WRITE:
        return s[S_READS] < size and s[S_WRITES] < size
    return s[S_READS] + s[S_WRITES] < size


@merged
def manage_request(k: Any, s: Any, tr: Any, rq: Any, instant: int, delay: int) -> None:
    """Accept the waiting request if there is space; END_REQ leaves after a delay."""
    if instant < s[S_ARRIVED] or not _has_space(k, s):
        return
    t = instant // STEPS
    request = s[S_ACCEPTED]
    s[S_ARRIVED] = FAR_INSTANT
    bank = s[S_BANK_ROWS] + tr[request * TRACE_WORDS + T_BANK] * ROW
    rank = s[bank + B_RANK]
    if s[rank + R_REQUESTS] == 0:
        request_exit(s, rank)
    s[rank + R_REQUESTS] += 1
    if s[S_HELD] == 0:
        s[S_IDLE] += t - s[S_IDLE_SINCE]
    s[S_HELD] += 1
    is_write = tr[request * TRACE_WORDS + T_COLUMN] & 1
    append(s, tr, rq, bank, queue_of(k, bank, is_write), request)
    s[S_LAST_BANK] = bank
    s[S_READS] += 1 - is_write
    s[S_WRITES] += is_write
    if k[K_SCHEDULER] == GRP_FR_FCFS_WM and evaluate_mode(k, s):
        mark_all(k, s)
        s[S_BANKS_NEXT] = min(s[S_BANKS_NEXT], t)
    evaluate_bank(k, s, tr, rq, bank)
    s[S_BANKS_NEXT] = min(s[S_BANKS_NEXT], time_bank(s, bank))
    accepted(k, s, tr, rq, request, t + delay)


@merged
def _queue_response(k: Any, s: Any, rq: Any, request: int, command: int, t: int) -> None:
    """Let the response to a request leave when its data are through."""
    latency = k[K_RL] if command <= RDA else k[K_WL]
    latency += k[K_THINK_FW] + k[K_PHY_FW] + k[K_BURST] + k[K_PHY_BW] + k[K_THINK_BW]
    rq[request * REQUEST_WORDS + Q_DATA] = t + latency
    if k[K_RESPONSES] == IN_ORDER:
        rq[request * REQUEST_WORDS + Q_NEXT] = -1
        if s[S_RESP_HEAD] < 0:
            s[S_RESP_HEAD] = request
        else:
            rq[s[S_RESP_TAIL] * REQUEST_WORDS + Q_NEXT] = request
        s[S_RESP_TAIL] = request
    _arm_responses(k, s, rq, t)


@merged
def finish_request(
    k: Any, s: Any, tr: Any, rq: Any, bank: int, request: int, command: int, instant: int
) -> None:
    """Take the request of a CAS out of the scheduler, which may make space for the next one."""
    is_write = tr[request * TRACE_WORDS + T_COLUMN] & 1
    remove(s, tr, rq, bank, queue_of(k, bank, is_write), request)
    if command in (RDA, WRA):
        close_row(s, bank)
    s[S_READS] -= 1 - is_write
    s[S_WRITES] -= is_write
    s[S_STRICT_NEXT] += 1
    turned = s[S_DIRECTION] != is_write
    s[S_DIRECTION] = is_write
    scheduler = k[K_SCHEDULER]
    if scheduler == GRP_FR_FCFS_WM:
        turned = evaluate_mode(k, s)
    if turned and scheduler >= FR_FCFS_GRP:
        mark_all(k, s)
    manage_request(k, s, tr, rq, instant, k[K_THINK_FW])
    _queue_response(k, s, rq, request, command, instant // STEPS)
