"""Buffers of a run: lowered from descriptions, simulated, read back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.address import AddressMap
from chipgym.simulators.dram.commands import ACT, RDA, REFPB, REFSB, WRA
from chipgym.simulators.dram.config import CHOICES, ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.kernel import initialise, run
from chipgym.simulators.dram.readout import read_out, read_trace_of
from chipgym.simulators.dram.result import CommandTrace, DramResult
from chipgym.simulators.dram.rules import check_device
from chipgym.simulators.dram.timing import (
    Constraints,
    command_cycles,
    constraints,
    data_latencies,
)
from chipgym.simulators.dram.trace import Trace

__all__ = ["Memory", "Run", "Workload", "decode"]

Ints = npt.NDArray[np.int64]

# Cycles after the last request's own time before a run counts as endless, in refresh intervals a
# request: serving requests one a refresh takes 1, the slowest legal setting 0.2.
PATIENCE_INTERVALS = 2
FIRST_RECORDS = 1 << 14
MAX_INTERVALS = 1_000_000
"""Refresh intervals that a trace may span: what bounds the work of an idle simulation."""


@dataclass(frozen=True, eq=False)
class Memory:
    """A device with its address map and what follows from them, lowered once for many runs."""

    device: Device
    address_map: AddressMap
    tables: Constraints
    static: Ints

    @classmethod
    def build(cls, device: Device, address_map: AddressMap) -> Memory:
        """Check that the map fits the device, and lower both."""
        address_map.check(device)
        tables = constraints(device)
        return cls(device, address_map, tables, _lower_device(device, tables))


@dataclass(frozen=True, eq=False)
class Workload:
    """A trace decoded for a memory, shared by all runs.

    Attributes
    ----------
    memory : Memory
    trace : Trace
    requests : int64 array, shape (N, 4)
        See layout.T_CYCLE.
    channel : int64 array, shape (N,), optional
        Channel of each request; absent: the only one.
    """

    memory: Memory
    trace: Trace
    requests: Ints
    channel: Ints | None = None


def decode(memory: Memory, trace: Trace) -> Workload:
    """Decode a trace.

    Raises
    ------
    InvalidValueError
        An address is beyond the device.
    """
    device = memory.device
    beyond = np.flatnonzero(trace.address >= device.capacity_bytes)
    if len(beyond):
        request = int(beyond[0])
        raise InvalidValueError(
            f"address[{request}]",
            int(trace.address[request]),
            f"below the {device.capacity_bytes} bytes of {device.name}",
        )
    place = memory.address_map.decode(trace.address, device)
    columns = (trace.cycle, place.bank, place.row, place.column * 2 + trace.is_write)
    requests = np.ascontiguousarray(np.stack(columns, axis=1))
    return Workload(memory, trace, requests, place.channel if device.channels > 1 else None)


def _lower_device(device: Device, tables: Constraints) -> Ints:
    """Return the static buffer with everything but the controller's settings."""
    t = device.timing
    read, write = data_latencies(device)
    refresh = REFSB if device.partial_refresh == "SameBank" else REFPB
    cycles = command_cycles(device)
    from_the_end = device.standard in ("LPDDR4", "HBM2")
    values = {
        at.K_RANKS: device.ranks,
        at.K_GROUPS: device.ranks * device.bank_groups,
        at.K_BANKS: device.banks,
        at.K_GROUPS_PER_RANK: device.bank_groups,
        at.K_BANKS_PER_RANK: device.banks_per_rank,
        at.K_BANKS_PER_GROUP: device.banks_per_group,
        at.K_RL: read,
        at.K_WL: write,
        at.K_BURST: device.burst_cycles,
        at.K_FAW: t.FAW,
        at.K_REFI: t.REFI,
        at.K_RFC: t.RFC,
        at.K_RP: t.RP,
        at.K_RAS: t.RAS,
        at.K_RCD: t.RCD,
        at.K_WR: t.WR,
        at.K_DQSCK: t.DQSCK - (read - t.RL),
        at.K_RDA_OFFSET: max(t.RTP, 4)
        if device.standard == "DDR3"
        else int(tables.bank[RDA, ACT]) - t.RP,
        at.K_WRA_OFFSET: int(tables.bank[WRA, ACT]) - t.RP,
        at.K_SETS: device.refresh_sets,
        at.K_SET_COMMAND: refresh,
        at.K_SET_SHIFT: (cycles[ACT] - cycles[refresh]) * from_the_end,
        at.K_CHANNELS: device.channels,
    }
    static = np.zeros(at.STATIC_SIZE, dtype=np.int64)
    for place, value in values.items():
        static[place] = value
    rules = (tables.bank, tables.group, tables.rank, tables.other_ranks)
    static[at.BANK_RULES :] = np.concatenate([matrix.ravel() for matrix in rules])
    return static


