"""The schedule so far, as text and as a Gantt chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.batch import SocBatch
from chipgym.envs.soc_scheduling.generator import Instance
from chipgym.envs.soc_scheduling.metrics import episode_schedule
from chipgym.envs.soc_scheduling.observation import ready_position
from chipgym.simulators.core.errors import ChipGymError
from chipgym.simulators.soc.layout import (
    F_NOW,
    S_APP_TASKS,
    S_COMPLETED,
    S_IN_FLIGHT,
    S_READY,
    state_views,
)

__all__ = ["Bar", "bars_of", "render_ansi", "render_rgb"]

TEXT_COLUMNS = 72
JOB_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Bar:
    """One task on one PE, times in µs; `running` ones end at the present time."""

    job: int
    app: int
    task: int
    pe: int
    start_us: float
    finish_us: float
    running: bool


def bars_of(batch: SocBatch, row: int) -> list[Bar]:
    """Completed and executing tasks of a row's episode."""
    schedule = episode_schedule(batch, row)
    columns = ("job", "app", "task", "pe", "start_us", "finish_us")
    bars = [
        Bar(job, app, task, pe, start, finish, running=False)
        for job, app, task, pe, start, finish in zip(*(schedule[c] for c in columns), strict=True)
    ]
    state = state_views(batch.si[row], batch.sf[row])
    size = int(batch.si[row, S_APP_TASKS])
    now = float(batch.sf[row, F_NOW])
    for pe, instance in enumerate(state["running"]):
        if instance >= 0:
            slot = int(instance) // size
            job, app = int(state["slot_job"][slot]), int(state["slot_app"][slot])
            start = float(state["task_start"][instance])
            bars.append(Bar(job, app, int(instance) - slot * size, pe, start, now, running=True))
    return bars


def _headline(instance: Instance, batch: SocBatch, row: int) -> str:
    si, sf = batch.si[row], batch.sf[row]
    return (
        f"{batch.generator.scenario.name} · {instance.name} · t = {sf[F_NOW]:.0f} µs · "
        f"{si[S_COMPLETED]} of {batch.totals[row]} jobs done, {si[S_IN_FLIGHT]} in flight, "
        f"{si[S_READY]} tasks ready"
    )


def render_ansi(instance: Instance, batch: SocBatch, row: int) -> str:
    """Text: one line a PE, a column a slice of time, the character naming the job."""
    now = max(float(batch.sf[row, F_NOW]), 1.0)
    lanes = np.full((batch.num_pes, TEXT_COLUMNS), ".", dtype="<U1")
    for bar in bars_of(batch, row):
        first = int(bar.start_us / now * TEXT_COLUMNS)
        last = max(int(np.ceil(bar.finish_us / now * TEXT_COLUMNS)), first + 1)
        lanes[bar.pe, first:last] = JOB_LETTERS[bar.job % len(JOB_LETTERS)]
    width = max(len(name) for name in instance.platform.pe_names)
    lines = [_headline(instance, batch, row)]
    lines += [
        f"{name:>{width}} |{''.join(lane)}|"
        for name, lane in zip(instance.platform.pe_names, lanes, strict=True)
    ]
    lines.append(" " * width + f"  0{'µs':>{TEXT_COLUMNS - 8}}{now:>7.0f}")
    lines.append("ready: " + (", ".join(_ready_names(instance, batch, row)) or "nothing"))
    return "\n".join(lines) + "\n"


def _ready_names(instance: Instance, batch: SocBatch, row: int) -> list[str]:
    state = state_views(batch.si[row], batch.sf[row])
    size = int(batch.si[row, S_APP_TASKS])
    static = batch.static_row[row]
    names = []
    for slot in range(batch.num_slots):
        position = ready_position(batch.ki[static], batch.kf[static], batch.si[row], slot)
        if position < 0:
            break
        task = int(state["ready"][position])
        app = instance.applications[int(state["slot_app"][task // size])]
        names.append(f"{app.tasks[task % size].name} of job {state['slot_job'][task // size]}")
    return names


def render_rgb(instance: Instance, batch: SocBatch, row: int) -> npt.NDArray[np.uint8]:
    """Gantt chart, uint8 array of shape (height, width, 3): a row a PE, a colour an application."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ChipGymError(
            "render_mode 'rgb_array' needs matplotlib: pip install 'chipgym[plots]'"
        ) from error
    height = 1.9 + 0.26 * batch.num_pes
    figure = Figure(figsize=(12, height), dpi=100, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw(axes, instance, batch, row)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw(axes: Any, instance: Instance, batch: SocBatch, row: int) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    colours = [colormaps["tab10"](i % 10) for i in range(len(instance.applications))]
    now = max(float(batch.sf[row, F_NOW]), 1.0)
    for bar in bars_of(batch, row):
        span = bar.finish_us - bar.start_us
        axes.barh(
            bar.pe,
            span,
            left=bar.start_us,
            height=0.82,
            color=colours[bar.app],
            alpha=0.5 if bar.running else 0.9,
            edgecolor="white",
            linewidth=0.6,
            hatch="//" if bar.running else None,
        )
        if span > now * 0.012 * len(str(bar.job)):
            axes.text(
                bar.start_us + span / 2,
                bar.pe,
                str(bar.job),
                ha="center",
                va="center",
                fontsize=7,
                color="white",
                clip_on=True,
            )
    axes.set_yticks(range(batch.num_pes), instance.platform.pe_names, fontsize=8)
    axes.set_ylim(batch.num_pes - 0.5, -0.5)
    axes.set_xlim(0, now)
    axes.set_xlabel("time (µs); numbers are jobs")
    axes.set_title(_headline(instance, batch, row), fontsize=10)
    boundary = -0.5
    for cluster in instance.platform.clusters[:-1]:
        boundary += cluster.num_pes
        axes.axhline(boundary, color="0.7", linewidth=0.8)
    handles = [
        Patch(color=colours[i], label=application.name)
        for i, application in enumerate(instance.applications)
    ]
    handles.append(Patch(facecolor="0.6", hatch="//", alpha=0.5, label="executing"))
    axes.figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 7),
        fontsize=8,
        frameon=False,
    )
