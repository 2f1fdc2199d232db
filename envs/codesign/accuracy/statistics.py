"""What a table of accuracies is worth: spread of architectures against spread of seeds."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from chipgym.envs.codesign.accuracy.predictor import HeldOutError, spearman
from chipgym.envs.codesign.accuracy.table import MeasuredTable, fit_predictor

__all__ = ["TableStatistics", "table_statistics"]


@dataclass(frozen=True)
class TableStatistics:
    """Figures of one table.

    Attributes
    ----------
    architectures, failures, seeds : int
    low, mean, high : float
        Lowest, mean and highest accuracy of an architecture, each the mean over the seeds.
    architecture_deviation : float
        Standard deviation of the architectures' mean accuracies.
    seed_deviation : float
        Standard deviation of one architecture's accuracy over seeds (root of the mean variance);
        nan with one seed.
    seed_correlation : float
        Spearman's rank correlation between the accuracies of two seeds, the mean over all pairs.
    explained : float
        Share of the variance of single trainings that the architecture explains: the intraclass
        correlation of the one-way model with random effects (Shrout and Fleiss, Psychological
        Bulletin, 1979), 0 where seeds differ as much as architectures.
    predictor : HeldOutError or None
        Of the predictor of other architectures; None where the table is too small for one.
    """

    architectures: int
    failures: int
    seeds: int
    low: float
    mean: float
    high: float
    architecture_deviation: float
    seed_deviation: float
    seed_correlation: float
    explained: float
    predictor: HeldOutError | None


def table_statistics(table: MeasuredTable) -> TableStatistics:
    """Compute the figures of a table."""
    values = np.array(list(table.accuracies.values()))
    means, count = values.mean(axis=1), values.shape[1]
    seed, correlation, explained = math.nan, math.nan, math.nan
    if count > 1 and len(values) > 1:
        variance = float(values.var(axis=1, ddof=1).mean())
        between = max(float(means.var(ddof=1)) - variance / count, 0.0)
        pairs = itertools.combinations(values.T, 2)
        seed, correlation = math.sqrt(variance), float(np.mean([spearman(*p) for p in pairs]))
        explained = between / (between + variance) if between + variance else 0.0
    predictor = fit_predictor(table)
    return TableStatistics(
        architectures=len(values),
        failures=len(table.failures),
        seeds=count,
        low=float(means.min()),
        mean=float(means.mean()),
        high=float(means.max()),
        architecture_deviation=float(means.std(ddof=1)) if len(means) > 1 else 0.0,
        seed_deviation=seed,
        seed_correlation=correlation,
        explained=explained,
        predictor=predictor.error if predictor else None,
    )