def _lower_config(config: ControllerConfig, device: Device) -> dict[int, int]:
    choices = {
        at.K_PAGE: "page_policy",
        at.K_SCHEDULER: "scheduler",
        at.K_BUFFER: "scheduler_buffer",
        at.K_MUX: "command_mux",
        at.K_RESPONSES: "response_queue",
        at.K_REFRESH: "refresh_policy",
        at.K_POWER_DOWN: "power_down_policy",
        at.K_ARBITER: "arbiter",
    }
    rounds = device.refresh_sets if _is_partial(config) else 1
    integers = {
        at.K_REFI: _interval(device, config),
        at.K_BUFFER_SIZE: config.request_buffer_size,
        at.K_POSTPONED: config.refresh_max_postponed * rounds,
        at.K_PULLEDIN: config.refresh_max_pulledin * rounds,
        at.K_ACTIVE: config.max_active_transactions,
        at.K_HIGH: config.high_watermark,
        at.K_LOW: config.low_watermark,
    }
    delays = {
        at.K_ARBITRATION_FW: config.arbitration_delay_fw_ns,
        at.K_ARBITRATION_BW: config.arbitration_delay_bw_ns,
        at.K_THINK_FW: config.think_delay_fw_ns,
        at.K_THINK_BW: config.think_delay_bw_ns,
        at.K_PHY_FW: config.phy_delay_fw_ns,
        at.K_PHY_BW: config.phy_delay_bw_ns,
    }
    values = {place: CHOICES[name].index(getattr(config, name)) for place, name in choices.items()}
    cycles = {place: int(ns * 1000 / device.clock_ps + 0.5) for place, ns in delays.items()}
    return values | integers | cycles


def _is_partial(config: ControllerConfig) -> bool:
    return config.refresh_policy in ("PerBank", "SameBank")


def _interval(device: Device, config: ControllerConfig) -> int:
    """Return the cycles between two refreshes of a rank."""
    return device.timing.REFIB if _is_partial(config) else device.timing.REFI


