"""How much a circuit resembles those of the training, and how far the network is trusted.

Chowdhury et al. (ICLR 2024): with d the smallest cosine distance between the embedding of a new
circuit and those of the training circuits, the prior P of the search becomes ``P^alpha`` with
``alpha = 1 - sigmoid(T (d - threshold))``, T = 100 and threshold = 0.007 in the released code. Near
a known circuit alpha tends to one, and the search trusts the network; far away it tends to zero,
and the prior is uniform.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.agents.papers.abc_rl.settings import RetrievalSettings
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Neighbour", "Neighbours", "cosine_distances", "flatten", "trust"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """The nearest circuit of the training, and its cosine distance (0 to 2)."""

    name: str
    distance: float


def cosine_distances(embedding: npt.NDArray[Any], others: npt.NDArray[Any]) -> FloatArray:
    """One minus the cosine of the angles between a vector (H,) and others (K, H), shape (K,)."""
    vector = np.asarray(embedding, dtype=np.float64)
    matrix = np.asarray(others, dtype=np.float64)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(vector)
    # A vector of zeros resembles nothing.
    cosines = (matrix * vector).sum(axis=1) / np.where(lengths > 0.0, lengths, np.inf)
    return np.asarray(np.clip(1.0 - cosines, 0.0, 2.0))


def trust(distance: float, settings: RetrievalSettings) -> float:
    """The exponent alpha for a distance, 0 to 1."""
    exponent = settings.temperature * (distance - settings.threshold)
    # 1 - sigmoid(x) = sigmoid(-x), written so that nothing overflows.
    if exponent >= 0.0:
        return math.exp(-exponent) / (1.0 + math.exp(-exponent))
    return 1.0 / (1.0 + math.exp(exponent))


def flatten(logits: npt.NDArray[Any], alpha: float, *, renormalise: bool = True) -> FloatArray:
    """The policy of some logits (A,) to the power of alpha; uniform for alpha = 0."""
    scores = np.asarray(logits, dtype=np.float64)
    scores = scores - scores.max()
    scores = alpha * (scores - np.log(np.exp(scores).sum()))
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum() if renormalise else powers)


class Neighbours:
    """The training circuits: names, and embeddings of shape (K, H)."""

    def __init__(self, names: Sequence[str], embeddings: npt.NDArray[Any]) -> None:
        if not len(names) or len(names) != len(embeddings):
            raise InvalidValueError("names", len(names), f"{len(embeddings)} names, at least one")
        self.names = tuple(names)
        self.embeddings = np.asarray(embeddings)

    def nearest(self, embedding: npt.NDArray[Any]) -> Neighbour:
        """The nearest circuit (the first of equals)."""
        distances = cosine_distances(embedding, self.embeddings)
        index = int(distances.argmin())
        return Neighbour(self.names[index], float(distances[index]))

    def calibrated(self, settings: RetrievalSettings) -> RetrievalSettings:
        """Settings whose threshold fits these embeddings.

        The scale of distances is the network's own, so a constant does not carry over from one
        network to another. The threshold becomes the median distance of a training circuit to the
        nearest other one, and T keeps the product T * threshold. With fewer than two different
        circuits the settings stay.
        """
        if not settings.calibrate or len(self.names) < 2:
            return settings
        nearest = [
            cosine_distances(row, np.delete(self.embeddings, index, axis=0)).min()
            for index, row in enumerate(self.embeddings)
        ]
        threshold = float(np.median(nearest))
        if threshold < 1e-9:
            return settings
        temperature = settings.temperature * settings.threshold / threshold
        return RetrievalSettings(temperature, threshold, False, settings.renormalise)
