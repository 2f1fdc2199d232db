"""A small predictor of accuracies: ridge regression on what describes a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.accelerator.layer import Shape

__all__ = ["HeldOutError", "Predictor", "features", "ranks", "spearman"]

FOLDS = 5
RIDGE = 1.0
Floats = npt.NDArray[np.float64]


def features(architecture: Architecture, shape: Shape, classes: int, width: int) -> Floats:
    """Return what describes a network: its values, size and depth, as logarithms.

    Parameters
    ----------
    width : int
        Most values that an architecture of the family has; missing ones count as 0.
    """
    network = architecture.network(shape, classes)
    nests = list(network.loops.values())
    weights = sum(nest.weights for nest in nests)
    values = np.zeros(width)
    values[: len(architecture.values)] = np.log2(1 + np.array(architecture.values))
    size = np.log10([network.macs, weights])
    # What passes through every network: the narrowest of its layers.
    narrowest = np.log2(min(nest.filters for nest in nests[:-1])) if len(nests) > 1 else 0.0
    return np.concatenate([values, size, [len(nests), len(architecture.values), narrowest]])


@dataclass(frozen=True)
class HeldOutError:
    """How far predictions are off on architectures that were not fitted.

    Attributes
    ----------
    mean_absolute, root_mean_square : float
        In accuracy, 0 to 1.
    rank_correlation : float
        Spearman's, of predicted and measured accuracies.
    explained : float
        R2: share of the variance of measured accuracies that is explained.
    architectures : int
    """

    mean_absolute: float
    root_mean_square: float
    rank_correlation: float
    explained: float
    architectures: int


class Predictor:
    """Ridge regression of the logit of accuracy on features, their squares and products.

    Parameters
    ----------
    architectures : sequence of Architecture
    accuracies : float64 [n]
    shape, classes : (channels, height, width), int
        Of the data set.

    Attributes
    ----------
    error : HeldOutError
        Of predictions of architectures that were held out, over five folds.
    """

    def __init__(
        self,
        architectures: Sequence[Architecture],
        accuracies: Floats,
        shape: Shape,
        classes: int,
    ) -> None:
        self._shape, self._classes = shape, classes
        self._width = max(len(a.values) for a in architectures)
        x = np.stack([features(a, shape, classes, self._width) for a in architectures])
        self._low, self._high = x.min(axis=0), x.max(axis=0)
        measured = np.asarray(accuracies)
        design, target = self._expand(x), _logit(measured)
        fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
        found = np.empty(len(x))
        for number in range(FOLDS):
            out = fold == number
            found[out] = _inverse(design[out] @ _fit(design[~out], target[~out]))
        self.error = _error(found, measured)
        self._weights = _fit(design, target)

    def predict(self, architecture: Architecture) -> float:
        """Return the predicted accuracy, 0 to 1."""
        x = features(architecture, self._shape, self._classes, self._width)
        return float(_inverse(self._expand(x[None]) @ self._weights)[0])

    def _expand(self, x: Floats) -> Floats:
        """Scale to -1..1, within what was measured, and add squares, products and a constant."""
        span = np.where(self._high > self._low, self._high - self._low, 1.0)
        scaled = np.clip(2 * (x - self._low) / span - 1, -1.0, 1.0)
        first, second = np.triu_indices(x.shape[1])
        products = scaled[:, first] * scaled[:, second]
        return np.concatenate([np.ones((len(x), 1)), scaled, products], axis=1)


def _fit(design: Floats, target: Floats) -> Floats:
    """Return the weights of the ridge regression; the constant is not shrunk."""
    shrink = RIDGE * np.eye(design.shape[1])
    shrink[0, 0] = 0.0
    return np.asarray(np.linalg.solve(design.T @ design + shrink, design.T @ target))


def _error(found: Floats, measured: Floats) -> HeldOutError:
    off = found - measured
    spread = float(np.sum((measured - measured.mean()) ** 2))
    return HeldOutError(
        mean_absolute=float(np.mean(np.abs(off))),
        root_mean_square=float(np.sqrt(np.mean(off**2))),
        rank_correlation=spearman(found, measured),
        explained=1.0 - float(np.sum(off**2)) / spread if spread else 0.0,
        architectures=len(measured),
    )


def ranks(values: Floats) -> Floats:
    """Return the ranks of values from 0; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return np.asarray((below + (counts - 1) / 2)[inverse], dtype=np.float64)


def spearman(first: Floats, second: Floats) -> float:
    """Return the rank correlation; 0 where one of them is constant."""
    a, b = (ranks(values) - (len(values) - 1) / 2 for values in (first, second))
    size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.sum(a * b) / size) if size else 0.0


def _logit(values: Floats) -> Floats:
    inside = np.clip(values, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(inside / (1 - inside)))


def _inverse(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
