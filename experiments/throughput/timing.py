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
    """Work done per second.

    Attributes
    ----------
    median, best : float
        Per second of wall time, over the repeats.
    per_cpu_s : float
        Median per second of CPU time of this process. On an idle machine it equals the median of a
        single-threaded action; on a shared one it is what the action would reach alone.
    repeats : int
    work : int
        Units of work in one repeat.
    """

    median: float
    best: float
    per_cpu_s: float
    repeats: int
    work: int

    @property
    def us_per_unit(self) -> float:
        """CPU time of a unit of work in µs."""
        return 1e6 / self.per_cpu_s

    def document(self) -> dict[str, float]:
        """Return the numbers as JSON, rates to four digits."""
        rates = {"median": self.median, "best": self.best, "per_cpu_s": self.per_cpu_s}
        rounded = {name: float(f"{rate:.4g}") for name, rate in rates.items()}
        return rounded | {"repeats": self.repeats, "work": self.work}


def measure_rate(action: Callable[[], int], repeats: int, warm_up: int = 1) -> Rate:
    """Call an action repeatedly and return its rate.

    Parameters
    ----------
    action : callable
        Does the work, in this thread, and returns how many units it did.
    repeats : int
        Measured calls, at least one.
    warm_up : int
        Calls before them: they compile kernels and fill caches.
    """
    check_range("repeats", repeats, 1)
    for _ in range(warm_up):
        action()
    wall, cpu, work = [], [], 0
    for _ in range(repeats):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        work = action()
        wall.append(work / (time.perf_counter() - begin))
        cpu.append(work / (time.process_time() - cpu_begin))
    return Rate(statistics.median(wall), max(wall), statistics.median(cpu), repeats, work)
