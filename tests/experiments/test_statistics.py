"""Statistics against values worked out by hand, and properties that any such statistic has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipgym.experiments.scoring import is_scorable, score
from chipgym.experiments.statistics import (
    bootstrap_interval,
    iqm,
    performance_profile,
    pooled,
    probability_of_improvement,
)
from chipgym.simulators.core.errors import InvalidValueError

NAN = math.nan
values = st.floats(-1e6, 1e6, allow_nan=False)


def column(*scores: float) -> np.ndarray:
    """Scores of several seeds on one instance."""
    return np.array(scores, dtype=float)[:, None]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([5.0], 5.0),
        ([1.0, 3.0], 2.0),
        ([1.0, 2.0, 9.0], 4.0),  # floor(3 / 4) = 0: nothing is cut
        ([100.0, 1.0, 2.0, -50.0], 1.5),
        ([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 4.5),
        ([0.0, 0.0, 1.0, 2.0, 6.0, 9.0, 9.0], 3.6),  # one cut at each end
    ],
)
def test_iqm_by_hand(scores: list[float], expected: float) -> None:
    assert float(iqm(scores)) == pytest.approx(expected, abs=1e-12)


def test_iqm_of_nothing_is_nan() -> None:
    assert math.isnan(float(iqm([])))


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=values))
def test_iqm_properties(scores: np.ndarray) -> None:
    middle = float(iqm(scores))
    slack = 1e-9 * (1 + np.abs(scores).max())
    assert scores.min() - slack <= middle <= scores.max() + slack
    assert float(iqm(scores[::-1])) == middle
    assert float(iqm(2 * scores + 3)) == pytest.approx(2 * middle + 3, rel=1e-9, abs=1e-6)


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=values))
def test_iqm_is_scipys_trimmed_mean(scores: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.trim_mean(scores, proportiontocut=0.25)
    assert float(iqm(scores)) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_bootstrap_by_enumeration() -> None:
    # Two seeds, one instance, the mean: the samples are 0, 0.5, 0.5 and 1 with equal probability.
    interval = bootstrap_interval([column(0.0, 1.0)], _mean, confidence=0.95)
    assert interval.value == 0.5
    assert (interval.low, interval.high) == (0.0, 1.0)
    narrow = bootstrap_interval([column(0.0, 1.0)], _mean, confidence=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_bootstrap_never_mixes_tasks() -> None:
    # Within each task all seeds are equal, so every stratified sample is the data itself.
    interval = bootstrap_interval([column(0.0, 0.0, 0.0), column(8.0, 8.0, 8.0)], _mean)
    assert (interval.value, interval.low, interval.high) == (4.0, 4.0, 4.0)


def test_bootstrap_draws_whole_seeds() -> None:
    # Seeds cancel out exactly instance by instance only if rows are drawn whole.
    scores = np.array([[1.0, -1.0], [-5.0, 5.0], [9.0, -9.0]])
    interval = bootstrap_interval([scores], _mean, resample_instances=False)
    assert (interval.low, interval.high) == (0.0, 0.0)
    assert bootstrap_interval([scores], _mean).high > 1.0


def test_bootstrap_covers_what_it_says() -> None:
    generator = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        interval = bootstrap_interval([generator.normal(size=(20, 1))], _mean, resamples=400)
        hits += interval.low <= 0.0 <= interval.high
    assert 0.88 <= hits / 300 <= 0.98  # the percentile interval of 20 samples covers a little less


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000))
def test_bootstrap_properties(seeds: int, instances: int, tasks: int, key: int) -> None:
    generator = np.random.default_rng(key)
    strata = [generator.normal(size=(seeds, instances)) for _ in range(tasks)]
    interval = bootstrap_interval(strata, resamples=200)
    assert interval == bootstrap_interval(strata, resamples=200)
    assert interval.low <= interval.high
    assert interval.value == float(iqm(pooled(strata)))
    lowest = min(stratum.min() for stratum in strata)
    highest = max(stratum.max() for stratum in strata)
    assert lowest - 1e-12 <= interval.low
    assert interval.high <= highest + 1e-12


def test_bootstrap_does_not_depend_on_memory_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    strata = [np.random.default_rng(1).normal(size=(4, 6)) for _ in range(2)]
    whole = bootstrap_interval(strata), probability_of_improvement(strata, strata[::-1])
    monkeypatch.setattr("chipgym.experiments.statistics.CHUNK_VALUES", 700)
    pieces = bootstrap_interval(strata), probability_of_improvement(strata, strata[::-1])
    assert whole == pieces


def test_excluded_instances_do_not_count() -> None:
    with_gap = [np.array([[1.0, NAN, 3.0], [2.0, NAN, 4.0]]), column(NAN, NAN)]
    without = [np.array([[1.0, 3.0], [2.0, 4.0]])]
    assert bootstrap_interval(with_gap) == bootstrap_interval(without)
    assert pooled(with_gap).tolist() == [1.0, 3.0, 2.0, 4.0]
    assert math.isnan(bootstrap_interval([column(NAN)]).value)


def test_half_missing_instances_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="all seeds of an instance"):
        bootstrap_interval([np.array([[1.0, NAN], [1.0, 2.0]])])
    with pytest.raises(InvalidValueError, match="seeds"):
        bootstrap_interval([np.zeros(3)])
    with pytest.raises(InvalidValueError, match="strata"):
        bootstrap_interval([])


def test_improvement_by_hand() -> None:
    # X = (1, 3) against Y = (2, 3): 1<2, 1<3, 3>2, 3=3, so (0 + 0 + 1 + 0.5) / 4.
    assert probability_of_improvement([column(1, 3)], [column(2, 3)]).value == 0.375
    # Tasks weigh the same, however many instances they have.
    x = [column(1.0), np.array([[0.0, 0.0, 0.0]])]
    y = [column(0.0), np.array([[1.0, 1.0, 1.0]])]
    assert probability_of_improvement(x, y).value == 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10_000))
def test_improvement_properties(seeds_x: int, seeds_y: int, instances: int, key: int) -> None:
    generator = np.random.default_rng(key)
    x = [generator.integers(4, size=(seeds_x, instances)).astype(float)]
    y = [generator.integers(4, size=(seeds_y, instances)).astype(float)]
    there = probability_of_improvement(x, y, resamples=100)
    back = probability_of_improvement(y, x, resamples=100)
    assert there.value + back.value == pytest.approx(1.0)
    assert 0.0 <= there.low <= there.high <= 1.0
    assert probability_of_improvement(x, x, resamples=50).value == pytest.approx(0.5)


def test_improvement_draws_instances_jointly_and_seeds_apart() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(3, 5)), rng.normal(0.3, size=(2, 5))
    generator = np.random.Generator(np.random.PCG64(7))
    drawn = [generator.integers(size, size=(400, size)) for size in (3, 2, 5)]
    means = [
        np.mean([x[i, k] > y[j, k] for i in rows for j in others for k in columns])
        for rows, others, columns in zip(*drawn, strict=True)
    ]
    found = probability_of_improvement([x], [y], resamples=400, seed=7)
    expected = np.percentile(means, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_improvement_wants_paired_instances() -> None:
    with pytest.raises(InvalidValueError, match="same instances"):
        probability_of_improvement([np.zeros((1, 2))], [np.zeros((1, 3))])


def test_performance_profile_by_hand() -> None:
    strata = [np.array([[0.0, 1.0], [2.0, NAN]])[:, :1], column(1.0, 5.0)]
    fractions = performance_profile(strata, [-1.0, 0.0, 1.0, 4.9, 5.0])
    assert fractions.tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]


@settings(deadline=None)
@given(arrays(np.float64, (3, 5), elements=values))
def test_performance_profile_never_rises(scores: np.ndarray) -> None:
    profile = performance_profile([scores], np.linspace(-1e6, 1e6, 50))
    assert (np.diff(profile) <= 0).all()
    assert profile[-1] == 0.0


def test_score_by_definition() -> None:
    assert score(200.0, random=200.0, reference=100.0) == 0.0
    assert score(100.0, random=200.0, reference=100.0) == 1.0
    assert score(50.0, random=200.0, reference=100.0) == 1.5
    assert score(300.0, random=200.0, reference=100.0) == -1.0
    assert score(0.9, random=0.5, reference=0.9, lower_is_better=False) == 1.0


@pytest.mark.parametrize(
    ("random", "reference", "error"),
    [(100.0, 100.0, 0.0), (100.0, 99.5, 0.0), (100.0, 120.0, 0.0), (100.0, 90.0, 6.0)],
)
def test_unclear_denominators_exclude_the_instance(
    random: float, reference: float, error: float
) -> None:
    assert not is_scorable(random, reference, error)
    assert math.isnan(score(95.0, random, reference, error))


def _mean(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores.mean(axis=-1))
