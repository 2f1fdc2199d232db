"""What training and acting ask of a learned scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chipgym.agents.core.problem import JobsView

__all__ = ["Decision", "SchedulingAgent", "entropy_of"]


class Decision(Protocol):
    """What an agent keeps of a decision with C choices.

    Attributes
    ----------
    actions : int64, shape (C,)
        The environment's action behind each choice.
    """

    @property
    def actions(self) -> npt.NDArray[np.int64]:
        """The environment's action behind each choice, shape (C,)."""
        ...


class SchedulingAgent(Protocol):
    """A network with its view of a decision."""

    @property
    def algorithm(self) -> str:
        """Name of the algorithm that trains it."""
        ...

    @property
    def network(self) -> nn.Module:
        """All that is learnt."""
        ...

    def check(self, problem: JobsView) -> None:
        """Raise `InvalidValueError` where the agent cannot decide this."""
        ...

    def observe(self, problem: JobsView) -> Any:
        """Return what the agent needs to know of a decision, a `Decision`."""
        ...

    def evaluate(self, decisions: Sequence[Any]) -> tuple[Tensor, Tensor | None]:
        """Log probabilities, shape (B, C), minus infinity where there is no choice; values (B,).

        Agents without a critic return None for the values.
        """
        ...

    def sizes(self) -> Mapping[str, int]:
        """Return what of the environment the network's shape depends on."""
        ...

    def settings_document(self) -> Mapping[str, Any]:
        """Return the agent's settings as plain values."""
        ...


def entropy_of(logs: Tensor) -> Tensor:
    """Entropy of each row of log probabilities, shape (B,)."""
    return -(logs.exp() * logs.masked_fill(torch.isinf(logs), 0.0)).sum(dim=1)
