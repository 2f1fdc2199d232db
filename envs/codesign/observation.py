"""What an agent sees, declared once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.design_space import Design, DesignSpace, Parts
from chipgym.envs.codesign.evaluation import Outcome
from chipgym.envs.codesign.reward import COSTS, Spec
from chipgym.envs.core.fields import Column, Field, ObservationLayout

__all__ = [
    "design_layout",
    "log_ratio",
    "observe_building",
    "observe_design",
    "observe_left",
    "observe_outcome",
    "observe_spec",
    "oneshot_layout",
    "refine_layout",
]

Floats32 = npt.NDArray[np.float32]

# Ratios to a limit are logarithms to base ten within these bounds.
DECADES = 6.0


def log_ratio(value: float, limit: float) -> float:
    """Return the decimal logarithm of a cost over its limit, clipped."""
    if value <= 0:
        return -DECADES
    return min(max(math.log10(value / limit), -DECADES), DECADES)


def _ratios(meaning: str) -> tuple[Column, ...]:
    names = ("latency", "energy", "area")
    return tuple(
        Column(name, "decades", -DECADES, DECADES, f"{name} {meaning}".capitalize())
        for name in names
    )


_SPEC = Field("spec", (3,), "", columns=_ratios("limit over the scenario's own"), meaning="Limits")


def _choices(space: DesignSpace) -> Field:
    return Field(
        "choices",
        (len(space.tokens),),
        "1",
        0,
        1,
        "For each token the chosen option's number, from one, over their count; 0 is undecided",
    )


def _left(*names: tuple[str, str]) -> Field:
    budgets = (("pes", "PEs"), ("bandwidth", "Bandwidth"))
    columns = tuple(
        Column(name, "1", 0, 1, f"{what} left, of the whole budget")
        for name, what in (*budgets, *names)
    )
    return Field("left", (len(columns),), "", columns=columns, meaning="Budgets")


def _outcome(name: str, meaning: str) -> Field:
    columns = (
        *_ratios("over its limit"),
        Column("penalty", "1", 0, 1, "Sum of the penalties, over its largest value"),
        Column("accuracy", "1", 0, 1, "Weighted accuracy; 0 where nothing was trained"),
        Column("known", "1", 0, 1, "Whether there is such a design"),
    )
    return Field(name, (len(columns),), "", columns=columns, meaning=meaning)


def design_layout(space: DesignSpace) -> ObservationLayout:
    """Layout of the sequential form."""
    return ObservationLayout(
        [
            Field("next_token", (len(space.tokens),), "1", 0, 1, "One-hot: the token to decide"),
            _choices(space),
            _left(("chips", "Chips that may be tried")),
            Field(
                "partial_cost",
                (3,),
                "",
                columns=_ratios("over its limit, if all that is undecided turns out best"),
                meaning="What is decided costs at least about",
            ),
            _outcome("best", "The best chip of the episode so far"),
            _SPEC,
        ]
    )


def oneshot_layout(space: DesignSpace) -> ObservationLayout:
    """Layout of the one-shot form."""
    return ObservationLayout(
        [_SPEC, _outcome("default", "The default design, whose accuracy is not shown")]
    )


def refine_layout(space: DesignSpace) -> ObservationLayout:
    """Layout of the refinement form."""
    return ObservationLayout(
        [
            _choices(space),
            _left(("steps", "Steps"), ("trainings", "Trainings")),
            _outcome("last", "The design as it is"),
            _outcome("best", "The best design of the episode"),
            _SPEC,
        ]
    )


def observe_spec(layout: ObservationLayout, spec: Spec, own: Spec, row: Floats32) -> None:
    """Write the limits."""
    row[layout.slice("spec")] = [
        log_ratio(limit, base) for limit, base in zip(spec.limits, own.limits, strict=True)
    ]


def observe_outcome(
    layout: ObservationLayout, name: str, outcome: Outcome | None, spec: Spec, row: Floats32
) -> None:
    """Write what is known of a design."""
    values = row[layout.slice(name)]
    values[:] = 0
    if outcome is None:
        return
    costs: Mapping[str, float] = outcome.costs
    if costs:
        values[:3] = [log_ratio(costs[c], x) for c, x in zip(COSTS, spec.limits, strict=True)]
    values[3] = outcome.total_penalty / len(COSTS)
    values[4] = outcome.weighted_accuracy
    values[5] = 1


def observe_left(
    layout: ObservationLayout,
    space: DesignSpace,
    chip: Sequence[int],
    others: Sequence[float],
    row: Floats32,
) -> None:
    """Write the budgets."""
    pes, bandwidth = space.hardware.left(tuple(chip))
    budget = space.hardware.budget
    row[layout.slice("left")] = [pes / budget.pes, bandwidth / budget.bandwidth, *others]


def observe_building(
    layout: ObservationLayout,
    space: DesignSpace,
    parts: Parts,
    next_token: int | None,
    partial: Sequence[float],
    spec: Spec,
    row: Floats32,
) -> None:
    """Write a design that is partly decided."""
    places = row[layout.slice("next_token")]
    places[:] = 0
    if next_token is not None:
        places[next_token] = 1
    observe_choices(layout, space, parts, row)
    row[layout.slice("partial_cost")] = [
        log_ratio(cost, limit) for cost, limit in zip(partial, spec.limits, strict=True)
    ]


def observe_choices(
    layout: ObservationLayout, space: DesignSpace, parts: Parts, row: Floats32
) -> None:
    """Write the chosen options."""
    choices = row[layout.slice("choices")]
    choices[:] = 0
    for start, part in zip(space.starts, parts, strict=True):
        for place, choice in enumerate(part, start=start):
            choices[place] = (choice + 1) / space.num_options[place]


def observe_design(
    layout: ObservationLayout, space: DesignSpace, design: Design, row: Floats32
) -> None:
    """Write the options of a complete design."""
    observe_choices(layout, space, space.split(design), row)
