"""The score of a result: one definition, used by the harness, the leaderboards and the docs.

``score = (random - x) / (random - reference)`` per instance, where `random` is the mean metric of
the random policy and `reference` that of a named method which beats it by construction. 0 is
random, 1 is the reference, above 1 is better than it. The form is the same for metrics that are
maximised, since both differences change sign.
"""

from __future__ import annotations

import math

__all__ = ["MIN_RELATIVE_GAP", "is_scorable", "score"]

MIN_RELATIVE_GAP = 0.01
"""Smallest gap between random and reference that counts, as a fraction of the random metric."""


def is_scorable(
    random: float,
    reference: float,
    random_standard_error: float = 0.0,
    *,
    lower_is_better: bool = True,
) -> bool:
    """Whether the denominator of the score is clearly positive.

    It must exceed 1 % of the random metric, and twice the standard error of that metric. Where it
    does not, the instance does not tell methods apart and is excluded from the score.
    """
    if not all(map(math.isfinite, (random, reference, random_standard_error))):
        return False
    gap = random - reference if lower_is_better else reference - random
    return gap > max(MIN_RELATIVE_GAP * abs(random), 2.0 * random_standard_error)


def score(
    value: float,
    random: float,
    reference: float,
    random_standard_error: float = 0.0,
    *,
    lower_is_better: bool = True,
) -> float:
    """Score of a metric's value on one instance; nan where the instance is excluded.

    Parameters
    ----------
    value : float
        The method's metric, in the metric's own unit.
    random, reference : float
        Metric of the random policy (mean over its seeds) and of the reference method.
    random_standard_error : float
        Standard error of `random`.
    lower_is_better : bool
        Direction of the metric.
    """
    if not is_scorable(random, reference, random_standard_error, lower_is_better=lower_is_better):
        return math.nan
    return (random - value) / (random - reference)
