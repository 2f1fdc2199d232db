"""Static list scheduling of one job: HEFT and PEFT.

Both rank with mean communication times and place with the actual ones (whole µs, as the simulator
does). Sources: Topcuoglu, Hariri and Wu, "Performance-effective and low-complexity task scheduling
for heterogeneous computing", IEEE TPDS 2002 (HEFT); Arabnejad and Barbosa, "List scheduling
algorithm for heterogeneous systems by an optimistic cost table", IEEE TPDS 2014 (PEFT).
"""

from __future__ import annotations

import bisect
import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import SocTables, lower, mean_costs
from chipgym.simulators.soc.platform import Platform

__all__ = ["StaticSchedule", "heft", "optimistic_cost_table", "peft"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StaticSchedule:
    """Schedule of one job that arrives at time 0 on an empty platform, T tasks.

    Attributes
    ----------
    pe : int64 array, shape (T,)
        Processing element of each task.
    start_us, finish_us : float64 array, shape (T,)
    order : int64 array, shape (T,)
        Task numbers in the order in which they were placed.
    makespan_us : float
    rank : float64 array, shape (T,)
        Priority of each task in µs: upward rank (HEFT), mean optimistic cost (PEFT).
    """

    pe: Ints
    start_us: Floats
    finish_us: Floats
    order: Ints
    makespan_us: float
    rank: Floats


class _Placement:
    """Tasks placed so far, and where the next one could go."""

    def __init__(self, tables: SocTables, insertion: bool) -> None:
        count, num_pes = tables.exec_us.shape
        self.tables = tables
        self.insertion = insertion
        self.pe = np.full(count, -1, dtype=np.int64)
        self.start_us = np.zeros(count)
        self.finish_us = np.zeros(count)
        self.order: list[int] = []
        self.busy: list[list[tuple[float, float]]] = [[] for _ in range(num_pes)]

    def data_ready_us(self, task: int, pe: int) -> float:
        """When the data of all predecessors are on a PE."""
        tables = self.tables
        latest = 0.0
        for edge in range(tables.pred_ptr[task], tables.pred_ptr[task + 1]):
            source = tables.pred_task[edge]
            producer = self.pe[source]
            if producer == pe:
                delay = tables.comm_same_us[edge]
            else:
                delay = tables.comm_us[edge, tables.pe_cluster[producer], tables.pe_cluster[pe]]
            latest = max(latest, self.finish_us[source] + delay)
        return float(latest)

    def start_on(self, task: int, pe: int) -> float:
        """Earliest start on a PE: in the first gap that fits, or behind everything."""
        ready = self.data_ready_us(task, pe)
        exec_us = self.tables.exec_us[task, pe]
        end = 0.0
        for start, finish in self.busy[pe]:
            if self.insertion and max(end, ready) + exec_us <= start:
                break
            end = max(end, finish)
        return max(end, ready)

    def place(self, task: int, cost_us: Floats) -> None:
        """Place a task on the PE of least finish + cost, the first on ties."""
        exec_us = self.tables.exec_us[task]
        least, best, best_start = np.inf, -1, 0.0
        for pe in np.flatnonzero(np.isfinite(exec_us)).tolist():
            start = self.start_on(task, pe)
            value = start + exec_us[pe] + cost_us[pe]
            if value < least:
                least, best, best_start = value, pe, start
        self.pe[task], self.start_us[task] = best, best_start
        self.finish_us[task] = best_start + exec_us[best]
        self.order.append(task)
        bisect.insort(self.busy[best], (best_start, float(self.finish_us[task])))

    def schedule(self, rank: Floats) -> StaticSchedule:
        """Return the finished schedule."""
        return StaticSchedule(
            self.pe,
            self.start_us,
            self.finish_us,
            np.array(self.order, dtype=np.int64),
            float(self.finish_us.max()),
            rank,
        )


def _list_schedule(
    tables: SocTables, rank: Floats, cost_us: Floats, insertion: bool
) -> StaticSchedule:
    """Place the ready task of highest rank (smallest number on ties) until none is left."""
    placement = _Placement(tables, insertion)
    missing = np.diff(tables.pred_ptr)
    # Ranks that are equal on paper differ in their last bits: round before breaking ties.
    key = -np.round(rank, 9)
    ready = [(key[task], int(task)) for task in np.flatnonzero(missing == 0)]
    heapq.heapify(ready)
    while ready:
        task = heapq.heappop(ready)[1]
        placement.place(task, cost_us[task])
        for successor in tables.succ_task[tables.succ_ptr[task] : tables.succ_ptr[task + 1]]:
            missing[successor] -= 1
            if missing[successor] == 0:
                heapq.heappush(ready, (key[successor], int(successor)))
    return placement.schedule(rank)


def heft(platform: Platform, application: Application, insertion: bool = True) -> StaticSchedule:
    """Schedule one job with HEFT: tasks by falling upward rank, each where it finishes first.

    Parameters
    ----------
    platform, application : Platform, Application
        PE-to-PE communication, highest frequencies.
    insertion : bool
        Use idle gaps between tasks placed before.

    Returns
    -------
    StaticSchedule
        Ties in rank go to the smaller task number, ties in finish to the smaller PE number.
    """
    tables = lower(platform, (application,))
    # No task ranks above its predecessors, so taking the highest of the ready ones is HEFT's order;
    # it also keeps zero-cost tasks, which tie with a successor, in precedence.
    return _list_schedule(tables, tables.upward_rank, np.zeros(tables.exec_us.shape), insertion)


def optimistic_cost_table(platform: Platform, application: Application) -> Floats:
    """PEFT's optimistic cost table (µs), shape (tasks, PEs).

    ``OCT(t, p) = max_s min_q [OCT(s, q) + exec(s, q) + (p != q) mc(t, s)]`` over successors s, with
    mc the mean communication time: the least time from the end of t on p to the end of the job if
    no PE were ever occupied.
    """
    tables = lower(platform, (application,))
    mean_comm = mean_costs(platform, application)[1]
    cost = np.zeros(tables.exec_us.shape)
    for task in reversed(application.topological_order):
        for edge in range(tables.succ_ptr[task], tables.succ_ptr[task + 1]):
            successor = int(tables.succ_task[edge])
            through = cost[successor] + tables.exec_us[successor]
            comm = mean_comm[task, successor]
            # Staying on p saves the communication; moving goes to the best PE overall (were that p
            # itself, staying would be the better choice anyway).
            cost[task] = np.maximum(cost[task], np.minimum(through, through.min() + comm))
    return cost


def peft(platform: Platform, application: Application) -> StaticSchedule:
    """Schedule one job with PEFT: ready tasks by falling mean optimistic cost, with insertion.

    Each goes to the PE with the least sum of finish and optimistic cost. Ties go to the smaller
    task number, then to the smaller PE number.
    """
    cost_us = optimistic_cost_table(platform, application)
    tables = lower(platform, (application,))
    return _list_schedule(tables, cost_us.mean(axis=1), cost_us, insertion=True)
