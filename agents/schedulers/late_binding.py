"""Late binding: the shortest job first, and no task is bound to a PE before the PE is free.

Job priority by least remaining work is the rule that is optimal for mean completion time on one
machine with preemption (Schrage, Operations Research 1968); tasks within a job go by upward rank
(Topcuoglu et al., IEEE TPDS 2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from chipgym.agents.core.lookahead import PlanningView
from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.agents.core.problem import ProblemView
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["SHARE", "LateBinding", "planning_views"]

SHARE = 0.5


def planning_views(problems: Sequence[ProblemView] | None, name: str) -> Sequence[PlanningView]:
    """Return the views if they answer what-if questions.

    Raises
    ------
    InvalidValueError
        There are none, or they do not.
    """
    if problems is None or not all(hasattr(problem, "lookahead") for problem in problems):
        raise InvalidValueError("problems", None, f"views with lookahead, which {name} asks")
    return cast(Sequence[PlanningView], problems)


class LateBinding:
    """Shortest remaining job first, bound late.

    Parameters
    ----------
    share : float
        Share of a task's time that must fit in front of a reservation for it to start earlier.
    """

    name = "late-binding"

    def __init__(self, share: float = SHARE) -> None:
        self.share = share

    def reset(self, num_envs: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Take each environment's decision by the rule."""
        views = planning_views(problems, self.name)
        return np.array([self._choose(view) for view in views], dtype=np.int64)

    def _choose(self, view: PlanningView) -> int:
        work, _ = view.lookahead.remaining_us()
        _, decided = view.lookahead.rollout([-1], [True], [self.share], work[None])
        return int(decided[0])
