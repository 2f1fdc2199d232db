"""Layout of the per-command engine: what it keeps beside the state of the controller's kernel.

Ranks, bank groups and banks have the rows of `layout`, with the same constraint tables and power
counters. ``c`` holds the clock, counters, and the transaction queue: one entry of `ENTRY_WORDS` for
each request, oldest first.
"""

from __future__ import annotations

C_NOW, C_STATUS, C_NEXT, C_LENGTH, C_FREE, C_ACCEPTED, C_SERVED, C_FINISH = range(8)
C_DUE, C_DUE_SUM, C_DATA_SUM, C_DECISIONS = range(8, 12)
C_ENTRIES = 16

# An entry: request, place of its bank's row, its next command and when that may issue, when the
# command may issue with auto-precharge, whether a queued request hits the bank's open row, and
# whether an older entry goes to the same bank.
E_REQUEST, E_BANK, E_COMMAND, E_TIME, E_AUTO, E_ROW_IN_USE, E_BEHIND = range(7)
ENTRY_WORDS = 8

# Status of a run: a decision is due, everything is served, the time limit is passed, the records
# are full.
DECISION, DONE, OVERTIME, FULL = range(4)

FR_FCFS, FR_FCFS_CLOSED, FCFS, FCFS_CLOSED = range(4)
