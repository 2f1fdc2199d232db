"""Results read from the final states of a run's channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.energy import energy_pj, power_mw
from chipgym.simulators.dram.result import CommandTrace, DramResult, RowCounts
from chipgym.simulators.dram.trace import Trace

__all__ = ["read_out", "read_trace_of"]

Ints = npt.NDArray[np.int64]

RECORD_FIELDS = ("cycle", "command", "rank", "group", "bank", "row", "column", "request")


def read_out(
    device: Device,
    trace: Trace,
    banks: Ints,
    states: Sequence[Ints],
    *,
    finish_cycle: int,
    latency_cycles: Ints,
    finish_cycles: Ints,
    commands: CommandTrace | None,
) -> DramResult:
    """Return the result of a finished run.

    Parameters
    ----------
    device, trace : Device, Trace
    banks : int64 array, shape (N,)
        Bank of each request, flat over all channels.
    states : sequence of int64 arrays
        Final state of each channel.
    finish_cycle : int
        Cycle of the last response.
    latency_cycles, finish_cycles : int64 arrays, shape (N,)
        Of each request.
    commands : CommandTrace or None
    """
    clock_ns = device.clock_ps / 1000
    total_ns = finish_cycle * device.clock_ps / 1000
    size = len(trace)
    cycles = finish_cycle * len(states)
    share = 100 * size * device.burst_cycles / cycles
    busy = cycles - sum(int(state[at.S_IDLE]) for state in states)
    counts = [sum(int(state[at.S_COUNTS + n]) for state in states) for n in range(len(COMMANDS))]
    return DramResult(
        total_time_ns=total_ns,
        total_cycles=finish_cycle,
        latency_ns=clock_ns * latency_cycles.astype(np.float64),
        finish_ns=clock_ns * finish_cycles.astype(np.float64),
        is_write=trace.is_write,
        bandwidth_gbps=size * device.burst_bytes * 8 / total_ns,
        bandwidth_percent=share,
        busy_bandwidth_percent=share * cycles / busy,
        energy_pj=energy_pj(device, *states),
        power_mw=power_mw(device, *states),
        counts=dict(zip(COMMANDS, counts, strict=True)),
        invocations=sum(int(state[at.S_INVOCATIONS]) for state in states),
        trace=commands,
        request_cycle=trace.cycle,
        clock_ns=clock_ns,
        rows=RowCounts(
            banks, _bank_column(states, at.B_HITS), _bank_column(states, at.B_CONFLICTS)
        ),
    )


def _bank_column(states: Sequence[Ints], column: int) -> Ints:
    """Return a column of the rows of all banks, channel after channel."""
    return np.concatenate(
        [state[int(state[at.S_BANK_ROWS]) + column :: at.ROW] for state in states]
    )


def read_trace_of(states: Sequence[Ints], records: Sequence[Ints]) -> CommandTrace:
    """Return the recorded commands of all channels by cycle, then channel."""
    parts = [rows[: int(state[at.S_RECORDED])] for state, rows in zip(states, records, strict=True)]
    channel = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    joined = np.concatenate(parts)
    if len(parts) > 1:
        order = np.argsort(joined[:, 0], kind="stable")
        joined, channel = joined[order], channel[order]
    columns = (np.ascontiguousarray(column) for column in joined.T)
    return CommandTrace(channel=channel, **dict(zip(RECORD_FIELDS, columns, strict=True)))
