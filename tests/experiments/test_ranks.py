"""Ranks, Friedman's test and Nemenyi's critical difference against published and exact values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipgym.experiments.ranks import (
    average_ranks,
    chi_square_tail,
    critical_difference,
    friedman_test,
    nemenyi_quantile,
    rank_methods,
)
from chipgym.simulators.core.errors import InvalidValueError

# Demšar, JMLR 7 (2006), Table 5 (a): two-tailed Nemenyi test, 2 to 10 methods.
DEMSAR = {
    0.05: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
    0.10: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
}
# The same, Table 6: area under the curve of C4.5 with and without tuning of m and cf, 14 data sets.
DEMSAR_AUC = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975],
    [0.957, 0.978, 0.946, 0.970],
]


@pytest.mark.parametrize("alpha", DEMSAR)
def test_quantiles_are_the_published_table(alpha: float) -> None:
    found = [nemenyi_quantile(k, alpha) for k in range(2, 11)]
    assert found == pytest.approx(DEMSAR[alpha], abs=1.1e-3)


def test_quantiles_are_scipys_studentised_range() -> None:
    stats = pytest.importorskip("scipy.stats")
    for k in (2, 5, 14, 30):
        expected = stats.studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2.0)
        assert nemenyi_quantile(k) == pytest.approx(expected, abs=1e-4)


def test_the_example_of_the_paper() -> None:
    # Demšar gives average ranks 3.143, 2.000, 2.893, 1.964, a chi-square of 9.28 (without
    # correction for ties) and, for 4 methods on 14 data sets, a difference of 1.25.
    scores = np.array(DEMSAR_AUC).T
    assert average_ranks(scores).mean(axis=1) == pytest.approx(
        [3.143, 2.000, 2.893, 1.964], abs=5e-4
    )
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    statistic, p_value = friedman_test(scores)
    assert statistic >= 9.28
    assert p_value < 0.05
    summary = rank_methods({f"m{k}": [row[None, :]] for k, row in enumerate(scores)})
    assert summary.methods == ("m3", "m1", "m2", "m0")
    assert summary.groups == ((0, 3),)  # the paper: 1.18 is less than 1.25


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.int64, st.tuples(st.integers(3, 6), st.integers(2, 9)), elements=st.integers(0, 4))
)
def test_friedman_is_scipys(scores: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    statistic, p_value = friedman_test(scores)
    if math.isnan(statistic):
        assert (scores == scores[0]).all()
        return
    expected = stats.friedmanchisquare(*scores)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("degrees", range(1, 12))
def test_chi_square_is_scipys(degrees: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    for value in (0.0, 0.1, 3.7, 12.0, 200.0):
        expected = stats.chi2.sf(value, degrees)
        assert chi_square_tail(value, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@settings(deadline=None)
@given(arrays(np.float64, (4, 5), elements=st.floats(-9, 9)))
def test_ranks_add_up(scores: np.ndarray) -> None:
    assert average_ranks(scores).sum(axis=0) == pytest.approx(np.full(5, 10.0))
    assert average_ranks(-scores) == pytest.approx(5 - average_ranks(scores))


def test_clear_differences_are_found_and_excluded_instances_are_left_out() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random((4, 30)) / 100
    noise[:, 3] = np.nan
    scores = {"good": [noise + 1.0], "bad": [noise[:2]], "middle": [noise + 0.5]}
    summary = rank_methods(scores, resamples=50)
    assert summary.methods == ("good", "middle", "bad")
    assert [rank.value for rank in summary.ranks] == [1.0, 2.0, 3.0]
    assert (summary.blocks, summary.groups) == (29, ())
    assert summary.p_value < 1e-9
    assert rank_methods(scores, resamples=50) == summary
    assert summary.document()["average_ranks"]["bad"] == {"value": 3.0, "low": 3.0, "high": 3.0}


def test_nothing_to_rank_is_no_number() -> None:
    summary = rank_methods({"a": [np.full((1, 2), np.nan)], "b": [np.zeros((1, 2))]})
    assert summary.blocks == 0
    assert summary.document()["critical_difference"] is None
    with pytest.raises(InvalidValueError, match="same instances"):
        rank_methods({"a": [np.zeros((1, 2))], "b": [np.zeros((1, 3))]})
    with pytest.raises(InvalidValueError, match="at least one"):
        rank_methods({})
