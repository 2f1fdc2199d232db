"""Statistics of comparisons: interquartile mean, bootstrap, improvement, performance profiles.

The definitions are those of Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice" (NeurIPS 2021). Scores of a method come as one array for each task (a
*stratum*), of shape ``(seeds, instances)``; a column of nan is an instance that is excluded from
scoring. Everything is deterministic: the bootstrap draws from a generator with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError

__all__ = [
    "Interval",
    "bootstrap_interval",
    "iqm",
    "performance_profile",
    "pooled",
    "probability_of_improvement",
]

Array = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]
Strata = Sequence[Array]
Statistic = Callable[[Array], Array]

RESAMPLES = 2000
BOOTSTRAP_SEED = 20_210_830
CHUNK_VALUES = 2_000_000
"""Values that a chunk of bootstrap samples holds at most, which bounds the memory."""


@dataclass(frozen=True)
class Interval:
    """A point estimate with its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the limits of the interval (nan: nothing to estimate from).
    """

    value: float
    low: float
    high: float

    def document(self) -> dict[str, float | None]:
        """Return the interval as JSON, with nan as null."""
        fields = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if np.isnan(number) else number for name, number in fields.items()}


def iqm(scores: npt.ArrayLike) -> Array:
    """Interquartile mean along the last axis: the mean of what is left without the outer quarters.

    ``floor(n / 4)`` values are cut at each end, as `scipy.stats.trim_mean` does. nan if n is 0.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=-1)
    count = ordered.shape[-1]
    if count == 0:
        return np.full(ordered.shape[:-1], np.nan)
    cut = count // 4
    return np.asarray(ordered[..., cut : count - cut].mean(axis=-1), dtype=np.float64)


def pooled(strata: Strata) -> Array:
    """All scores of a method in one flat array, without the excluded instances."""
    kept = _scored(strata)
    return np.concatenate([stratum.ravel() for stratum in kept]) if kept else np.empty(0)


def bootstrap_interval(
    strata: Strata,
    statistic: Statistic = iqm,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    resample_instances: bool = True,
    seed: int = BOOTSTRAP_SEED,
) -> Interval:
    """Percentile interval of a statistic by stratified bootstrap over seeds and instances.

    Tasks are the strata and are never resampled. Within each task, seeds (rows) are drawn with
    replacement, a whole row at a time, because one trained agent meets all instances; and, unless
    `resample_instances` is False, instances (columns) are drawn likewise, because they are a sample
    of the task. With one column a stratum this is the stratified bootstrap over runs of Agarwal et
    al. (2021).

    Parameters
    ----------
    strata : sequence of float arrays, each of shape (seeds, instances)
        The scores.
    statistic : callable
        Reduces the last axis of an array of scores.
    confidence : float
        Mass of the interval.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Seed of the draws.
    """
    kept = _scored(strata)
    if not kept:
        return Interval(np.nan, np.nan, np.nan)
    value = float(statistic(np.concatenate([stratum.ravel() for stratum in kept])))
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = [_draw(generator, resamples, s.shape[0], True) for s in kept]
    columns = [_draw(generator, resamples, s.shape[1], resample_instances) for s in kept]
    draws = np.empty(resamples)
    for part in _chunks(resamples, sum(stratum.size for stratum in kept)):
        samples = [
            s[r[part][:, :, None], c[part][:, None, :]].reshape(part.stop - part.start, -1)
            for s, r, c in zip(kept, rows, columns, strict=True)
        ]
        draws[part] = statistic(np.concatenate(samples, axis=1))
    return _percentile_interval(value, draws, confidence)


