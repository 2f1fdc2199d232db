"""Buffers of a run: lowered from descriptions, simulated, read back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.address import AddressMap
from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.config import CHOICES, ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.energy import energy_pj, power_mw
from chipgym.simulators.dram.kernel import initialise, run
from chipgym.simulators.dram.result import CommandTrace, DramResult
from chipgym.simulators.dram.timing import Constraints, constraints
from chipgym.simulators.dram.trace import Trace

__all__ = ["Memory", "Run", "Workload", "decode"]

Ints = npt.NDArray[np.int64]

# Cycles after the last request's own time before a run counts as endless, in refresh intervals a
# request: serving requests one a refresh takes 1, the slowest legal setting 0.2.
PATIENCE_INTERVALS = 2
FIRST_RECORDS = 1 << 14


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
    """A trace decoded for a memory, shared by all runs: int64 (N, 4), see layout.T_CYCLE."""

    memory: Memory
    trace: Trace
    requests: Ints


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
    return Workload(memory, trace, np.ascontiguousarray(np.stack(columns, axis=1)))


def _lower_device(device: Device, tables: Constraints) -> Ints:
    """Return the static buffer with everything but the controller's settings."""
    t = device.timing
    burst = device.burst_cycles
    values = {
        at.K_RANKS: device.ranks,
        at.K_GROUPS: device.ranks * device.bank_groups,
        at.K_BANKS: device.banks,
        at.K_GROUPS_PER_RANK: device.bank_groups,
        at.K_BANKS_PER_RANK: device.banks_per_rank,
        at.K_BANKS_PER_GROUP: device.banks_per_group,
        at.K_RL: t.RL,
        at.K_WL: t.WL,
        at.K_BURST: burst,
        at.K_FAW: t.FAW,
        at.K_REFI: t.REFI,
        at.K_RFC: t.RFC,
        at.K_RP: t.RP,
        at.K_RAS: t.RAS,
        at.K_RCD: t.RCD,
        at.K_WR: t.WR,
        at.K_DQSCK: t.DQSCK,
        at.K_RDA_OFFSET: max(t.RTP, 4) if device.standard == "DDR3" else t.RTP,
        at.K_WRA_OFFSET: burst + t.WL + t.WR,
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
    integers = {
        at.K_BUFFER_SIZE: config.request_buffer_size,
        at.K_POSTPONED: config.refresh_max_postponed,
        at.K_PULLEDIN: config.refresh_max_pulledin,
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


def _first_refreshes(device: Device, config: ControllerConfig) -> Ints:
    """Return when the first refresh of each rank is due: spread over one interval."""
    if config.refresh_policy == "NoRefresh":
        return np.full(device.ranks, at.FAR, dtype=np.int64)
    bits = device.ranks.bit_length() - 1
    triggers = []
    for rank in range(device.ranks):
        reverse = int(format(rank, f"0{bits}b")[::-1], 2) if bits else 0
        triggers.append(device.timing.REFI - reverse * device.timing.REFI // device.ranks)
    return np.array(triggers, dtype=np.int64)


class Run:
    """One simulation in progress.

    Parameters
    ----------
    workload : Workload
    config : ControllerConfig
    record : bool
        Keep every command.
    """

    def __init__(
        self, workload: Workload, config: ControllerConfig, *, record: bool = False
    ) -> None:
        memory, size = workload.memory, len(workload.trace)
        device = memory.device
        self.workload = workload
        self.config = config
        self.static = memory.static.copy()
        for place, value in _lower_config(config, device).items():
            self.static[place] = value
        self.static[at.K_REQUESTS] = size
        self.static[at.K_RECORD] = FIRST_RECORDS * record
        patience = PATIENCE_INTERVALS * device.timing.REFI * (size + 8)
        self.static[at.K_LIMIT] = int(workload.trace.cycle[-1]) + patience
        rows = device.ranks + device.ranks * device.bank_groups + device.banks
        self.state = np.zeros(at.RANK_ROWS + rows * at.ROW, dtype=np.int64)
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
        if status in (at.STUCK, at.OVERTIME):
            served = int(self.state[at.S_DELIVERED])
            raise SimulationError(
                f"no progress after {served} of {len(self.requests)} requests at cycle "
                f"{int(self.state[at.S_NOW])}: this configuration cannot serve the trace"
            )
        return bool(status == at.DONE)

    def result(self) -> DramResult:
        """Return the result of a finished run."""
        device, state = self.workload.memory.device, self.state
        clock_ns = device.clock_ps / 1000
        cycles = int(state[at.S_FINISH]) // at.STEPS
        total_ns = cycles * device.clock_ps / 1000
        size = len(self.requests)
        share = 100 * size * device.burst_cycles / cycles
        busy = cycles - int(state[at.S_IDLE])
        return DramResult(
            total_time_ns=total_ns,
            total_cycles=cycles,
            latency_ns=clock_ns * self.requests[:, at.Q_TIME].astype(np.float64),
            finish_ns=clock_ns * self.requests[:, at.Q_DATA].astype(np.float64),
            is_write=self.workload.trace.is_write,
            bandwidth_gbps=size * device.burst_bytes * 8 / total_ns,
            bandwidth_percent=share,
            busy_bandwidth_percent=share * cycles / busy,
            energy_pj=energy_pj(device, state),
            power_mw=power_mw(device, state),
            counts={name: int(state[at.S_COUNTS + number]) for number, name in enumerate(COMMANDS)},
            invocations=int(state[at.S_INVOCATIONS]),
            trace=self._trace() if self.static[at.K_RECORD] else None,
        )

    def _trace(self) -> CommandTrace:
        columns = self.records[: int(self.state[at.S_RECORDED])].T
        return CommandTrace(*(np.ascontiguousarray(column) for column in columns))
