"""Regression models of the metrics, one a target, and how well they predict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import MissingLibraryError

__all__ = ["MODELS", "TARGETS", "Fit", "fit", "predictions_per_s", "rmse_percent"]

Floats = npt.NDArray[np.float64]

TARGETS = ("total_time_ns", "mean_latency_ns", "energy_pj", "power_mw")
"""What is predicted: ArchGym's latency, which is the total time, energy and power; and the mean
latency."""


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, random_state=seed, n_jobs=1)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=400, random_state=seed, early_stopping=False)


MODELS: dict[str, Callable[[int], Any]] = {
    "random-forest": _forest,
    "gradient-boosting": _boosting,
}
"""Constructors by name; the random forest is ArchGym's."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model of one target; it works on the logarithm, as the targets span decades.

    Attributes
    ----------
    model : object
        With ``predict``.
    """

    model: Any

    def predict(self, features: npt.NDArray[Any]) -> Floats:
        """Predict the target, float64, shape (N,)."""
        return np.exp(np.asarray(self.model.predict(features), dtype=np.float64))


def fit(model: str, features: npt.NDArray[Any], values: Floats, seed: int) -> Fit:
    """Fit a model.

    Raises
    ------
    MissingLibraryError
        scikit-learn is not installed.
    """
    try:
        regressor = MODELS[model](seed)
    except ImportError as error:
        raise MissingLibraryError(f"the {model}", "scikit-learn", "data") from error
    return Fit(regressor.fit(features, np.log(values)))


def rmse_percent(predicted: Floats, values: Floats) -> float:
    """Root mean square error over the mean of the target, in percent."""
    return float(100 * np.sqrt(np.mean((predicted - values) ** 2)) / values.mean())


def predictions_per_s(fitted: Fit, features: npt.NDArray[Any], repeats: int = 5) -> float:
    """Median rate at which a batch is predicted."""
    rates = []
    for _ in range(repeats):
        begin = time.perf_counter()
        fitted.predict(features)
        rates.append(len(features) / (time.perf_counter() - begin))
    return float(np.median(rates))
