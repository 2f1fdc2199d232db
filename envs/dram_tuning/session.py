"""A tuning episode: designs tried one after the other under a budget of evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.hypervolume import contribution, dominated
from chipgym.envs.dram_tuning.design_space import Design, DesignSpace
from chipgym.envs.dram_tuning.evaluation import Outcome, default_outcome, design_key
from chipgym.envs.dram_tuning.generator import Instance
from chipgym.envs.dram_tuning.reward import Objective

__all__ = ["STEPS_PER_EVALUATION", "TuningSession"]

STEPS_PER_EVALUATION = 4
"""Most steps of an episode for each evaluation of its budget, repeated designs included."""


class TuningSession:
    """What has been tried on an instance; starts with the default design, at no cost.

    Parameters
    ----------
    space : DesignSpace
    objective : Objective
    instance : Instance
    budget : int
        Evaluations: distinct canonical configurations that are simulated.
    max_steps : int
        Steps after which the episode is cut off.

    Attributes
    ----------
    last, best : Outcome
        Of the last step, and the best so far (under ``multi`` the one of largest hypervolume).
    best_score : float
        Score of `best`; under ``multi`` the hypervolume of all.
    evaluations, steps : int
    """

    def __init__(
        self,
        space: DesignSpace,
        objective: Objective,
        instance: Instance,
        budget: int,
        max_steps: int,
    ) -> None:
        self.space = space
        self.objective = objective
        self.instance = instance
        self.budget = budget
        self.max_steps = max_steps
        self.evaluations = 0
        self.steps = 0
        first = default_outcome(space, objective, instance)
        self.last = self.best = first
        self.best_score = first.score
        self.front = first.vector[None]
        self._known: dict[str, Outcome] = {first.key: first}

    @property
    def budget_left(self) -> int:
        """Evaluations left."""
        return self.budget - self.evaluations

    @property
    def steps_left(self) -> int:
        """Steps left."""
        return self.max_steps - self.steps

    @property
    def spent(self) -> bool:
        """Whether the budget is spent, which ends the episode."""
        return self.budget_left <= 0

    def recall(self, design: Design) -> Outcome | None:
        """Return the outcome of a design, if one of its `design_key` was evaluated before."""
        found = self._known.get(design_key(self.space, self.instance, design))
        return None if found is None else replace(found, design=design)

    def add(self, outcome: Outcome) -> tuple[float, dict[str, float]]:
        """Take a step's outcome in; return its reward, which is never negative, and the terms."""
        self.steps += 1
        if outcome.simulated and outcome.key not in self._known:
            self._known[outcome.key] = outcome
            self.evaluations += 1
        self.last = outcome
        if not self.objective.factors:
            return self._grow(outcome)
        if not outcome.feasible or outcome.score <= self.best_score:
            return 0.0, dict.fromkeys(self.best.terms, 0.0)
        terms = {name: outcome.terms[name] - self.best.terms[name] for name in outcome.terms}
        gain = outcome.score - self.best_score
        self.best, self.best_score = outcome, outcome.score
        return gain, terms

    def _grow(self, outcome: Outcome) -> tuple[float, dict[str, float]]:
        """Add a design to the front; the reward is the hypervolume that it adds."""
        if not outcome.feasible or dominated(outcome.vector, self.front):
            return 0.0, {"hypervolume": 0.0}
        added = max(contribution(outcome.vector, self.front), 0.0)
        kept = ~(outcome.vector >= self.front).all(axis=1)
        self.front = np.concatenate([self.front[kept], outcome.vector[None]])
        self.best_score += added
        if outcome.score > self.best.score:
            self.best = outcome
        return added, {"hypervolume": added}

    def metrics(self) -> dict[str, float]:
        """Metrics of the best design so far; under ``multi`` with the hypervolume of all."""
        metrics = dict(self.best.metrics)
        metrics["score"] = self.best_score
        if not self.objective.factors:
            metrics[self.objective.metric] = self.best_score
        return metrics

    def edit(self, edit: tuple[int, int]) -> Design:
        """Return the last design with one knob set to a value, both as indexes."""
        knob, value = edit
        return (*self.last.design[:knob], value, *self.last.design[knob + 1 :])

    def edit_reasons(self) -> list[str]:
        """Why each edit is masked, "" where it is not, in the order of the space's edits."""
        return self.space.edit_reasons(self.last.design)

    def edit_mask(self) -> npt.NDArray[np.bool_]:
        """Edits that change the design into a feasible one, bool, shape (edits,)."""
        return np.array([not reason for reason in self.edit_reasons()], dtype=np.bool_)

    def get_state(self) -> dict[str, Any]:
        """Everything but the space and the objective."""
        own = ("space", "objective")
        return {name: value for name, value in vars(self).items() if name not in own}

    @classmethod
    def from_state(
        cls, space: DesignSpace, objective: Objective, state: dict[str, Any]
    ) -> TuningSession:
        """Return the session whose `get_state` this is."""
        session = cls.__new__(cls)
        vars(session).update(state, space=space, objective=objective)
        return session
