"""Memory layout of the kernel: flat int64 buffers with fixed places.

``k`` holds what never changes in a run: settings, sizes and the constraint matrices. ``s`` holds
the state: counters, then one row of `ROW` words for each rank, each bank group and each bank.
``tr`` has `TRACE_WORDS` words for each request of the decoded trace, ``rq`` `REQUEST_WORDS` for
what is known of it, ``rec`` `RECORD_WORDS` for each recorded command. Flat buffers make a state one
object to copy, pickle and resume.

Times are cycles. An *instant* is cycle * STEPS + step, where the steps order what happens within a
cycle: the simulator that is reproduced runs its modules in such steps (SystemC's delta cycles).
"""

from __future__ import annotations

from chipgym.simulators.dram.timing import TABLE

STEPS = 256
FAR = 1 << 44
FAR_INSTANT = FAR * STEPS
ROW = 64

# Static: settings (numbers are positions in config.CHOICES).
K_PAGE, K_SCHEDULER, K_BUFFER, K_MUX, K_RESPONSES, K_REFRESH, K_POWER_DOWN, K_ARBITER = range(8)
K_BUFFER_SIZE, K_POSTPONED, K_PULLEDIN, K_ACTIVE, K_HIGH, K_LOW = range(8, 14)
K_ARBITRATION_FW, K_ARBITRATION_BW, K_THINK_FW, K_THINK_BW, K_PHY_FW, K_PHY_BW = range(14, 20)
# Static: sizes and timing parameters.
K_REQUESTS, K_RANKS, K_GROUPS, K_BANKS, K_GROUPS_PER_RANK, K_BANKS_PER_RANK = range(20, 26)
K_BANKS_PER_GROUP, K_RL, K_WL, K_BURST, K_FAW, K_REFI, K_LIMIT, K_RECORD = range(26, 34)
K_RFC, K_RP, K_RAS, K_RCD, K_WR, K_DQSCK, K_RDA_OFFSET, K_WRA_OFFSET = range(34, 42)
# Static: sets of banks that are refreshed one at a time, the command that does it, by how many
# cycles it is shorter than ACT; channels.
K_SETS, K_SET_COMMAND, K_SET_SHIFT, K_CHANNELS = range(42, 46)
# Static: constraint matrices [earlier * TABLE + later].
BANK_RULES = 64
GROUP_RULES = BANK_RULES + TABLE * TABLE
RANK_RULES = GROUP_RULES + TABLE * TABLE
OTHER_RULES = RANK_RULES + TABLE * TABLE
STATIC_SIZE = OTHER_RULES + TABLE * TABLE

# Page policies, schedulers, buffers, multiplexers, queues, arbiters: as in config.CHOICES.
OPEN, OPEN_ADAPTIVE, CLOSED, CLOSED_ADAPTIVE = range(4)
FIFO, FR_FCFS, FR_FCFS_GRP, GRP_FR_FCFS, GRP_FR_FCFS_WM = range(5)
BANKWISE, READ_WRITE, SHARED = range(3)
OLDEST, STRICT = range(2)
IN_ORDER, REORDER = range(2)
SIMPLE, ARBITER_FIFO, ARBITER_REORDER = range(3)
NO_REFRESH, ALL_BANK, PER_BANK, SAME_BANK = range(4)
# Power-down that was switched off in mid-run: ranks that sleep are woken, none goes to sleep.
WAKING = 2

