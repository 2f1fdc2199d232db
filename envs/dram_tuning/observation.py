"""What an agent sees: the workload, the device, the objective and the results so far.

Results of a design are shown as logarithms of their ratio to the default design's on the same
instance, scaled to [-1, 1]: -1 is a hundredth or less, 0 the default, 1 a hundred times or more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.envs.dram_tuning.reward import CLIP, INFEASIBLE, OBJECTIVES
from chipgym.simulators.dram.features import FEATURES

if TYPE_CHECKING:
    from chipgym.envs.dram_tuning.design_space import Design
    from chipgym.envs.dram_tuning.evaluation import Outcome
    from chipgym.envs.dram_tuning.generator import Instance
    from chipgym.envs.dram_tuning.knobs import Knob
    from chipgym.envs.dram_tuning.session import TuningSession

__all__ = ["build_layout", "observe_context", "observe_session"]

Floats32 = npt.NDArray[np.float32]

RATIO_LIMIT = math.log(100.0)

RATIOS: dict[str, str] = {
    "total_time_ns": "total time",
    "mean_latency_ns": "mean latency from the arrival at the arbiter",
    "p99_latency_ns": "its 99th percentile",
    "mean_trace_latency_ns": "mean latency from the trace's times",
    "p99_trace_latency_ns": "its 99th percentile",
    "energy_pj": "energy",
    "power_mw": "mean power",
    "ACT_count": "row activations",
}
"""Metrics that are shown relative to the default design's."""

DEFAULT_COLUMNS = (
    Column("bandwidth", "1", 0, 1, "Share of the peak bandwidth"),
    Column("activations", "1", 0, 1, "a / (1 + a), a row activations a request"),
    Column("latency", "ns / (ns + 100)", 0, 1, "Mean latency from the arrival at the arbiter"),
    Column("trace_latency", "ns / (ns + 1000)", 0, 1, "Mean latency from the trace's times"),
    Column("power", "mW / (mW + 1000)", 0, 1, "Mean power, 0 if not known"),
)
DEVICE_COLUMNS = (
    Column("clock", "MHz / (MHz + 1000)", 0, 1, "Memory clock"),
    Column("banks", "n / (n + 16)", 0, 1, "Banks of the channel"),
    Column("bank_groups", "n / (n + 4)", 0, 1, "Bank groups of a rank"),
    Column("ranks", "n / (n + 2)", 0, 1, "Ranks"),
    Column("row_miss", "1", 0, 1, "Precharge and activation in a row conflict's latency"),
    Column("refresh", "1", 0, 1, "Share of the time that refresh blocks"),
)
SCORE_COLUMNS = (
    Column("score", "1", INFEASIBLE, CLIP, "Score of the last design"),
    Column("best", "1", INFEASIBLE, CLIP, "Score of what was found so far"),
    Column("feasible", "1", 0, 1, "The last design is feasible"),
)
BUDGET_COLUMNS = (
    Column("evaluations", "1", 0, 1, "Share of the evaluations that is left"),
    Column("steps", "1", 0, 1, "Share of the steps that is left"),
)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _context() -> tuple[Field, ...]:
    features = tuple(Column(n, "1", 0, 1, _sentence(text)) for n, text in FEATURES.items())
    objectives = tuple(
        Column(name, "1", 0, 1, _sentence(entry.description)) for name, entry in OBJECTIVES.items()
    )
    return (
        Field("workload", (len(features),), "", meaning="The trace", columns=features),
        Field("device", (len(DEVICE_COLUMNS),), "", meaning="The memory", columns=DEVICE_COLUMNS),
        Field("objective", (len(objectives),), "", meaning="The objective", columns=objectives),
        Field(
            "default",
            (len(DEFAULT_COLUMNS),),
            "",
            meaning="Results of the default design",
            columns=DEFAULT_COLUMNS,
        ),
    )


def _ratios(name: str, whose: str) -> Field:
    columns = tuple(
        Column(metric, "ln ratio / ln 100", -1, 1, f"{_sentence(text)} over the default's")
        for metric, text in RATIOS.items()
    )
    meaning = f"Results of {whose}; all 1 where it was not simulated"
    return Field(name, (len(columns),), "", meaning=meaning, columns=columns)


