"""Several channels behind one trace player and one arbiter, simulated in one order of events.

Each channel has the controller of one channel (kernel.py), with requests numbered within the
channel. Between two actions of the controllers, player and arbiter are determined, as in
arbiter.py; here they hold what the channels share: requests are sent one at a time, queued for each
channel, admitted over all channels, and answered one a cycle. Responses that reach the arbiter at
the same instant go by channel. Rules of DRAMSys v4.0's arbiters (Arbiter.cpp) for one initiator; no
reference result has several channels, so they are not validated.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.arbiter import later
from chipgym.simulators.dram.kernel import invoke_at
from chipgym.simulators.dram.layout import (
    ARBITER_REORDER,
    DONE,
    FAR_INSTANT,
    FULL,
    K_ACTIVE,
    K_ARBITER,
    K_ARBITRATION_BW,
    K_ARBITRATION_FW,
    K_LIMIT,
    K_RECORD,
    K_REQUESTS,
    OVERTIME,
    PAUSED,
    S_ACCEPTED,
    S_ANSWER_AT,
    S_ANSWERED,
    S_ARRIVED,
    S_BEGIN,
    S_DATA,
    S_END,
    S_END_REQ,
    S_HELD,
    S_IDLE,
    S_IDLE_SINCE,
    S_RECORDED,
    S_TOLD,
    S_WAKE,
    SIMPLE,
    STEPS,
    STUCK,
)
from chipgym.simulators.dram.pointers import pointer
from chipgym.simulators.dram.power import end_of_power, fill_power

__all__ = [
    "G_FINISH",
    "G_LATENCY",
    "PLACE_WORDS",
    "PLAYER_WORDS",
    "P_DELIVERED",
    "P_FINISH",
    "P_NOW",
    "P_PAUSE",
    "REQUEST_FIELDS",
    "run_channels",
    "start_channels",
]

# State of player and arbiter: progress; when the initiator is free again (instant).
P_STATUS, P_NOW, P_FINISH, P_PAUSE, P_ADMITTED, P_DELIVERED = range(6)
P_LAST_DELIVERY, P_DELIVER_NEXT, P_FREE = range(6, 9)
PLAYER_WORDS = 16

# Of each request, in the order of the trace: its channel, its number there, its own time.
W_CHANNEL, W_LOCAL, W_CYCLE = range(3)
PLACE_WORDS = 3

# Of each request: time at the arbiter, instant of admission (later: minus that of the response),
# instant at which the k-th delivery is over, time of the response, latency.
G_TIME, G_JOIN, G_DELIVERY, G_FINISH, G_LATENCY = range(5)
REQUEST_FIELDS = 5


@merged
def _send(p: Any, w: Any, g: Any, request: int, told: int) -> None:
    """Let the player send a request, having been told END_REQ of the one before in a cycle."""
    if request < len(w):
        g[request, G_TIME] = max(told + 1, w[request, W_CYCLE])


@merged
def _arrive(state: Any, channel: int, instant: int) -> None:
    state[channel, S_BEGIN] = instant
    state[channel, S_ARRIVED] = instant


@merged
def _offer_simple(static: Any, state: Any, w: Any, g: Any, request: int) -> None:
    """Pass the player's next request on to its controller."""
    if request < len(w):
        instant = g[request, G_TIME] * STEPS
        _arrive(state, w[request, W_CHANNEL], later(instant, static[0, K_ARBITRATION_FW]))


@merged
def _offer_queued(
    static: Any, state: Any, ids: Any, first: Any, p: Any, g: Any, channel: int
) -> None:
    """Pass the first request of a channel's queue on, if there is one."""
    local = state[channel, S_ACCEPTED]
    if local >= static[channel, K_REQUESTS]:
        return
    request = ids[first[channel] + local]
    if request >= p[P_ADMITTED]:
        return
    joined = later(g[request, G_JOIN], static[0, K_ARBITRATION_FW])
    if joined // STEPS <= state[channel, S_END_REQ]:
        _arrive(state, channel, (state[channel, S_END_REQ] + 1) * STEPS)
    else:
        _arrive(state, channel, joined + 1)


