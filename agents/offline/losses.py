"""What the learners minimise.

Behaviour cloning maximises the likelihood of the recorded actions among those that were allowed
(Pomerleau 1989), or, for real numbers, minimises their squared error. Conservative Q-learning is
CQL(H) of Kumar et al., "Conservative Q-Learning for Offline Reinforcement Learning" (NeurIPS 2020,
equation 4) on double Q-learning (van Hasselt et al., AAAI 2016), with both maxima and the
log-sum-exp over allowed actions only.
"""

from __future__ import annotations

import torch
from gymnasium import spaces
from torch import nn

from chipgym.agents.offline.network import OfflineNetwork

__all__ = ["cloning_loss", "conservative_loss", "unit_actions"]

LOWEST = -1e9
"""Score of what is not allowed: its probability is zero, and its gradient a number."""


def cloning_loss(
    network: OfflineNetwork,
    observations: torch.Tensor,
    actions: torch.Tensor,
    masks: torch.Tensor | None,
) -> torch.Tensor:
    """Mean negative log-likelihood of the actions, summed over choices; or mean squared error.

    Parameters
    ----------
    observations : float32, shape (N, D)
    actions : int64, shape (N, H); or float32 in [-1, 1], shape (N, B)
    masks : bool, shape (N, A), optional
    """
    outputs = network(observations)
    if network.counts is None:
        return nn.functional.mse_loss(outputs, actions)
    scores = _allowed(outputs, masks)
    parts = torch.split(scores, network.counts, dim=1)
    losses = [
        nn.functional.cross_entropy(part, actions[:, choice]) for choice, part in enumerate(parts)
    ]
    return torch.stack(losses).sum()


def conservative_loss(
    network: OfflineNetwork,
    target: OfflineNetwork,
    batch: dict[str, torch.Tensor | None],
    gamma: float,
    alpha: float,
) -> torch.Tensor:
    """Temporal-difference error of double Q-learning, and the conservative term.

    Parameters
    ----------
    batch : dict
        ``observations``, ``next_observations``, ``actions`` of shape (N, 1), ``rewards`` and
        ``terminated`` of shape (N,), ``masks`` and ``next_masks`` (or None).
    """
    observations, actions, rewards = batch["observations"], batch["actions"], batch["rewards"]
    following, ended = batch["next_observations"], batch["terminated"]
    assert observations is not None
    assert actions is not None
    assert rewards is not None
    assert following is not None
    assert ended is not None
    values = _allowed(network(observations), batch["masks"])
    taken = values.gather(1, actions)[:, 0]
    with torch.no_grad():
        best = _allowed(network(following), batch["next_masks"]).argmax(dim=1, keepdim=True)
        later = target(following).gather(1, best)[:, 0]
        goal = rewards + gamma * torch.where(ended, torch.zeros_like(later), later)
    error = nn.functional.smooth_l1_loss(taken, goal)
    return error + alpha * (torch.logsumexp(values, dim=1) - taken).mean()


def unit_actions(actions: torch.Tensor, space: spaces.Box) -> torch.Tensor:
    """Real-valued actions, flat, scaled from their bounds to [-1, 1]."""
    low = torch.from_numpy(space.low.reshape(-1))
    width = torch.from_numpy((space.high - space.low).reshape(-1)).clamp_min(1e-12)
    return 2.0 * (actions - low) / width - 1.0


def _allowed(scores: torch.Tensor, masks: torch.Tensor | None) -> torch.Tensor:
    return scores if masks is None else scores.masked_fill(~masks, LOWEST)
