"""The commands of a simulation, as text and as an image: rows of banks, and the command bus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import ChipGymError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.engine import Workload
from chipgym.simulators.dram.result import CommandTrace, DramResult
from chipgym.simulators.dram.simulate import simulate

__all__ = ["OpenRow", "open_rows", "render_ansi", "render_rgb"]

Ints = npt.NDArray[np.int64]

TEXT_COLUMNS = 72
SPAN_CYCLES = 1440
"""The timeline shows the last so many cycles; the bus occupancy the whole run."""
BINS = 120
KINDS = ("activate", "precharge", "read", "write", "refresh", "power")
COLOURS = ("tab:green", "tab:brown", "tab:blue", "tab:red", "tab:purple", "tab:gray")
LETTERS = "APRWFZ"


@dataclass(frozen=True)
class OpenRow:
    """A row that was open in a bank, times in cycles; `end` of one still open is the last cycle."""

    bank: int
    row: int
    begin: int
    end: int


def kind_of(name: str) -> int:
    """Index of a command's kind in `KINDS`."""
    if name == "ACT":
        return 0
    if name.startswith("PRE"):
        return 1
    if name in ("RD", "RDA"):
        return 2
    if name in ("WR", "WRA"):
        return 3
    return 4 if name.startswith(("REF", "RFM")) else 5


def open_rows(workload: Workload, trace: CommandTrace) -> Iterator[OpenRow]:
    """Yield the rows that the commands opened, in order of their ends."""
    device = workload.memory.device
    banks = device.banks_per_rank
    opened: dict[int, tuple[int, int]] = {}
    columns = (trace.cycle, trace.names, trace.channel, trace.rank, trace.bank, trace.row)
    last = 0
    for cycle, name, channel, rank, bank, row in zip(*columns, strict=True):
        last = int(cycle)
        base = int(channel) * device.banks
        if name == "ACT":
            opened[base + int(bank)] = (int(row), last)
            continue
        closing = [base + int(bank)] if name in ("RDA", "WRA") or name.startswith("PRE") else []
        if closing and bank < 0:
            closing = list(range(base + int(rank) * banks, base + (int(rank) + 1) * banks))
        for closed in closing:
            if closed in opened:
                number, begin = opened.pop(closed)
                yield OpenRow(closed, number, begin, last)
    for bank, (number, begin) in opened.items():
        yield OpenRow(bank, number, begin, last)


def _trace_of(
    workload: Workload, result: DramResult, config: ControllerConfig | None
) -> CommandTrace:
    """Return the command trace, simulated again where the result has none."""
    if result.trace is not None:
        return result.trace
    again = simulate(workload, config, record_trace=True).trace
    assert again is not None
    return again


def _headline(workload: Workload, trace: CommandTrace) -> str:
    names = trace.names
    counts = np.bincount([kind_of(name) for name in names], minlength=len(KINDS))
    listed = ", ".join(
        f"{count} {kind}" for kind, count in zip(KINDS, counts, strict=True) if count
    )
    last = int(trace.cycle[-1]) if len(trace) else 0
    device = workload.memory.device
    return f"{device.name} · {workload.trace.name} · cycle {last} · {listed or 'no command yet'}"


def _lanes(device: Device, trace: CommandTrace) -> tuple[Ints, Ints]:
    """First bank that each command goes to, and the one after the last, over all channels."""
    width = np.where(trace.bank < 0, device.banks_per_rank, 1)
    inside = np.where(trace.bank < 0, trace.rank * device.banks_per_rank, trace.bank)
    first = trace.channel * device.banks + inside
    return first, first + width


def _span(trace: CommandTrace) -> tuple[int, int]:
    """First and last cycle of the timeline."""
    end = int(trace.cycle[-1]) + 1 if len(trace) else SPAN_CYCLES
    return max(end - SPAN_CYCLES, 0), max(end, 1)


def _occupancy(trace: CommandTrace, bins: int) -> npt.NDArray[np.float64]:
    """Share of the command bus that each kind uses, shape (kinds, bins), over the whole run."""
    end = int(trace.cycle[-1]) + 1 if len(trace) else bins
    share = np.zeros((len(KINDS), bins))
    place = trace.cycle * bins // max(end, bins)
    kinds = np.array([kind_of(name) for name in trace.names], dtype=np.int64)
    np.add.at(share, (kinds, place.astype(np.int64)), 1.0)
    return share / max(end / bins, 1.0)


