"""How long the banks of a command trace went without a refresh."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.result import CommandTrace

__all__ = ["refresh_gaps"]


def refresh_gaps(device: Device, trace: CommandTrace, end_cycle: int) -> npt.NDArray[np.int64]:
    """Return the longest time of each bank between two refreshes, in cycles.

    The time before the first and after the last refresh counts too; in self-refresh a bank
    refreshes itself all the time.

    Parameters
    ----------
    device : Device
    trace : CommandTrace
        As recorded by a simulation, from its beginning.
    end_cycle : int
        Until when.

    Returns
    -------
    int64 array, shape (channels, ranks, banks of a rank)
    """
    shape = (device.channels, device.ranks, device.banks_per_rank)
    latest = np.zeros(shape, dtype=np.int64)
    gaps = np.zeros(shape, dtype=np.int64)
    asleep = np.zeros(shape[:2], dtype=np.bool_)
    every = np.arange(device.banks_per_rank)
    rows = zip(
        trace.cycle.tolist(),
        trace.names,
        trace.channel.tolist(),
        trace.rank.tolist(),
        trace.bank.tolist(),
        strict=True,
    )
    for cycle, name, channel, rank, bank in rows:
        if name in ("REFPB", "REFSB"):
            banks = every[every % device.refresh_sets == bank % device.refresh_sets]
        elif name in ("REFAB", "SREFEN"):
            banks = every
        elif name == "SREFEX":
            latest[channel, rank] = cycle
            asleep[channel, rank] = False
            continue
        else:
            continue
        since = cycle - latest[channel, rank, banks]
        gaps[channel, rank, banks] = np.maximum(gaps[channel, rank, banks], since)
        latest[channel, rank, banks] = cycle
        asleep[channel, rank] = name == "SREFEN"
    left = np.where(asleep[:, :, None], 0, end_cycle - latest)
    return np.maximum(gaps, left)
