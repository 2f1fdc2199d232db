"""Designs evaluated: the cost model in parallel threads, then accuracies where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chipgym.envs.codesign.accuracy.provider import (
    Accuracy,
    AccuracyProvider,
    TrainingError,
)
from chipgym.envs.codesign.design_space import Design, DesignSpace
from chipgym.envs.codesign.reward import PENALTY_WEIGHT, penalties, reward_terms
from chipgym.simulators.accelerator.options import AcceleratorOptions
from chipgym.simulators.accelerator.result import ChipResult
from chipgym.simulators.accelerator.simulate import simulate_batch

if TYPE_CHECKING:
    from chipgym.envs.codesign.generator import Instance

__all__ = ["Outcome", "evaluate_batch", "train"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What is known of a design.

    Attributes
    ----------
    design : tuple of int
    key : str
        Equal keys, equal results.
    reason : str
        Why it is no design; empty if it is one.
    result : ChipResult or None
        Costs, mapping and schedule; None for what is no design.
    penalty : dict
        By cost, each 0 to 1.
    accuracies : dict of Accuracy
        By task; empty where nothing was trained.
    failure : str
        Why training failed; empty if it did not.
    weighted_accuracy : float
        0 where nothing was trained.
    """

    design: Design
    key: str
    reason: str
    result: ChipResult | None
    penalty: dict[str, float]
    accuracies: dict[str, Accuracy] = field(default_factory=dict)
    failure: str = ""
    weighted_accuracy: float = 0.0

    @property
    def total_penalty(self) -> float:
        """Sum of the penalties, 0 to 3."""
        return float(sum(self.penalty.values()))

    @property
    def meets(self) -> bool:
        """Whether all specifications are met."""
        return self.total_penalty == 0.0

    @property
    def trained(self) -> bool:
        """Whether the accuracies are known."""
        return bool(self.accuracies)

    @property
    def terms(self) -> dict[str, float]:
        """Terms of the reward."""
        return reward_terms(self.penalty, self.weighted_accuracy)

    @property
    def score(self) -> float:
        """The reward of the design."""
        return self.weighted_accuracy - PENALTY_WEIGHT * self.total_penalty

    @property
    def costs(self) -> dict[str, float]:
        """Costs with units in their names; empty for what is no design."""
        if self.result is None:
            return {}
        return {
            "latency_cycles": float(self.result.latency_cycles),
            "energy_nj": self.result.energy_nj,
            "area_um2": self.result.area_um2,
            "power_mw": self.result.power_mw,
        }

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics; accuracies only where they are known."""
        metrics = {
            **self.costs,
            "penalty": self.total_penalty,
            "feasible": float(self.meets),
            "trained": float(self.trained),
            "score": self.score,
        }
        if self.trained:
            metrics["weighted_accuracy"] = self.weighted_accuracy
            for name, accuracy in self.accuracies.items():
                metrics[f"accuracy_{name}"] = accuracy.value
        return metrics

    @property
    def labels(self) -> dict[str, dict[str, Any]]:
        """Every accuracy with its label, by task."""
        return {name: accuracy.label for name, accuracy in self.accuracies.items()}


def evaluate_batch(space: DesignSpace, tasks: Sequence[tuple[Instance, Design]]) -> list[Outcome]:
    """Map, schedule and cost designs, each for its instance's specification; nothing is trained."""
    reasons = [space.reason(design) for _, design in tasks]
    # One call takes one latency limit and one constant set.
    groups: dict[tuple[int, str], list[int]] = {}
    for index, (instance, _) in enumerate(tasks):
        if not reasons[index]:
            group = (int(instance.spec.latency_cycles), instance.technology)
            groups.setdefault(group, []).append(index)
    results: dict[int, ChipResult] = {}
    for (limit, technology), indices in groups.items():
        options = AcceleratorOptions(technology=technology, order="chain")
        designs = [
            (space.networks(space.networks_of(tasks[i][1])), space.chip_of(tasks[i][1]))
            for i in indices
        ]
        found = simulate_batch(designs, limit, options, budget=space.hardware.budget)
        results.update(zip(indices, found, strict=True))
    outcomes = []
    for index, (instance, design) in enumerate(tasks):
        result = results.get(index)
        outcome = Outcome(design, space.key(design), reasons[index], result, {})
        penalty = penalties(instance.spec, outcome.costs or None)
        outcomes.append(replace(outcome, penalty=penalty))
    return outcomes


def train(space: DesignSpace, provider: AccuracyProvider, outcome: Outcome) -> Outcome:
    """Return the outcome with the accuracies of its networks, or with the failure recorded."""
    accuracies: dict[str, Accuracy] = {}
    try:
        for task, architecture in zip(space.tasks, space.networks_of(outcome.design), strict=True):
            accuracies[task.name] = provider.accuracy(task, architecture)
    except TrainingError as error:
        return replace(outcome, failure=str(error))
    total = sum(task.weight * accuracies[task.name].value for task in space.tasks)
    return replace(outcome, accuracies=accuracies, weighted_accuracy=float(total))