def _design(name: str, knobs: Sequence[Knob], whose: str) -> Field:
    columns = tuple(
        Column(f"{knob.name}={value}", "1", 0, 1, f"{knob.name} is {value}")
        for knob in knobs
        for value in knob.values
    )
    meaning = f"Knobs of {whose}, one-hot"
    return Field(name, (len(columns),), "", meaning=meaning, columns=columns)


def build_layout(knobs: Sequence[Knob], *, sequential: bool) -> ObservationLayout:
    """Fields of an observation: the context alone, or with designs, results and budget."""
    if not sequential:
        return ObservationLayout(_context())
    return ObservationLayout(
        (
            *_context(),
            _design("design", knobs, "the last design, in the order of the edits"),
            _ratios("results", "the last design"),
            _design("best_design", knobs, "the best design so far"),
            _ratios("best_results", "the best design so far"),
            Field(
                "scores", (len(SCORE_COLUMNS),), "", meaning="The objective", columns=SCORE_COLUMNS
            ),
            Field("budget", (len(BUDGET_COLUMNS),), "", meaning="Budget", columns=BUDGET_COLUMNS),
        )
    )


def observe_context(
    layout: ObservationLayout, instance: Instance, objective: str, out: Floats32
) -> None:
    """Write the fields that stay the same over an episode; `out` is float32 of shape (size,)."""
    view = layout.split(out)
    device, timing = instance.device, instance.device.timing
    default = instance.default_metrics
    acts = default["ACT_count"] / len(instance.trace)
    view["workload"][:] = instance.features
    view["device"][:] = (
        device.clock_mhz / (device.clock_mhz + 1000),
        device.banks / (device.banks + 16),
        device.bank_groups / (device.bank_groups + 4),
        device.ranks / (device.ranks + 2),
        (timing.RP + timing.RCD) / (timing.RP + timing.RCD + timing.RL + device.burst_cycles),
        timing.RFC / timing.REFI,
    )
    view["objective"][:] = [name == objective for name in OBJECTIVES]
    view["default"][:] = (
        min(default["bandwidth_percent"] / 100, 1.0),
        acts / (1 + acts),
        _squash(default["mean_latency_ns"], 100),
        _squash(default["mean_trace_latency_ns"], 1000),
        _squash(default["power_mw"], 1000),
    )


def observe_session(layout: ObservationLayout, session: TuningSession, out: Floats32) -> None:
    """Write the fields that change from step to step."""
    view = layout.split(out)
    last, best = session.last, session.best
    lengths = session.space.lengths
    default = session.instance.default_metrics
    _write_design(view["design"], last.design, lengths)
    _write_ratios(view["results"], last, default)
    _write_design(view["best_design"], best.design, lengths)
    _write_ratios(view["best_results"], best, default)
    view["scores"][:] = (last.score, session.best_score, last.feasible)
    view["budget"][:] = (
        session.budget_left / session.budget,
        max(session.steps_left, 0) / session.max_steps,
    )


def _squash(value: float, scale: float) -> float:
    return value / (value + scale) if value > 0 else 0.0


def _write_design(out: Floats32, design: Design, lengths: Sequence[int]) -> None:
    out[:] = 0.0
    start = 0
    for index, length in zip(design, lengths, strict=True):
        out[start + index] = 1.0
        start += length


def _write_ratios(out: Floats32, outcome: Outcome, default: Mapping[str, float]) -> None:
    for place, name in enumerate(RATIOS):
        # One more of each: a design may need no activation at all where the default does.
        offset = name.endswith("_count")
        # Without a value it is the energy of a device whose currents are not known.
        value = outcome.metrics.get(name, default[name])
        ratio = (value + offset) / (default[name] + offset)
        if math.isnan(ratio):
            ratio = 1.0 if outcome.simulated else math.inf
        scaled = math.log(ratio) / RATIO_LIMIT if 0 < ratio < math.inf else 1.0
        out[place] = min(max(scaled, -1.0), 1.0)
