"""What an agent sees before each window: settings, the last window, its traffic, the queues."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.envs.dram_tuning.runtime_knobs import RUNTIME_KNOBS, one_hot
from chipgym.simulators.dram.commands import ACT, REF, WR, WRA
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.features import FEATURES, features
from chipgym.simulators.dram.runtime import Progress, Window
from chipgym.simulators.dram.trace import Trace

__all__ = ["LAYOUT", "observe"]

Floats32 = npt.NDArray[np.float32]

SETTING_COLUMNS = tuple(
    Column(f"{knob.name}_{label}", "1", 0, 1, f"The present option: {knob.meaning}")
    for knob in RUNTIME_KNOBS
    for label in knob.labels
)
WINDOW_COLUMNS = (
    Column("started", "1", 0, 1, "0 before the first window, when the other values are 0"),
    Column("duration", "c / (c + 4096)", 0, 1, "Cycles"),
    Column("bandwidth", "1", 0, 1, "Share of the data bus used"),
    Column("load", "x / (1 + x)", 0, 1, "Bus time of the requests that came, over the duration"),
    Column("response", "c / (c + 256)", 0, 1, "Mean growth of the responses over requests served"),
    Column("row_hits", "1", 0, 1, "Share of the accesses to a row used before"),
    Column("activates", "x / (1 + x)", 0, 1, "Activations over accesses"),
    Column("writes", "1", 0, 1, "Share of writes in the accesses"),
    Column("refreshes", "x / (1 + x)", 0, 1, "Refreshes over those due in that time"),
    Column("power", "W / (W + 1)", 0, 1, "Mean power of the memory devices"),
)
QUEUE_COLUMNS = (
    Column("reads", "n / (n + 8)", 0, 1, "Reads in the controller's queues"),
    Column("writes", "n / (n + 8)", 0, 1, "Writes in the controller's queues"),
    Column("backlog", "n / (n + 32)", 0, 1, "Requests whose time has come without a response"),
    Column("owed_refreshes", "n / (n + 4)", 0, 1, "Refreshes postponed and not made up"),
    Column("served", "1", 0, 1, "Share of the episode's requests that are answered"),
)
TRAFFIC_COLUMNS = tuple(
    Column(name, "1", 0, 1, f"Of the requests that came in the last window: {meaning}")
    for name, meaning in FEATURES.items()
)

LAYOUT = ObservationLayout(
    (
        Field("settings", (len(SETTING_COLUMNS),), "", columns=SETTING_COLUMNS, meaning="Settings"),
        Field(
            "window", (len(WINDOW_COLUMNS),), "", columns=WINDOW_COLUMNS, meaning="The last window"
        ),
        Field("queues", (len(QUEUE_COLUMNS),), "", columns=QUEUE_COLUMNS, meaning="Present state"),
        Field(
            "traffic",
            (len(TRAFFIC_COLUMNS),),
            "",
            columns=TRAFFIC_COLUMNS,
            meaning="Workload features; 0 where no request came",
        ),
    )
)


def _squash(value: float, scale: float = 1.0) -> float:
    return value / (value + scale) if value > 0 else 0.0


def observe(
    workload: Workload, choice: Sequence[int], now: Progress, before: Progress | None
) -> Floats32:
    """Return an observation at a pause; `before` is the last pause, None at the start."""
    observation = LAYOUT.empty()
    observation[LAYOUT.slice("settings")] = one_hot(choice)
    size = len(workload.trace)
    observation[LAYOUT.slice("queues")] = (
        _squash(now.reads, 8),
        _squash(now.writes, 8),
        _squash(now.due - now.delivered, 32),
        _squash(now.owed_refreshes, 4),
        now.delivered / size,
    )
    if before is None:
        return observation
    observation[LAYOUT.slice("window")] = _window(workload, now.since(before))
    if now.due > before.due:
        observation[LAYOUT.slice("traffic")] = _traffic(workload, before.due, now.due)
    return observation


def _window(workload: Workload, window: Window) -> tuple[float, ...]:
    device = workload.memory.device
    cycles, accesses = max(window.cycles, 1), max(window.accesses, 1)
    counts = window.counts
    bus = device.burst_cycles / cycles
    power_mw = window.energy_pj / (cycles * device.clock_ps / 1000)
    return (
        1.0,
        _squash(window.cycles, 4096),
        min(window.accesses * bus, 1.0),
        _squash(window.arrived * bus),
        _squash(window.response_cycles / max(window.served, 1), 256),
        window.row_hits / accesses,
        _squash(counts[ACT] / accesses),
        (counts[WR] + counts[WRA]) / accesses,
        _squash(counts[REF] * device.timing.REFI / (cycles * device.ranks)),
        _squash(power_mw, 1000),
    )


def _traffic(workload: Workload, first: int, last: int) -> npt.NDArray[np.float64]:
    trace, memory = workload.trace, workload.memory
    part = slice(first, last)
    came = Trace(trace.cycle[part], trace.address[part], trace.is_write[part])
    return features(came, memory.device, memory.address_map).as_array()
