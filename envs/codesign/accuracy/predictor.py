"""A small predictor of accuracies: ridge regression on what describes a network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.envs.codesign.spaces import Architecture
from chipgym.simulators.accelerator.layer import Shape

__all__ = ["Predictor", "features"]

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
    return np.concatenate([values, size, [len(nests), len(architecture.values)]])


class Predictor:
    """Ridge regression of the logit of accuracy on features, their squares included.

    Parameters
    ----------
    architectures : sequence of Architecture
    accuracies : float64 [n]
    shape, classes : (channels, height, width), int
        Of the data set.

    Attributes
    ----------
    error : float
        Root-mean-square error of predictions of architectures that were held out, over five folds.
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
        design, target = self._expand(x), _logit(np.asarray(accuracies))
        fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
        errors = np.zeros(len(x))
        for number in range(FOLDS):
            out = fold == number
            if out.any() and not out.all():
                found = _inverse(design[out] @ _fit(design[~out], target[~out]))
                errors[out] = found - accuracies[out]
        self.error = float(np.sqrt(np.mean(errors**2)))
        self._weights = _fit(design, target)

    def predict(self, architecture: Architecture) -> float:
        """Return the predicted accuracy, 0 to 1."""
        x = features(architecture, self._shape, self._classes, self._width)
        return float(_inverse(self._expand(x[None]) @ self._weights)[0])

    def _expand(self, x: Floats) -> Floats:
        """Scale to -1..1, within what was measured, and add squares and a constant."""
        span = np.where(self._high > self._low, self._high - self._low, 1.0)
        scaled = np.clip(2 * (x - self._low) / span - 1, -1.0, 1.0)
        return np.concatenate([np.ones((len(x), 1)), scaled, scaled**2], axis=1)


def _fit(design: Floats, target: Floats) -> Floats:
    gram = design.T @ design + RIDGE * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(gram, design.T @ target))


def _logit(values: Floats) -> Floats:
    inside = np.clip(values, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(inside / (1 - inside)))


def _inverse(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))
