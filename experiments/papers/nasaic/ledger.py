"""What every flow works with: designs are costed, networks trained, and both are counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np

from chipgym.envs.codesign.accuracy import Accuracy, BudgetedProvider, Task
from chipgym.envs.codesign.design_space import Design
from chipgym.envs.codesign.evaluation import Outcome, train
from chipgym.envs.codesign.problem import CoDesignProblem
from chipgym.envs.codesign.reward import COSTS, PENALTY_WEIGHT, WORST
from chipgym.envs.codesign.spaces import Architecture

__all__ = ["ENV_ID", "Budget", "Ledger", "Trial"]

ENV_ID = "chipgym/CoDesignOneShot-v0"
Costs = tuple[float, float, float]


@dataclass(frozen=True)
class Budget:
    """What a flow may spend.

    Attributes
    ----------
    evaluations : int
        Distinct designs that are mapped, scheduled and costed.
    trainings : int
        Distinct networks whose accuracies are asked for.
    """

    evaluations: int
    trainings: int


@dataclass(frozen=True)
class Trial:
    """One evaluation.

    Attributes
    ----------
    design : tuple of int
    evaluations, trainings : int
        Spent by then, this one included.
    costs : (float, float, float)
        Cycles, nJ and um^2.
    penalty : float
        0 where all specifications are met.
    accuracy : float
        Weighted; nan where nothing was trained.
    """

    design: Design
    evaluations: int
    trainings: int
    costs: Costs
    penalty: float
    accuracy: float

    @property
    def meets(self) -> bool:
        """Whether all specifications are met."""
        return self.penalty == 0.0

    @property
    def ranked(self) -> bool:
        """Whether it meets the specifications and its accuracy is known."""
        return self.meets and not math.isnan(self.accuracy)


class Ledger:
    """A scenario under a budget.

    Parameters
    ----------
    scenario : str
    budget : Budget
    **kwargs
        Further arguments of the environment.

    Attributes
    ----------
    provider : BudgetedProvider
        Counts trainings.
    problem : CoDesignProblem
    trials : list of Trial
        Every evaluation, in order.
    """

    def __init__(self, scenario: str, budget: Budget, **kwargs: Any) -> None:
        env = gymnasium.make(
            ENV_ID, disable_env_checker=True, scenario=scenario, split="test", **kwargs
        )
        env.reset(seed=0, options={"instance": 0})
        self.budget = budget
        self.scenario = scenario
        self._base = cast(Any, env.unwrapped)
        self.provider = BudgetedProvider(self._base.provider, budget.trainings)
        self.problem: CoDesignProblem = self._base.problem
        self.trials: list[Trial] = []
        self._scores: dict[str, float] = {}

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of the workload."""
        return tuple(self._base.scenario.tasks)

    @property
    def done(self) -> bool:
        """Whether all evaluations are spent."""
        return len(self.trials) >= self.budget.evaluations

    @property
    def networks_end(self) -> int:
        """Number of the first token of the chip."""
        return sum(self.problem.lengths[:-1])

    def allows(self, design: Any) -> bool:
        """Whether a design can be built."""
        return not self.problem.reason(design)

    def score(self, design: Any) -> float:
        """Return the reward of a design; nan where the trainings that it needs are spent.

        A design that comes again, or cannot be built, costs nothing.
        """
        chosen = tuple(int(number) for number in design)
        if not self.allows(np.array(chosen)):
            return -PENALTY_WEIGHT * WORST * len(COSTS)
        key = self._base.designs.key(chosen)
        if key not in self._scores:
            (outcome,) = self._base.cost([chosen])
            if outcome.meets:
                outcome = train(self._base.designs, self.provider, outcome)
            self._add(outcome)
        return self._scores[key]

    def cost(self, designs: Sequence[Design]) -> list[Trial]:
        """Cost designs that are new and train nothing; each is an evaluation."""
        for outcome in self._base.cost(designs):
            if outcome.key not in self._scores and not self.done:
                self._add(outcome)
        return self.trials[-len(designs) :]

    def _add(self, outcome: Outcome) -> None:
        failed = bool(outcome.failure)
        accuracy = outcome.weighted_accuracy if outcome.trained else math.nan
        self._scores[outcome.key] = math.nan if failed else outcome.score
        costs = (outcome.costs[COSTS[0]], outcome.costs[COSTS[1]], outcome.costs[COSTS[2]])
        self.note(outcome.design, costs, outcome.total_penalty, accuracy)

    def note(self, design: Design, costs: Costs, penalty: float, accuracy: float) -> None:
        """Count an evaluation that was made elsewhere, with this ledger's provider."""
        spent = self.provider.trainings
        self.trials.append(Trial(design, len(self.trials) + 1, spent, costs, penalty, accuracy))

    def seen(self, key: str) -> bool:
        """Whether a design of this key was met before; it is from now on."""
        known = key in self._scores
        self._scores.setdefault(key, math.nan)
        return known

    def architecture(self, task: int, choices: Sequence[int]) -> Architecture:
        """Return the network of a task's tokens."""
        return self.problem.architectures[task].architecture(tuple(int(c) for c in choices))

    def _known(self, design: Design) -> list[Accuracy | None]:
        """Accuracy of each network of a design, where it was paid for."""
        networks = self._base.designs.networks_of(design)
        return [self.provider.known(t, n) for t, n in zip(self.tasks, networks, strict=True)]

    def accuracies(self, design: Design) -> list[float | None]:
        """Return the accuracy of each network of a design; None where it was not trained."""
        return [None if found is None else found.value for found in self._known(design)]

    def weighted_accuracy(self, design: Design) -> float:
        """Return the accuracy of a design whose networks were all trained; nan for another."""
        values = [math.nan if value is None else value for value in self.accuracies(design)]
        return float(sum(task.weight * v for task, v in zip(self.tasks, values, strict=True)))

    def measured(self, design: Design) -> bool:
        """Whether the accuracies of all networks of a design were measured, not predicted."""
        return all(found is not None and found.measured for found in self._known(design))

    def relative_costs(self, trial: Trial) -> tuple[float, ...]:
        """Costs over their limits."""
        limits = self.problem.spec.limits
        return tuple(cost / limit for cost, limit in zip(trial.costs, limits, strict=True))

    def final(self) -> Trial:
        """Return the design that a flow ends with.

        The most accurate one that meets the specifications, of equals the one of the least costs
        over the limits; where there is none, the one of the least penalty.
        """
        ranked = [trial for trial in self.trials if trial.ranked]
        if ranked:
            return max(ranked, key=lambda t: (t.accuracy, -sum(self.relative_costs(t))))
        return min(self.trials, key=lambda t: (t.penalty, sum(self.relative_costs(t))))
