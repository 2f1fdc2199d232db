"""The state machines of the plain-Python controller: banks, refresh, power-down.

After DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b). Each machine is evaluated now and then; what it
found (`command`, `time`) stays its candidate until it is evaluated again.
"""

from __future__ import annotations

from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.reference_schedulers import Request, Scheduler
from chipgym.simulators.dram.reference_timing import Place, TimingChecker

__all__ = ["NEVER", "BankMachine", "PowerDownManager", "RefreshManager"]

NEVER = 1 << 60


class Machine:
    """What the machines share: a place, a candidate command and its time."""

    def __init__(self, place: Place, checker: TimingChecker) -> None:
        self.place = place
        self.checker = checker
        self.command: str | None = None
        self.time = NEVER

    def _no_candidate(self, wake: int = NEVER) -> int:
        self.command, self.time = None, NEVER
        return wake

    def _candidate(self, command: str, now: int) -> int:
        self.command = command
        self.time = self.checker.earliest(command, self.place, now)
        return self.time


class BankMachine(Machine):
    """Opens and closes rows of a bank and serves its requests."""

    def __init__(
        self, place: Place, checker: TimingChecker, scheduler: Scheduler, page_policy: str
    ) -> None:
        super().__init__(place, checker)
        self.scheduler = scheduler
        self.page_policy = page_policy
        self.open_row: int | None = None
        self.current: Request | None = None
        self.keep = False
        self.blocked = False
        self.sleeping = False

    def evaluate(self, now: int) -> int:
        """Choose the next command; return its earliest cycle."""
        if self.blocked or self.sleeping:
            return self._no_candidate()
        request = self.scheduler.next_request(self.place.bank, self.open_row)
        if request is None:
            return self._no_candidate()
        if not self.keep or request.row == self.open_row:
            self.current = request
        assert self.current is not None
        return self._candidate(self._command_for(self.current), now)

    def _command_for(self, current: Request) -> str:
        if self.open_row is None:
            return "ACT"
        if self.page_policy != "Closed" and current.row != self.open_row:
            return "PREPB"
        cas = "WR" if current.is_write else "RD"
        return cas + "A" if self._closes_after(current, self.open_row) else cas

    def _closes_after(self, current: Request, open_row: int) -> bool:
        if self.page_policy == "Closed":
            return True
        if self.page_policy == "Open":
            return False
        if self.scheduler.has_further_hit(current, open_row):
            return False
        if self.page_policy == "ClosedAdaptive":
            return True
        return self.scheduler.has_further_request(current)

    def block(self) -> None:
        """Make way for a refresh: propose nothing until it has issued."""
        self.blocked = True
        self._no_candidate()

    def update(self, command: str) -> None:
        """Follow a command to this bank or its rank."""
        if command == "ACT":
            assert self.current is not None
            self.open_row = self.current.row
            self.keep = True
        elif command in ("PREPB", "PREAB"):
            self.open_row = None
            self.keep = False
        elif command in ("RD", "WR", "RDA", "WRA"):
            self.current = None
            self.keep = False
            if command in ("RDA", "WRA"):
                self.open_row = None
        elif command in ("PDEA", "PDEP", "SREFEN"):
            self.sleeping = True
        elif command in ("PDXA", "PDXP"):
            self.sleeping = False
        elif command == "REFAB":
            self.sleeping = False
            self.blocked = False


