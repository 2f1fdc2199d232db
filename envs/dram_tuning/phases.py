"""Traffic whose character changes: phases of different patterns one after the other, with pauses.

No static setting of a controller is best for all phases, which is what control at run time is for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.generators import Traffic, generate
from chipgym.simulators.dram.trace import Trace

__all__ = ["Phase", "phased_trace"]

SHORTEST, LONGEST = 0.6, 1.4
"""Length of a phase over its mean."""


@dataclass(frozen=True)
class Phase:
    """A stretch of traffic.

    Attributes
    ----------
    traffic : Traffic
        Its pattern; `requests` is the mean length.
    pause_cycles : int
        Mean length of the pause before the next phase, exponentially distributed.
    """

    traffic: Traffic
    pause_cycles: int = 0


def phased_trace(
    phases: tuple[Phase, ...],
    requests: int,
    device: Device,
    rng: np.random.Generator,
    name: str,
) -> Trace:
    """Draw a trace: the phases in turn from a random one on, each at a random place in memory.

    Parameters
    ----------
    phases : tuple of Phase
    requests : int
        Requests of the trace.
    device : Device
    rng : numpy.random.Generator
    name : str

    Raises
    ------
    InvalidValueError
        There are no phases, or one does not fit the device.
    """
    if not phases:
        raise InvalidValueError("phases", phases, "at least one phase")
    row_bytes = device.columns * device.bus_bytes
    turn = int(rng.integers(len(phases)))
    cycles, addresses, directions = [], [], []
    begin, left = 0, requests
    while left > 0:
        phase = phases[turn % len(phases)]
        length = round(phase.traffic.requests * rng.uniform(SHORTEST, LONGEST))
        length = min(max(length, 1), left)
        traffic = phase.traffic.model_copy(update={"requests": length})
        part = generate(traffic, device, rng)
        base = int(rng.integers(device.capacity_bytes // row_bytes)) * row_bytes
        cycles.append(part.cycle + begin)
        addresses.append((part.address + base) % device.capacity_bytes)
        directions.append(part.is_write)
        pause = round(rng.exponential(phase.pause_cycles)) if phase.pause_cycles else 0
        begin = int(cycles[-1][-1]) + round(1 / traffic.intensity) + pause
        left -= length
        turn += 1
    return Trace(
        np.concatenate(cycles), np.concatenate(addresses), np.concatenate(directions), name
    )
