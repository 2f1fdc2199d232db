"""The simulator as a pure function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from chipgym.simulators.dram.address import AddressMap
from chipgym.simulators.dram.channel_run import open_run
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.engine import Memory, Workload, decode
from chipgym.simulators.dram.result import DramResult
from chipgym.simulators.dram.trace import Trace

__all__ = ["SIMULATOR_VERSION", "prepare", "simulate", "simulate_batch"]

SIMULATOR_VERSION = "1.0.0"


def prepare(device: Device, address_map: AddressMap, trace: Trace) -> Workload:
    """Decode a trace once for many simulations.

    Raises
    ------
    InvalidValueError
        The map does not fit the device, or an address is beyond it.
    """
    return decode(Memory.build(device, address_map), trace)


def simulate(
    workload: Workload, config: ControllerConfig | None = None, *, record_trace: bool = False
) -> DramResult:
    """Simulate a workload under a controller configuration. A pure function of its arguments.

    Parameters
    ----------
    workload : Workload
        From `prepare`.
    config : ControllerConfig, optional
    record_trace : bool
        Keep every command.

    Raises
    ------
    InvalidValueError
        The device lacks the refresh policy, or the trace spans too many refresh intervals.
    SimulationError
        The configuration makes no progress on the trace.
    """
    run = open_run(workload, config or ControllerConfig(), record=record_trace)
    run.run()
    return run.result()


def simulate_batch(
    workload: Workload, configs: Sequence[ControllerConfig], *, threads: int | None = None
) -> list[DramResult]:
    """Simulate a workload under many configurations in parallel threads, in their order.

    Configurations with the same canonical form are simulated once and share their result.
    `threads` defaults to the number of processors.
    """
    reads_only = workload.trace.reads_only
    keys = [config.canonical(reads_only=reads_only) for config in configs]
    distinct = list(dict.fromkeys(keys))
    count = min(threads or os.cpu_count() or 1, len(distinct))
    if count <= 1:
        results = [simulate(workload, config) for config in distinct]
    else:
        with ThreadPoolExecutor(count) as pool:
            results = list(pool.map(lambda config: simulate(workload, config), distinct))
    by_config = dict(zip(distinct, results, strict=True))
    return [by_config[key] for key in keys]
