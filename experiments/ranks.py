"""Comparison of many methods by their ranks: Friedman's test and Nemenyi's critical difference.

The procedure is that of Demšar, "Statistical comparisons of classifiers over multiple data sets"
(JMLR 7, 2006): methods are ranked on each block, ranks are averaged, Friedman's test asks whether
any method differs, and two methods differ where their average ranks are further apart than the
critical difference. A block is an instance of a task; a method's score on it is the mean over its
seeds. Both tests take blocks as independent. The bootstrap intervals beside them keep tasks
apart, and draw seeds and instances within each.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.experiments.statistics import BOOTSTRAP_SEED, Interval, Strata
from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = [
    "RankSummary",
    "average_ranks",
    "chi_square_tail",
    "critical_difference",
    "friedman_test",
    "nemenyi_quantile",
    "rank_methods",
]

Array = npt.NDArray[np.float64]

RESAMPLES = 500
ALPHA = 0.05
GRID = 4001
"""Points of the numerical integration over the normal distribution; see `nemenyi_quantile`."""


@dataclass(frozen=True)
class RankSummary:
    """Average ranks of methods on the same blocks; rank 1 is the best.

    Attributes
    ----------
    methods : tuple of str
        Best first.
    ranks : tuple of Interval
        Average rank of each, with its 95 % bootstrap interval.
    blocks : int
        Number of instances that methods were ranked on.
    statistic, p_value : float
        Friedman's chi-square, corrected for ties, and the probability of one as large by chance;
        nan with fewer than two methods or blocks.
    critical_difference : float
        Nemenyi's, at 5 %.
    groups : tuple of (int, int)
        Maximal runs of methods, by first and last index, whose average ranks differ by no more than
        the critical difference.
    """

    methods: tuple[str, ...]
    ranks: tuple[Interval, ...]
    blocks: int
    statistic: float
    p_value: float
    critical_difference: float
    groups: tuple[tuple[int, int], ...]

    def document(self) -> dict[str, Any]:
        """Return the summary as JSON, with nan as null."""
        numbers = {
            "friedman_chi_square": self.statistic,
            "p_value": self.p_value,
            "critical_difference": self.critical_difference,
        }
        return {
            "blocks": self.blocks,
            "average_ranks": {
                name: rank.document() for name, rank in zip(self.methods, self.ranks, strict=True)
            },
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            "groups": [list(self.methods[first : last + 1]) for first, last in self.groups],
        }


def rank_methods(
    scores: Mapping[str, Strata], *, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> RankSummary:
    """Rank methods on every instance that all of them have a score on.

    Parameters
    ----------
    scores : mapping of method to a float array for each task, of shape (seeds, instances)
        The same tasks and instances for all methods; higher is better; nan is an excluded instance.
    resamples, seed : int
        Number of bootstrap samples and seed of their draws.
    """
    names = list(scores)
    if not names:
        raise InvalidValueError("scores", scores, "at least one method")
    if len({tuple(s.shape[1] for s in strata) for strata in scores.values()}) > 1:
        raise InvalidValueError("scores", names, "the same instances of the same tasks for all")
    tasks = [_common(parts) for parts in zip(*scores.values(), strict=True)]
    tasks = [parts for parts in tasks if parts[0].shape[1]]
    if not tasks:
        none = Interval(math.nan, math.nan, math.nan)
        nan = math.nan
        return RankSummary(tuple(names), (none,) * len(names), 0, nan, nan, nan, ())
    means = np.concatenate([np.stack([s.mean(axis=0) for s in parts]) for parts in tasks], axis=1)
    ranks = average_ranks(means)
    mean_ranks = ranks.mean(axis=1)
    draws = _bootstrap(tasks, resamples, seed)
    order = sorted(range(len(names)), key=lambda k: (mean_ranks[k], names[k]))
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    statistic, p_value = friedman_test(means)
    difference = critical_difference(len(names), means.shape[1])
    return RankSummary(
        methods=tuple(names[k] for k in order),
        ranks=tuple(Interval(float(mean_ranks[k]), float(low[k]), float(high[k])) for k in order),
        blocks=means.shape[1],
        statistic=statistic,
        p_value=p_value,
        critical_difference=difference,
        groups=_groups([float(mean_ranks[k]) for k in order], difference),
    )


def average_ranks(scores: npt.ArrayLike) -> Array:
    """Rank of each method on each block, 1 for the highest score; ties share their mean rank.

    Parameters
    ----------
    scores : array-like, shape (..., methods, blocks)

    Returns
    -------
    float64 array, of the same shape
    """
    values = np.asarray(scores, dtype=np.float64)
    mine, others = values[..., :, None, :], values[..., None, :, :]
    better = (others > mine).sum(axis=-2)
    equal = (others == mine).sum(axis=-2)
    return np.asarray(better + (equal + 1) / 2, dtype=np.float64)


def friedman_test(scores: npt.ArrayLike) -> tuple[float, float]:
    """Friedman's chi-square with correction for ties, and its p-value.

    Parameters
    ----------
    scores : array-like, shape (methods, blocks)

    Returns
    -------
    statistic, p_value : float
        nan with fewer than two methods or blocks, or where all are tied everywhere.
    """
    ranks = average_ranks(scores)
    methods, blocks = ranks.shape
    if methods < 2 or blocks < 2:
        return math.nan, math.nan
    centre = (methods + 1) / 2
    # Conover's form, in which ties need no separate correction.
    between = (methods - 1) * ((ranks.sum(axis=1) - blocks * centre) ** 2).sum()
    within = ((ranks - centre) ** 2).sum()
    if within == 0.0:
        return math.nan, math.nan
    statistic = float(between / within)
    return statistic, chi_square_tail(statistic, methods - 1)


def chi_square_tail(value: float, degrees: int) -> float:
    """Probability that a chi-square variable with whole degrees of freedom exceeds a value."""
    half = value / 2.0
    if half <= 0.0:
        return 1.0
    # Q(a + 1, x) = Q(a, x) + x^a e^-x / gamma(a + 1), from Q(1/2, x) = erfc(sqrt x) and
    # Q(1, x) = e^-x.
    odd = degrees % 2 == 1
    tail, order = (math.erfc(math.sqrt(half)), 0.5) if odd else (math.exp(-half), 1.0)
    while order < degrees / 2.0 - 1e-9:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1.0))
        order += 1.0
    return min(tail, 1.0)


def critical_difference(methods: int, blocks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of average ranks; nan with fewer than two methods or blocks."""
    if methods < 2 or blocks < 2:
        return math.nan
    return nemenyi_quantile(methods, alpha) * math.sqrt(methods * (methods + 1) / (6.0 * blocks))


