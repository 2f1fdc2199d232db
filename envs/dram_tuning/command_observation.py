"""What an agent sees at each command: the transaction queue, oldest first, and the whole.

Cycles are squashed to [0, 1). Nothing is shown that a controller could not know.
"""

from __future__ import annotations

from typing import Any

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.simulators.core.numba import kernel, merged
from chipgym.simulators.dram.command_layout import (
    C_DUE,
    C_ENTRIES,
    C_LENGTH,
    C_NEXT,
    C_NOW,
    C_SERVED,
    C_STATUS,
    DECISION,
    E_AUTO,
    E_BEHIND,
    E_COMMAND,
    E_REQUEST,
    E_ROW_IN_USE,
    E_TIME,
    ENTRY_WORDS,
)
from chipgym.simulators.dram.commands import ACT, PRE
from chipgym.simulators.dram.layout import (
    FAR,
    K_BUFFER_SIZE,
    K_RANKS,
    K_REFI,
    K_REQUESTS,
    R_TRIGGER,
    RANK_ROWS,
    ROW,
    S_DIRECTION,
    S_WRITES,
    T_COLUMN,
    T_CYCLE,
    TRACE_WORDS,
)

__all__ = ["build_layout", "observe"]

ENTRY_COLUMNS = (
    Column("present", "1", 0, 1, "The entry holds a request"),
    Column("write", "1", 0, 1, "It writes"),
    Column("hit", "1", 0, 1, "Its row is open: next is RD or WR"),
    Column("closed", "1", 0, 1, "Its bank has no open row: next is ACT"),
    Column("conflict", "1", 0, 1, "Another row is open: next is PRE"),
    Column("row_in_use", "1", 0, 1, "Another entry goes to the bank's open row"),
    Column("behind", "1", 0, 1, "An older entry goes to the same bank"),
    Column("turns", "1", 0, 1, "Its direction is not that of the last access"),
    Column("legal", "1", 0, 1, "Its next command may issue now"),
    Column("wait", "c / (c + 16)", 0, 1, "Cycles until then; 1 while its rank is refreshed"),
    Column("age", "c / (c + 256)", 0, 1, "Cycles since its time in the trace"),
)
GLOBAL_COLUMNS = (
    Column("fill", "1", 0, 1, "Share of the queue in use"),
    Column("writes", "1", 0, 1, "Share of writes in the queue's requests"),
    Column("last_write", "1", 0, 1, "The last access was a write"),
    Column("backlog", "n / (n + 32)", 0, 1, "Requests whose time has come, outside the queue"),
    Column("served", "1", 0, 1, "Share of the episode's requests that are served"),
    Column("refresh_in", "1", 0, 1, "Time to the next refresh over the refresh interval"),
    Column("refreshing", "1", 0, 1, "Share of the ranks that wait for their refresh"),
    Column("may_wait", "1", 0, 1, "Issuing nothing is allowed: more becomes legal or comes"),
    Column("next_change", "c / (c + 16)", 0, 1, "Cycles until then"),
)
NUM_ENTRY, NUM_GLOBAL = len(ENTRY_COLUMNS), len(GLOBAL_COLUMNS)


def build_layout(entries: int) -> ObservationLayout:
    """Fields of an observation of Q entries; row q of ``entries`` is the action q."""
    return ObservationLayout(
        (
            Field(
                "entries",
                (entries, NUM_ENTRY),
                unit="",
                meaning="The transaction queue, oldest request first; 0 where it is empty",
                columns=ENTRY_COLUMNS,
            ),
            Field("globals", (NUM_GLOBAL,), "", meaning="The channel", columns=GLOBAL_COLUMNS),
        )
    )


@merged
def _squash(cycles: int, scale: float) -> float:
    return cycles / (cycles + scale) if cycles > 0 else 0.0


@merged
def _observe_entry(s: Any, c: Any, tr: Any, entry: int, obs: Any, at: int) -> None:
    now = c[C_NOW]
    command, place = c[entry + E_COMMAND], c[entry + E_REQUEST] * TRACE_WORDS
    is_write = tr[place + T_COLUMN] & 1
    time = c[entry + E_TIME]
    obs[at] = 1.0
    obs[at + 1] = is_write
    obs[at + 2] = 1.0 if command != ACT and command != PRE else 0.0
    obs[at + 3] = 1.0 if command == ACT else 0.0
    obs[at + 4] = 1.0 if command == PRE else 0.0
    obs[at + 5] = c[entry + E_ROW_IN_USE]
    obs[at + 6] = c[entry + E_BEHIND]
    obs[at + 7] = 1.0 if is_write != s[S_DIRECTION] else 0.0
    obs[at + 8] = 1.0 if time <= now else 0.0
    obs[at + 9] = 1.0 if time >= FAR else _squash(time - now, 16.0)
    obs[at + 10] = _squash(now - tr[place + T_CYCLE], 256.0)


@kernel
def observe(k: Any, s: Any, c: Any, tr: Any, obs: Any) -> None:
    """Write a flat float32 observation."""
    obs[:] = 0.0
    now, length = c[C_NOW], c[C_LENGTH]
    if c[C_STATUS] == DECISION:
        for slot in range(length):
            _observe_entry(s, c, tr, C_ENTRIES + slot * ENTRY_WORDS, obs, slot * NUM_ENTRY)
    at = k[K_BUFFER_SIZE] * NUM_ENTRY
    soonest, waiting = FAR, 0
    for rank in range(RANK_ROWS, RANK_ROWS + k[K_RANKS] * ROW, ROW):
        soonest = min(soonest, max(s[rank + R_TRIGGER] - now, 0))
        waiting += now >= s[rank + R_TRIGGER]
    outside = c[C_DUE] - c[C_SERVED] - length
    may_wait = c[C_STATUS] == DECISION and c[C_NEXT] < FAR
    obs[at] = length / k[K_BUFFER_SIZE]
    obs[at + 1] = s[S_WRITES] / max(length, 1)
    obs[at + 2] = s[S_DIRECTION]
    obs[at + 3] = _squash(outside, 32.0)
    obs[at + 4] = c[C_SERVED] / k[K_REQUESTS]
    obs[at + 5] = min(soonest / k[K_REFI], 1.0)
    obs[at + 6] = waiting / k[K_RANKS]
    obs[at + 7] = 1.0 if may_wait else 0.0
    obs[at + 8] = _squash(c[C_NEXT] - now, 16.0) if may_wait else 0.0


@kernel
def write_mask(k: Any, c: Any, mask: Any) -> None:
    """Write the legal actions; none once the run has ended."""
    mask[:] = False
    if c[C_STATUS] != DECISION:
        return
    size, now = k[K_BUFFER_SIZE], c[C_NOW]
    for slot in range(c[C_LENGTH]):
        entry = C_ENTRIES + slot * ENTRY_WORDS
        mask[slot] = c[entry + E_TIME] <= now
        mask[size + slot] = c[entry + E_AUTO] <= now
    mask[2 * size] = c[C_NEXT] < FAR
