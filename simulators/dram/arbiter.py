"""Trace player and arbiter: when a request reaches the controller, and when its response is home.

Between two actions of the controller both are determined, so no event of theirs is simulated: each
acceptance of a request gives the instant at which the next one arrives, each response of the
controller the time of its delivery. Rules of DRAMSys v4.0 for one initiator and one channel; with
several channels, `accepted` and `respond` only leave word for the arbiter that they share
(channels.py).
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import merged
from chipgym.simulators.dram.layout import (
    ARBITER_REORDER,
    K_ACTIVE,
    K_ARBITER,
    K_ARBITRATION_BW,
    K_ARBITRATION_FW,
    K_CHANNELS,
    K_REQUESTS,
    Q_DATA,
    Q_DELIVERY,
    Q_JOIN,
    Q_TIME,
    REQUEST_WORDS,
    S_ACCEPTED,
    S_ADMITTED,
    S_ANSWER_AT,
    S_ANSWERED,
    S_ARRIVED,
    S_BEGIN,
    S_DELIVER_NEXT,
    S_DELIVERED,
    S_END,
    S_END_REQ,
    S_FINISH,
    S_LAST_DELIVERY,
    S_TOLD,
    SIMPLE,
    STEPS,
    T_CYCLE,
    TRACE_WORDS,
)

__all__ = ["accepted", "admit", "later", "respond", "start_player"]


@merged
def later(instant: int, cycles: int) -> int:
    """Return the instant of a module that is told after so many cycles."""
    if cycles == 0:
        return instant + 1
    return (instant // STEPS + cycles) * STEPS


@merged
def _send(k: Any, tr: Any, rq: Any, request: int, told: int) -> None:
    """Let the player send a request, having been told END_REQ of the one before in a cycle."""
    if request < k[K_REQUESTS]:
        rq[request * REQUEST_WORDS + Q_TIME] = max(told + 1, tr[request * TRACE_WORDS + T_CYCLE])


@merged
def _arrive(s: Any, instant: int) -> None:
    """Let the waiting request reach the controller at an instant."""
    s[S_BEGIN] = instant
    s[S_ARRIVED] = instant


@merged
def _offer_simple(k: Any, s: Any, rq: Any, request: int) -> None:
    """Pass the player's next request on to the controller."""
    if request < k[K_REQUESTS]:
        _arrive(s, later(rq[request * REQUEST_WORDS + Q_TIME] * STEPS, k[K_ARBITRATION_FW]))


@merged
def _offer_queued(k: Any, s: Any, rq: Any) -> None:
    """Pass the first request of the channel queue on, if there is one and the channel is free."""
    request = s[S_ACCEPTED]
    if request >= s[S_ADMITTED]:
        return
    joined = later(rq[request * REQUEST_WORDS + Q_JOIN], k[K_ARBITRATION_FW])
    if joined // STEPS <= s[S_END_REQ]:
        _arrive(s, (s[S_END_REQ] + 1) * STEPS)
    else:
        _arrive(s, joined + 1)


@merged
def admit(k: Any, s: Any, tr: Any, rq: Any) -> None:
    """Admit requests to the arbiter as far as places are known to become free."""
    request = s[S_ADMITTED]
    while request < k[K_REQUESTS]:
        instant = rq[request * REQUEST_WORDS + Q_TIME] * STEPS
        if request >= k[K_ACTIVE]:
            freed = request - k[K_ACTIVE]
            if freed >= s[S_DELIVERED]:
                return
            instant = max(instant, rq[freed * REQUEST_WORDS + Q_DELIVERY])
        rq[request * REQUEST_WORDS + Q_JOIN] = instant
        s[S_ADMITTED] = request + 1
        _send(k, tr, rq, request + 1, instant // STEPS)
        if request == s[S_ACCEPTED]:
            _offer_queued(k, s, rq)
        request += 1


@merged
def start_player(k: Any, s: Any, tr: Any, rq: Any) -> None:
    """Send the first request at its own time."""
    s[S_END_REQ] = -1
    s[S_LAST_DELIVERY] = -1
    rq[0 * REQUEST_WORDS + Q_TIME] = tr[0 * TRACE_WORDS + T_CYCLE]
    if k[K_ARBITER] == SIMPLE:
        _offer_simple(k, s, rq, 0)
    else:
        admit(k, s, tr, rq)


@merged
def accepted(k: Any, s: Any, tr: Any, rq: Any, request: int, end_req: int) -> None:
    """Note that the controller's END_REQ for a request arrives in a cycle."""
    s[S_ACCEPTED] = request + 1
    s[S_END_REQ] = end_req
    if k[K_CHANNELS] > 1:
        s[S_TOLD] = request + 1
        return
    if k[K_ARBITER] == SIMPLE:
        _send(k, tr, rq, request + 1, end_req)
        _offer_simple(k, s, rq, request + 1)
    else:
        _offer_queued(k, s, rq)


@merged
def _deliver(k: Any, s: Any, rq: Any, request: int, instant: int) -> None:
    """Give a response to the initiator; its END_RESP is back at the arbiter a step later."""
    row = request * REQUEST_WORDS
    rq[row + Q_DATA] = instant // STEPS
    rq[row + Q_TIME] = instant // STEPS - rq[row + Q_TIME]
    rq[s[S_DELIVERED] * REQUEST_WORDS + Q_DELIVERY] = instant + 1
    s[S_DELIVERED] += 1
    s[S_LAST_DELIVERY] = instant // STEPS
    if s[S_DELIVERED] == k[K_REQUESTS]:
        s[S_FINISH] = instant


@merged
def respond(k: Any, s: Any, tr: Any, rq: Any, request: int, instant: int) -> None:
    """Take a response of the controller that reaches the arbiter at an instant."""
    if k[K_CHANNELS] > 1:
        s[S_ANSWERED] = request + 1
        s[S_ANSWER_AT] = instant
        return
    joined = later(instant, k[K_ARBITRATION_BW])
    if k[K_ARBITER] == SIMPLE:
        s[S_END] = joined + 2
        _deliver(k, s, rq, request, joined)
        return
    s[S_END] = instant + 1
    rq[request * REQUEST_WORDS + Q_JOIN] = -joined
    if k[K_ARBITER] == ARBITER_REORDER:
        request = s[S_DELIVER_NEXT]
    while request < k[K_REQUESTS] and rq[request * REQUEST_WORDS + Q_JOIN] < 0:
        ready = -rq[request * REQUEST_WORDS + Q_JOIN]
        if ready // STEPS <= s[S_LAST_DELIVERY]:
            ready = (s[S_LAST_DELIVERY] + 1) * STEPS
        rq[request * REQUEST_WORDS + Q_JOIN] = 0
        _deliver(k, s, rq, request, ready + 1)
        if k[K_ARBITER] != ARBITER_REORDER:
            break
        request += 1
        s[S_DELIVER_NEXT] = request
    admit(k, s, tr, rq)
