"""The plain-Python memory controller: one invocation after the other.

After DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.reference_machines import (
    NEVER,
    BankMachine,
    PowerDownManager,
    RefreshManager,
)
from chipgym.simulators.dram.reference_schedulers import SCHEDULERS, Request
from chipgym.simulators.dram.reference_timing import BANK_COMMANDS, Place, TimingChecker

__all__ = ["Controller", "Delays", "Issue"]

REFRESH_ID = 0
POWER_DOWN_ID = NEVER
CAS = ("RD", "RDA", "WR", "WRA")


@dataclass(frozen=True)
class Delays:
    """Delays of the configuration in whole cycles."""

    arbitration_fw: int
    arbitration_bw: int
    think_fw: int
    think_bw: int
    phy_fw: int
    phy_bw: int

    @classmethod
    def of(cls, config: ControllerConfig, clock_ps: int) -> Delays:
        """Round the delays of a configuration, halves up."""
        return cls(
            **{
                name: int(
                    getattr(config, name.replace("_", "_delay_") + "_ns") * 1000 / clock_ps + 0.5
                )
                for name in cls.__dataclass_fields__
            }
        )


@dataclass(frozen=True)
class Issue:
    """A command on the bus; `request` is the one that it serves, if any."""

    cycle: int
    command: str
    place: Place
    request: Request | None


@dataclass(frozen=True)
class Candidate:
    """A command that a machine proposes; `identity` decides between equal times."""

    time: int
    identity: int
    command: str
    place: Place
    request: Request | None = None


class ResponseQueue:
    """Responses that wait for their data, in the order of the CAS or of acceptance."""

    def __init__(self, kind: str) -> None:
        self.reorder = kind == "Reorder"
        self.entries: list[tuple[Request, int]] = []
        self.next_identity = 1

    def insert(self, request: Request, due: int) -> None:
        """Add a response."""
        self.entries.append((request, due))

    def _front(self) -> tuple[Request, int] | None:
        if not self.reorder:
            return self.entries[0] if self.entries else None
        fitting = (entry for entry in self.entries if entry[0].identity == self.next_identity)
        return next(fitting, None)

    def take(self, now: int) -> Request | None:
        """Remove and return the next response if it is due."""
        front = self._front()
        if front is None or front[1] > now:
            return None
        self.entries.remove(front)
        self.next_identity += 1
        return front[0]

    def next_time(self, now: int) -> int:
        """Return when the next response is due if that is later than now, else NEVER."""
        front = self._front()
        return front[1] if front is not None and front[1] > now else NEVER


class Controller:
    """The controller of one channel.

    Parameters
    ----------
    device : Device
    config : ControllerConfig
    delays : Delays
    end_request, begin_response : callable (request, delay in cycles)
        Towards the arbiter.
    arm : callable (kind, delay in cycles)
        Ask for an invocation; one pending time a kind, the earliest.
    """

    def __init__(
        self,
        device: Device,
        config: ControllerConfig,
        delays: Delays,
        end_request: Callable[[Request, int], None],
        begin_response: Callable[[Request, int], None],
        arm: Callable[[str, int], None],
    ) -> None:
        self.device = device
        self.delays = delays
        self.strict = config.command_mux == "Strict"
        self.send_end_request = end_request
        self.send_begin_response = begin_response
        self.arm = arm
        self.checker = TimingChecker(device)
        self.scheduler = SCHEDULERS[config.scheduler](config, device.banks)
        self.responses = ResponseQueue(config.response_queue)
        self.banks = [
            BankMachine(place, self.checker, self.scheduler, config.page_policy)
            for place in _bank_places(device)
        ]
        ranks = [Place(rank) for rank in range(device.ranks)]
        self.power_down = [PowerDownManager(place, self.checker, config) for place in ranks]
        self.refresh = [
            RefreshManager(
                place,
                self.checker,
                self.banks_of(place.rank),
                self.power_down[place.rank],
                config,
                _first_refresh(device, place.rank),
                device.timing.REFI,
            )
            for place in ranks
        ]
        self.waiting: Request | None = None
        self.waiting_from = NEVER
        self.responding: Request | None = None
        self.end_response_at: int | None = None
        self.requests_of_rank = [0] * device.ranks
        self.accepted = 0
        self.next_cas = 1
        self.held = 0
        self.idle_since = 0
        self.idle_cycles = 0
        self.issues: list[Issue] = []
        self.invocations = 0

    def banks_of(self, rank: int) -> list[BankMachine]:
        """Return the machines of a rank's banks."""
        return [bank for bank in self.banks if bank.place.rank == rank]

    def idle_until(self, end: int) -> int:
        """Return the cycles before `end` in which the controller held no request."""
        return self.idle_cycles + (end - self.idle_since if self.held == 0 else 0)

    def receive_request(self, request: Request, now: int, delay: int) -> None:
        """BEGIN_REQ: take a request that arrives after a delay."""
        self.waiting = request
        self.waiting_from = now + delay
        self.arm("request", delay)

    def receive_end_response(self, now: int) -> None:
        """END_RESP."""
        self.end_response_at = now
        self.arm("end of response", 0)

    def invoke(self, now: int) -> None:
        """Do what can be done in this cycle and issue at most one command."""
        self.invocations += 1
        self._manage_responses(now)
        self._manage_request(now, 0)
        for refresh in self.refresh:
            refresh.evaluate(now)
        for power_down in self.power_down:
            power_down.evaluate(now)
        candidates = self._candidates(now)
        chosen = self._select(candidates, now)
        if chosen is not None:
            self._issue(chosen, now)
        blocked = bool(candidates) and chosen is None
        times = [machine.evaluate(now) for machine in self.banks]
        times += [machine.evaluate(now) for machine in self.refresh]
        times += [machine.evaluate(now) for machine in self.power_down]
        wake = min(time for time in [*times, NEVER] if not (blocked and time == now))
        if wake < NEVER:
            self.arm("wake-up", wake - now)

    def _manage_responses(self, now: int) -> None:
        if self.responding is not None:
            if self.end_response_at != now:
                return
            self.responding = None
            self.held -= 1
            if self.held == 0:
                self.idle_since = now
        self.responding = self.responses.take(now)
        if self.responding is None:
            self._arm_response(now)
            return
        released_now = self.end_response_at == now
        self.end_response_at = None
        self.send_begin_response(self.responding, int(released_now))

    def _arm_response(self, now: int) -> None:
        due = self.responses.next_time(now)
        if due < NEVER:
            self.arm("response", due - now)

    def _manage_request(self, now: int, delay: int) -> None:
        request = self.waiting
        if request is None or self.waiting_from > now or not self.scheduler.buffer.has_space():
            return
        self.waiting = None
        if self.held == 0:
            self.idle_cycles += now - self.idle_since
        self.held += 1
        self.accepted += 1
        request.identity = self.accepted
        rank = request.place.rank
        if self.requests_of_rank[rank] == 0:
            self.power_down[rank].trigger_exit()
        self.requests_of_rank[rank] += 1
        self.scheduler.store(request)
        self.banks[request.place.bank].evaluate(now)
        self.send_end_request(request, delay)

    def _candidates(self, now: int) -> list[Candidate]:
        found = []
        for rank, (refresh, power_down) in enumerate(
            zip(self.refresh, self.power_down, strict=True)
        ):
            if power_down.command is not None:
                time = max(power_down.time, now)
                found.append(Candidate(time, POWER_DOWN_ID, power_down.command, power_down.place))
                continue
            if refresh.command is not None:
                time = max(refresh.time, now)
                found.append(Candidate(time, REFRESH_ID, refresh.command, refresh.place))
            for bank in self.banks_of(rank):
                if bank.command is not None and bank.current is not None:
                    time = max(bank.time, now)
                    identity = bank.current.identity
                    found.append(Candidate(time, identity, bank.command, bank.place, bank.current))
        return found

    def _select(self, candidates: list[Candidate], now: int) -> Candidate | None:
        """The earliest candidate, the oldest of several, if it is time for it."""
        eligible = [
            candidate
            for candidate in candidates
            if not self.strict
            or candidate.command not in CAS
            or candidate.identity == self.next_cas
        ]
        first = min(eligible, key=lambda one: (one.time, one.identity), default=None)
        return first if first is not None and first.time == now else None

    def _issue(self, chosen: Candidate, now: int) -> None:
        command, place = chosen.command, chosen.place
        rank = place.rank
        self.issues.append(Issue(now, command, place, chosen.request))
        on_bank = command in BANK_COMMANDS
        for bank in [self.banks[place.bank]] if on_bank else self.banks_of(rank):
            bank.update(command)
        self.refresh[rank].update(command, now)
        self.power_down[rank].update(command)
        self.checker.issue(command, place, now)
        if command in CAS and chosen.request is not None:
            self._column_access(command, chosen.request, now)
        if self.requests_of_rank[rank] == 0:
            self.power_down[rank].trigger_entry()

    def _column_access(self, command: str, request: Request, now: int) -> None:
        delays, timing = self.delays, self.device.timing
        self.next_cas += 1
        self.scheduler.remove(request)
        self._manage_request(now, delays.think_fw)
        latency = timing.WL if request.is_write else timing.RL
        way = delays.think_fw + delays.phy_fw + delays.phy_bw + delays.think_bw
        self.responses.insert(request, now + way + latency + self.device.burst_cycles)
        self._arm_response(now)
        self.requests_of_rank[request.place.rank] -= 1


def _bank_places(device: Device) -> list[Place]:
    return [
        Place(bank // device.banks_per_rank, bank // device.banks_per_group, bank)
        for bank in range(device.banks)
    ]


def _first_refresh(device: Device, rank: int) -> int:
    """Return when a rank's first refresh is due: the ranks share an interval out evenly."""
    bits = device.ranks.bit_length() - 1
    reversed_rank = sum(((rank >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))
    ahead = reversed_rank * device.timing.REFI // device.ranks
    return device.timing.REFI - ahead
