"""ArchGym's design problems answered from the table: exact, in microseconds, optimum known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.evaluation import Outcome, judge
from chipgym.envs.dram_tuning.generator import Instance, InstanceGenerator, find_scenario
from chipgym.envs.dram_tuning.reward import Objective, find_objective
from chipgym.experiments.papers.dram_exhaustive.space import Space, archgym_space
from chipgym.experiments.papers.dram_exhaustive.table import OutcomeTable, load_table

__all__ = ["TabulatedProblem", "tabulated_problem"]


@dataclass(frozen=True, eq=False)
class TabulatedProblem:
    """One of ArchGym's workloads under an objective.

    `outcome` returns what `chipgym/DramDesign-v0` would for the same design, bit for bit.

    Attributes
    ----------
    objective : Objective
    instance : Instance
    space : Space
    table : OutcomeTable
    """

    objective: Objective
    instance: Instance
    space: Space
    table: OutcomeTable
    _known: dict[int, Outcome] = field(default_factory=dict)

    def controller(self, design: Sequence[int] | npt.NDArray[Any]) -> int:
        """Return the number of a design's controller: equal numbers, one simulation."""
        return int(self.space.canonical[self.space.number(design)])

    def outcome(self, design: Sequence[int] | npt.NDArray[Any]) -> Outcome:
        """Evaluate a design."""
        controller = self.controller(design)
        if controller not in self._known:
            self._known[controller] = judge(
                self.space.designs,
                self.objective,
                self.instance,
                tuple(int(value) for value in design),
                str(controller),
                self.table.metrics(controller),
            )
        return self._known[controller]

    @functools.cached_property
    def scores(self) -> npt.NDArray[np.float64]:
        """Score of every controller, shape (C,)."""
        first = np.unique(self.space.canonical, return_index=True)[1]
        _, example = np.unique(self.table.outcome_of, return_index=True)
        # Equal outcomes have equal scores, since every design of this space is feasible.
        scores = [self.outcome(self.space.design(int(first[c]))).score for c in example]
        return np.array(scores)[self.table.outcome_of]

    @property
    def optimum(self) -> float:
        """Highest score of all designs."""
        return float(self.scores.max())

    @functools.cached_property
    def random_score(self) -> float:
        """Mean score of all designs, which is what a random one has in the mean."""
        return float(self.scores[self.space.canonical].mean())

    def regret_percent(self, score: float) -> float:
        """How much more the objective costs than at the optimum, in percent.

        Scores are logarithms of costs, so this is exp(optimum - score) - 1.
        """
        return float(100 * np.expm1(self.optimum - score))


@functools.cache
def tabulated_problem(workload: str, objective: str) -> TabulatedProblem:
    """Return the problem of one of the workloads under one of the objectives, made once."""
    generator = InstanceGenerator(find_scenario(f"archgym-{workload}"))
    instance = generator.test(0)
    generator.complete([instance])
    return TabulatedProblem(
        find_objective(objective), instance, archgym_space(), load_table(workload)
    )
