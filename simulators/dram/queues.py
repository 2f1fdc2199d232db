"""Request queues of the banks and the schedulers that pick from them.

Each queue is a list in order of arrival, linked through the requests. It counts the requests that
hit the bank's open row and knows the oldest of them, so that most picks take constant time.
"""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.layout import (
    B_QUEUE,
    B_ROW,
    FIFO,
    FR_FCFS_GRP,
    GRP_FR_FCFS,
    GRP_FR_FCFS_WM,
    K_HIGH,
    K_LOW,
    K_SCHEDULER,
    Q_COUNT,
    Q_HEAD,
    Q_HIT,
    Q_HITS,
    Q_NEXT,
    Q_PREVIOUS,
    Q_TAIL,
    QUEUE,
    REQUEST_WORDS,
    S_DIRECTION,
    S_READS,
    S_WRITE_MODE,
    S_WRITES,
    T_COLUMN,
    T_ROW,
    TRACE_WORDS,
)

__all__ = ["close_row", "evaluate_mode", "further_hit", "further_request", "open_row", "pick"]


@merged
def append(s: Any, tr: Any, rq: Any, bank: int, queue: int, request: int) -> None:
    """Add a request at the end of a queue."""
    tail = s[queue + Q_TAIL]
    rq[request * REQUEST_WORDS + Q_NEXT] = -1
    rq[request * REQUEST_WORDS + Q_PREVIOUS] = tail
    if tail < 0:
        s[queue + Q_HEAD] = request
    else:
        rq[tail * REQUEST_WORDS + Q_NEXT] = request
    s[queue + Q_TAIL] = request
    s[queue + Q_COUNT] += 1
    if tr[request * TRACE_WORDS + T_ROW] == s[bank + B_ROW]:
        s[queue + Q_HITS] += 1
        if s[queue + Q_HIT] < 0:
            s[queue + Q_HIT] = request


@merged
def remove(s: Any, tr: Any, rq: Any, bank: int, queue: int, request: int) -> None:
    """Take a request that hits the open row out of its queue."""
    after, before = rq[request * REQUEST_WORDS + Q_NEXT], rq[request * REQUEST_WORDS + Q_PREVIOUS]
    if before < 0:
        s[queue + Q_HEAD] = after
    else:
        rq[before * REQUEST_WORDS + Q_NEXT] = after
    if after < 0:
        s[queue + Q_TAIL] = before
    else:
        rq[after * REQUEST_WORDS + Q_PREVIOUS] = before
    s[queue + Q_COUNT] -= 1
    s[queue + Q_HITS] -= 1
    if s[queue + Q_HIT] == request:
        hit = -1
        if s[queue + Q_HITS] > 0:
            hit = after
            while tr[hit * TRACE_WORDS + T_ROW] != s[bank + B_ROW]:
                hit = rq[hit * REQUEST_WORDS + Q_NEXT]
        s[queue + Q_HIT] = hit


@kernel
def open_row(s: Any, tr: Any, rq: Any, bank: int, row: int) -> None:
    """Set the open row of a bank and find its hits."""
    s[bank + B_ROW] = row
    for queue in range(bank + B_QUEUE, bank + B_QUEUE + 2 * QUEUE, QUEUE):
        hits, first = 0, -1
        request = s[queue + Q_HEAD]
        while request >= 0:
            if tr[request * TRACE_WORDS + T_ROW] == row:
                hits += 1
                if first < 0:
                    first = request
            request = rq[request * REQUEST_WORDS + Q_NEXT]
        s[queue + Q_HITS] = hits
        s[queue + Q_HIT] = first


@merged
def close_row(s: Any, bank: int) -> None:
    """Forget the open row of a bank."""
    s[bank + B_ROW] = -1
    for queue in range(bank + B_QUEUE, bank + B_QUEUE + 2 * QUEUE, QUEUE):
        s[queue + Q_HITS] = 0
        s[queue + Q_HIT] = -1


