"""A fixed piece of plain Python, timed in the same run as everything else: what machines differ in.

Rates of two runs, on two machines or on one that was busy in between, compare after division by the
yardstick's rate. It does what the plain-Python simulators do: a heap of events, dicts, floats.
"""

from __future__ import annotations

import heapq

from chipgym.experiments.throughput.timing import Rate, measure_rate

__all__ = ["measure_yardstick"]

EVENTS = 40_000
MULTIPLIER, INCREMENT, MODULUS = 1_103_515_245, 12_345, 2**31
"""A linear congruential generator (those of ANSI C's example), so that no library has a part."""


def measure_yardstick(repeats: int = 5) -> Rate:
    """Measure the events per second of a queue of events in plain Python."""
    return measure_rate(_simulate_queue, repeats)


def _simulate_queue() -> int:
    """Serve `EVENTS` arrivals on four servers; return their number."""
    state, clock = 1, 0.0
    free = [(0.0, server) for server in range(4)]
    served: dict[int, float] = {}
    for _ in range(EVENTS):
        state = (state * MULTIPLIER + INCREMENT) % MODULUS
        clock += state / MODULUS
        begin, server = heapq.heappop(free)
        end = max(begin, clock) + 3.0 * (state % 1009) / 1009
        served[server] = served.get(server, 0.0) + end - clock
        heapq.heappush(free, (end, server))
    return EVENTS
