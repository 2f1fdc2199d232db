"""A refinement episode: designs tried one after the other under a budget of trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chipgym.envs.codesign.evaluation import Outcome

__all__ = ["RefineSession"]

Network = tuple[str, str]


class RefineSession:
    """What was tried in an episode; starts with the default design, at no cost.

    Parameters
    ----------
    first : Outcome
        The default design, trained if it meets the limits.
    networks : set of (str, str)
        Networks of the default design if they were trained: data set and architecture.
    steps, trainings : int
        What the episode may do.

    Attributes
    ----------
    last, best : Outcome
    evaluations, trainings, steps : int
        What was spent.
    spent : bool
        Whether a design needed more trainings than were left.
    """

    def __init__(self, first: Outcome, networks: set[Network], steps: int, trainings: int) -> None:
        self.max_steps = steps
        self.budget = trainings
        self.last = self.best = first
        self.evaluations = self.trainings = self.steps = 0
        self.spent = False
        self._networks = sorted(networks)
        self._known: dict[str, Outcome] = {first.key: first}

    @property
    def steps_left(self) -> int:
        """Steps left."""
        return self.max_steps - self.steps

    @property
    def trainings_left(self) -> int:
        """Trainings left."""
        return self.budget - self.trainings

    def recall(self, outcome: Outcome) -> Outcome | None:
        """Return what is known of a design of this key."""
        found = self._known.get(outcome.key)
        return None if found is None else replace(found, design=outcome.design)

    def afford(self, networks: set[Network]) -> bool:
        """Pay for the networks that were not trained yet, or return that they cost too much."""
        fresh = sorted(networks - set(self._networks))
        if len(fresh) > self.trainings_left:
            self.spent = True
            return False
        self.trainings += len(fresh)
        self._networks = sorted({*self._networks, *fresh})
        return True

    def add(self, outcome: Outcome, rankable: bool) -> dict[str, float]:
        """Take a step's design in; return the terms by which the best score grows.

        `rankable` is False for a design that should have been trained and was not.
        """
        self.steps += 1
        if outcome.key not in self._known:
            self.evaluations += 1
            self._known[outcome.key] = outcome
        self.last = outcome
        if not rankable or outcome.score <= self.best.score:
            return dict.fromkeys(outcome.terms, 0.0)
        old, self.best = self.best.terms, outcome
        return {name: value - old[name] for name, value in outcome.terms.items()}

    def get_state(self) -> dict[str, Any]:
        """Everything."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> RefineSession:
        """Return the session whose `get_state` this is."""
        session = cls.__new__(cls)
        vars(session).update(state, _known=dict(state["_known"]))
        return session
