"""Arrival processes and application mixes: their laws, and what they refuse."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.arrivals import (
    Bursty,
    FixedGap,
    Poisson,
    RandomMix,
    RoundRobin,
    Snippet,
    TraceArrivals,
    generate_workload,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_generator_alone_decides():
    mix = RandomMix((0.2, 0.2, 0.2, 0.1, 0.1, 0.2))
    first, second, other = (
        generate_workload(Poisson(25.0), mix, 50, rng(seed)) for seed in (1, 1, 2)
    )
    assert first.content_hash == second.content_hash != other.content_hash


def test_exponential_gaps():
    exact = Poisson(40.0, whole_us=False).gaps_us(100_000, rng())
    assert exact.mean() == pytest.approx(40.0, rel=0.02)
    assert exact.std() == pytest.approx(40.0, rel=0.02)
    whole = Poisson(40.0).gaps_us(100_000, rng())
    assert whole.tolist() == np.floor(exact).tolist()


def test_bursts_keep_the_long_run_rate_and_cluster():
    process = Bursty(calm_gap_us=200.0, burst_gap_us=10.0, calm_us=2000.0, burst_us=500.0)
    # 2500 µs hold 10 calm and 50 burst jobs on average.
    assert process.mean_gap_us == pytest.approx(2500 / 60)
    gaps = process.gaps_us(200_000, rng())
    assert gaps.mean() + 0.5 == pytest.approx(process.mean_gap_us, rel=0.05)
    assert gaps.std() > 2 * gaps.mean()
    short = gaps < 20
    assert np.corrcoef(short[1:], short[:-1])[0, 1] > 0.3


def test_equal_states_are_a_poisson_process():
    gaps = Bursty(50.0, 50.0, 300.0, 100.0, whole_us=False).gaps_us(100_000, rng())
    assert gaps.mean() == pytest.approx(50.0, rel=0.02)
    assert gaps.std() == pytest.approx(50.0, rel=0.02)


def test_a_trace_is_replayed():
    workload = generate_workload(TraceArrivals((0.0, 3.0, 3.0, 10.5)), RoundRobin(3), 4, rng())
    assert workload.gap_us.tolist() == [3.0, 0.0, 7.5, 0.0]
    assert workload.app_index.tolist() == [0, 1, 2, 0]


def test_fixed_gaps():
    assert FixedGap(30).gaps_us(3, rng()).tolist() == [30.0] * 3


def test_a_mix_meets_its_probabilities():
    apps = RandomMix((0.5, 0.0, 0.3, 0.2)).applications(50_000, rng())
    shares = np.bincount(apps, minlength=4) / len(apps)
    assert shares.tolist() == pytest.approx([0.5, 0.0, 0.3, 0.2], abs=0.01)
    assert RandomMix.uniform(4).probabilities == (0.25,) * 4


def test_a_snippet_has_exact_counts_in_random_order():
    drawn = [Snippet((3, 0, 2)).applications(5, rng(seed)).tolist() for seed in range(20)]
    assert all(Counter(apps) == {0: 3, 2: 2} for apps in drawn)
    assert len({tuple(apps) for apps in drawn}) > 3


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Poisson(0.0), "mean_gap_us"),
        (lambda: FixedGap(-1.0), "gap_us"),
        (lambda: Bursty(10.0, 20.0, 1.0, 1.0), "burst_gap_us"),
        (lambda: Bursty(10.0, 5.0, 0.0, 1.0), "calm_us"),
        (lambda: TraceArrivals(()), "arrival_us"),
        (lambda: TraceArrivals((1.0,)), r"arrival_us\[0\]"),
        (lambda: TraceArrivals((0.0, 5.0, 4.0)), r"arrival_us\[2\]"),
        (lambda: RandomMix((0.5, 0.4)), "sum"),
        (lambda: RandomMix((1.5, -0.5)), r"probabilities\[0\]"),
        (lambda: RandomMix(()), "probabilities"),
        (lambda: Snippet((0, 0)), "sum"),
        (lambda: Snippet((2, -1)), r"counts\[1\]"),
        (lambda: RoundRobin(0), "num_applications"),
        (lambda: generate_workload(FixedGap(1.0), RoundRobin(1), 0, rng()), "num_jobs"),
        (lambda: generate_workload(FixedGap(1.0), Snippet((2,)), 3, rng()), "num_jobs"),
        (lambda: generate_workload(TraceArrivals((0.0,)), RoundRobin(1), 2, rng()), "num_jobs"),
    ],
)
def test_bad_parameters_are_named(make, field: str):
    with pytest.raises(InvalidValueError, match=field):
        make()
