"""Synthetic memory traffic: parametrised request patterns, and ArchGym's four workloads.

ArchGym (Krishnan et al., ISCA 2023) evaluates memory controllers on four traces of 10,000 reads,
one a cycle: sequential, uniformly random, and two alternations of both. Its sequential trace is
reproduced exactly, the other three in their statistics: the alternations consist of pieces of 50
requests that are sequential or random with equal probability. The triad is that of STREAM (McCalpin
1995).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import InvalidValueError, lookup_error
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.features import FEATURES, WorkloadFeatures, features
from chipgym.simulators.dram.trace import Trace

__all__ = [
    "ARCHGYM_WORKLOADS",
    "FEATURES",
    "Traffic",
    "WorkloadFeatures",
    "archgym_trace",
    "features",
    "generate",
]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Pattern = Literal["stream", "random", "mixture", "strided", "triad", "pointer-chase", "bursty"]
Share = Annotated[float, Field(ge=0, le=1)]

MAX_DURATION_CYCLES = 1 << 38
GIBIBYTE = 1 << 30


class Traffic(Description):
    """What a stretch of memory traffic looks like.

    Attributes
    ----------
    pattern : str
        ``"stream"``: `streams` sequential streams that start in equal parts of the footprint and
        take turns. ``"strided"``: the same in steps of `stride_bytes`; each lap over a part begins
        one burst further on. ``"triad"``: a[i] = b[i] + s c[i], two reads and a write in turn, on
        three arrays in each of `streams` parts. ``"random"``: uniform over the footprint.
        ``"mixture"``: pieces of half of `segment_requests` that are ``"stream"`` (going on where
        the last such piece ended) or ``"random"`` with equal probability. ``"pointer-chase"``: a
        random walk that visits every burst of the footprint at most once a lap; a trace holds no
        dependences, so the time between links is the inverse of `intensity`. ``"bursty"``: as
        ``"random"``, with idle phases.
    requests : int
    read_ratio : float
        Probability that a request reads, independently of the others. ``"triad"`` ignores it: two
        of three requests read.
    intensity : float
        Requests per memory-clock cycle while active, evenly spaced; 1 is one a cycle.
    streams : int
        Streams, triads, or streams of the sequential pieces of ``"mixture"``.
    locality : float
        ``"random"``, ``"pointer-chase"``, ``"bursty"`` and the random pieces of ``"mixture"``:
        probability that a request goes to the burst after the last one's.
    stride_bytes : int
        ``"strided"`` only; a multiple of the burst.
    footprint_bytes : int, optional
        The traffic stays below this address, a multiple of the burst; the whole device if not
        given.
    segment_requests : int
        ``"mixture"`` only: mean length of a run of one kind.
    burst_requests : int
        ``"bursty"`` only: requests between idle phases.
    idle_cycles : int
        ``"bursty"`` only: mean length of an idle phase, exponentially distributed.
    """

    pattern: Pattern
    requests: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    read_ratio: Share = 1.0
    intensity: Annotated[float, Field(ge=1e-5, le=1)] = 1.0
    streams: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    locality: Share = 0.0
    stride_bytes: Annotated[int, Field(ge=1, le=1 << 40)] = 4096
    footprint_bytes: Annotated[int, Field(ge=1, le=1 << 50)] | None = None
    segment_requests: Annotated[int, Field(ge=2, le=10_000_000)] = 96
    burst_requests: Annotated[int, Field(ge=1, le=10_000_000)] = 64
    idle_cycles: Annotated[int, Field(ge=0, le=1 << 30)] = 2000

    @model_validator(mode="after")
    def _check(self) -> Traffic:
        idle = self.idle_cycles * (self.requests // self.burst_requests)
        duration = self.requests / self.intensity + idle * (self.pattern == "bursty")
        if duration > MAX_DURATION_CYCLES:
            raise ValueError(f"the traffic lasts longer than {MAX_DURATION_CYCLES} cycles")
        return self


ARCHGYM_WORKLOADS: dict[str, Traffic] = {
    "stream": Traffic(pattern="stream"),
    "random": Traffic(pattern="random", footprint_bytes=GIBIBYTE),
    "cloud-1": Traffic(pattern="mixture", segment_requests=100, footprint_bytes=GIBIBYTE),
    "cloud-2": Traffic(pattern="mixture", segment_requests=100, footprint_bytes=GIBIBYTE),
}
"""Traffic of ArchGym's four workloads by name."""

ARCHGYM_SEEDS = {"stream": 0, "random": 1, "cloud-1": 2, "cloud-2": 21}


def archgym_trace(name: str, device: Device) -> Trace:
    """Return one of ArchGym's workloads; the same bits at every call and on every device.

    ``"cloud-1"`` and ``"cloud-2"`` have 99 and 113 segments, as ArchGym's have.

    Raises
    ------
    UnknownNameError
        There is no such workload.
    InvalidValueError
        The device is smaller than 1 GiB (but for ``"stream"``).
    """
    if name not in ARCHGYM_WORKLOADS:
        raise lookup_error("ArchGym workload", name, ARCHGYM_WORKLOADS)
    rng = np.random.Generator(np.random.PCG64(ARCHGYM_SEEDS[name]))
    return generate(ARCHGYM_WORKLOADS[name], device, rng, name)


