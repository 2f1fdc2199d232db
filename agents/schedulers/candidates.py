"""What list schedulers would do next: the few decisions that are worth comparing, as features.

Three plans of the ready tasks (late binding with the shortest job first, in order of arrival, and
by upward rank) and earliest task first each say which tasks they would start now. These pairs, and
waiting where it is legal, are the candidates of a decision. Everything is computed from the flat
observation: times are recovered from ``x / (1 + x)``, in units of its scale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.core.numba import kernel, merged

__all__ = [
    "FIRST",
    "NUM_FEATURES",
    "NUM_SYSTEM",
    "RULES",
    "Decisions",
    "candidates",
    "concatenate",
    "rule_choices",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Columns of the scheduling observation.
NUM_PAIR, NUM_TASK, NUM_PE, NUM_GLOBAL = 6, 8, 7, 7
FINISH, EXECUTION, DELAY, USABLE = 0, 3, 4, 5
PRESENT, TASK_RANK, JOB_AGE, JOB_WORK = 0, 1, 3, 7
AVAILABLE, BUSY, REMAINING, QUEUE, DATA_GAP = 0, 1, 2, 3, 6
IN_FLIGHT, HIDDEN_READY, MAY_WAIT, MEAN_AGE = 0, 1, 4, 5

RULES = ("shortest-job", "arrival", "upward-rank", "earliest-finish")
"""The rules that propose decisions, in the order of their features."""
# Features of a candidate: those of the pair, which rules start it, whether it is the first or is
# forced, its task's with its place in two orders, its PE's.
START = NUM_PAIR
FIRST = START + len(RULES)
NUM_PLAN = len(RULES) + 1
NUM_FEATURES = NUM_PAIR + NUM_PLAN + NUM_TASK + 2 + NUM_PE
NUM_SYSTEM = 4 + 3
# Times are float32 and squashed: closer ones count as equal.
RELATIVE, ABSOLUTE = 3e-6, 1e-7
# Late binding: share of a task's time that must fit in front of a reservation.
SHARE = 0.5
# A PE that is not free is busy for this long at least, in units of the scale.
SOON = 1e-3


class Decisions(NamedTuple):
    """Decisions with their candidates, n pairs in all, in order of decisions.

    Attributes
    ----------
    system : float32, shape (B, 7)
    may_wait : bool, shape (B,)
    counts : int64, shape (B,)
        Pairs of each decision.
    features : float32, shape (n, NUM_FEATURES)
    slots, pes : int64, shape (n,)
    """

    system: Floats
    may_wait: Bools
    counts: Ints
    features: Floats
    slots: Ints
    pes: Ints

    @property
    def choices(self) -> Ints:
        """Number of candidates of each decision, shape (B,)."""
        total: Ints = self.counts + self.may_wait
        return total

    def take(self, rows: Ints) -> Decisions:
        """Some of the decisions."""
        counts = self.counts[rows]
        starts = (np.cumsum(self.counts) - self.counts)[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        pairs = np.repeat(starts, counts) + within
        return Decisions(
            self.system[rows],
            self.may_wait[rows],
            counts,
            self.features[pairs],
            self.slots[pairs],
            self.pes[pairs],
        )


def concatenate(parts: list[Decisions]) -> Decisions:
    """Join decisions."""
    return Decisions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def candidates(observations: Floats, masks: Bools, num_slots: int, num_pes: int) -> Decisions:
    """Find the candidates of each decision.

    Parameters
    ----------
    observations : float32, shape (B, size)
        Of SoC scheduling with R slots and P PEs.
    masks : bool, shape (B, >= R * P + 1)
        Legal actions: pairs, then waiting.
    num_slots, num_pes : int

    Raises
    ------
    InvalidValueError
        The observations have another size.
    """
    size = num_slots * num_pes * NUM_PAIR + num_slots * NUM_TASK + num_pes * NUM_PE + NUM_GLOBAL
    if observations.shape[1] != size:
        raise InvalidValueError("observations", observations.shape, f"shape (B, {size})")
    rows = len(observations)
    room = rows * num_slots * min(len(RULES), num_pes)
    system = np.zeros((rows, NUM_SYSTEM), dtype=np.float32)
    counts = np.zeros(rows, dtype=np.int64)
    features = np.empty((room, NUM_FEATURES), dtype=np.float32)
    places = np.empty((2, room), dtype=np.int64)
    used = _find(
        np.ascontiguousarray(observations, dtype=np.float32),
        np.ascontiguousarray(masks),
        num_slots,
        num_pes,
        system,
        counts,
        features,
        places,
    )
    may_wait = np.ascontiguousarray(masks[:, num_slots * num_pes])
    return Decisions(system, may_wait, counts, features[:used], places[0, :used], places[1, :used])


def rule_choices(decisions: Decisions, rule: int) -> Ints:
    """Return what one rule does: the number of the first pair that it starts, else waiting.

    Where it starts nothing and waiting is not legal, the first pair. Waiting has the number after
    the pairs.

    Parameters
    ----------
    decisions : Decisions
    rule : int
        Index into `RULES`.
    """
    wants = decisions.features[:, START + rule] > 0
    if rule == 0:
        wants &= decisions.features[:, FIRST] > 0
    counts = decisions.counts
    starts = np.cumsum(counts) - counts
    chosen = np.where(decisions.may_wait, counts, 0)
    rows = np.repeat(np.arange(len(counts)), counts)
    pairs = np.flatnonzero(wants)[::-1]
    # Of several pairs the first stays: it is written last.
    chosen[rows[pairs]] = pairs - starts[rows[pairs]]
    return chosen


@merged
def _time(value: float) -> float:
    return value / (1.0 - value) if value < 0.999999 else 1e9


@merged
def _order(keys: Any, ranks: Any, count: int, order: Any) -> None:
    """Sort tasks by key; equal ones by the higher upward rank, then as they are."""
    for r in range(count):
        at = r - 1
        while at >= 0:
            other = order[at]
            difference = keys[r] - keys[other]
            if difference > RELATIVE * abs(keys[r]) + ABSOLUTE:
                break
            if difference >= -RELATIVE * abs(keys[r]) - ABSOLUTE and ranks[other] >= ranks[r]:
                break
            order[at + 1] = other
            at -= 1
        order[at + 1] = r


@merged
def _read(
    observation: Any, slots: int, pes: int, times: Any, delays: Any, free: Any, gap: Any, keys: Any
) -> int:
    """Read times, PEs and sort keys; return the number of tasks."""
    tasks_at = slots * pes * NUM_PAIR
    pes_at = tasks_at + slots * NUM_TASK
    count = 0
    while count < slots and observation[tasks_at + count * NUM_TASK + PRESENT] > 0.5:
        at = tasks_at + count * NUM_TASK
        keys[0, count] = _time(observation[at + JOB_WORK])
        keys[1, count] = -_time(observation[at + JOB_AGE])
        keys[2, count] = -_time(observation[at + TASK_RANK])
        for p in range(pes):
            at = (count * pes + p) * NUM_PAIR
            usable = observation[at + USABLE] > 0.5
            times[count, p] = _time(observation[at + EXECUTION]) if usable else np.inf
            delays[count, p] = _time(observation[at + DELAY]) if usable else 0.0
        count += 1
    for p in range(pes):
        at = pes_at + p * NUM_PE
        free[p] = 0.0
        gap[p] = -1.0
        if observation[at + BUSY] > 0.5:
            free[p] = max(_time(observation[at + REMAINING]), SOON)
        if observation[at + QUEUE] > 0.0:
            free[p] = max(free[p], _time(observation[at + AVAILABLE]), SOON)
            if observation[at + BUSY] < 0.5:
                gap[p] = _time(observation[at + DATA_GAP])
    return count


@merged
def _plan(
    order: Any,
    count: int,
    pes: int,
    times: Any,
    delays: Any,
    free: Any,
    gap: Any,
    starts: Any,
    first: Any,
) -> bool:
    """Give each task in order its PE of earliest finish; mark those that start now.

    `first` receives the flat pair of the first task that starts, and that of the first task.
    Returns whether any task starts. `free` and `gap` are used up.
    """
    first[0] = first[1] = -1
    for k in range(count):
        r = order[k]
        best = -1
        best_finish = np.inf
        for p in range(pes):
            finish = times[r, p] + delays[r, p]
            if delays[r, p] + SHARE * times[r, p] > gap[p]:
                finish = times[r, p] + max(delays[r, p], free[p])
            if finish < best_finish * (1.0 - RELATIVE):
                best_finish = finish
                best = p
        if best < 0:
            continue
        fits = delays[r, best] + SHARE * times[r, best] <= gap[best]
        if first[1] < 0:
            first[1] = r * pes + best
        if fits or free[best] == 0.0:
            starts[r * pes + best] = True
            if first[0] < 0:
                first[0] = r * pes + best
        if fits:
            gap[best] = -1.0
        else:
            if free[best] == 0.0:
                gap[best] = delays[r, best]
            free[best] = best_finish
    return bool(first[0] >= 0)


@kernel
def _find(
    observations: Any,
    masks: Any,
    slots: int,
    pes: int,
    system: Any,
    counts: Any,
    features: Any,
    places: Any,
) -> int:
    """Fill all rows; return the number of pairs."""
    pairs = slots * pes
    tasks_at = pairs * NUM_PAIR
    pes_at = tasks_at + slots * NUM_TASK
    system_at = pes_at + pes * NUM_PE
    times, delays = np.empty((slots, pes)), np.empty((slots, pes))
    keys = np.empty((3, slots))
    orders = np.empty((3, slots), np.int64)
    position = np.empty((2, slots))
    free, gap = np.empty((2, pes)), np.empty((2, pes))
    starts = np.empty((4, pairs), np.bool_)
    first = np.empty(2, np.int64)
    used = 0
    for b in range(len(observations)):
        observation = observations[b]
        count = _read(observation, slots, pes, times, delays, free[0], gap[0], keys)
        starts[:] = False
        forced = -1
        for rule in range(3):
            _order(keys[rule], -keys[2], count, orders[rule])
            free[1] = free[0]
            gap[1] = gap[0]
            begins = _plan(
                orders[rule], count, pes, times, delays, free[1], gap[1], starts[rule], first
            )
            if rule < 2:
                for k in range(count):
                    position[rule, orders[rule, k]] = (k + 1.0) / slots
            waits = masks[b, pairs] and observation[system_at + HIDDEN_READY] == 0.0
            if not begins and waits:
                system[b, 4 + rule] = 1.0
            elif rule == 0:
                forced = first[0] if begins else first[1]
                if forced >= 0:
                    starts[0, forced] = True
        best = -1
        for i in range(count * pes):
            at = i * NUM_PAIR
            if observation[at + USABLE] > 0.5 and (
                best < 0 or observation[at + FINISH] < observation[best * NUM_PAIR + FINISH]
            ):
                best = i
        if best >= 0:
            starts[3, best] = True
        for i in range(count * pes):
            proposed = starts[0, i] or starts[1, i] or starts[2, i] or starts[3, i]
            if not proposed or not masks[b, i]:
                continue
            r, p = i // pes, i % pes
            row = features[used]
            row[:NUM_PAIR] = observation[i * NUM_PAIR : (i + 1) * NUM_PAIR]
            for rule in range(4):
                row[START + rule] = 1.0 if starts[rule, i] else 0.0
            row[FIRST] = 1.0 if i == forced else 0.0
            at = START + NUM_PLAN
            row[at : at + NUM_TASK] = observation[
                tasks_at + r * NUM_TASK : tasks_at + (r + 1) * NUM_TASK
            ]
            at += NUM_TASK
            row[at] = position[0, r]
            row[at + 1] = position[1, r]
            row[at + 2 :] = observation[pes_at + p * NUM_PE : pes_at + (p + 1) * NUM_PE]
            places[0, used] = r
            places[1, used] = p
            counts[b] += 1
            used += 1
        system[b, 0] = observation[system_at + IN_FLIGHT]
        system[b, 1] = observation[system_at + HIDDEN_READY]
        system[b, 2] = observation[system_at + MAY_WAIT]
        system[b, 3] = observation[system_at + MEAN_AGE]
    return used
