"""Which decision gets the credit for what happens later: returns and baselines over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "AverageReward",
    "discounted",
    "merge_instants",
    "returns_over_time",
    "time_aligned_baselines",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class AverageReward:
    """Mean reward per µs over the last so many intervals that have a length.

    Parameters
    ----------
    size : int
        Intervals that count.
    """

    def __init__(self, size: int) -> None:
        self._rewards: deque[float] = deque(maxlen=size)
        self._durations: deque[float] = deque(maxlen=size)

    def add(self, rewards: Floats, durations_us: Floats) -> None:
        """Take in intervals."""
        timed = durations_us > 0.0
        self._rewards.extend(rewards[timed].tolist())
        self._durations.extend(durations_us[timed].tolist())

    @property
    def per_us(self) -> float:
        """Mean reward per µs; 0 before anything was taken in."""
        total = sum(self._durations)
        return sum(self._rewards) / total if total > 0.0 else 0.0

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """Return the intervals that count."""
        return {
            "average/rewards": np.array(self._rewards),
            "average/durations_us": np.array(self._durations),
        }

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put back what `save` gave."""
        self._rewards.clear()
        self._durations.clear()
        self._rewards.extend(arrays["average/rewards"].tolist())
        self._durations.extend(arrays["average/durations_us"].tolist())


def merge_instants(pass_index: Sequence[int]) -> tuple[Ints, Ints]:
    """Group decisions that are made at one instant.

    Parameters
    ----------
    pass_index : sequence of T int
        Number of the scheduling pass of each decision, never falling.

    Returns
    -------
    first : int64, shape (K,)
        First decision of each instant.
    instant : int64, shape (T,)
        Instant of each decision.
    """
    _, first, instant = np.unique(np.asarray(pass_index), return_index=True, return_inverse=True)
    return first.astype(np.int64), instant.astype(np.int64)


def discounted(rewards: Floats, discount: float) -> Floats:
    """Discounted sum of the rewards from each element on, shape (K,)."""
    returns = np.zeros(len(rewards))
    following = 0.0
    for k in range(len(rewards) - 1, -1, -1):
        following = rewards[k] + discount * following
        returns[k] = following
    return returns


def returns_over_time(
    spread: Floats, bonus: Floats, durations_us: Floats, discount: float
) -> Floats:
    """Return from each decision's own time on, discounted by the time that passes.

    Parameters
    ----------
    spread : float64, shape (T,)
        Reward of each interval that accrues evenly over it.
    bonus : float64, shape (T,)
        Reward of each interval that comes at its end.
    durations_us : float64, shape (T,)
        Length of each interval.
    discount : float
        Factor per µs, in (0, 1].

    Returns
    -------
    float64, shape (T,)
        ``w(d) spread + discount^d (bonus + next return)``, w being the mean of ``discount^t`` over
        the interval's length d.
    """
    rate = -np.log(discount)
    fading = np.exp(-rate * durations_us)
    weight = np.ones(len(spread))
    timed = rate * durations_us > 1e-12
    weight[timed] = (1.0 - fading[timed]) / (rate * durations_us[timed])
    returns = np.zeros(len(spread))
    following = 0.0
    for k in range(len(spread) - 1, -1, -1):
        following = weight[k] * spread[k] + fading[k] * (bonus[k] + following)
        returns[k] = following
    return returns


def time_aligned_baselines(times_us: Sequence[Floats], returns: Sequence[Floats]) -> list[Floats]:
    """Mean return of all rollouts at each rollout's own times.

    The return of a rollout between two of its instants is interpolated; before the first and after
    the last one it is that of the nearest. Of several returns at one instant the first counts.

    Parameters
    ----------
    times_us : sequence of float64 arrays, shape (T_i,)
        Times of each rollout's decisions, never falling.
    returns : sequence of float64 arrays, shape (T_i,)
        Their returns.
    """
    knots = []
    for times, values in zip(times_us, returns, strict=True):
        unique, first = np.unique(times, return_index=True)
        knots.append((unique, values[first]))
    return [
        np.mean([np.interp(times, unique, values) for unique, values in knots], axis=0)
        for times in times_us
    ]