def probability_of_improvement(
    scores_x: Strata,
    scores_y: Strata,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> Interval:
    """Probability that X scores higher than Y on a random instance, ties counting one half.

    For each instance every seed of X is compared with every seed of Y (Mann and Whitney 1947);
    instances are averaged within a task, then the tasks. Both methods must have met the same
    instances: the bootstrap draws instances jointly (they are paired) and seeds separately.
    """
    if [s.shape[1] for s in scores_x] != [s.shape[1] for s in scores_y]:
        raise InvalidValueError(
            "scores_y", [s.shape for s in scores_y], "the same instances of the same tasks as X"
        )
    pairs = list(zip(_scored(scores_x), _scored(scores_y), strict=True))
    if not pairs:
        return Interval(np.nan, np.nan, np.nan)
    wins = [_wins(x, y) for x, y in pairs]
    value = float(np.mean([win.mean() for win in wins]))
    generator = np.random.Generator(np.random.PCG64(seed))
    draws = np.zeros(resamples)
    for win in wins:
        rows_x, rows_y, columns = (
            _weights(_draw(generator, resamples, size, True), size) for size in win.shape
        )
        for part in _chunks(resamples, win.size):
            # The mean of win[rows_x, rows_y, columns], each entry as often as it was drawn.
            shares = rows_x[part], rows_y[part], columns[part]
            draws[part] += np.einsum("bi,bj,bk,ijk->b", *shares, win, optimize=True) / len(wins)
    return _percentile_interval(value, draws, confidence)


def performance_profile(strata: Strata, thresholds: npt.ArrayLike) -> Array:
    """Fraction of (seed, instance) runs whose score exceeds each threshold.

    Parameters
    ----------
    strata : sequence of float arrays, each of shape (seeds, instances)
        The scores of one method.
    thresholds : array-like, shape (n,)
        The score thresholds.

    Returns
    -------
    float64 array, shape (n,)
        Fractions, not increasing where the thresholds increase; nan without any score.
    """
    scores = pooled(strata)
    limits = np.asarray(thresholds, dtype=np.float64)
    if not len(scores):
        return np.full(limits.shape, np.nan)
    return np.asarray((scores[None, :] > limits[:, None]).mean(axis=1), dtype=np.float64)


def _scored(strata: Strata) -> list[Array]:
    """Check the strata and drop their excluded instances, and the tasks that have no other."""
    if not strata:
        raise InvalidValueError("strata", [], "at least one array of shape (seeds, instances)")
    kept = []
    for index, stratum in enumerate(strata):
        if stratum.ndim != 2 or 0 in stratum.shape:
            raise InvalidValueError(
                f"strata[{index}]", stratum.shape, "an array of shape (seeds >= 1, instances >= 1)"
            )
        missing = np.isnan(stratum)
        if (missing.any(axis=0) != missing.all(axis=0)).any():
            raise InvalidValueError(
                f"strata[{index}]", "nan", "a score for all seeds of an instance, or for none"
            )
        if not missing.all():
            kept.append(np.asarray(stratum[:, ~missing[0]], dtype=np.float64))
    return kept


def _draw(generator: np.random.Generator, resamples: int, size: int, resample: bool) -> Indexes:
    """Indexes with replacement, shape (resamples, size); or all of them in order, each time."""
    if not resample:
        return np.broadcast_to(np.arange(size), (resamples, size))
    return generator.integers(size, size=(resamples, size))


def _weights(draws: Indexes, size: int) -> Array:
    """Share of each index in each row of draws."""
    rows = np.arange(len(draws))[:, None]
    counts = np.zeros((len(draws), size))
    np.add.at(counts, (rows, draws), 1.0 / draws.shape[1])
    return counts


def _chunks(resamples: int, values: int) -> Iterator[slice[Any, Any, Any]]:
    """Split the bootstrap samples, of `values` values each, into chunks of bounded memory."""
    step = max(1, CHUNK_VALUES // values)
    for start in range(0, resamples, step):
        yield slice(start, min(start + step, resamples))


def _wins(x: Array, y: Array) -> Array:
    """1 where X beats Y, 0.5 where they tie; shape (seeds of X, seeds of Y, instances)."""
    a, b = x[:, None, :], y[None, :, :]
    return np.asarray((a > b) + 0.5 * (a == b), dtype=np.float64)


def _percentile_interval(value: float, draws: Array, confidence: float) -> Interval:
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return Interval(value, float(low), float(high))