def generate(
    traffic: Traffic, device: Device, rng: np.random.Generator, name: str | None = None
) -> Trace:
    """Draw a trace: addresses first, then directions, then idle phases.

    Parameters
    ----------
    traffic : Traffic
    device : Device
        Gives the burst and the capacity; every address is aligned to a burst and inside.
    rng : numpy.random.Generator
    name : str, optional
        Name of the trace; the pattern's if not given.

    Raises
    ------
    InvalidValueError
        The footprint or the stride does not fit the device.
    """
    bursts = _bursts(traffic, device)
    if traffic.pattern == "triad":
        line, is_write = _triad(traffic, bursts)
    else:
        line = _lines(traffic, device, bursts, rng)
        is_write = _directions(traffic, rng)
    return Trace(
        _cycles(traffic, rng), line * device.burst_bytes, is_write, name or traffic.pattern
    )


def _bursts(traffic: Traffic, device: Device) -> int:
    """Return the size of the footprint in bursts, checked against the device."""
    footprint = traffic.footprint_bytes or device.capacity_bytes
    if footprint % device.burst_bytes or footprint > device.capacity_bytes:
        raise InvalidValueError(
            "footprint_bytes",
            footprint,
            f"a multiple of {device.burst_bytes} up to the {device.capacity_bytes} bytes of "
            f"{device.name}",
        )
    if traffic.pattern == "strided" and traffic.stride_bytes % device.burst_bytes:
        raise InvalidValueError(
            "stride_bytes", traffic.stride_bytes, f"a multiple of {device.burst_bytes}"
        )
    bursts = footprint // device.burst_bytes
    arrays = {"stream": 1, "strided": 1, "mixture": 1, "triad": 3}.get(traffic.pattern, 0)
    if arrays * traffic.streams > bursts:
        raise InvalidValueError(
            "streams", traffic.streams, f"at most {bursts // arrays} in {footprint} bytes"
        )
    return bursts


def _lines(traffic: Traffic, device: Device, bursts: int, rng: np.random.Generator) -> Ints:
    """Return the burst that each request goes to."""
    size = traffic.requests
    if traffic.pattern == "stream":
        return _streams(size, traffic.streams, bursts, 1)
    if traffic.pattern == "strided":
        step = traffic.stride_bytes // device.burst_bytes
        return _streams(size, traffic.streams, bursts, step)
    if traffic.pattern == "mixture":
        return _mixture(traffic, bursts, rng)
    if traffic.pattern == "pointer-chase":
        lap = rng.choice(bursts, min(size, bursts), replace=False).astype(np.int64)
        return _continued(np.resize(lap, size), traffic.locality, bursts, rng)
    return _continued(rng.integers(0, bursts, size), traffic.locality, bursts, rng)


def _streams(size: int, streams: int, bursts: int, step: int) -> Ints:
    """Streams in equal parts of the footprint, taking turns."""
    part = bursts // streams
    position, stream = np.divmod(np.arange(size, dtype=np.int64), streams)
    lap, offset = np.divmod(position * step, part)
    if step > 1:
        offset = (offset + lap) % part
    return stream * part + offset


def _continued(line: Ints, locality: float, bursts: int, rng: np.random.Generator) -> Ints:
    """Let requests continue with the next burst with the given probability."""
    if locality == 0:
        return line
    index = np.arange(len(line), dtype=np.int64)
    fresh = rng.random(len(line)) >= locality
    fresh[0] = True
    origin = np.maximum.accumulate(np.where(fresh, index, 0))
    return (line[origin] + index - origin) % bursts


def _mixture(traffic: Traffic, bursts: int, rng: np.random.Generator) -> Ints:
    """Sequential and random pieces: a run of one kind is two pieces long in the mean."""
    size = traffic.requests
    piece = (traffic.segment_requests + 1) // 2
    sequential = np.repeat(rng.random(-(-size // piece)) < 0.5, piece)[:size]
    line = _continued(rng.integers(0, bursts, size), traffic.locality, bursts, rng)
    line[sequential] = _streams(int(sequential.sum()), traffic.streams, bursts, 1)
    return line


def _triad(traffic: Traffic, bursts: int) -> tuple[Ints, Bools]:
    """Read b, read c, write a, burst by burst."""
    array = bursts // (3 * traffic.streams)
    turn, role = np.divmod(np.arange(traffic.requests, dtype=np.int64), 3)
    position, stream = np.divmod(turn, traffic.streams)
    is_write = role == 2
    base = (3 * stream + np.where(is_write, 0, role + 1)) * array
    return base + position % array, is_write


def _directions(traffic: Traffic, rng: np.random.Generator) -> Bools:
    if traffic.read_ratio == 1:
        return np.zeros(traffic.requests, dtype=np.bool_)
    return rng.random(traffic.requests) >= traffic.read_ratio


def _cycles(traffic: Traffic, rng: np.random.Generator) -> Ints:
    """Return the earliest time of each request in cycles."""
    index = np.arange(traffic.requests, dtype=np.int64)
    if traffic.pattern != "bursty":
        return _spaced(index, traffic.intensity)
    burst, place = np.divmod(index, traffic.burst_requests)
    idle = rng.exponential(traffic.idle_cycles, int(burst[-1]) + 1)
    active = float(_spaced(np.array([traffic.burst_requests]), traffic.intensity)[0])
    start = np.cumsum(np.rint(idle) + active) - (np.rint(idle[0]) + active)
    return start.astype(np.int64)[burst] + _spaced(place, traffic.intensity)


def _spaced(index: Ints, intensity: float) -> Ints:
    return np.floor(index / intensity).astype(np.int64)
