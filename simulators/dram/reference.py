"""A plain-Python simulator of the memory controller: slow, readable, apart from the kernels.

It is what the Numba kernel is held against (same bits) and the pure-Python yardstick of its speed.
Model: DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b) for one channel, energy after DRAMPower
(tukl-msd/DRAMPower, branch rgr, 1ddc48a3872d). Times are whole cycles of the memory clock. Within a
cycle there are steps, as the delta cycles of SystemC: what one part tells another without delay
arrives in the next step. In each step the controller comes first, then arbiter and player in the
order in which their events were made.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.reference_arbiter import (
    Arbiter,
    Player,
    QueuedArbiter,
    SimpleArbiter,
)
from chipgym.simulators.dram.reference_controller import Controller, Delays, Issue
from chipgym.simulators.dram.reference_energy import energy_and_power
from chipgym.simulators.dram.reference_schedulers import Request
from chipgym.simulators.dram.reference_timing import BANK_COMMANDS, Place
from chipgym.simulators.dram.result import CommandTrace, DramResult, RowCounts

__all__ = ["Simulation", "simulate_reference"]

Instant = tuple[int, int]
"""Cycle, and step within it."""

# A run may take this many refresh intervals for each request, and for this many more.
PATIENCE_INTERVALS, PATIENCE_REQUESTS = 2, 8


def simulate_reference(workload: Workload, config: ControllerConfig | None = None) -> DramResult:
    """Simulate a workload in plain Python; the result holds the command trace.

    Parameters
    ----------
    workload : Workload
        From `simulate.prepare`.
    config : ControllerConfig, optional

    Raises
    ------
    InvalidValueError
        The device or the refresh policy is none of those modelled: one channel of DDR3 or DDR4,
        AllBank or NoRefresh.
    SimulationError
        The configuration makes no progress on the trace.
    """
    config = config or ControllerConfig()
    device = workload.memory.device
    for field, value, modelled in (
        ("standard", device.standard, ("DDR3", "DDR4")),
        ("channels", device.channels, (1,)),
        ("refresh_policy", config.refresh_policy, ("AllBank", "NoRefresh")),
    ):
        if value not in modelled:
            raise InvalidValueError(field, value, " or ".join(map(str, modelled)))
    simulation = Simulation(workload, config)
    simulation.run()
    return simulation.result()


class Simulation:
    """One run: the event queue, and the parts that it connects."""

    def __init__(self, workload: Workload, config: ControllerConfig) -> None:
        self.workload = workload
        self.device = workload.memory.device
        self.delays = Delays.of(config, self.device.clock_ps)
        self.now = 0
        self.step = 0
        self.events: list[tuple[Instant, int, Callable[..., None], tuple[Any, ...]]] = []
        self.numbers = itertools.count()
        self.pending: dict[str, Instant] = {"start": (0, 0)}
        self.controller = Controller(
            self.device, config, self.delays, self._end_request, self._begin_response, self._arm
        )
        self.requests = _requests(workload, [bank.place for bank in self.controller.banks])
        self.player = Player(self.requests, self)
        self.arbiter = self._build_arbiter(config)
        self.player.arbiter = self.arbiter

    def _build_arbiter(self, config: ControllerConfig) -> Arbiter:
        parts = (self.player, self.controller, self, self.delays)
        if config.arbiter == "Simple":
            return SimpleArbiter(*parts)
        return QueuedArbiter(
            *parts, limit=config.max_active_transactions, reorder=config.arbiter == "Reorder"
        )

    def after(self, delay: int, action: Callable[..., None], *arguments: Any) -> None:
        """Run an action a number of cycles later; with 0 in the next step of this cycle."""
        event = (self._instant(delay), next(self.numbers), action, arguments)
        heapq.heappush(self.events, event)

    def _instant(self, delay: int) -> Instant:
        return (self.now + delay, 0) if delay else (self.now, self.step + 1)

    def _arm(self, kind: str, delay: int) -> None:
        """Invoke the controller after a delay, unless this kind is to come sooner."""
        instant = self._instant(delay)
        self.pending[kind] = min(instant, self.pending.get(kind, instant))

    def _end_request(self, request: Request, delay: int) -> None:
        self.after(delay, self.arbiter.end_request, request)

    def _begin_response(self, request: Request, delay: int) -> None:
        self.after(delay, self.arbiter.begin_response, request)

    def run(self) -> None:
        """Simulate up to the last response."""
        first = self.requests[0]
        self.player.sent = 1
        start = ((first.earliest, 0), next(self.numbers), self.arbiter.begin_request, (first,))
        heapq.heappush(self.events, start)
        patience = PATIENCE_INTERVALS * (len(self.requests) + PATIENCE_REQUESTS)
        limit = self.requests[-1].earliest + patience * self.device.timing.REFI
        while self.player.served < len(self.requests):
            instants = [*self.pending.values(), *(event[0] for event in self.events[:1])]
            if not instants or min(instants)[0] > limit:
                raise SimulationError(
                    f"no progress after {self.player.served} of {len(self.requests)} requests at "
                    f"cycle {self.now}: this configuration cannot serve the trace"
                )
            self.now, self.step = min(instants)
            self._run_step((self.now, self.step))

    def _run_step(self, instant: Instant) -> None:
        due = [kind for kind, time in self.pending.items() if time == instant]
        for kind in due:
            del self.pending[kind]
        if due:
            self.controller.invoke(self.now)
        while self.events and self.events[0][0] == instant:
            _, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)

    def result(self) -> DramResult:
        """Return the result of a finished run."""
        device, size = self.device, len(self.requests)
        clock_ns = device.clock_ps / 1000
        cycles = max(request.finish for request in self.requests)
        busy = cycles - self.controller.idle_until(cycles)
        total_ns = cycles * device.clock_ps / 1000
        issues = self.controller.issues
        energy, power = energy_and_power(device, issues, self.delays.think_fw + self.delays.phy_fw)
        share = 100 * size * device.burst_cycles / cycles
        counts = Counter(issue.command for issue in issues)
        finish = np.array([request.finish for request in self.requests], dtype=np.float64)
        arrival = np.array([request.arrival for request in self.requests], dtype=np.float64)
        return DramResult(
            total_time_ns=total_ns,
            total_cycles=cycles,
            latency_ns=clock_ns * (finish - arrival),
            finish_ns=clock_ns * finish,
            is_write=self.workload.trace.is_write,
            bandwidth_gbps=size * device.burst_bytes * 8 / total_ns,
            bandwidth_percent=share,
            busy_bandwidth_percent=share * cycles / busy,
            energy_pj=energy,
            power_mw=power,
            counts={name: counts[name] for name in COMMANDS},
            invocations=self.controller.invocations,
            trace=_command_trace(issues),
            request_cycle=self.workload.trace.cycle,
            clock_ns=clock_ns,
            rows=_row_counts(device.banks, self.requests, issues),
        )


def _requests(workload: Workload, banks: list[Place]) -> list[Request]:
    device, trace = workload.memory.device, workload.trace
    aligned = trace.address & ~np.int64(device.burst_bytes - 1)
    place = workload.memory.address_map.decode(trace.address, device)
    columns = (trace.cycle, aligned, trace.is_write, place.bank, place.row, place.column)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Request(index, cycle, address, is_write, banks[bank], row, column)
        for index, (cycle, address, is_write, bank, row, column) in enumerate(rows)
    ]


def _row_counts(banks: int, requests: list[Request], issues: list[Issue]) -> RowCounts:
    """Sort the column commands by what their bank needed before them."""
    hits, conflicts = np.zeros((2, banks), dtype=np.int64)
    used = [False] * banks  # by a column command since the row was opened
    evicted = [False] * banks  # a row, for the next column command
    for issue in issues:
        bank = issue.place.bank
        if issue.command == "ACT":
            used[bank] = False
        elif issue.command == "PREPB":
            evicted[bank] = True
        elif issue.command in BANK_COMMANDS:
            hits[bank] += used[bank]
            conflicts[bank] += evicted[bank]
            used[bank], evicted[bank] = True, False
    return RowCounts(np.array([request.place.bank for request in requests]), hits, conflicts)


def _command_trace(issues: list[Issue]) -> CommandTrace:
    rows = []
    for issue in issues:
        request, place = issue.request, issue.place
        row = column = identity = -1
        if request is not None and issue.command in BANK_COMMANDS:
            row, identity = request.row, request.identity
            column = request.column if issue.command not in ("ACT", "PREPB") else -1
        number = COMMANDS.index(issue.command)
        fields = (issue.cycle, number, place.rank, place.group, place.bank, row, column, identity)
        rows.append(fields)
    table = np.array(rows, dtype=np.int64).reshape(-1, 8)
    return CommandTrace(*(np.ascontiguousarray(column) for column in table.T))
