"""The distribution of all agents' actions: masked choices, and real numbers from normals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Actions", "JointDistribution"]

# A masked option keeps a finite logit: its probability is exactly 0, and 0 times it is no nan.
_NEVER = -1e8


@dataclass(frozen=True)
class Actions:
    """Actions of A agents in B rows.

    Attributes
    ----------
    choices : int64 tensor, shape (B, A, H)
        Chosen options.
    reals : float32 tensor, shape (B, A, C)
        Real numbers, before they are brought into the bounds of the space.
    """

    choices: Tensor
    reals: Tensor


class JointDistribution:
    """Independent distributions of the agents' actions.

    Parameters
    ----------
    logits : tensor, shape (B, A, H, K)
        Scores of the options.
    masks : bool tensor, shape (B, A, H, K)
        Options that are allowed, at least one of each choice.
    mean : tensor, shape (B, A, C)
        Means of the real numbers.
    log_std : tensor, shape (A, C)
        Logarithms of their standard deviations.
    has_real : tensor, shape (A, C)
        1 where an agent has the number, 0 where it is padding.
    """

    def __init__(
        self, logits: Tensor, masks: Tensor, mean: Tensor, log_std: Tensor, has_real: Tensor
    ) -> None:
        self.log_prob_options = torch.log_softmax(logits.masked_fill(~masks, _NEVER), dim=-1)
        self.mean, self.log_std, self.has_real = mean, log_std, has_real

    def sample(self, generator: torch.Generator) -> Actions:
        """Draw actions."""
        uniform = torch.rand(self.log_prob_options.shape, generator=generator)
        # The largest of log-probabilities with Gumbel noise is a draw from them.
        gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1.0 - 1e-7)))
        choices = (self.log_prob_options + gumbel).argmax(dim=-1)
        normal = torch.randn(self.mean.shape, generator=generator)
        return Actions(choices, self.mean + normal * self.log_std.exp())

    def best(self) -> Actions:
        """Return the most probable actions."""
        return Actions(self.log_prob_options.argmax(dim=-1), self.mean)

    def log_prob(self, actions: Actions) -> Tensor:
        """Log probability of each agent's action, shape (B, A)."""
        chosen = self.log_prob_options.gather(-1, actions.choices.unsqueeze(-1)).squeeze(-1)
        deviation = (actions.reals - self.mean) / self.log_std.exp()
        density = -0.5 * deviation**2 - self.log_std - 0.5 * math.log(2 * math.pi)
        return chosen.sum(dim=-1) + (density * self.has_real).sum(dim=-1)

    def entropy(self) -> Tensor:
        """Entropy of each agent's action, shape (B, A)."""
        choices = -(self.log_prob_options.exp() * self.log_prob_options).sum(dim=(-2, -1))
        reals = (0.5 + 0.5 * math.log(2 * math.pi) + self.log_std) * self.has_real
        return choices + reals.sum(dim=-1)
