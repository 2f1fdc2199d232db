"""Runs of devices with any number of channels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram import layout as at
from chipgym.simulators.dram.channels import (
    G_FINISH,
    G_LATENCY,
    P_DELIVERED,
    P_FINISH,
    P_NOW,
    P_PAUSE,
    PLAYER_WORDS,
    REQUEST_FIELDS,
    run_channels,
    start_channels,
)
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.engine import (
    FIRST_RECORDS,
    Run,
    Workload,
    _first_refreshes,
    check_progress,
    empty_state,
    lower_run,
)
from chipgym.simulators.dram.kernel import initialise
from chipgym.simulators.dram.readout import read_out, read_trace_of
from chipgym.simulators.dram.result import DramResult

__all__ = ["ChannelRun", "open_run"]

Ints = npt.NDArray[np.int64]


class ChannelRun:
    """One simulation of several channels in progress; used as `engine.Run` is.

    Parameters
    ----------
    workload : Workload
        Of a device with several channels.
    config : ControllerConfig
        Of the controller of every channel.
    record : bool
        Keep every command.
    """

    def __init__(
        self, workload: Workload, config: ControllerConfig, *, record: bool = False
    ) -> None:
        device, size = workload.memory.device, len(workload.trace)
        channel = np.zeros(size, dtype=np.int64) if workload.channel is None else workload.channel
        counts = np.bincount(channel, minlength=device.channels)
        self.workload = workload
        self.config = config
        self.ids = np.argsort(channel, kind="stable").astype(np.int64)
        self.first = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
        local = np.empty(size, dtype=np.int64)
        local[self.ids] = np.arange(size) - np.repeat(self.first, counts)
        self.places = np.ascontiguousarray(np.stack((channel, local, workload.trace.cycle), axis=1))
        self.static = np.tile(lower_run(workload, config, record=record), (device.channels, 1))
        self.static[:, at.K_REQUESTS] = counts
        self.state = np.tile(empty_state(device), (device.channels, 1))
        self.trace = np.ascontiguousarray(workload.requests[self.ids])
        self.requests = np.zeros((size, at.REQUEST_WORDS), dtype=np.int64)
        shape = (device.channels, FIRST_RECORDS * record, at.RECORD_WORDS)
        self.records = np.zeros(shape, dtype=np.int64)
        self.player = np.zeros(PLAYER_WORDS, dtype=np.int64)
        self.shared = np.zeros((size, REQUEST_FIELDS), dtype=np.int64)
        triggers = _first_refreshes(device, config)
        for number in range(device.channels):
            initialise(self.static[number], self.state[number], self.trace, self.requests, triggers)
        start_channels(
            self.static,
            self.state,
            self.ids,
            self.first,
            self.player,
            self.places,
            self.shared,
        )

    def run(self, until_cycle: int | None = None) -> bool:
        """Simulate to the end, or up to (not including) a cycle; return whether it is finished.

        Raises
        ------
        SimulationError
            The configuration makes no progress on this trace.
        """
        pause = at.FAR_INSTANT if until_cycle is None else until_cycle * at.STEPS
        self.player[P_PAUSE] = min(pause, at.FAR_INSTANT)
        status = at.FULL
        while status == at.FULL:
            status = run_channels(
                self.static,
                self.state,
                self.trace,
                self.requests,
                self.records,
                self.ids,
                self.first,
                self.player,
                self.places,
                self.shared,
            )
            if status == at.FULL:
                more = np.zeros_like(self.records)
                self.records = np.concatenate([self.records, more], axis=1)
                self.static[:, at.K_RECORD] = self.records.shape[1]
        served, cycle = int(self.player[P_DELIVERED]), int(self.player[P_NOW])
        check_progress(status, served, len(self.requests), cycle)
        return bool(status == at.DONE)

    def result(self) -> DramResult:
        """Return the result of a finished run."""
        device = self.workload.memory.device
        banks = self.workload.requests[:, at.T_BANK] + device.banks * self.places[:, 0]
        recorded = bool(self.static[0, at.K_RECORD])
        states = list(self.state)
        return read_out(
            device,
            self.workload.trace,
            banks,
            states,
            finish_cycle=int(self.player[P_FINISH]) // at.STEPS,
            latency_cycles=self.shared[:, G_LATENCY],
            finish_cycles=self.shared[:, G_FINISH],
            commands=read_trace_of(states, list(self.records)) if recorded else None,
        )


def open_run(
    workload: Workload, config: ControllerConfig, *, record: bool = False
) -> Run | ChannelRun:
    """Return a run of a workload at its beginning, whatever the number of channels."""
    kind = ChannelRun if workload.memory.device.channels > 1 else Run
    return kind(workload, config, record=record)
