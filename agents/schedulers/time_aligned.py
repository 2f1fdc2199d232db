"""Advantages against other runs of the same stream of jobs, at the same time.

Which jobs come and when decides most of what a run costs. Runs of one stream share that, so the
mean of the others' discounted cost from the same moment on is a baseline that takes it away (the
input-dependent baseline of Mao et al., Learning scheduling algorithms for data processing clusters,
SIGCOMM 2019, with discounting).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["advantages", "cost_to_go"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def cost_to_go(times_us: Floats, costs: Floats, horizon_us: float) -> Floats:
    """Discounted cost from each decision on.

    Parameters
    ----------
    times_us : float64, shape (T + 1, N)
        Times of the decisions of N runs, and of the end; equal from a run's end on.
    costs : float64, shape (T, N)
        Cost between two decisions, spread evenly over the time between them.
    horizon_us : float
        Cost that arises later by this time counts 1 / e.

    Returns
    -------
    float64, shape (T + 1, N)
    """
    to_go = np.zeros_like(times_us)
    for t in range(len(costs) - 1, -1, -1):
        gap = times_us[t + 1] - times_us[t]
        decay = np.exp(-gap / horizon_us)
        share = np.where(gap > 0, (1 - decay) * horizon_us / np.maximum(gap, 1e-9), 1.0)
        to_go[t] = costs[t] * share + decay * to_go[t + 1]
    return to_go


def advantages(
    times_us: Floats, costs: Floats, alive: Bools, group: int, horizon_us: float
) -> Floats:
    """How much less each decision cost than the other runs of its stream from that moment on.

    Parameters
    ----------
    times_us, costs, horizon_us
        As for `cost_to_go`; runs of one stream stand side by side, `group` at a time.
    alive : bool, shape (T, N)
        Whether the run takes a decision.
    group : int
        At least 2; N is a multiple.

    Returns
    -------
    float64, shape (T, N)
        0 where there is no decision.
    """
    to_go = cost_to_go(times_us, costs, horizon_us)
    result = np.zeros(alive.shape)
    for first in range(0, alive.shape[1], group):
        runs = range(first, first + group)
        for run in runs:
            asked = times_us[:-1, run][alive[:, run]]
            others = [
                _at(times_us[:, k], costs[:, k], to_go[:, k], asked, horizon_us)
                for k in runs
                if k != run
            ]
            result[alive[:, run], run] = np.mean(others, axis=0) - to_go[:-1, run][alive[:, run]]
    return result


def _at(times: Floats, costs: Floats, to_go: Floats, asked: Floats, horizon_us: float) -> Floats:
    """A run's discounted cost from given times on; 0 after its end."""
    after = np.searchsorted(times, asked, side="left")
    inside = np.minimum(after, len(times) - 1)
    before = np.maximum(inside - 1, 0)
    rest = np.maximum(times[inside] - asked, 0.0)
    gap = np.maximum(times[inside] - times[before], 1e-9)
    rate = np.where(rest > 0, costs[before] / gap, 0.0)
    decay = np.exp(-rest / horizon_us)
    value: Floats = rate * horizon_us * (1 - decay) + decay * to_go[inside]
    return np.where(after < len(times), value, 0.0)
