"""Scenarios of per-command scheduling, one table to be read like a menu.

Traces are short, because every command is a decision. Their phases want different schedules: hits
first, banks in parallel, writes in batches. Training and test traces come from disjoint seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.envs.dram_tuning.phases import Phase
from chipgym.simulators.dram.generators import Traffic

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS", "CommandScenario"]


@dataclass(frozen=True)
class CommandScenario:
    """A family of traces for per-command scheduling.

    Attributes
    ----------
    name, description : str
    phases, test_phases : tuple of Phase
        Traffic of the train and of the test split; empty `test_phases`: the same.
    device, address_map : str
        Shipped ones.
    num_requests : int
        Requests of an episode.
    entries : int
        Entries Q of the transaction queue.
    objective : str
        Default objective (see `command_reward.OBJECTIVES`).
    """

    name: str
    description: str
    phases: tuple[Phase, ...]
    test_phases: tuple[Phase, ...] = ()
    device: str = "ddr3-1600"
    address_map: str = "ddr3-1600-rbc"
    num_requests: int = 192
    entries: int = 16
    objective: str = "latency"


def _phase(pattern: str, requests: int, pause_cycles: int = 0, **changes: object) -> Phase:
    traffic = Traffic.parse({"pattern": pattern, "requests": requests, **changes})
    return Phase(traffic, pause_cycles)


# Memory small enough that rows are visited again while they are open.
SMALL = 1 << 18

_ALL = (
    CommandScenario(
        "toy",
        "Six reads of two rows of one bank at once: hits first need 2 activations, in order 6",
        (_phase("strided", 12, stride_bytes=1 << 16, footprint_bytes=1 << 17),),
        num_requests=6,
        entries=6,
        objective="time",
    ),
    CommandScenario(
        "conflicts",
        "Random reads in few rows: most requests meet a bank with another row open",
        (_phase("random", 192, intensity=0.2, footprint_bytes=1 << 20, locality=0.3),),
    ),
    CommandScenario(
        "read-write",
        "Reads and writes mixed at random: each turn of the bus costs",
        (_phase("random", 192, intensity=0.2, footprint_bytes=SMALL, read_ratio=0.6),),
    ),
    CommandScenario(
        "streams",
        "Sixteen interleaved streams over all banks, one in four a write",
        (_phase("stream", 192, intensity=0.25, streams=16, read_ratio=0.75),),
        objective="time",
    ),
    CommandScenario(
        "phases",
        "Streams, random requests, triads and pauses in turn",
        (
            _phase("stream", 40, 50, intensity=0.25, streams=8, read_ratio=0.8),
            _phase("random", 40, 200, intensity=0.15, footprint_bytes=1 << 20, read_ratio=0.7),
            _phase("triad", 40, 50, intensity=0.25, streams=4),
        ),
    ),
    CommandScenario(
        "ddr4-phases",
        "The same on DDR4-2400, whose bank groups make neighbouring accesses wait",
        (
            _phase("stream", 40, 50, intensity=0.25, streams=8, read_ratio=0.8),
            _phase("random", 40, 200, intensity=0.2, footprint_bytes=1 << 21, read_ratio=0.7),
            _phase("triad", 40, 50, intensity=0.25, streams=4),
        ),
        device="ddr4-2400",
        address_map="ddr4-2400-bgint",
        num_requests=256,
    ),
    CommandScenario(
        "unseen-traffic",
        "Trained on random requests, tested on strides and triads",
        (_phase("random", 64, 100, intensity=0.2, footprint_bytes=1 << 20, read_ratio=0.7),),
        test_phases=(
            _phase("strided", 64, 100, intensity=0.2, streams=4, stride_bytes=8256, read_ratio=0.7),
            _phase("triad", 64, 100, intensity=0.25, streams=5),
        ),
    ),
)

SCENARIOS: dict[str, CommandScenario] = {scenario.name: scenario for scenario in _ALL}
DEFAULT_SCENARIO = "phases"
