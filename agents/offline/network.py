"""The network of the offline learners: a perceptron on standardised observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from torch import nn

from chipgym.agents.core.torch_tools import seeded
from chipgym.agents.offline.data import option_counts
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["OfflineNetwork", "new_network"]

CLIP = 10.0
"""Limit of standardised features: what hardly varied in the data may vary elsewhere."""
SMALLEST_DEVIATION = 1e-3


class OfflineNetwork(nn.Module):
    """Scores of all options of all choices side by side, or real-valued actions in [-1, 1].

    Parameters
    ----------
    observation_space : gymnasium.spaces.Box
        Flat observations.
    action_space : gymnasium.Space
        Discrete, MultiDiscrete or Box with finite bounds.
    hidden : sequence of int
        Widths of the hidden layers.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        observation_space: spaces.Box,
        action_space: spaces.Space[Any],
        hidden: Sequence[int],
    ) -> None:
        super().__init__()
        self.observation_space = observation_space
        self.action_space = action_space
        self.hidden = tuple(hidden)
        self.counts = option_counts(action_space)
        if isinstance(action_space, spaces.Box) and not action_space.is_bounded():
            raise InvalidValueError("action_space", str(action_space), "a Box with finite bounds")
        size = int(np.prod(observation_space.shape))
        assert action_space.shape is not None
        outputs = sum(self.counts) if self.counts else int(np.prod(action_space.shape))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        layers: list[nn.Module] = []
        for width in self.hidden:
            layers += [nn.Linear(size, width), nn.ReLU()]
            size = width
        self.layers = nn.Sequential(*layers, nn.Linear(size, outputs))

    def standardise(self, observations: npt.NDArray[np.float32]) -> None:
        """Take mean and deviation of each feature from data, shape (N, D)."""
        mean = observations.mean(axis=0, dtype=np.float64)
        deviation = np.maximum(observations.std(axis=0, dtype=np.float64), SMALLEST_DEVIATION)
        self.mean.copy_(torch.from_numpy(mean.astype(np.float32)))
        self.deviation.copy_(torch.from_numpy(deviation.astype(np.float32)))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Scores of the options, shape (N, A), or actions in [-1, 1], shape (N, B)."""
        inputs = ((observations - self.mean) / self.deviation).clamp(-CLIP, CLIP)
        outputs: torch.Tensor = self.layers(inputs)
        return outputs if self.counts else torch.tanh(outputs)


def new_network(
    observation_space: spaces.Box,
    action_space: spaces.Space[Any],
    hidden: Sequence[int],
    seed: int,
) -> OfflineNetwork:
    """Return an untrained network; the same seed gives the same weights."""
    with seeded(seed):
        return OfflineNetwork(observation_space, action_space, hidden)