@functools.cache
def nemenyi_quantile(methods: int, alpha: float = ALPHA) -> float:
    """Quantile of the studentised range with infinite degrees of freedom, over the root of 2.

    It is computed from the distribution of the range of `methods` standard normal variables,
    ``P(range <= q) = k * integral of phi(z) (Phi(z + q) - Phi(z)) ** (k - 1)``, and agrees with the
    table of Demšar (2006, Table 5) to within 0.001, the error of its own rounding.
    """
    check_range("alpha", alpha, 0.0, 1.0, low_open=True)
    z = np.linspace(-8.0, 8.0, GRID)
    density = np.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
    below = _normal(z)

    def within(q: float) -> float:
        inner = density * (_normal(z + q) - below) ** (methods - 1)
        return methods * float(np.trapezoid(inner, z))

    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if within(middle) < 1.0 - alpha else (low, middle)
    return high / math.sqrt(2.0)


def _normal(z: Array) -> Array:
    """Distribution function of the standard normal."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in z.tolist()])


def _common(parts: tuple[Array, ...]) -> list[Array]:
    """The instances of a task that every method has a score on."""
    scored = np.logical_and.reduce([~np.isnan(part).any(axis=0) for part in parts])
    return [np.asarray(part[:, scored], dtype=np.float64) for part in parts]


def _bootstrap(tasks: list[list[Array]], resamples: int, seed: int) -> Array:
    """Average ranks under resampling of seeds and instances within tasks, shape (R, methods)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    draws = np.empty((resamples, len(tasks[0])))
    for row in range(resamples):
        sample = []
        for parts in tasks:
            seeds = [generator.integers(len(part), size=len(part)) for part in parts]
            columns = generator.integers(parts[0].shape[1], size=parts[0].shape[1])
            means = [part[chosen].mean(axis=0) for part, chosen in zip(parts, seeds, strict=True)]
            sample.append(np.stack(means)[:, columns])
        draws[row] = average_ranks(np.concatenate(sample, axis=1)).mean(axis=1)
    return draws


def _groups(ranks: list[float], difference: float) -> tuple[tuple[int, int], ...]:
    """Maximal runs of at least two sorted ranks that lie within a difference."""
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(k for k, other in enumerate(ranks) if other - rank <= difference or k == first)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
