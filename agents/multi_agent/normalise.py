"""Running mean and deviation, for observations and returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["RunningMoments"]

FloatArray = npt.NDArray[np.float64]

_LIMIT = 10.0
_LEAST = 1e-8


class RunningMoments:
    """Mean and variance of all rows seen, by Chan, Golub and LeVeque's parallel update (1979).

    Parameters
    ----------
    shape : tuple of int
        Shape (A, ...) of a row: A agents.
    pooled : bool
        The agents have the moments in common.
    """

    def __init__(self, shape: tuple[int, ...], pooled: bool) -> None:
        kept = (1, *shape[1:]) if pooled else shape
        self.pooled = pooled
        self.mean: FloatArray = np.zeros(kept)
        self.variance: FloatArray = np.ones(kept)
        self.count: FloatArray = np.zeros((kept[0], *[1] * (len(kept) - 1)))

    def update(self, rows: npt.NDArray[Any], present: npt.NDArray[np.bool_]) -> None:
        """Take further rows.

        Parameters
        ----------
        rows : array, shape (B, A, ...)
            The rows.
        present : bool array, shape (B, A)
            Agents that count in each row.
        """
        weights = present.reshape(*present.shape, *[1] * (rows.ndim - 2)).astype(np.float64)
        rows = rows.astype(np.float64)
        if self.pooled:
            rows = rows.reshape(-1, 1, *rows.shape[2:])
            weights = weights.reshape(-1, 1, *weights.shape[2:])
        count = weights.sum(axis=0)
        safe = np.maximum(count, 1.0)
        mean = (rows * weights).sum(axis=0) / safe
        variance = ((rows - mean) ** 2 * weights).sum(axis=0) / safe
        total = np.maximum(self.count + count, 1.0)
        delta = mean - self.mean
        squares = self.variance * self.count + variance * count
        squares = squares + delta**2 * self.count * count / total
        seen = (self.count + count) > 0
        self.variance = np.where(seen, squares / total, self.variance)
        self.mean = np.where(seen, self.mean + delta * count / total, self.mean)
        self.count = self.count + count

    @property
    def deviation(self) -> FloatArray:
        """Standard deviation; 1 where nothing varies."""
        found = np.sqrt(self.variance)
        return np.where(found > _LEAST, found, 1.0)

    def scale(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Bring rows (B, A, ...) to mean 0 and deviation 1, cut at ten deviations."""
        scaled = (rows - self.mean) / self.deviation
        return np.clip(scaled, -_LIMIT, _LIMIT).astype(np.float32)

    def arrays(self, prefix: str) -> dict[str, FloatArray]:
        """Return the moments as named arrays."""
        return {f"{prefix}/{name}": getattr(self, name) for name in ("mean", "variance", "count")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> RunningMoments:
        """Return moments from `arrays`; for scaling only, since pooling is not kept."""
        moments = cls(arrays[f"{prefix}/mean"].shape, False)
        for name in ("mean", "variance", "count"):
            setattr(moments, name, np.array(arrays[f"{prefix}/{name}"], dtype=np.float64))
        return moments
