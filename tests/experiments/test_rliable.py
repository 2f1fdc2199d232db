"""The statistics against rliable, the library of the paper that defines them.

`PUBLISHED` is what rliable 1.2.0 gives for `A` and `B` (with arch 7.2 and pandas 2.3; its bootstrap
fails with arch 8 and with pandas 3): tasks are columns, the bootstrap is stratified over runs, with
20,000 samples for the aggregates and 5,000 for the improvement. Where rliable works it is asked
again.
"""

from __future__ import annotations

import numpy as np
import pytest

from chipgym.experiments.statistics import (
    bootstrap_interval,
    iqm,
    performance_profile,
    probability_of_improvement,
)

A = np.array(
    [
        [0.64, 0.27, 0.04, 0.02, 0.81, 0.91],
        [0.61, 0.73, 0.54, 0.94, 0.82, 0.0],
        [0.86, 0.03, 0.73, 0.18, 0.86, 0.54],
        [0.3, 0.42, 0.03, 0.12, 0.67, 0.65],
        [0.62, 0.38, 1.0, 0.98, 0.69, 0.65],
    ]
)
B = np.array(
    [
        [0.76, 0.43, 0.15, 0.79, 0.58, 0.34],
        [0.53, 0.98, 1.03, 0.39, 0.63, 0.35],
        [0.65, 0.37, 0.43, 0.98, 0.25, 0.69],
        [0.09, 0.92, 0.87, 0.26, 0.96, 0.06],
        [0.37, 0.17, 0.5, 0.88, 0.25, 0.06],
        [0.45, 0.22, 0.1, 0.64, 0.33, 0.74],
        [0.22, 1.04, 0.4, 0.12, 0.69, 1.02],
    ]
)
THRESHOLDS = [0.0, 0.25, 0.5, 0.75, 1.0]
PUBLISHED = {
    "iqm_a": (0.578125, 0.43125, 0.695625),
    "iqm_b": (0.49, 0.37636364, 0.61818182),
    "mean_a": (0.53466667, 0.43166667, 0.63766667),
    "improvement": (0.53571429, 0.39761905, 0.6714881),
    "profile_a": [0.96666667, 0.76666667, 0.63333333, 0.26666667, 0.0],
}
WIDTH = 0.01
"""How far apart percentiles of two bootstraps may be: three times their Monte Carlo error."""


def columns(scores: np.ndarray) -> list[np.ndarray]:
    """Each task a stratum with one instance, as rliable has it."""
    return [scores[:, [k]] for k in range(scores.shape[1])]


def mean(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores.mean(axis=-1))


@pytest.mark.parametrize(
    ("name", "scores", "statistic"),
    [("iqm_a", A, iqm), ("iqm_b", B, iqm), ("mean_a", A, mean)],
    ids=["iqm_a", "iqm_b", "mean_a"],
)
def test_aggregates_and_intervals(name: str, scores: np.ndarray, statistic: object) -> None:
    value, low, high = PUBLISHED[name]
    found = bootstrap_interval(columns(scores), statistic, resamples=20_000)  # type: ignore[arg-type]
    assert found.value == pytest.approx(value, abs=1e-8)
    assert (found.low, found.high) == pytest.approx((low, high), abs=WIDTH)


def test_improvement() -> None:
    value, low, high = PUBLISHED["improvement"]
    found = probability_of_improvement(columns(A), columns(B), resamples=5000)
    assert found.value == pytest.approx(value, abs=1e-8)
    assert (found.low, found.high) == pytest.approx((low, high), abs=WIDTH)


def test_profile() -> None:
    found = performance_profile(columns(A), THRESHOLDS)
    assert found == pytest.approx(PUBLISHED["profile_a"], abs=1e-8)


def test_the_library_says_so_today() -> None:
    metrics = pytest.importorskip("rliable.metrics")
    assert metrics.aggregate_iqm(A) == pytest.approx(float(iqm(A.ravel())), rel=1e-12)
    assert metrics.probability_of_improvement(A, B) == pytest.approx(
        probability_of_improvement(columns(A), columns(B), resamples=10).value, rel=1e-12
    )
    try:
        from rliable import library
    except Exception as error:  # TypeError where arch and pandas do not fit
        pytest.skip(f"rliable's bootstrap cannot be imported here: {error}")
    profile, _ = library.create_performance_profile({"a": A}, np.array(THRESHOLDS), reps=10)
    assert profile["a"] == pytest.approx(performance_profile(columns(A), THRESHOLDS))
