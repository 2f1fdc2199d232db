"""What a scheduling environment answers to what-if questions, as planners see it."""

from __future__ import annotations

from typing import Protocol

import numpy.typing as npt

from chipgym.agents.core.problem import FloatArray, IntArray, ProblemView

__all__ = ["Lookahead", "PlanningView"]


class Lookahead(Protocol):
    """Rollouts from the present decision, on what is known at that moment.

    No job that has not arrived, no noise that has not been observed and no failure to come has any
    influence on the answers.
    """

    @property
    def jobs(self) -> IntArray:
        """Numbers of the m jobs in the system, in order of arrival."""
        ...

    @property
    def age_us(self) -> FloatArray:
        """Time since each job arrived, shape (m,)."""
        ...

    def remaining_us(self) -> tuple[FloatArray, FloatArray]:
        """Work and critical path that each job has left, shapes (m,)."""
        ...

    def rollout(
        self,
        actions: npt.ArrayLike,
        late: npt.ArrayLike,
        shares: npt.ArrayLike,
        keys: npt.ArrayLike,
    ) -> tuple[FloatArray, IntArray]:
        """Play C candidates until the jobs in the system are complete.

        Parameters
        ----------
        actions : int64, shape (C,)
            First decision; -1 leaves it to the rule.
        late : bool, shape (C,)
            The rule that plays on: late binding by priority, or earliest task first.
        shares : float64, shape (C,)
            Late binding: share of a task's time that must fit in front of a reservation.
        keys : float64, shape (C, m)
            Late binding: priority of each job, lowest first.

        Returns
        -------
        cost_us : float64, shape (C,)
            Latency that these jobs gather from now on.
        decided : int64, shape (C,)
            The first decision.
        """
        ...


class PlanningView(ProblemView, Protocol):
    """A decision whose environment also answers what-if questions."""

    @property
    def lookahead(self) -> Lookahead:
        """Valid until the environment's next decision."""
        ...
