"""The typed view of a tuning problem that heuristics, searchers and solvers read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gymnasium import spaces

from chipgym.envs.dram_tuning.design_space import Design, DesignSpace
from chipgym.envs.dram_tuning.generator import Instance
from chipgym.envs.dram_tuning.knobs import Knob
from chipgym.envs.dram_tuning.reward import Objective
from chipgym.envs.dram_tuning.session import TuningSession

__all__ = ["DramProblem", "view_design_problem", "view_tuning_problem"]


@dataclass(frozen=True, eq=False)
class DramProblem:
    """Knobs to set, and what is known so far.

    Attributes
    ----------
    knobs : tuple of Knob
        In the order of a design.
    space : MultiDiscrete
        Designs as value indexes; plain samples are feasible.
    default_design : tuple of int
        The design to which all others are compared.
    objective, metric : str
        Objective and primary metric.
    lower_is_better : bool
        Direction of the metric.
    budget_left : int
        Evaluations left.
    design, best_design : tuple of int
        Last design and best so far; the default before the first.
    best_score : float
        Score of what was found so far; the default's is 0, higher is better.
    edits : tuple of (int, int)
        (knob, value) of each edit action; empty in the one-shot form.
    instance : Instance
        Device, address maps and trace.
    """

    knobs: tuple[Knob, ...]
    space: spaces.MultiDiscrete
    default_design: Design
    objective: str
    metric: str
    lower_is_better: bool
    budget_left: int
    design: Design
    best_design: Design
    best_score: float
    edits: tuple[tuple[int, int], ...]
    instance: Instance
    _designs: DesignSpace

    def broken_rules(self, design: Any) -> tuple[str, ...]:
        """Reasons why a design is infeasible; empty if it is feasible.

        Raises
        ------
        InvalidValueError
            It is not a design.
        """
        return self._designs.reasons(self._designs.check(design))

    def decode(self, design: Any) -> dict[str, Any]:
        """Return a design's values by knob.

        Raises
        ------
        InvalidValueError
            It is not a design.
        """
        return self._designs.decode(self._designs.check(design))

    def encode(self, settings: dict[str, Any]) -> Design:
        """Return the design with the given values by knob; the rest keeps the default.

        Raises
        ------
        InvalidValueError
            A knob is unknown, or a value is not one of its values.
        """
        return self._designs.encode(settings)

    def edit_action(self, knob: str, value: str | int) -> int:
        """Return the action that sets a knob, in the sequential form.

        Raises
        ------
        InvalidValueError
            A knob is unknown, or a value is not one of its values.
        """
        index = self.encode({knob: value})
        place = [entry.name for entry in self.knobs].index(knob)
        return self.edits.index((place, index[place]))


def view_design_problem(
    space: DesignSpace, objective: Objective, instance: Instance
) -> DramProblem:
    """Return the view of a one-shot problem."""
    return DramProblem(
        knobs=space.knobs,
        space=space.space(),
        default_design=space.default,
        objective=objective.name,
        metric=objective.metric,
        lower_is_better=objective.lower_is_better,
        budget_left=1,
        design=space.default,
        best_design=space.default,
        best_score=0.0,
        edits=(),
        instance=instance,
        _designs=space,
    )


def view_tuning_problem(session: TuningSession) -> DramProblem:
    """Return the view of a sequential problem as it stands."""
    space, objective = session.space, session.objective
    return DramProblem(
        knobs=space.knobs,
        space=space.space(),
        default_design=space.default,
        objective=objective.name,
        metric=objective.metric,
        lower_is_better=objective.lower_is_better,
        budget_left=session.budget_left,
        design=session.last.design,
        best_design=session.best.design,
        best_score=session.best_score,
        edits=space.edits,
        instance=session.instance,
        _designs=space,
    )
