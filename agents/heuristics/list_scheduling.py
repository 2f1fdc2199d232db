"""Heuristics that fix the order of the tasks first and then choose a PE for the next one.

Definitions: MET, EFT, STF as in DS3 (Arda et al., IEEE Transactions on Computers 2020); upward rank
from HEFT (Topcuoglu et al., IEEE TPDS 2002); mean execution time from CEDR; the optimistic cost
table from PEFT (Arabnejad and Barbosa, IEEE TPDS 2014).
"""

from __future__ import annotations

import numpy as np

from chipgym.agents.core.problem import FloatArray, ProblemView
from chipgym.agents.heuristics.base import INFINITY, Heuristic, PassMemory, first_supported

__all__ = [
    "CedrHeft",
    "EarliestFinish",
    "MinimumExecution",
    "OptimisticCost",
    "RuntimeHeft",
    "ShortestTask",
    "TablePolicy",
]


class EarliestFinish(Heuristic):
    """EFT: tasks in the order in which they became ready, each on its earliest finish."""

    name = "EFT"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the first task, on the PE of least estimated finish."""
        return _first_minimum(problem.estimated_finish_us)


class ShortestTask(Heuristic):
    """STF as DS3 codes it: tasks in ready order, each on the first of its fastest PEs."""

    name = "STF"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the first task, on the PE of least execution time."""
        return _first_minimum(problem.exec_us)


class MinimumExecution(Heuristic):
    """MET: tasks in ready order, each on its fastest PE type, spread over the idle PEs of it.

    The filter of busy PEs is DS3's, which deletes by position from a shrinking list and can so drop
    idle PEs; then the PE with the fewest assignments in this pass, the lowest on ties.
    """

    name = "MET"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the first task, on one of its fastest PEs."""
        memory.turn_to(problem)
        slot = first_supported(problem.exec_us)
        if slot < 0:
            return -1, -1
        row = problem.exec_us[slot].tolist()
        least = min(row)
        members = [p for p, time in enumerate(row) if time == least]
        if len(members) > 1:
            members = _drop_busy(members, problem.pe_busy.tolist())
        assigned = memory.assigned
        pe = min(members, key=assigned.__getitem__)
        assigned[pe] += 1
        memory.remember(problem, slot)
        return slot, pe


class RuntimeHeft(Heuristic):
    """Runtime HEFT: the task of largest upward rank, on its earliest finish."""

    name = "HEFT_RT"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the task with the longest path to the end of its job."""
        return _ranked(problem.upward_rank_us, problem.estimated_finish_us)


class CedrHeft(Heuristic):
    """CEDR's HEFT_RT: the task of largest mean execution time, on its earliest finish."""

    name = "CEDR_HEFT_RT"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the task that is long on average."""
        return _ranked(problem.mean_exec_us, problem.estimated_finish_us)


class OptimisticCost(Heuristic):
    """PEFT at run time: the task of largest mean optimistic cost, on the least finish + cost."""

    name = "PEFT_RT"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the task with most left to do; the PE counts what follows, too."""
        cost = problem.oct_us
        return _ranked(cost.sum(axis=1), problem.estimated_finish_us + cost)


class TablePolicy(Heuristic):
    """Tasks in ready order, each on the PE of a table (static HEFT), else by earliest finish."""

    name = "table"

    def choose(self, problem: ProblemView, memory: PassMemory) -> tuple[int, int]:
        """Take the first task, on the PE that the table names if it is usable."""
        slot, pe = _first_minimum(problem.estimated_finish_us)
        if slot >= 0:
            named = int(problem.table_pe[slot])
            if named >= 0 and problem.exec_us[slot, named] < INFINITY:
                pe = named
        return slot, pe


def _first_minimum(cost: FloatArray) -> tuple[int, int]:
    """First task with a finite cost, and its cheapest PE."""
    for slot in range(len(cost)):
        row = cost[slot]
        pe = int(row.argmin())
        if row[pe] < INFINITY:
            return slot, pe
    return -1, -1


def _ranked(rank: FloatArray, cost: FloatArray) -> tuple[int, int]:
    """Task of highest rank that has a finite cost (list order on ties), and its cheapest PE."""
    if len(rank) == 0:
        return -1, -1
    slot = int(rank.argmax())
    pe = int(cost[slot].argmin())
    if cost[slot, pe] < INFINITY:
        return slot, pe
    order = np.argsort(-rank, kind="stable")
    position, pe = _first_minimum(cost[order])
    return (int(order[position]), pe) if position >= 0 else (-1, -1)


def _drop_busy(members: list[int], busy: list[bool]) -> list[int]:
    """DS3's filter: one deletion at the first busy position for every busy candidate."""
    flags = [busy[p] for p in members]
    num_busy = sum(flags)
    if not 0 < num_busy < len(members):
        return members
    first = flags.index(True)
    return members[:first] + members[first + num_busy :]
