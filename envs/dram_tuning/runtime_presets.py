"""Scenarios of control at run time, one table to be read like a menu.

The phases of a scenario want different settings, so that no static choice is best for an episode.
Training and test traces come from disjoint seeds; where `test_phases` is given, test traffic has
parameters that training never shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.envs.dram_tuning.phases import Phase
from chipgym.simulators.dram.generators import Traffic

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS", "RuntimeScenario"]


@dataclass(frozen=True)
class RuntimeScenario:
    """A family of traces for control at run time.

    Attributes
    ----------
    name, description : str
    phases, test_phases : tuple of Phase
        Traffic of the train and of the test split; empty `test_phases`: the same.
    device, address_map : str
        Shipped ones.
    num_requests : int
        Requests of an episode.
    window_requests : int or None
        Answered requests after which the settings may change.
    window_cycles : int or None
        Cycles after which they may, instead.
    objective : str
        Default objective (see `runtime_reward.OBJECTIVES`).
    """

    name: str
    description: str
    phases: tuple[Phase, ...]
    test_phases: tuple[Phase, ...] = ()
    device: str = "ddr3-1600"
    address_map: str = "ddr3-1600-rbc"
    num_requests: int = 2048
    window_requests: int | None = 64
    window_cycles: int | None = None
    objective: str = "balanced"


DDR4 = {"device": "ddr4-2400", "address_map": "ddr4-2400-bgint"}


def _phase(pattern: str, requests: int, pause_cycles: int = 0, **changes: object) -> Phase:
    traffic = Traffic.parse({"pattern": pattern, "requests": requests, **changes})
    return Phase(traffic, pause_cycles)


_ALL = (
    RuntimeScenario(
        "idle-burst",
        "Dense bursts and long pauses in turn: sleeping saves energy only in the pauses",
        (
            _phase("random", 160, 6000, intensity=0.12, locality=0.7, read_ratio=0.7),
            _phase("random", 40, 9000, intensity=0.002, read_ratio=0.9),
        ),
        num_requests=1536,
        window_requests=None,
        window_cycles=2000,
    ),
    RuntimeScenario(
        "read-to-write",
        "Nearly all reads, then nearly all writes, then both mixed: turning the bus costs time",
        (
            _phase("mixture", 250, 300, intensity=0.14, read_ratio=0.95, locality=0.5),
            _phase("random", 250, 300, intensity=0.11, read_ratio=0.1, locality=0.6),
            _phase("random", 250, 300, intensity=0.1, read_ratio=0.5, locality=0.6),
        ),
        objective="latency",
    ),
    RuntimeScenario(
        "pattern-switch",
        "Streams that hit open rows, random requests that conflict, and strides in turn",
        (
            _phase("stream", 250, 200, intensity=0.2, streams=4, read_ratio=0.8),
            _phase("random", 250, 200, intensity=0.08, read_ratio=0.8),
            _phase("strided", 250, 200, intensity=0.08, streams=2, stride_bytes=65536),
        ),
        objective="latency",
    ),
    RuntimeScenario(
        "everything",
        "Streams, triads, random and sparse traffic with pauses on DDR4-2400",
        (
            _phase("stream", 250, 2000, intensity=0.2, streams=8, read_ratio=0.7),
            _phase("triad", 250, 3000, intensity=0.15, streams=2),
            _phase("random", 200, 3000, intensity=0.1, read_ratio=0.5, locality=0.3),
            _phase("pointer-chase", 60, 8000, intensity=0.005, read_ratio=0.9),
        ),
        **DDR4,  # type: ignore[arg-type]
    ),
    RuntimeScenario(
        "unseen-traffic",
        "Trained on streams and random traffic, tested on triads, strides and bursts",
        (
            _phase("stream", 250, 1500, intensity=0.18, streams=4, read_ratio=0.7),
            _phase("random", 250, 1500, intensity=0.09, read_ratio=0.6, locality=0.4),
        ),
        test_phases=(
            _phase("triad", 250, 1500, intensity=0.15, streams=3),
            _phase("strided", 250, 1500, intensity=0.08, stride_bytes=8192, read_ratio=0.8),
            _phase("bursty", 200, 1500, intensity=0.3, burst_requests=32, idle_cycles=800),
        ),
    ),
    RuntimeScenario(
        "refresh-pressure",
        "Dense traffic with short pauses over many refresh intervals: when to refresh matters",
        (
            _phase("random", 120, 1200, intensity=0.11, read_ratio=0.8, locality=0.5),
            _phase("stream", 120, 1200, intensity=0.2, streams=2, read_ratio=0.9),
        ),
        num_requests=2560,
        window_requests=None,
        window_cycles=1560,
        objective="latency",
    ),
)

SCENARIOS: dict[str, RuntimeScenario] = {scenario.name: scenario for scenario in _ALL}
DEFAULT_SCENARIO = "everything"
