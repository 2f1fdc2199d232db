"""A short way from the estimates of each PE to its logit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["DirectEstimates"]

GAIN = 10.0
"""Makes up for the small steps of the optimiser: a sure choice needs large logits."""
LONGEST = 0.999
"""Squashed time that counts as the longest; what is not possible has 1."""


class DirectEstimates(nn.Module):
    """Adds ``-10 * sum over k of w_k log(1 + t_k / scale)`` to the logit of each PE.

    The weights w are the same for all PEs and tasks. The logarithm tells apart short times as well
    as long ones.

    Parameters
    ----------
    start : sequence of float
        The weights at the start, one for each time of a PE.
    """

    def __init__(self, start: Sequence[float]) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(start))

    def forward(self, squashed: Tensor) -> Tensor:
        """Return what is added, shape (B, P).

        Parameters
        ----------
        squashed : float, shape (B, P, count)
            Each time t as t / (t + scale).
        """
        return GAIN * (torch.log1p(-squashed.clamp(max=LONGEST)) @ self.weights)