def render_ansi(
    workload: Workload, result: DramResult, config: ControllerConfig | None = None
) -> str:
    """Text: a line a bank over the last cycles, and the load of the command bus over the run.

    Parameters
    ----------
    workload : Workload
    result : DramResult
        With its command trace, or of `config`, with which it is then simulated again.
    config : ControllerConfig, optional
    """
    trace = _trace_of(workload, result, config)
    begin, end = _span(trace)
    scale = TEXT_COLUMNS / (end - begin)
    device = workload.memory.device
    lanes = np.full((device.channels * device.banks, TEXT_COLUMNS), ".", dtype="<U1")
    for row in open_rows(workload, trace):
        if row.end >= begin:
            first = int(max(row.begin - begin, 0) * scale)
            lanes[row.bank, first : int((row.end - begin) * scale) + 1] = "-"
    for cycle, name, first, last in zip(
        trace.cycle, trace.names, *_lanes(device, trace), strict=True
    ):
        if cycle >= begin:
            place = min(int((cycle - begin) * scale), TEXT_COLUMNS - 1)
            lanes[first:last, place] = LETTERS[kind_of(name)]
    load = np.minimum(_occupancy(trace, TEXT_COLUMNS).sum(axis=0) * 10, 9).astype(int)
    lines = [_headline(workload, trace)]
    lines += [f"bank {bank:>3} |{''.join(lane)}|" for bank, lane in enumerate(lanes)]
    lines.append(f"{'':9}{begin:<{TEXT_COLUMNS // 2}}{end:>{TEXT_COLUMNS // 2}} cycle")
    lines.append(f"bus load |{''.join(map(str, load))}| tenths, whole run")
    lines.append("A activate, R read, W write, P precharge, F refresh, Z power-down, - row open")
    return "\n".join(lines) + "\n"


def render_rgb(
    workload: Workload, result: DramResult, config: ControllerConfig | None = None
) -> npt.NDArray[np.uint8]:
    """Image, uint8 array of shape (height, width, 3); arguments as `render_ansi`.

    Above: open rows of the banks over the last cycles, a colour a row, commands as ticks. Below:
    the load of the command bus over the whole run, by kind of command.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ChipGymError(
            "render_mode 'rgb_array' needs matplotlib: pip install 'chipgym[plots]'"
        ) from error
    trace = _trace_of(workload, result, config)
    device = workload.memory.device
    banks = device.channels * device.banks
    figure = Figure(figsize=(12, 3.2 + 0.18 * banks), dpi=100, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    timeline, bus = figure.subplots(2, 1, height_ratios=(0.6 + 0.18 * banks, 1.4))
    _draw_banks(timeline, workload, trace)
    _draw_bus(bus, trace)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_banks(axes: Any, workload: Workload, trace: CommandTrace) -> None:
    from matplotlib import colormaps

    begin, end = _span(trace)
    device = workload.memory.device
    first, last = _lanes(device, trace)
    shown = [row for row in open_rows(workload, trace) if row.end >= begin]
    colours = colormaps["tab20"]
    axes.barh(
        [row.bank for row in shown],
        [row.end - row.begin for row in shown],
        left=[row.begin for row in shown],
        color=[colours(row.row % 20) for row in shown],
        height=0.8,
        alpha=0.45,
    )
    kinds = np.array([kind_of(name) for name in trace.names], dtype=np.int64)
    for kind, (name, colour) in enumerate(zip(KINDS, COLOURS, strict=True)):
        chosen = (kinds == kind) & (trace.cycle >= begin)
        axes.vlines(
            trace.cycle[chosen],
            first[chosen] - 0.4,
            last[chosen] - 0.6,
            color=colour,
            linewidth=1.0,
            label=name,
        )
    axes.set_xlim(begin, end)
    axes.set_ylim(device.channels * device.banks - 0.5, -0.5)
    axes.set_ylabel("bank")
    axes.set_title(_headline(workload, trace), fontsize=10)
    axes.figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(KINDS),
        fontsize=8,
        frameon=False,
    )


def _draw_bus(axes: Any, trace: CommandTrace) -> None:
    share = _occupancy(trace, BINS)
    end = int(trace.cycle[-1]) + 1 if len(trace) else BINS
    edges = np.arange(BINS) * max(end, BINS) / BINS
    axes.stackplot(edges, share, colors=COLOURS, step="post", labels=KINDS)
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, max(float(share.sum(axis=0).max()) * 1.1, 0.1))
    axes.set_xlabel("cycle")
    axes.set_ylabel("command bus")
