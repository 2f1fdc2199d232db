"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.commands import COMMANDS

__all__ = ["CommandTrace", "DramResult", "RowCounts"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CommandTrace:
    """Commands in the order of issue, M of them; -1 where a field does not apply.

    Attributes
    ----------
    cycle : int64 array, shape (M,)
        Memory-clock cycle on the command bus.
    command : int64 array, shape (M,)
        Number of the command, an index of `COMMANDS`.
    rank, group, bank, row, column : int64 array, shape (M,)
        `bank` is flat over the channel. The row of a precharge is that of the waiting request.
    request : int64 array, shape (M,)
        Request that the command serves, in order of acceptance by the controller, from 1.
    channel : int64 array, shape (M,), optional
        All 0 by default.
    """

    cycle: Ints
    command: Ints
    rank: Ints
    group: Ints
    bank: Ints
    row: Ints
    column: Ints
    request: Ints
    channel: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if len(self.channel) != len(self.cycle):
            object.__setattr__(self, "channel", np.zeros(len(self.cycle), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.cycle)

    @property
    def names(self) -> list[str]:
        """Commands by name."""
        return [COMMANDS[number] for number in self.command]

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name."""
        return dict(vars(self))


@dataclass(frozen=True, eq=False)
class RowCounts:
    """How requests found the row buffers.

    Attributes
    ----------
    bank : int64 array, shape (N,)
        Bank of each request, flat over channels, ranks and groups.
    hits : int64 array, shape (banks,)
        Column commands to a row that one had used since it was opened.
    conflicts : int64 array, shape (banks,)
        Column commands for which another row had to be closed by a precharge of its own. The rest
        are misses: the bank was closed.
    """

    bank: Ints
    hits: Ints
    conflicts: Ints

    @property
    def requests(self) -> Ints:
        """Requests of each bank, int64 array of shape (banks,)."""
        return np.bincount(self.bank, minlength=len(self.hits))

    @property
    def misses(self) -> Ints:
        """Requests of each bank that found it closed, int64 array of shape (banks,)."""
        return self.requests - self.hits - self.conflicts

    @property
    def hit_rate(self) -> float:
        """Share of hits over all requests."""
        return float(self.hits.sum()) / len(self.bank)


@dataclass(frozen=True, eq=False)
class DramResult:
    """Result of one simulation of N requests.

    Attributes
    ----------
    total_time_ns : float
        Time of the last response.
    total_cycles : int
        The same in memory-clock cycles.
    latency_ns : float64 array, shape (N,)
        From a request's arrival at the arbiter to the start of its response at the initiator;
        waiting in the trace player does not count.
    finish_ns : float64 array, shape (N,)
        Start of each response at the initiator.
    is_write : bool array, shape (N,)
    bandwidth_gbps : float
        Gbit/s served over the total time.
    bandwidth_percent, busy_bandwidth_percent : float
        Share of the peak; the latter without the time in which the controller held no request.
    energy_pj, power_mw : float
        Core energy of all devices (see `energy.ENERGY_MODEL`), and its mean; nan where the device
        has no currents.
    counts : dict of str to int
        Commands issued, by name.
    invocations : int
        Calls of the controller: the simulator's own unit of work and no part of the model. The
        plain-Python model may need one fewer, where a request that was just accepted makes its bank
        wait longer.
    trace : CommandTrace or None
        Command by command, where it was asked for.
    request_cycle : int64 array, shape (N,), optional
        The requests' own times, in memory-clock cycles.
    clock_ns : float
        Memory-clock period.
    rows : RowCounts, optional
        Row hits and conflicts by bank.
    """

    total_time_ns: float
    total_cycles: int
    latency_ns: npt.NDArray[np.float64]
    finish_ns: npt.NDArray[np.float64]
    is_write: Bools
    bandwidth_gbps: float
    bandwidth_percent: float
    busy_bandwidth_percent: float
    energy_pj: float
    power_mw: float
    counts: dict[str, int]
    invocations: int
    trace: CommandTrace | None = None
    request_cycle: Ints | None = None
    clock_ns: float = float("nan")
    rows: RowCounts | None = None

    @property
    def mean_latency_ns(self) -> float:
        """Mean latency over all requests."""
        return float(self.latency_ns.mean())

    @property
    def mean_read_latency_ns(self) -> float:
        """Mean latency of the reads; nan without any."""
        return _mean(self.latency_ns[~self.is_write])

    @property
    def mean_write_latency_ns(self) -> float:
        """Mean latency of the writes; nan without any."""
        return _mean(self.latency_ns[self.is_write])

    @property
    def max_latency_ns(self) -> float:
        """Largest latency."""
        return float(self.latency_ns.max())

    @property
    def trace_latency_ns(self) -> npt.NDArray[np.float64]:
        """From each request's own time to its response, float64 array of shape (N,).

        Waiting in the trace player counts, so that holding requests back does not look fast.
        """
        if self.request_cycle is None:
            return np.full_like(self.finish_ns, np.nan)
        return self.finish_ns - self.clock_ns * self.request_cycle

    @property
    def mean_trace_latency_ns(self) -> float:
        """Mean of `trace_latency_ns`."""
        return float(self.trace_latency_ns.mean())

    def latency_quantile_ns(self, share: float) -> float:
        """Return the sorted latency at index min(N - 1, floor(share * N))."""
        size = len(self.latency_ns)
        index = min(size - 1, int(share * size))
        return float(np.partition(self.latency_ns, index)[index])

    @property
    def energy_delay_pj_ns(self) -> float:
        """Product of energy and total time."""
        return self.energy_pj * self.total_time_ns

    def metrics(self) -> dict[str, float]:
        """Return the scalar results by name, units in the names."""
        return {
            "total_time_ns": self.total_time_ns,
            "bandwidth_gbps": self.bandwidth_gbps,
            "mean_latency_ns": self.mean_latency_ns,
            "p50_latency_ns": self.latency_quantile_ns(0.50),
            "p95_latency_ns": self.latency_quantile_ns(0.95),
            "p99_latency_ns": self.latency_quantile_ns(0.99),
            "max_latency_ns": self.max_latency_ns,
            "mean_trace_latency_ns": self.mean_trace_latency_ns,
            "row_hit_rate": self.rows.hit_rate if self.rows is not None else float("nan"),
            "energy_pj": self.energy_pj,
            "power_mw": self.power_mw,
            "energy_delay_pj_ns": self.energy_delay_pj_ns,
            **{f"{name}_count": float(count) for name, count in self.counts.items()},
        }


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