@merged
def _admit(static: Any, state: Any, ids: Any, first: Any, p: Any, w: Any, g: Any) -> None:
    """Admit requests to the arbiter as far as places are known to become free."""
    request = p[P_ADMITTED]
    while request < len(w):
        instant = g[request, G_TIME] * STEPS
        freed = request - static[0, K_ACTIVE]
        if freed >= 0:
            if freed >= p[P_DELIVERED]:
                return
            instant = max(instant, g[freed, G_DELIVERY])
        g[request, G_JOIN] = instant
        p[P_ADMITTED] = request + 1
        _send(p, w, g, request + 1, instant // STEPS)
        channel = w[request, W_CHANNEL]
        if w[request, W_LOCAL] == state[channel, S_ACCEPTED]:
            _offer_queued(static, state, ids, first, p, g, channel)
        request += 1


@merged
def _deliver(p: Any, g: Any, request: int, instant: int) -> None:
    """Give a response to the initiator; its END_RESP is back at the arbiter a step later."""
    cycle = instant // STEPS
    g[request, G_FINISH] = cycle
    g[request, G_LATENCY] = cycle - g[request, G_TIME]
    g[p[P_DELIVERED], G_DELIVERY] = instant + 1
    p[P_DELIVERED] += 1
    p[P_LAST_DELIVERY] = cycle
    p[P_FREE] = instant + 1
    if p[P_DELIVERED] == len(g):
        p[P_FINISH] = instant


@merged
def _respond(
    static: Any,
    state: Any,
    ids: Any,
    first: Any,
    p: Any,
    w: Any,
    g: Any,
    channel: int,
    request: int,
    instant: int,
) -> None:
    """Take a response of a controller that reaches the arbiter at an instant."""
    delay = static[0, K_ARBITRATION_BW]
    joined = later(instant, delay)
    if static[0, K_ARBITER] == SIMPLE:
        if instant <= p[P_FREE]:
            joined = (p[P_FREE] // STEPS + 1 + delay) * STEPS
        state[channel, S_END] = joined + 2
        _deliver(p, g, request, joined)
        return
    state[channel, S_END] = instant + 1
    g[request, G_JOIN] = -joined
    in_order = static[0, K_ARBITER] == ARBITER_REORDER
    if in_order:
        request = p[P_DELIVER_NEXT]
    while request < len(w) and g[request, G_JOIN] < 0:
        ready = -g[request, G_JOIN]
        if ready // STEPS <= p[P_LAST_DELIVERY]:
            ready = (p[P_LAST_DELIVERY] + 1) * STEPS
        g[request, G_JOIN] = 0
        _deliver(p, g, request, ready + 1)
        if not in_order:
            break
        request += 1
        p[P_DELIVER_NEXT] = request
    _admit(static, state, ids, first, p, w, g)


@kernel
def start_channels(static: Any, state: Any, ids: Any, first: Any, p: Any, w: Any, g: Any) -> None:
    """Send the first request at its own time; the channels' states are initialised."""
    p[P_LAST_DELIVERY] = -1
    p[P_FREE] = -1
    p[P_FINISH] = FAR_INSTANT
    p[P_PAUSE] = FAR_INSTANT
    for channel in range(len(state)):
        state[channel, S_END_REQ] = -1
    g[0, G_TIME] = w[0, W_CYCLE]
    if static[0, K_ARBITER] == SIMPLE:
        _offer_simple(static, state, w, g, 0)
    else:
        _admit(static, state, ids, first, p, w, g)


@merged
def _listen(
    static: Any, state: Any, ids: Any, first: Any, p: Any, w: Any, g: Any, channel: int
) -> None:
    """Let the arbiter take what a controller has just told it."""
    answered = state[channel, S_ANSWERED]
    if answered > 0:
        state[channel, S_ANSWERED] = 0
        request = ids[first[channel] + answered - 1]
        instant = state[channel, S_ANSWER_AT]
        _respond(static, state, ids, first, p, w, g, channel, request, instant)
    told = state[channel, S_TOLD]
    if told > 0:
        state[channel, S_TOLD] = 0
        if static[0, K_ARBITER] == SIMPLE:
            request = ids[first[channel] + told - 1] + 1
            _send(p, w, g, request, state[channel, S_END_REQ])
            _offer_simple(static, state, w, g, request)
        else:
            _offer_queued(static, state, ids, first, p, g, channel)


@kernel
def _invoke_channel(
    static: Any, state: Any, trace: Any, requests: Any, records: Any, instant: int
) -> None:
    k, s = pointer(static), pointer(state)
    invoke_at(k, s, pointer(trace), pointer(requests), pointer(records), instant)


@kernel
def _close(static: Any, state: Any, finish: int) -> None:
    """Close the counters of all channels at the end of the last command of any."""
    end = 0
    for channel in range(len(state)):
        end = max(end, end_of_power(pointer(static[channel]), pointer(state[channel])))
    for channel in range(len(state)):
        fill_power(pointer(static[channel]), pointer(state[channel]), end)
        if state[channel, S_HELD] == 0:
            state[channel, S_IDLE] += finish // STEPS - state[channel, S_IDLE_SINCE]


@kernel
def run_channels(
    static: Any,
    state: Any,
    trace: Any,
    requests: Any,
    records: Any,
    ids: Any,
    first: Any,
    p: Any,
    w: Any,
    g: Any,
) -> int:
    """Simulate until the end, the pause, or until a channel's records are full; return the status.

    Parameters
    ----------
    static, state, records : int64 arrays, one row (or block) a channel
    trace, requests : int64 arrays, one row a request, channel after channel
    ids, first : int64 arrays
        Number in the trace of each of these rows; the first row of each channel.
    p, w, g : int64 arrays
        State of player and arbiter; place of each request, and what is known of it.
    """
    while p[P_STATUS] != DONE:
        instant, channel = FAR_INSTANT, 0
        for number in range(len(state)):
            due = min(state[number, S_BEGIN], state[number, S_END])
            due = min(due, state[number, S_DATA], state[number, S_WAKE])
            if due < instant:
                instant, channel = due, number
        if instant > p[P_FINISH]:
            _close(static, state, p[P_FINISH])
            p[P_STATUS] = DONE
            break
        if instant >= p[P_PAUSE] and instant < FAR_INSTANT:
            return PAUSED
        if instant >= FAR_INSTANT or instant // STEPS > static[0, K_LIMIT]:
            return STUCK if instant >= FAR_INSTANT else OVERTIME
        if static[0, K_RECORD] and state[channel, S_RECORDED] == static[0, K_RECORD]:
            return FULL
        p[P_NOW] = instant // STEPS
        _invoke_channel(
            static[channel],
            state[channel],
            trace[first[channel] :],
            requests[first[channel] :],
            records[channel],
            instant,
        )
        _listen(static, state, ids, first, p, w, g, channel)
    return DONE
