"""Random workloads: when jobs arrive, and which application each one runs.

An arrival process and an application mix are small frozen descriptions; `generate_workload` draws
an instance from both. The injection modes are those of DS3 (Arda et al., IEEE Trans. Computers
2020): exponential and fixed gaps, a probability per application, or exact counts; traces, round
robin and bursts are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError, check_range
from chipgym.simulators.soc.workload import Workload

__all__ = [
    "ApplicationMix",
    "ArrivalProcess",
    "Bursty",
    "FixedGap",
    "Poisson",
    "RandomMix",
    "RoundRobin",
    "Snippet",
    "TraceArrivals",
    "generate_workload",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class ArrivalProcess(Protocol):
    """Draws the gaps between jobs."""

    def gaps_us(self, num_jobs: int, rng: np.random.Generator) -> Floats:
        """Gap after each job in µs, shape (num_jobs,)."""


class ApplicationMix(Protocol):
    """Draws the application of each job."""

    def applications(self, num_jobs: int, rng: np.random.Generator) -> Ints:
        """Index of the application of each job, shape (num_jobs,)."""


def generate_workload(
    arrivals: ArrivalProcess, mix: ApplicationMix, num_jobs: int, rng: np.random.Generator
) -> Workload:
    """Draw a workload: applications first, then gaps, then the key of the noise.

    Parameters
    ----------
    arrivals : ArrivalProcess
        `Poisson`, `FixedGap`, `Bursty`, `TraceArrivals`, or anything with `gaps_us`.
    mix : ApplicationMix
        `RandomMix`, `Snippet`, `RoundRobin`, or anything with `applications`.
    num_jobs : int
    rng : numpy.random.Generator
        The only source of randomness.

    Raises
    ------
    InvalidValueError
        The number of jobs is not positive, or does not fit the trace or the snippet.
    """
    if not isinstance(num_jobs, int | np.integer) or isinstance(num_jobs, bool) or num_jobs < 1:
        raise InvalidValueError("num_jobs", num_jobs, "an integer >= 1")
    apps = mix.applications(int(num_jobs), rng)
    gaps = arrivals.gaps_us(int(num_jobs), rng)
    return Workload(apps, gaps, int(rng.integers(2**63)))


def _whole(gaps_us: Floats, whole_us: bool) -> Floats:
    return np.floor(gaps_us) if whole_us else gaps_us


@dataclass(frozen=True)
class Poisson:
    """Independent exponential gaps.

    Attributes
    ----------
    mean_gap_us : float
        Mean of the exponential distribution; 1000 / mean_gap_us jobs arrive per ms.
    whole_us : bool
        Truncate gaps to whole µs, as DS3 does (which shortens the mean by about 0.5 µs).
    """

    mean_gap_us: float
    whole_us: bool = True

    def __post_init__(self) -> None:
        check_range("mean_gap_us", self.mean_gap_us, 0, low_open=True)

    def gaps_us(self, num_jobs: int, rng: np.random.Generator) -> Floats:
        """Gap after each job in µs, shape (num_jobs,)."""
        return _whole(rng.exponential(self.mean_gap_us, num_jobs), self.whole_us)


@dataclass(frozen=True)
class FixedGap:
    """The same gap after every job; 0 injects as many jobs at once as the cap allows."""

    gap_us: float

    def __post_init__(self) -> None:
        check_range("gap_us", self.gap_us, 0)

    def gaps_us(self, num_jobs: int, rng: np.random.Generator) -> Floats:
        """Gap after each job in µs, shape (num_jobs,)."""
        return np.full(num_jobs, float(self.gap_us))


@dataclass(frozen=True)
class Bursty:
    """Two-state Markov-modulated Poisson process: calm periods and bursts.

    In each state gaps are exponential with that state's mean, and the time until the state changes
    is exponential with that state's mean duration. The first state is drawn from the long-run
    shares of time (Fischer and Meier-Hellstern, "The Markov-modulated Poisson process (MMPP)
    cookbook", Performance Evaluation 1993).

    Attributes
    ----------
    calm_gap_us, burst_gap_us : float
        Mean gap in each state.
    calm_us, burst_us : float
        Mean duration of each state.
    whole_us : bool
        Truncate gaps to whole µs.
    """

    calm_gap_us: float
    burst_gap_us: float
    calm_us: float
    burst_us: float
    whole_us: bool = True

    def __post_init__(self) -> None:
        for field in ("calm_gap_us", "burst_gap_us", "calm_us", "burst_us"):
            check_range(field, getattr(self, field), 0, low_open=True)
        if self.burst_gap_us > self.calm_gap_us:
            raise InvalidValueError(
                "burst_gap_us", self.burst_gap_us, f"<= calm_gap_us = {self.calm_gap_us:g}"
            )

    @property
    def mean_gap_us(self) -> float:
        """Long-run mean gap, before truncation."""
        jobs = self.calm_us / self.calm_gap_us + self.burst_us / self.burst_gap_us
        return (self.calm_us + self.burst_us) / jobs

    def gaps_us(self, num_jobs: int, rng: np.random.Generator) -> Floats:
        """Gap after each job in µs, shape (num_jobs,)."""
        mean_gap = (self.calm_gap_us, self.burst_gap_us)
        mean_stay = (self.calm_us, self.burst_us)
        state = int(rng.random() < self.burst_us / (self.calm_us + self.burst_us))
        stay_us = rng.exponential(mean_stay[state])
        gaps = np.zeros(num_jobs)
        for k in range(num_jobs):
            wait_us = rng.exponential(mean_gap[state])
            while wait_us > stay_us:
                # The state changes before the arrival; exponential waits start afresh there.
                gaps[k] += stay_us
                state = 1 - state
                stay_us = rng.exponential(mean_stay[state])
                wait_us = rng.exponential(mean_gap[state])
            gaps[k] += wait_us
            stay_us -= wait_us
        return _whole(gaps, self.whole_us)


@dataclass(frozen=True)
class TraceArrivals:
    """Given arrival times in µs, not decreasing; the first job of a workload arrives at time 0."""

    arrival_us: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.arrival_us:
            raise InvalidValueError("arrival_us", (), "at least one time")
        if self.arrival_us[0] != 0:
            raise InvalidValueError("arrival_us[0]", self.arrival_us[0], "0")
        before = 0.0
        for k, time_us in enumerate(self.arrival_us):
            check_range(f"arrival_us[{k}]", time_us, before)
            before = time_us

    def gaps_us(self, num_jobs: int, rng: np.random.Generator) -> Floats:
        """Gap after each job in µs, shape (num_jobs,); the last is 0."""
        if num_jobs > len(self.arrival_us):
            raise InvalidValueError(
                "num_jobs", num_jobs, f"<= {len(self.arrival_us)}, the length of the trace"
            )
        return np.append(np.diff(np.array(self.arrival_us[:num_jobs], dtype=np.float64)), 0.0)


@dataclass(frozen=True)
class RandomMix:
    """Each job's application drawn with the given probabilities, which sum to 1."""

    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.probabilities:
            raise InvalidValueError("probabilities", (), "at least one")
        for k, probability in enumerate(self.probabilities):
            check_range(f"probabilities[{k}]", probability, 0, 1)
        total = sum(self.probabilities)
        if abs(total - 1) > 1e-9:
            raise InvalidValueError("sum(probabilities)", total, "1")

    @classmethod
    def uniform(cls, num_applications: int) -> RandomMix:
        """Every application equally likely."""
        check_range("num_applications", num_applications, 1)
        return cls((1.0 / num_applications,) * num_applications)

    def applications(self, num_jobs: int, rng: np.random.Generator) -> Ints:
        """Index of the application of each job, shape (num_jobs,)."""
        edges = np.cumsum(self.probabilities)
        drawn = np.searchsorted(edges, rng.random(num_jobs) * edges[-1], side="right")
        return drawn.astype(np.int64)


@dataclass(frozen=True)
class Snippet:
    """An exact number of jobs of each application, drawn among those that have some left."""

    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_counts("counts", self.counts)

    def applications(self, num_jobs: int, rng: np.random.Generator) -> Ints:
        """Index of the application of each job, shape (num_jobs,)."""
        total = sum(self.counts)
        if num_jobs != total:
            raise InvalidValueError("num_jobs", num_jobs, f"{total}, the sum of the counts")
        left = list(self.counts)
        chosen = np.zeros(num_jobs, dtype=np.int64)
        for k in range(num_jobs):
            open_apps = [app for app, count in enumerate(left) if count]
            chosen[k] = open_apps[int(rng.integers(len(open_apps)))]
            left[chosen[k]] -= 1
        return chosen


@dataclass(frozen=True)
class RoundRobin:
    """Applications 0, 1, …, n-1, 0, 1, … in turn."""

    num_applications: int

    def __post_init__(self) -> None:
        check_range("num_applications", self.num_applications, 1)

    def applications(self, num_jobs: int, rng: np.random.Generator) -> Ints:
        """Index of the application of each job, shape (num_jobs,)."""
        return np.arange(num_jobs, dtype=np.int64) % self.num_applications


def _check_counts(field: str, counts: Sequence[int]) -> None:
    for k, count in enumerate(counts):
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise InvalidValueError(f"{field}[{k}]", count, "an integer >= 0")
    if sum(counts) < 1:
        raise InvalidValueError(f"sum({field})", sum(counts), ">= 1")
