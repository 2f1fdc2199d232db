"""Never change anything: the baseline of control at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chipgym.agents.core.policy import Actions, Masks, Observations
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["FixedSettings"]


class FixedSettings:
    """Takes the same action at every step: by default the one that keeps the default settings.

    Parameters
    ----------
    action : sequence of int, optional
        One option of each choice, instead of the problem view's `default_action`.
    """

    name = "default-settings"

    def __init__(self, action: Sequence[int] | None = None) -> None:
        self.action = None if action is None else tuple(int(option) for option in action)

    def reset(self, num_envs: int, seed: int) -> None:
        """Do nothing: there is no memory."""

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[Any] | None,
    ) -> Actions:
        """Return the action for each environment, shape (N,) or (N, choices)."""
        if problems is None:
            raise InvalidValueError("problems", None, "the problem views, which this policy reads")
        chosen = [
            problem.default_action if self.action is None else self.action for problem in problems
        ]
        actions = np.array(chosen, dtype=np.int64)
        return actions[:, 0] if actions.shape[1] == 1 else actions
