"""A design as text, or as a schedule beside the designs tried so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.design_space import DesignSpace
from chipgym.envs.codesign.evaluation import Outcome
from chipgym.envs.codesign.generator import Instance
from chipgym.envs.codesign.reward import COSTS
from chipgym.simulators.accelerator.result import ChipResult
from chipgym.simulators.core.errors import MissingLibraryError

__all__ = ["pareto_front", "render_ansi", "render_rgb"]

BAR_COLUMNS = 48
# Layers that take this share of the time have their names in the schedule.
NAMED_SHARE = 0.03


def _headline(space: DesignSpace, instance: Instance, outcome: Outcome | None) -> str:
    names = ", ".join(f"{task.name} ({task.data_set})" for task in space.tasks)
    if outcome is None:
        return f"{names} · {instance.name} · no design yet"
    state = "meets the limits" if outcome.meets else "misses the limits"
    accuracy = "not trained"
    if outcome.trained:
        accuracy = f"accuracy {outcome.weighted_accuracy:.3f}"
    return f"{names} · {instance.name} · {state} · {accuracy}"


def _units(space: DesignSpace, outcome: Outcome) -> list[str]:
    parts = space.chip_of(outcome.design).sub_accelerators
    return [f"{part.dataflow} {part.pes} PEs {part.bandwidth} B" for part in parts]


def _bar(result: ChipResult, layer: int) -> str:
    end = max(result.latency_cycles, 1)
    start = int(result.start_cycle[layer]) * BAR_COLUMNS // end
    stop = max(int(result.finish_cycle[layer]) * BAR_COLUMNS // end, start + 1)
    return " " * start + "#" * (stop - start)


def render_ansi(
    space: DesignSpace, instance: Instance, outcome: Outcome | None, history: Sequence[Outcome]
) -> str:
    """Text: costs against their limits, and a line a layer with the unit and when it runs."""
    lines = [_headline(space, instance, outcome)]
    for name, limit in zip(COSTS, instance.spec.limits, strict=True):
        value = f"{outcome.costs[name]:.4g}" if outcome is not None and outcome.costs else "-"
        lines.append(f"{name:<16} {value:>12} of {limit:.4g}")
    if outcome is None or outcome.result is None:
        return "\n".join(lines) + "\n"
    for number, (architecture, task) in enumerate(
        zip(space.networks_of(outcome.design), space.tasks, strict=True)
    ):
        lines.append(f"network {number} {task.name}: {architecture.key}")
    for number, text in enumerate(_units(space, outcome)):
        lines.append(f"unit {number}: {text}")
    result = outcome.result
    for layer, name in enumerate(result.layers):
        lines.append(f"{name:<20} unit {int(result.unit[layer])}  {_bar(result, layer)}")
    return "\n".join(lines) + "\n"


def render_rgb(
    space: DesignSpace, instance: Instance, outcome: Outcome | None, history: Sequence[Outcome]
) -> npt.NDArray[np.uint8]:
    """Schedule and Pareto plot, uint8 array of shape (height, width, 3)."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingLibraryError("render_mode 'rgb_array'", "matplotlib", "plots") from error
    figure = Figure(figsize=(9, 6), dpi=80, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    schedule, pareto = figure.subplots(2, 1)
    schedule.set_title(_headline(space, instance, outcome), fontsize=9)
    if outcome is not None and outcome.result is not None:
        _draw_schedule(schedule, space, outcome, outcome.result, instance)
    _draw_pareto(pareto, instance, history)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _draw_schedule(
    axes: Any, space: DesignSpace, outcome: Outcome, result: ChipResult, instance: Instance
) -> None:
    """Draw each layer as a bar in the row of its unit, in its network's colour."""
    named: set[str] = set()
    for layer, name in enumerate(result.layers):
        start, finish = int(result.start_cycle[layer]), int(result.finish_cycle[layer])
        unit, (number, _, own) = int(result.unit[layer]), name.partition("/")
        task = space.tasks[int(number)].name
        axes.barh(
            unit,
            finish - start,
            left=start,
            color=f"C{number}",
            edgecolor="white",
            linewidth=0.5,
            label=None if task in named else task,
        )
        named.add(task)
        if finish - start > NAMED_SHARE * result.latency_cycles:
            middle = (start + finish) / 2
            axes.text(middle, unit, own, ha="center", va="center", rotation=90, fontsize=6)
    axes.legend(fontsize=8, loc="lower right")
    names = _units(space, outcome)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    _draw_limit(axes, instance.spec.latency_cycles, result.latency_cycles)
    axes.set_xlabel("cycles (dashed: the limit)", fontsize=8)


def _draw_limit(axes: Any, limit: float, largest: float) -> None:
    """Draw a limit, and leave it out of sight where it is far beyond what is shown."""
    axes.axvline(limit, color="black", linestyle="--", linewidth=1)
    axes.set_xlim(0, 1.05 * max(largest, min(limit, 2 * largest)))


def pareto_front(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which points [n, 2] no other is as low as in both columns and lower in one."""
    lower = np.all(points[None] <= points[:, None], axis=2)
    strictly = np.any(points[None] < points[:, None], axis=2)
    return np.asarray(~np.any(lower & strictly, axis=1))


def _draw_pareto(axes: Any, instance: Instance, history: Sequence[Outcome]) -> None:
    """Draw error against energy of all trained designs, the others along the upper edge."""
    trained = [outcome for outcome in history if outcome.trained]
    others = [o for o in history if not o.trained and o.costs]
    if others:
        energies = [outcome.costs["energy_nj"] for outcome in others]
        axes.scatter(energies, [1.0] * len(others), marker="x", color="grey", label="not trained")
    if trained:
        points = np.array([[o.costs["energy_nj"], 1 - o.weighted_accuracy] for o in trained])
        front = pareto_front(points)
        axes.scatter(*points.T, color="C0", s=12, label="trained")
        best = points[front][np.argsort(points[front][:, 0])]
        axes.step(*best.T, where="post", color="C3", marker="o", markersize=4, label="Pareto front")
    energies = [outcome.costs["energy_nj"] for outcome in history if outcome.costs]
    _draw_limit(axes, instance.spec.energy_nj, max(energies, default=instance.spec.energy_nj))
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("energy in nJ (dashed: the limit)", fontsize=8)
    axes.set_ylabel("1 - accuracy", fontsize=8)
    if history:
        axes.legend(fontsize=8)
