"""A budget of trainings over any provider: each network is paid for once."""

from __future__ import annotations

import contextlib

from chipgym.envs.codesign.accuracy.provider import (
    Accuracy,
    AccuracyProvider,
    Task,
    TrainingError,
)
from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["BudgetedProvider"]


class BudgetedProvider:
    """Counts the networks whose accuracies were asked for, and refuses more than a budget.

    Looking an accuracy up in a table counts as the training that it stands for. A network that
    comes again, for a task of the same data set, is answered from memory and costs nothing.

    Parameters
    ----------
    provider : AccuracyProvider
        Where accuracies come from.
    budget : int
        Most networks, from 0; then `TrainingError`.

    Attributes
    ----------
    trainings : int
        Networks paid for so far, those whose training failed included.
    """

    def __init__(self, provider: AccuracyProvider, budget: int) -> None:
        if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
            raise InvalidValueError("budget", budget, "an integer >= 0")
        self.provider = provider
        self.budget = budget
        self.trainings = 0
        self._known: dict[tuple[str, str], Accuracy | TrainingError] = {}
        self._paid: set[tuple[str, str]] = set()

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self.provider.name

    def check(self, task: Task) -> None:
        """Raise a `ChipGymError` unless the accuracies of a task's networks can be given."""
        self.provider.check(task)

    def known(self, task: Task, architecture: Architecture) -> Accuracy | None:
        """Return the accuracy of a network that was paid for, None if there is none."""
        key = task.data_set, architecture.key
        if key in self._paid and key not in self._known:
            with contextlib.suppress(TrainingError):
                self.accuracy(task, architecture)
        found = self._known.get(key)
        return None if isinstance(found, TrainingError) else found

    def accuracy(self, task: Task, architecture: Architecture) -> Accuracy:
        """Return the accuracy of a network.

        Raises
        ------
        TrainingError
            The budget is spent, or the network could not be trained.
        """
        key = task.data_set, architecture.key
        if key not in self._known:
            if key not in self._paid:
                if self.trainings >= self.budget:
                    reason = f"the budget of {self.budget} trainings is spent"
                    raise TrainingError(architecture.key, reason)
                self.trainings += 1
                self._paid.add(key)
            try:
                self._known[key] = self.provider.accuracy(task, architecture)
            except TrainingError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, TrainingError):
            raise found
        return found

    def begin(self) -> None:
        """Start anew: nothing is paid for."""
        self.trainings = 0
        self._known.clear()
        self._paid.clear()

    def restore(self, task: Task, architecture: Architecture, trainings: int) -> None:
        """Count a network as paid for, without asking, unless `trainings` are counted already."""
        key = task.data_set, architecture.key
        if key not in self._paid and self.trainings < trainings:
            self._paid.add(key)
            self.trainings += 1