def _first_refreshes(device: Device, config: ControllerConfig) -> Ints:
    """Return when the first refresh of each rank is due: spread over one interval."""
    if config.refresh_policy == "NoRefresh":
        return np.full(device.ranks, at.FAR, dtype=np.int64)
    bits = device.ranks.bit_length() - 1
    interval = _interval(device, config)
    triggers = []
    for rank in range(device.ranks):
        reverse = int(format(rank, f"0{bits}b")[::-1], 2) if bits else 0
        triggers.append(interval - reverse * interval // device.ranks)
    return np.array(triggers, dtype=np.int64)


def lower_run(workload: Workload, config: ControllerConfig, *, record: bool) -> Ints:
    """Return the static buffer of a run.

    Raises
    ------
    InvalidValueError
        The device lacks the refresh policy, or the trace spans too many of its refresh intervals.
    """
    device, trace = workload.memory.device, workload.trace
    check_device(config, device)
    last, limit = int(trace.cycle[-1]), MAX_INTERVALS * _interval(device, config)
    if config.refresh_policy != "NoRefresh" and last > limit:
        raise InvalidValueError(
            f"cycle[{len(trace) - 1}]",
            last,
            f"at most {limit} with {device.name}: {MAX_INTERVALS} refresh intervals",
        )
    static = workload.memory.static.copy()
    for place, value in _lower_config(config, device).items():
        static[place] = value
    static[at.K_REQUESTS] = len(trace)
    static[at.K_RECORD] = FIRST_RECORDS * record
    static[at.K_LIMIT] = last + PATIENCE_INTERVALS * device.timing.REFI * (len(trace) + 8)
    return static


def empty_state(device: Device) -> Ints:
    """Return the zeroed state of one channel."""
    rows = device.ranks + device.ranks * device.bank_groups + device.banks
    return np.zeros(at.RANK_ROWS + rows * at.ROW, dtype=np.int64)


def check_progress(status: int, served: int, requests: int, cycle: int) -> None:
    """Raise `SimulationError` unless a run can go on or has come to its end."""
    if status in (at.STUCK, at.OVERTIME):
        raise SimulationError(
            f"no progress after {served} of {requests} requests at cycle "
            f"{cycle}: this configuration cannot serve the trace"
        )


class Run:
    """One simulation of a single channel in progress (several: channel_run.py).

    Parameters
    ----------
    workload : Workload
    config : ControllerConfig
    record : bool
        Keep every command.

    Raises
    ------
    InvalidValueError
        The device has several channels, or the configuration does not fit it.
    """

    def __init__(
        self, workload: Workload, config: ControllerConfig, *, record: bool = False
    ) -> None:
        size, device = len(workload.trace), workload.memory.device
        if device.channels > 1:
            raise InvalidValueError("channels", device.channels, "1 for a Run of one channel")
        self.workload = workload
        self.config = config
        self.static = lower_run(workload, config, record=record)
        self.state = empty_state(device)
        self.requests = np.zeros((size, at.REQUEST_WORDS), dtype=np.int64)
        self.records = np.zeros((FIRST_RECORDS * record, at.RECORD_WORDS), dtype=np.int64)
        triggers = _first_refreshes(device, config)
        initialise(self.static, self.state, workload.requests, self.requests, triggers)

    def run(self, until_cycle: int | None = None) -> bool:
        """Simulate to the end, or up to (not including) a cycle; return whether it is finished.

        A paused run goes on with the next call. Its whole state is `state`, `requests` and
        `records`: plain arrays, so that a run can be copied and pickled.

        Raises
        ------
        SimulationError
            The configuration makes no progress on this trace.
        """
        pause = at.FAR_INSTANT if until_cycle is None else until_cycle * at.STEPS
        self.state[at.S_PAUSE] = min(pause, at.FAR_INSTANT)
        status = at.FULL
        while status == at.FULL:
            status = run(
                self.static, self.state, self.workload.requests, self.requests, self.records
            )
            if status == at.FULL:
                self.records = np.concatenate([self.records, np.zeros_like(self.records)])
                self.static[at.K_RECORD] = len(self.records)
        served, cycle = int(self.state[at.S_DELIVERED]), int(self.state[at.S_NOW])
        check_progress(status, served, len(self.requests), cycle)
        return bool(status == at.DONE)

    def result(self) -> DramResult:
        """Return the result of a finished run."""
        return read_out(
            self.workload.memory.device,
            self.workload.trace,
            self.workload.requests[:, at.T_BANK],
            [self.state],
            finish_cycle=int(self.state[at.S_FINISH]) // at.STEPS,
            latency_cycles=self.requests[:, at.Q_TIME],
            finish_cycles=self.requests[:, at.Q_DATA],
            commands=self._trace() if self.static[at.K_RECORD] else None,
        )

    def _trace(self) -> CommandTrace:
        return read_trace_of([self.state], [self.records])