# State: pending invocations of the controller (instants), each kind one.
S_BEGIN, S_END, S_DATA, S_WAKE = range(4)
# State: progress and outcome.
S_STATUS, S_NOW, S_FINISH, S_INVOCATIONS, S_RECORDED = range(4, 9)
# State: controller.
S_BUS, S_DIRECTION, S_WRITE_MODE, S_READS, S_WRITES, S_LAST_BANK, S_BANKS_NEXT = range(9, 16)
S_STRICT_NEXT, S_HELD, S_IDLE_SINCE, S_IDLE = range(16, 20)
# State: requests waiting at the controller, and responses.
S_ACCEPTED, S_RESP_BUSY, S_RESP_HEAD, S_RESP_TAIL, S_RESP_NEXT = range(20, 25)
S_ARRIVED = 25
# State: arbiter.
S_ADMITTED, S_DELIVERED, S_LAST_DELIVERY, S_END_REQ, S_DELIVER_NEXT = range(26, 31)
# State: places of the rows, the earliest refresh trigger, where to pause.
S_GROUP_ROWS, S_BANK_ROWS, S_TRIGGER, S_PAUSE = range(31, 35)
# State: what a channel tells the arbiter that it shares: request accepted (+ 1, 0: none), request
# answered (+ 1, 0: none), and the instant of the answer.
S_TOLD, S_ANSWERED, S_ANSWER_AT = range(35, 38)
S_COUNTS = 40
RANK_ROWS = 64

# Status of a run.
RUNNING, DONE, STUCK, OVERTIME, FULL, PAUSED = range(6)

# Every row begins with the earliest time of each command. Rank rows go on with:
R_TRIGGER, R_REF_STATE, R_FLEX, R_REF_SLEEPS, R_REF_CMD, R_REF_TIME, R_OPEN, R_REQUESTS = range(
    TABLE, TABLE + 8
)
R_PDN_STATE, R_PDN_IDLE, R_PDN_ENTRY, R_PDN_EXIT, R_PDN_SELF, R_PDN_CMD, R_PDN_TIME = range(
    TABLE + 8, TABLE + 15
)
R_FAW = TABLE + 15  # the last four ACT, and where the oldest of them stands
R_FAW_NEXT = TABLE + 19
# The energy counters of a rank (see energy.py).
E_OPEN, E_ACTIVE_FROM, E_IDLE_FROM, E_LOW_FROM, E_MODE, E_PENDING, E_END = range(
    TABLE + 20, TABLE + 27
)
E_ACTS, E_PRES, E_READS, E_WRITES, E_REFS = range(TABLE + 27, TABLE + 32)
E_CYCLES = TABLE + 32  # nine kinds of background cycles, in the order of energy.BACKGROUND
# Refresh of bank sets: place of the bank that the refresh manager's command goes to, sets that are
# left of this round (bits), the set that a forced refresh waits for (-1: none); their number.
R_REF_BANK, R_REF_LEFT, R_REF_FORCED, E_SET_REFS = range(TABLE + 41, TABLE + 45)

# Bank rows go on with:
B_ROW, B_CURRENT, B_KEEP, B_BLOCKED, B_SLEEPS, B_CMD, B_TIME, B_DIRTY, B_RANK, B_GROUP = range(
    TABLE, TABLE + 10
)
B_POWERED, B_LAST_ACT, B_PENDING = range(TABLE + 10, TABLE + 13)
# Column commands that found the row used before, those after a precharge for their sake, and
# whether the last precharge was one.
B_HITS, B_CONFLICTS, B_EVICTED = range(TABLE + 13, TABLE + 16)
B_QUEUE = TABLE + 16  # two queues (reads and writes, or one for both), each of:
Q_HEAD, Q_TAIL, Q_COUNT, Q_HIT, Q_HITS = range(5)
QUEUE = 8

# Columns of the decoded trace.
T_CYCLE, T_BANK, T_ROW, T_COLUMN = range(4)  # T_COLUMN: column * 2 + is_write
# Columns of the requests: neighbours in a queue, time at the arbiter (later: latency), data end
# (later: time of the response), instant of admission or of the response, k-th delivery.
Q_NEXT, Q_PREVIOUS, Q_TIME, Q_DATA, Q_JOIN, Q_DELIVERY = range(6)
REQUEST_WORDS = 8
TRACE_WORDS = 4

# Columns of a command record.
RECORD_WORDS = 8
