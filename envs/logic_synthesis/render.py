"""The recipe so far, as text and as curves of quality against step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.logic_synthesis.episode import Episode, Mark
from chipgym.envs.logic_synthesis.reward import area_delay_product, ratio
from chipgym.simulators.core.errors import ChipGymError

__all__ = ["render_ansi", "render_rgb"]

BAR_COLUMNS = 40


def _headline(episode: Episode) -> str:
    task = episode.task
    done = len(episode.commands)
    return f"{episode.instance.name} · {task.objective} · step {done} of {task.steps}"


def _row(name: str, mark: Mark, start: Mark) -> str:
    bar = "#" * min(round(BAR_COLUMNS * ratio(mark.nodes, start.nodes)), 2 * BAR_COLUMNS)
    mapped = ""
    if np.isfinite(mark.area):
        mapped = f"{mark.area:>10.1f} {mark.delay_ps:>9.1f}"
    return f"{name:<24} {mark.nodes:>7} {mark.levels:>6} {mapped:>20}  {bar}"


def render_ansi(episode: Episode) -> str:
    """Text: a line a command, with what it made of the circuit and a bar of its nodes."""
    start = episode.marks[0]
    heads = f"{'command':<24} {'nodes':>7} {'levels':>6} {'area':>10} {'delay ps':>9}"
    lines = [_headline(episode), heads, _row("(start)", start, start)]
    for command, mark in zip(episode.commands, episode.marks[1:], strict=True):
        lines.append(_row(command, mark, start))
    resyn2 = episode.instance.baselines.resyn2
    lines.append(f"{'(resyn2)':<24} {resyn2.nodes:>7} {resyn2.levels:>6}")
    return "\n".join(lines) + "\n"


def render_rgb(episode: Episode) -> npt.NDArray[np.uint8]:
    """Curves over the steps, uint8 array of shape (height, width, 3); resyn2 is dashed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ChipGymError(
            "render_mode 'rgb_array' needs matplotlib: pip install 'chipgym[plots]'"
        ) from error
    figure = Figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    _draw(figure.add_subplot(), episode)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw(axes: Any, episode: Episode) -> None:
    start, marks = episode.marks[0], episode.marks
    resyn2 = episode.instance.baselines.resyn2
    curves = (
        ("nodes", [mark.nodes for mark in marks], start.nodes, resyn2.nodes),
        ("levels", [mark.levels for mark in marks], start.levels, resyn2.levels),
    )
    for index, (name, values, first, reference) in enumerate(curves):
        colour = f"C{index}"
        axes.plot([ratio(v, first) for v in values], marker="o", color=colour, label=name)
        axes.axhline(
            ratio(reference, first),
            color=colour,
            linestyle="--",
            linewidth=1,
            label=f"{name}, resyn2",
        )
    initial = episode.instance.baselines.initial.mapping
    if initial is not None and episode.task.goal.each_step:
        products = [ratio(m.area * m.delay_ps, initial.area_delay_product) for m in marks]
        axes.plot(products, marker="s", color="C2", label="area x delay")
        product = ratio(area_delay_product(resyn2), initial.area_delay_product)
        label = "area x delay, resyn2"
        axes.axhline(product, color="C2", linestyle="--", linewidth=1, label=label)
    names = ["start", *episode.commands]
    steps = max(episode.task.steps, 1)
    axes.set_xlim(-0.3, steps + 0.3)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
    axes.set_ylabel("relative to the start")
    axes.set_title(_headline(episode), fontsize=10)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
