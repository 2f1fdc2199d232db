"""Per-command scheduling, slow and obvious: every decision is worked out from the whole history."""

from chipgym.simulators.dram.commands import ACT, PRE, PREA, RD, RDA, REF, WR, WRA
from chipgym.simulators.dram.timing import constraints


class ReferenceCommands:
    """The engine of `CommandRun` in plain Python, one cycle at a time."""

    def __init__(self, workload, entries):
        self.device = workload.memory.device
        self.rules = constraints(self.device)
        self.requests = [tuple(map(int, row)) for row in workload.requests]
        self.entries = entries
        self.queue = []  # request numbers, oldest first
        self.history = []  # (cycle, command, rank, bank or None, request or None)
        self.next_request = 0
        self.free = 0
        self.now = 0
        self.row = [None] * self.device.banks
        interval, ranks = self.device.timing.REFI, self.device.ranks
        order = range(ranks)
        self.trigger = [interval - _reverse(r, ranks) * interval // ranks for r in order]
        self.arrival = {}
        self.data_end = {}
        self._move()

    def rank_of(self, bank):
        return bank // self.device.banks_per_rank

    def earliest(self, command, rank, bank):
        """Earliest cycle of a command by every command before it."""
        time = 0
        activates = []
        for cycle, earlier, other_rank, other_bank, _ in self.history:
            time = max(time, cycle + 1)
            if other_rank != rank:
                time = max(time, cycle + int(self.rules.other_ranks[earlier, command]))
                continue
            time = max(time, cycle + int(self.rules.rank[earlier, command]))
            if earlier == ACT:
                activates.append(cycle)
            if bank is None or other_bank is None:
                continue
            group = self.device.banks_per_group
            if other_bank // group == bank // group:
                time = max(time, cycle + int(self.rules.group[earlier, command]))
            if other_bank == bank:
                time = max(time, cycle + int(self.rules.bank[earlier, command]))
        if command == ACT and len(activates) >= 4:
            time = max(time, activates[-4] + self.rules.four_activates)
        return time

    def wanted(self, request):
        """Next command of a queued request."""
        _, bank, row, column = self.requests[request]
        if self.row[bank] is None:
            return ACT
        if self.row[bank] != row:
            return PRE
        return WR if column & 1 else RD

    def times(self):
        """Time of each action but the last, None where there is none."""
        found = [None] * (2 * self.entries)
        for slot, request in enumerate(self.queue):
            bank = self.requests[request][1]
            rank = self.rank_of(bank)
            if self.now >= self.trigger[rank]:
                continue
            command = self.wanted(request)
            found[slot] = self.earliest(command, rank, bank)
            if command in (RD, WR):
                found[self.entries + slot] = self.earliest(command + 1, rank, bank)
        return found

    def comes(self):
        """When the next request enters the queue, None: not before something leaves it."""
        if self.next_request == len(self.requests) or len(self.queue) == self.entries:
            return None
        return max(self.free, self.requests[self.next_request][0])

    def refresh(self):
        """For each rank whose refresh is due: its command, and when that may go."""
        found = {}
        for rank, trigger in enumerate(self.trigger):
            if self.now >= trigger:
                count = self.device.banks_per_rank
                is_open = any(
                    row is not None for row in self.row[rank * count : (rank + 1) * count]
                )
                command = PREA if is_open else REF
                found[rank] = command, self.earliest(command, rank, None)
        return found

    def waits(self):
        """Cycles after now at which more may be done."""
        events = [t for t in self.times() if t is not None and t > self.now]
        events += [max(time, self.now + 1) for _, time in self.refresh().values()]
        coming = self.comes()
        return events + ([max(coming, self.now + 1)] if coming is not None else [])

    def legal(self):
        """Legal actions as a list of bool."""
        if self.finished:
            return [False] * (2 * self.entries + 1)
        now = [time is not None and time <= self.now for time in self.times()]
        return [*now, bool(self.waits())]

    @property
    def finished(self):
        return len(self.data_end) == len(self.requests)

    def step(self, action):
        if action == 2 * self.entries:
            triggers = [t for t in self.trigger if t > self.now]
            self.now = min(self.waits() + triggers)
        else:
            request = self.queue[action % self.entries]
            command = self.wanted(request) + action // self.entries
            self._issue(command, request)
        self._move()

    def _issue(self, command, request):
        _, bank, row, _ = self.requests[request]
        self.history.append((self.now, command, self.rank_of(bank), bank, request))
        if command == ACT:
            self.row[bank] = row
        if command in (PRE, RDA, WRA):
            self.row[bank] = None
        if command in (RD, RDA, WR, WRA):
            t = self.device.timing
            latency = t.RL if command in (RD, RDA) else t.WL
            self.data_end[request] = self.now + latency + self.device.burst_cycles
            self.queue.remove(request)

    def _move(self):
        """Go on, cycle by cycle, to the next one at which something is legal."""
        while not self.finished:
            coming = self.comes()
            if coming is not None and coming <= self.now:
                self.arrival[self.next_request] = coming
                self.queue.append(self.next_request)
                self.next_request += 1
                self.free = self.now + 1
            for rank, (command, time) in self.refresh().items():
                if time <= self.now:
                    self.history.append((self.now, command, rank, None, None))
                    if command == PREA:
                        count = self.device.banks_per_rank
                        self.row[rank * count : (rank + 1) * count] = [None] * count
                    else:
                        self.trigger[rank] += self.device.timing.REFI
                    break
            if any(time is not None and time <= self.now for time in self.times()):
                return
            events = self.waits() + [t for t in self.trigger if t > self.now]
            self.now = min(events)


def _reverse(rank, ranks):
    bits = ranks.bit_length() - 1
    return int(format(rank, f"0{bits}b")[::-1], 2) if bits else 0
