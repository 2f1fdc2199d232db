"""What-if questions about the present decision, answered by the simulator.

Answers rest on what is known at that moment: jobs that have arrived, table times, PEs that work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from chipgym.envs.soc_scheduling.stepping import SCHEDULING
from chipgym.simulators.core.errors import InvalidValueError, SimulationError
from chipgym.simulators.soc.layout import (
    F_NOW,
    S_INJECTED,
    S_PASSES,
    S_SEQUENCE,
    S_SLOTS,
    S_WAITS,
    SLOT_ARRIVAL,
    SLOT_JOB,
)
from chipgym.simulators.soc.rollout import (
    EARLIEST,
    LATE,
    NO_ACTION,
    WAIT,
    remaining_work,
    rollouts,
)

if TYPE_CHECKING:
    from chipgym.envs.soc_scheduling.batch import SocBatch

__all__ = ["Lookahead"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Lookahead:
    """Rollouts from one row of a batch; valid until the row takes its next decision.

    Parameters
    ----------
    batch : SocBatch
        Of the scheduling form.
    row : int
    """

    def __init__(self, batch: SocBatch, row: int) -> None:
        self._batch = batch
        self._row = row
        self._mark = self._moment()

    @property
    def jobs(self) -> Ints:
        """Numbers of the m jobs in the system, in order of arrival."""
        return self._numbers()[self._slots()]

    @property
    def age_us(self) -> Floats:
        """Time since each job arrived, shape (m,)."""
        self._check()
        _, _, si, sf = self._buffers()
        arrival = sf[int(si[SLOT_ARRIVAL]) :][self._slots()]
        age: Floats = sf[F_NOW] - arrival
        return age

    def _numbers(self) -> Ints:
        self._check()
        si = self._batch.si[self._row]
        start = int(si[SLOT_JOB])
        return si[start : start + int(si[S_SLOTS])]

    def _slots(self) -> Ints:
        """Job slots in use, in order of arrival."""
        numbers = self._numbers()
        used = np.flatnonzero(numbers >= 0)
        return used[np.argsort(numbers[used])]

    def _moment(self) -> tuple[float, ...]:
        """What changes with every decision."""
        si, sf = self._batch.si[self._row], self._batch.sf[self._row]
        counts = (int(si[i]) for i in (S_PASSES, S_SEQUENCE, S_WAITS, S_INJECTED))
        return float(sf[F_NOW]), *counts

    def _check(self) -> None:
        if self._moment() != self._mark:
            raise SimulationError("the environment has moved on: read its problem again")

    def remaining_us(self) -> tuple[Floats, Floats]:
        """Work and critical path that each job has left, shapes (m,).

        Work is the sum of the least execution times of the tasks that are not assigned, the path
        the highest upward rank among them.
        """
        self._check()
        ki, kf, si, sf = self._buffers()
        work, path = np.empty(int(si[S_SLOTS])), np.empty(int(si[S_SLOTS]))
        remaining_work(ki, kf, si, sf, work, path)
        slots = self._slots()
        return work[slots], path[slots]

    def rollout(
        self,
        actions: npt.ArrayLike,
        late: npt.ArrayLike,
        shares: npt.ArrayLike,
        keys: npt.ArrayLike,
    ) -> tuple[Floats, Ints]:
        """Play C candidates until the jobs in the system are complete.

        Parameters
        ----------
        actions : int64, shape (C,)
            First decision, an action of the environment; -1 leaves it to the rule.
        late : bool, shape (C,)
            The rule that plays on: late binding (`chipgym.simulators.soc.dispatch`), or earliest
            task first.
        shares : float64, shape (C,)
            Share of a task's time that must fit in front of a reservation; late binding only.
        keys : float64, shape (C, m)
            Priority of each job in the system, lowest first; late binding only.

        Returns
        -------
        cost_us : float64, shape (C,)
            Latency that the jobs in the system gather from now on; inf where waiting would last
            for ever if no job came.
        decided : int64, shape (C,)
            The first decision as an action.

        Raises
        ------
        InvalidValueError
            An action is not legal, or a shape is wrong.
        SimulationError
            The environment has taken a decision since this object was made, or its actions are not
            those of `chipgym/SocScheduling-v0`.
        """
        self._check()
        batch = self._batch
        if batch.form != SCHEDULING:
            raise SimulationError("only chipgym/SocScheduling-v0 answers what-if questions")
        first = np.array(actions, dtype=np.int64, ndmin=1)
        count = len(first)
        wait = batch.num_slots * batch.num_pes
        mask = batch.masks[self._row]
        for action in first:
            if action != -1 and not (0 <= action <= wait and mask[action]):
                raise InvalidValueError("actions", int(action), "unmasked actions without DVFS")
        slots = self._slots()
        given = np.asarray(keys, dtype=np.float64)
        if given.shape != (count, len(slots)):
            raise InvalidValueError("keys", given.shape, f"shape {(count, len(slots))}")
        ki, kf, si, sf = self._buffers()
        by_slot = np.zeros((count, int(si[S_SLOTS])))
        by_slot[:, slots] = given
        cost, decided = np.empty(count), np.empty(count, dtype=np.int64)
        rollouts(
            ki,
            kf,
            si,
            sf,
            batch.num_slots,
            np.where(first == -1, NO_ACTION, np.where(first == wait, WAIT, first)),
            np.where(np.broadcast_to(np.asarray(late, dtype=np.bool_), count), LATE, EARLIEST),
            np.array(np.broadcast_to(np.asarray(shares, dtype=np.float64), count)),
            by_slot,
            cost,
            decided,
        )
        return cost, np.where(decided == WAIT, wait, decided)

    def _buffers(self) -> tuple[Ints, Floats, Ints, Floats]:
        batch, row = self._batch, self._row
        static = batch.static_row[row]
        return batch.ki[static], batch.kf[static], batch.si[row], batch.sf[row]
