"""ETF and ETF_LB: task and PE chosen together, by least estimated finish.

Definitions: DS3 (Arda et al., IEEE Transactions on Computers 2020) and its public implementation.
"""

from __future__ import annotations

import numpy as np

from chipgym.agents.core.problem import ProblemView
from chipgym.agents.heuristics.base import INFINITY, Heuristic, PassMemory

__all__ = ["BalancedEarliestTaskFirst", "EarliestTaskFirst"]


class EarliestTaskFirst(Heuristic):
    """ETF: of all ready tasks and PEs the pair that finishes first."""

    name = "ETF"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the pair of least estimated finish."""
        finish = problem.estimated_finish_us
        if finish.size == 0:
            return -1, -1
        slot, pe = divmod(int(finish.argmin()), finish.shape[1])
        return (slot, pe) if finish[slot, pe] < INFINITY else (-1, -1)


class BalancedEarliestTaskFirst(Heuristic):
    """ETF_LB: ETF with ties to the PE that was best least often so far.

    The counters last for the episode, and each time a task becomes the provisional best of the scan
    its PE is counted, not only when the task wins.
    """

    name = "ETF_LB"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Scan the tasks in list order, keeping the pair of least estimated finish."""
        memory.turn_to(problem)
        finish = problem.estimated_finish_us
        if finish.size == 0:
            return -1, -1
        least = finish.min(axis=1).tolist()
        lifetime = memory.lifetime
        pick, pick_pe, pick_us = -1, -1, INFINITY
        for slot, time in enumerate(least):
            if time < pick_us:
                tied = np.flatnonzero(finish[slot] == time).tolist()
                pick, pick_pe, pick_us = slot, min(tied, key=lifetime.__getitem__), time
                lifetime[pick_pe] += 1
        memory.remember(problem, pick)
        return pick, pick_pe
