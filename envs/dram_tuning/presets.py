"""The scenarios, one table to be read like a menu.

Every corrected scenario draws its training traces from the environment's generator and has a fixed
list of test traces; the four of ArchGym have one trace each, for both splits, as the original has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipgym.simulators.dram.generators import Traffic

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS", "Scenario", "TrafficFamily"]


@dataclass(frozen=True)
class TrafficFamily:
    """Traffic of one pattern with parameters drawn anew for each trace.

    Attributes
    ----------
    pattern : str
        A pattern of `chipgym.simulators.dram.generators.Traffic`, whose other parameters these are:
    read_ratio, locality : (float, float)
        Drawn uniformly between both.
    intensity : (float, float)
        Drawn between both, uniformly in the logarithm.
    streams, stride_bytes, footprint_bytes, segment_requests, burst_requests, idle_cycles : tuple
        Drawn among the values.
    """

    pattern: str
    read_ratio: tuple[float, float] = (0.5, 1.0)
    intensity: tuple[float, float] = (0.02, 0.25)
    locality: tuple[float, float] = (0.0, 0.0)
    streams: tuple[int, ...] = (1,)
    stride_bytes: tuple[int, ...] = (4096,)
    footprint_bytes: tuple[int, ...] = (1 << 30,)
    segment_requests: tuple[int, ...] = (96,)
    burst_requests: tuple[int, ...] = (64,)
    idle_cycles: tuple[int, ...] = (2000,)

    def draw(self, requests: int, rng: np.random.Generator) -> Traffic:
        """Draw the traffic of one trace."""
        low, high = np.log(self.intensity)
        choices = (
            "streams",
            "stride_bytes",
            "footprint_bytes",
            "segment_requests",
            "burst_requests",
            "idle_cycles",
        )
        document = {
            "pattern": self.pattern,
            "requests": requests,
            "read_ratio": float(rng.uniform(*self.read_ratio)),
            "intensity": float(np.exp(rng.uniform(low, high))),
            "locality": float(rng.uniform(*self.locality)),
            **{name: int(rng.choice(getattr(self, name))) for name in choices},
        }
        return Traffic.parse(document)


@dataclass(frozen=True)
class Scenario:
    """A family of tuning instances.

    Attributes
    ----------
    name, description : str
    device : str
        Shipped device.
    address_map : str
        Shipped map, the default where the map is a knob.
    knobs : str
        Knob set (see `knobs.KNOB_SETS`).
    objective : str
        Default objective (see `reward.OBJECTIVES`).
    train, test : tuple of TrafficFamily
        What traces are drawn from; an empty `test`: the same as `train`.
    requests : (int, int)
        Smallest and largest number of requests of a trace.
    trace : str or None
        A fixed trace instead of families: ``"toy"``, or one of ArchGym's.
    budget : int
        Evaluations of an episode of `DramTuning`.
    refresh_required : bool
        Whether designs without refresh are infeasible.
    """

    name: str
    description: str
    device: str
    address_map: str
    knobs: str = "full"
    objective: str = "low-latency"
    train: tuple[TrafficFamily, ...] = ()
    test: tuple[TrafficFamily, ...] = ()
    requests: tuple[int, int] = (2_000, 10_000)
    trace: str | None = None
    budget: int = 50
    refresh_required: bool = True


def _archgym(trace: str, objective: str, what: str) -> Scenario:
    # ArchGym's own runs may switch the refresh off; to reproduce them, that must stay feasible.
    return Scenario(
        f"archgym-{trace}",
        f"ArchGym's {trace}: {what}; designs without refresh count as feasible, as there",
        device="ddr3-1600",
        address_map="ddr3-1600-rbc",
        knobs="archgym",
        objective=objective,
        requests=(10_000, 10_000),
        trace=trace,
        budget=100,
        refresh_required=False,
    )


def _ddr3(name: str, description: str, **changes: object) -> Scenario:
    return Scenario(name, description, "ddr3-1600", "ddr3-1600-rbc", **changes)  # type: ignore[arg-type]


def _ddr4(name: str, description: str, **changes: object) -> Scenario:
    return Scenario(name, description, "ddr4-2400", "ddr4-2400-bgint", **changes)  # type: ignore[arg-type]


STREAMS = TrafficFamily("stream", streams=(1, 2, 4, 8, 16))
STRIDED = TrafficFamily("strided", streams=(1, 2, 4), stride_bytes=(256, 1024, 4096, 8192, 65536))
RANDOM = TrafficFamily("random", locality=(0.0, 0.6))
MIXTURE = TrafficFamily("mixture", streams=(1, 2, 4), segment_requests=(16, 64, 256))
TRIAD = TrafficFamily("triad", streams=(1, 2, 4))
CHASE = TrafficFamily("pointer-chase", locality=(0.0, 0.3), intensity=(0.01, 0.05))
BURSTY = TrafficFamily(
    "bursty",
    intensity=(0.1, 1.0),
    locality=(0.0, 0.8),
    burst_requests=(16, 64, 256),
    idle_cycles=(500, 2000, 8000),
)

_ALL = (
    _ddr3(
        "toy",
        "Eight reads that alternate between two rows of a bank: optimum page_policy Closed, 30 ns "
        "instead of 40.9 ns",
        knobs="toy",
        requests=(8, 8),
        trace="toy",
        budget=5,
    ),
    _archgym("stream", "archgym-latency", "10 000 sequential reads, one a cycle"),
    _archgym("random", "archgym-latency", "10 000 reads all over 1 GiB, one a cycle"),
    _archgym("cloud-1", "archgym-joint", "sequential and random reads in 99 alternating runs"),
    _archgym("cloud-2", "archgym-joint", "sequential and random reads in 113 alternating runs"),
    _ddr3(
        "ddr3-mixed",
        "DDR3: alternating sequential and random runs, reads and writes, light to heavy load",
        train=(MIXTURE, RANDOM),
    ),
    _ddr4(
        "ddr4-mixed-rw",
        "DDR4: alternating sequential and random runs with up to 60 % writes; energy-delay product",
        train=(
            TrafficFamily(
                "mixture",
                read_ratio=(0.4, 0.9),
                intensity=(0.1, 0.8),
                streams=(1, 2, 4),
                segment_requests=(16, 64, 256),
            ),
        ),
        objective="edp",
    ),
    _ddr4(
        "ddr4-bursty",
        "DDR4: bursts with idle phases, which power-down can use; low energy",
        train=(BURSTY,),
        objective="low-energy",
    ),
    _ddr4(
        "ddr4-streams",
        "DDR4: several sequential or strided streams and triads that meet in the banks",
        train=(STREAMS, STRIDED, TRIAD),
    ),
    _ddr4(
        "ddr4-low-power",
        "DDR4: light traffic of any pattern; low power within a time limit",
        train=tuple(
            TrafficFamily(family.pattern, intensity=(0.005, 0.05), locality=(0.0, 0.5))
            for family in (RANDOM, MIXTURE, CHASE)
        ),
        objective="power-under-time",
    ),
    _ddr4(
        "ddr4-pareto",
        "DDR4: alternating runs of reads and writes; time, latency and energy together",
        train=(MIXTURE,),
        objective="multi",
    ),
    Scenario(
        "ddr5-refresh",
        "DDR5: mixed traffic; a bank of each group can be refreshed while the others work",
        "ddr5-3200",
        "ddr5-3200-bgint",
        train=(MIXTURE, RANDOM, BURSTY),
    ),
    _ddr4(
        "ddr4-generalise",
        "DDR4: trained on streams, mixtures and random traffic, tested on the patterns held out: "
        "strides, triads, pointer chases and bursts",
        train=(STREAMS, MIXTURE, RANDOM),
        test=(STRIDED, TRIAD, CHASE, BURSTY),
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
DEFAULT_SCENARIO = "ddr4-mixed-rw"