class PowerDownManager(Machine):
    """Puts an idle rank to sleep in stages: power-down, and self-refresh when a refresh is due."""

    EXITS = {
        "ActivePdn": "PDXA",
        "PrechargePdn": "PDXP",
        "SelfRefresh": "SREFEX",
        "ExtraRefresh": "REFAB",
    }

    def __init__(self, place: Place, checker: TimingChecker, config: ControllerConfig) -> None:
        super().__init__(place, checker)
        self.active = config.power_down_policy == "Staggered"
        self.state = "Idle"
        self.idle = True
        self.entry = True
        self.exit = False
        self.self_refresh = False
        self.open_banks = 0

    def trigger_entry(self) -> None:
        """The rank holds no request."""
        self.idle = True
        if self.state == "Idle":
            self.entry = True

    def trigger_exit(self) -> None:
        """A first request has come."""
        self.idle = self.self_refresh = self.entry = False
        if self.state != "Idle":
            self.exit = True

    def interrupt(self) -> None:
        """A refresh is due."""
        self.entry = False
        if self.state != "Idle":
            self.exit = True

    def evaluate(self, now: int) -> int:
        """Choose the next command; return its earliest cycle."""
        if not self.active:
            return self._no_candidate()
        if self.exit:
            return self._candidate(self.EXITS[self.state], now)
        if self.entry:
            return self._candidate("PDEA" if self.open_banks else "PDEP", now)
        if self.self_refresh:
            return self._candidate("SREFEN", now)
        return self._no_candidate()

    def update(self, command: str) -> None:
        """Follow a command to this rank or one of its banks."""
        self.open_banks = _open_banks(self.open_banks, command)
        if command in ("PDEA", "PDEP"):
            self.state = "ActivePdn" if command == "PDEA" else "PrechargePdn"
            self.entry = False
        elif command in ("PDXA", "PDXP"):
            self.state = "Idle"
            self.exit = False
            if command == "PDXP" and self.idle:
                self.self_refresh = True
        elif command == "SREFEN":
            self.state = "SelfRefresh"
            self.entry = self.self_refresh = False
        elif command == "SREFEX":
            self.state = "ExtraRefresh"
        elif command == "REFAB":
            if self.state == "ExtraRefresh":
                self.state = "Idle"
                self.exit = False
            elif self.idle:
                self.entry = True


class RefreshManager(Machine):
    """Refreshes all banks of a rank once an interval in the mean, early or late where allowed."""

    def __init__(
        self,
        place: Place,
        checker: TimingChecker,
        banks: list[BankMachine],
        power_down: PowerDownManager,
        config: ControllerConfig,
        first: int,
        interval: int,
    ) -> None:
        super().__init__(place, checker)
        self.banks = banks
        self.power_down = power_down
        self.interval = interval
        self.trigger = NEVER if config.refresh_policy == "NoRefresh" else first
        self.active = config.refresh_policy == "AllBank"
        self.max_postponed = config.refresh_max_postponed
        self.max_pulled_in = config.refresh_max_pulledin
        self.flexibility = 0
        self.pulled_in = False
        self.sleeping = False
        self.open_banks = 0

    def evaluate(self, now: int) -> int:
        """Choose the next command; return its earliest cycle, or when to look again."""
        if now < self.trigger:
            return self._no_candidate(self.trigger)
        self.power_down.interrupt()
        if self.sleeping:
            return self._no_candidate()
        if now >= self.trigger + self.interval:
            self.trigger += self.interval
            self.pulled_in = False
        busy = any(bank.current is not None for bank in self.banks)
        return self._early(busy, now) if self.pulled_in else self._regular(busy, now)

    def _regular(self, busy: bool, now: int) -> int:
        forced = self.flexibility == self.max_postponed
        if busy and not forced:
            self.flexibility += 1
            return self._later()
        if forced:
            for bank in self.banks:
                bank.block()
        return self._candidate("PREAB" if self.open_banks else "REFAB", now)

    def _early(self, busy: bool, now: int) -> int:
        if not busy:
            return self._candidate("REFAB", now)
        self.pulled_in = False
        return self._later()

    def _later(self) -> int:
        self.trigger += self.interval
        return self._no_candidate(self.trigger)

    def update(self, command: str, now: int) -> None:
        """Follow a command to this rank or one of its banks."""
        if not self.active:
            return
        self.open_banks = _open_banks(self.open_banks, command)
        if command in ("PDEA", "PDEP", "SREFEN"):
            self.sleeping = True
            if command == "SREFEN":
                self.trigger = NEVER
        elif command in ("PDXA", "PDXP"):
            self.sleeping = False
        elif command == "REFAB":
            self._refreshed(now)

    def _refreshed(self, now: int) -> None:
        if self.sleeping:  # the refresh that ends a self-refresh
            self.sleeping = False
            self.pulled_in = False
            self.trigger = now + self.interval
            return
        if self.pulled_in:
            self.flexibility -= 1
        else:
            self.pulled_in = True
        if self.flexibility == -self.max_pulled_in:
            self.pulled_in = False
            self.trigger += self.interval


def _open_banks(count: int, command: str) -> int:
    if command == "PREAB":
        return 0
    return count + (command == "ACT") - (command in ("PREPB", "RDA", "WRA"))
