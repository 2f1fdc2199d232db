"""Timing that is worth reporting: a warm-up, several repeats, their median and their best."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from chipgym.simulators.core.errors import check_range

__all__ = ["Rate", "measure_rate"]


@dataclass(frozen=True)
class Rate:
    """Work done per second of wall time.

    Attributes
    ----------
    median, best : float
        Over the repeats. The median is what to expect; the best is the least disturbed by whatever
        else the machine does.
    repeats : int
    work : int
        Units of work in one repeat.
    """

    median: float
    best: float
    repeats: int
    work: int

    @property
    def us_per_unit(self) -> float:
        """Median time of a unit of work in µs."""
        return 1e6 / self.median

    def document(self) -> dict[str, float]:
        """Return the numbers as JSON, rates to four digits."""
        return {
            "median": float(f"{self.median:.4g}"),
            "best": float(f"{self.best:.4g}"),
            "repeats": self.repeats,
            "work": self.work,
        }


def measure_rate(action: Callable[[], int], repeats: int, warm_up: int = 1) -> Rate:
    """Call an action repeatedly and return its rate.

    Parameters
    ----------
    action : callable
        Does the work and returns how many units it did.
    repeats : int
        Measured calls, at least one.
    warm_up : int
        Calls before them: they compile kernels and fill caches.
    """
    check_range("repeats", repeats, 1)
    for _ in range(warm_up):
        action()
    rates, work = [], 0
    for _ in range(repeats):
        begin = time.perf_counter()
        work = action()
        rates.append(work / (time.perf_counter() - begin))
    return Rate(statistics.median(rates), max(rates), repeats, work)