@merged
def queue_of(k: Any, bank: int, is_write: int) -> int:
    """Return the place of the queue that holds a bank's requests of one direction."""
    if k[K_SCHEDULER] >= GRP_FR_FCFS:
        return bank + B_QUEUE + is_write * QUEUE
    return bank + B_QUEUE


@merged
def evaluate_mode(k: Any, s: Any) -> bool:
    """Let GrpFrFcfsWm change its mode; return whether it did."""
    if s[S_WRITE_MODE] == 0:
        if s[S_WRITES] > k[K_HIGH] or s[S_READS] == 0:
            s[S_WRITE_MODE] = 1
            return True
    elif s[S_WRITES] <= k[K_LOW] and s[S_READS] > 0:
        s[S_WRITE_MODE] = 0
        return True
    return False


@merged
def _hit_or_head(s: Any, queue: int) -> int:
    hit = s[queue + Q_HIT]
    return hit if hit >= 0 else s[queue + Q_HEAD]


@kernel
def _grouped_hit(s: Any, tr: Any, rq: Any, bank: int, queue: int) -> int:
    """Oldest hit of the last direction without an older hit of the same address, else oldest."""
    oldest = s[queue + Q_HIT]
    hit = oldest
    while hit >= 0:
        place = tr[hit * TRACE_WORDS + T_COLUMN]
        if tr[hit * TRACE_WORDS + T_ROW] == s[bank + B_ROW] and (place & 1) == s[S_DIRECTION]:
            older = oldest
            while older != hit:
                same = tr[older * TRACE_WORDS + T_COLUMN] >> 1 == place >> 1
                if same and tr[older * TRACE_WORDS + T_ROW] == s[bank + B_ROW]:
                    break
                older = rq[older * REQUEST_WORDS + Q_NEXT]
            if older == hit:
                return hit
        hit = rq[hit * REQUEST_WORDS + Q_NEXT]
    return oldest


@merged
def pick(k: Any, s: Any, tr: Any, rq: Any, bank: int) -> int:
    """Return the scheduler's request for a bank, -1: none."""
    scheduler = k[K_SCHEDULER]
    queue = bank + B_QUEUE
    if scheduler == FIFO:
        return s[queue + Q_HEAD]
    if scheduler == GRP_FR_FCFS_WM:
        return _hit_or_head(s, queue + s[S_WRITE_MODE] * QUEUE)
    if scheduler == GRP_FR_FCFS:
        first = queue + s[S_DIRECTION] * QUEUE
        if s[first + Q_COUNT] > 0:
            return _hit_or_head(s, first)
        return _hit_or_head(s, queue + (1 - s[S_DIRECTION]) * QUEUE)
    hit = s[queue + Q_HIT]
    if hit < 0:
        return s[queue + Q_HEAD]
    if scheduler == FR_FCFS_GRP and (tr[hit * TRACE_WORDS + T_COLUMN] & 1) != s[S_DIRECTION]:
        return _grouped_hit(s, tr, rq, bank, queue)
    return hit


@merged
def _tested_queue(k: Any, s: Any, bank: int, is_write: int) -> int:
    if k[K_SCHEDULER] == GRP_FR_FCFS_WM:
        return bank + B_QUEUE + s[S_WRITE_MODE] * QUEUE
    return queue_of(k, bank, is_write)


@merged
def further_request(k: Any, s: Any, bank: int, is_write: int) -> bool:
    """Whether the bank has a request beside the current one."""
    return s[_tested_queue(k, s, bank, is_write) + Q_COUNT] >= 2


@merged
def further_hit(k: Any, s: Any, tr: Any, rq: Any, bank: int, is_write: int) -> bool:
    """Whether the bank has a request to the open row beside the current one."""
    queue = _tested_queue(k, s, bank, is_write)
    if k[K_SCHEDULER] != FIFO:
        return s[queue + Q_HITS] >= 2
    if s[queue + Q_COUNT] < 2:
        return False
    second = rq[s[queue + Q_HEAD] * REQUEST_WORDS + Q_NEXT]
    return tr[second * TRACE_WORDS + T_ROW] == s[bank + B_ROW]
