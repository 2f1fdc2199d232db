"""The protocol of everything that acts on observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.problem import ProblemView

__all__ = ["Actions", "Masks", "Observations", "Policy"]

Observations = npt.NDArray[Any]
Masks = npt.NDArray[np.bool_]
Actions = npt.NDArray[Any]


@runtime_checkable
class Policy(Protocol):
    """Chooses actions for a batch of environments.

    One object serves N environments at a time; whatever it remembers, it remembers per environment.
    """

    name: str

    def reset(self, num_envs: int, seed: int) -> None:
        """Forget everything and get ready to act in `num_envs` environments.

        Parameters
        ----------
        num_envs : int
            Number N of environments of the following calls of `act`.
        seed : int
            Seed of the policy's own random numbers; environment i draws the same ones for any N.
        """
        ...

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None,
    ) -> Actions:
        """Choose one action for each environment.

        Parameters
        ----------
        observations : array, shape (N, ...)
            The observations.
        masks : bool array, shape (N, A), optional
            True where an action is valid; None where every action is.
        problems : sequence of N views, optional
            What each environment publishes about its present decision; heuristics need it.

        Returns
        -------
        int64 array, shape (N,) or (N, H), or float32 array, shape (N, ...)
            The actions: one choice, H choices, or real numbers, as the action space is.
        """
        ...
