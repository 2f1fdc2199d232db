"""The schedulers in plain Python, written from their definitions and apart from the kernels.

They are the yardstick of the reference simulator: slow, obvious, and required to agree with
`chipgym.simulators.soc.scheduling` to the bit. Sources: DS3 (Arda et al., IEEE Transactions on
Computers 2020) and its public implementation for MET, STF, EFT, ETF and ETF_LB; Topcuoglu et al.,
IEEE TPDS 2002, and CEDR for the two runtime HEFTs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["RULES", "Choice", "Pass", "ReadyTask", "SplitMix64", "keyed_normal", "keyed_uniform"]

MASK = (1 << 64) - 1
GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def mix64(value: int) -> int:
    """SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (value + GOLDEN_GAMMA) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def keyed_uniform(key: int, a: int, b: int) -> float:
    """Uniform in (0, 1), a function of (key, a, b) alone."""
    bits = mix64(mix64(mix64(key) ^ a) ^ b)
    return ((bits >> 11) + 0.5) / 2.0**53


def keyed_normal(key: int, a: int, b: int) -> float:
    """Standard normal, a function of (key, a, b) alone (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(keyed_uniform(key, a, 2 * b)))
    return radius * math.cos(2.0 * math.pi * keyed_uniform(key, a, 2 * b + 1))


class SplitMix64:
    """Sequential generator whose state starts at `seed`."""

    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next_below(self, bound: int) -> int:
        """Draw from 0…bound-1."""
        self.state = (self.state + GOLDEN_GAMMA) & MASK
        return mix64(self.state) % bound


@dataclass(slots=True)
class ReadyTask:
    """What a scheduler knows of one ready task; times in µs.

    `exec_us` maps each supporting PE, in rising order, to the execution time there.
    """

    exec_us: dict[int, float]
    delay_us: Callable[[int], float]
    upward_rank_us: float
    mean_exec_us: float
    table_pe: int


@dataclass(slots=True)
class Pass:
    """One scheduling pass; `available_us`, `lifetime` and `random` outlive it and are updated."""

    now_us: float
    ready: list[ReadyTask]
    available_us: list[float]
    lifetime: list[int]
    slowdown: list[float]
    busy: list[bool]
    random: SplitMix64
    assigned: list[int] = field(default_factory=list)

    def wait_us(self, pe: int) -> float:
        """Time until a PE has finished what it was given, as far as the scheduler knows."""
        return max(self.available_us[pe] - self.now_us, 0.0)

    def estimate_us(self, task: ReadyTask, pe: int, exec_us: float) -> float:
        """Estimated finish, counted from now."""
        return exec_us + max(task.delay_us(pe), self.wait_us(pe))


Choice = tuple[int, int]  # position in the ready list, PE
Rule = Callable[[Pass], list[Choice]]


def met(state: Pass) -> list[Choice]:
    """Minimum execution time, with DS3's filter of busy PEs, then the fewest tasks of this pass."""
    choices = []
    given = [0] * len(state.busy)
    for position, task in enumerate(state.ready):
        least = min(task.exec_us.values())
        candidates = [pe for pe, exec_us in task.exec_us.items() if exec_us == least]
        flags = [state.busy[pe] for pe in candidates]
        if any(flags) and not all(flags):
            # DS3 deletes by position while the list shrinks, so an idle PE can go in the place of
            # a busy one.
            first = flags.index(True)
            del candidates[first : first + sum(flags)]
        pe = min(candidates, key=given.__getitem__)
        given[pe] += 1
        choices.append((position, pe))
    return choices


def stf(state: Pass) -> list[Choice]:
    """First PE with the least execution time."""
    return [
        (k, min(task.exec_us, key=task.exec_us.__getitem__)) for k, task in enumerate(state.ready)
    ]


def _earliest_finish(state: Pass, task: ReadyTask) -> int:
    """Assign one task where it is estimated to finish first."""
    best_us, best_pe = math.inf, -1
    for pe, exec_us in task.exec_us.items():
        estimate_us = state.estimate_us(task, pe, exec_us)
        if estimate_us < best_us:
            best_us, best_pe = estimate_us, pe
    state.available_us[best_pe] = state.now_us + best_us
    return best_pe


def eft(state: Pass) -> list[Choice]:
    """Earliest finish time, first come first served."""
    return [(k, _earliest_finish(state, task)) for k, task in enumerate(state.ready)]


def heft_rt(state: Pass) -> list[Choice]:
    """Earliest finish time in order of falling upward rank."""
    order = sorted(range(len(state.ready)), key=lambda k: -state.ready[k].upward_rank_us)
    return [(k, _earliest_finish(state, state.ready[k])) for k in order]


def cedr_heft_rt(state: Pass) -> list[Choice]:
    """Earliest finish time in order of falling mean execution time."""
    order = sorted(range(len(state.ready)), key=lambda k: -state.ready[k].mean_exec_us)
    return [(k, _earliest_finish(state, state.ready[k])) for k in order]


def etf(state: Pass) -> list[Choice]:
    """Earliest task first: again and again, the task that would finish first of all."""
    choices = []
    left = list(range(len(state.ready)))
    while left:
        best_us, best = math.inf, (-1, -1)
        for k in left:
            task = state.ready[k]
            for pe, exec_us in task.exec_us.items():
                estimate_us = state.estimate_us(task, pe, exec_us)
                if estimate_us < best_us:
                    best_us, best = estimate_us, (k, pe)
        state.available_us[best[1]] = state.now_us + best_us
        left.remove(best[0])
        choices.append(best)
    return choices


def etf_lb(state: Pass) -> list[Choice]:
    """ETF at the present frequencies, ties between PEs to the one with the smallest counter.

    As in DS3, the counter of a PE rises with every provisional best, not only with the winner.
    """
    choices = []
    left = list(range(len(state.ready)))
    while left:
        best_us, best = math.inf, (-1, -1)
        for k in left:
            task = state.ready[k]
            estimates = {
                pe: state.estimate_us(task, pe, exec_us * state.slowdown[pe])
                for pe, exec_us in task.exec_us.items()
            }
            least = min(estimates.values())
            tied = [pe for pe, estimate_us in estimates.items() if estimate_us == least]
            if least < best_us:
                pe = min(tied, key=state.lifetime.__getitem__)
                best_us, best = least, (k, pe)
                state.lifetime[pe] += 1
        state.available_us[best[1]] = state.now_us + best_us
        left.remove(best[0])
        choices.append(best)
    return choices


def uniform(state: Pass) -> list[Choice]:
    """A supporting PE at random."""
    return [
        (k, list(task.exec_us)[state.random.next_below(len(task.exec_us))])
        for k, task in enumerate(state.ready)
    ]


def table(state: Pass) -> list[Choice]:
    """The PE that a table names; earliest finish where it names none that supports the task."""
    choices = []
    for k, task in enumerate(state.ready):
        pe = task.table_pe
        if pe in task.exec_us:
            finish_us = state.now_us + state.estimate_us(task, pe, task.exec_us[pe])
            state.available_us[pe] = finish_us
        else:
            pe = _earliest_finish(state, task)
        choices.append((k, pe))
    return choices


RULES: dict[str, Rule] = {
    "MET": met,
    "EFT": eft,
    "ETF": etf,
    "ETF_LB": etf_lb,
    "STF": stf,
    "HEFT_RT": heft_rt,
    "CEDR_HEFT_RT": cedr_heft_rt,
    "random": uniform,
    "table": table,
}
