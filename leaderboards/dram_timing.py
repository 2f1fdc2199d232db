"""An independent check of what a memory controller did: JEDEC timing and refresh, no simulator.

The commands of an episode are recorded anew, and every one is held against the standard's rules,
which `chipgym.simulators.dram.jedec` states apart from the simulator. `worst_debts` holds the
refreshes against the clauses on their scheduling flexibility (JESD79-3F and JESD79-4, Refresh
command; JESD209-4 and later ones have the same eight):

- A rank needs a refresh every tREFI on average. "At no point in time more than a total of 8 Refresh
  commands are allowed to be postponed."
- Up to eight may be pulled in, each of which makes a later one unnecessary; more do not count.
- In self-refresh the memory refreshes itself. What was pulled in before still counts after it, and
  the one extra refresh that follows it does not.

The same clauses state that neither makes the time between two refreshes longer than 9 tREFI. That
is not checked: the model, DRAMSys v4.0's refresh manager, lets eight that were pulled in and eight
that are postponed follow each other, so that 17 tREFI may pass, as it keeps the average.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.result import CommandTrace

__all__ = ["MAX_POSTPONED", "MAX_PULLED_IN", "check_commands", "worst_debts"]

MAX_POSTPONED = 8
MAX_PULLED_IN = 8
"""Refreshes that may be late and early: see the module's clauses."""

LATENESS = 0.5
"""Intervals until a refresh that is forced gets through: transfers end, banks close, ranks wake.
The slowest, DDR5 after power-down, was seen to take 0.1."""

REPORTED = 3
COLUMN_COMMANDS = frozenset({"RD", "RDA", "WR", "WRA"})
SET_REFRESHES = frozenset({"REFPB", "REFSB"})


def check_commands(
    device: Device, trace: CommandTrace, requests: int, end_cycle: int, *, refresh: bool = True
) -> Iterator[str]:
    """Yield what is wrong with a run of the memory.

    Parameters
    ----------
    device : Device
    trace : CommandTrace
        Every command of the run, of all channels.
    requests : int
        Requests that had to be served, one column command each.
    end_cycle : int
        When the run ended.
    refresh : bool
        Whether the data must be kept.
    """
    for violation in violations(device, trace)[:REPORTED]:
        yield f"timing (command {violation.index}): {violation.rule}"
    names = trace.names
    served = sum(name in COLUMN_COMMANDS for name in names)
    if served != requests:
        yield f"served {served} of {requests} requests"
    if refresh:
        debt = float(worst_debts(device, trace, end_cycle).max())
        # The one that is due comes on top. Within a round sets of banks may have any order.
        by_sets = any(name in SET_REFRESHES for name in names)
        allowed = MAX_POSTPONED + 1 + LATENESS + by_sets
        if debt > allowed:
            yield (
                f"a bank is owed {debt:.1f} intervals of refresh, where {MAX_POSTPONED} refreshes "
                f"may be postponed"
            )


def worst_debts(device: Device, trace: CommandTrace, end_cycle: int) -> npt.NDArray[np.float64]:
    """Return how many intervals of refresh each bank was owed at worst.

    A bank's debt grows with time, by 1 an interval (tREFI, or for refreshes of bank sets one round
    of them), and falls by 1 with each refresh, down to -8. In self-refresh it does not grow.

    Parameters
    ----------
    device : Device
    trace : CommandTrace
        As recorded by a simulation, from its beginning.
    end_cycle : int
        Until when.

    Returns
    -------
    float64 array, shape (channels, ranks, banks of a rank)
    """
    ledger = _Ledger(device, trace)
    columns = (trace.cycle, trace.channel, trace.rank, trace.bank)
    rows = zip(trace.names, *(column.tolist() for column in columns), strict=True)
    for name, cycle, channel, rank, bank in rows:
        ledger.note(name, cycle, (channel, rank), bank)
    return ledger.close(end_cycle)


class _Ledger:
    """Debts of all banks, in intervals, as commands go by."""

    def __init__(self, device: Device, trace: CommandTrace) -> None:
        ranks = (device.channels, device.ranks)
        self.sets = device.refresh_sets
        by_sets = not SET_REFRESHES.isdisjoint(trace.names)
        self.interval = self.sets * device.timing.REFIB if by_sets else device.timing.REFI
        self.banks = np.arange(device.banks_per_rank)
        self.debt = np.zeros((*ranks, device.banks_per_rank))
        self.worst = np.zeros_like(self.debt)
        self.latest = np.zeros(self.debt.shape, dtype=np.int64)
        self.asleep = np.zeros(ranks, dtype=np.bool_)
        self.extra = np.zeros(ranks, dtype=np.bool_)

    def note(self, name: str, cycle: int, rank: tuple[int, int], bank: int) -> None:
        """Take a command in; all but refreshes and self-refresh change nothing."""
        if name in SET_REFRESHES:
            self._refresh(cycle, rank, self.banks[self.banks % self.sets == bank % self.sets])
        elif name == "REFAB":
            self._refresh(cycle, rank, self.banks)
        elif name == "SREFEN":
            self._accrue(cycle, rank, self.banks)
            self.asleep[rank] = True
        elif name == "SREFEX":
            self.debt[rank] = np.minimum(self.debt[rank], 0.0)
            self.latest[rank] = cycle
            self.asleep[rank] = False
            self.extra[rank] = True

    def close(self, cycle: int) -> npt.NDArray[np.float64]:
        """Return the worst debts until the end."""
        for rank in np.argwhere(~self.asleep):
            self._accrue(cycle, (int(rank[0]), int(rank[1])), self.banks)
        return self.worst

    def _accrue(self, cycle: int, rank: tuple[int, int], banks: npt.NDArray[np.int64]) -> None:
        place = (*rank, banks)
        self.debt[place] += (cycle - self.latest[place]) / self.interval
        self.worst[place] = np.maximum(self.worst[place], self.debt[place])
        self.latest[place] = cycle

    def _refresh(self, cycle: int, rank: tuple[int, int], banks: npt.NDArray[np.int64]) -> None:
        self._accrue(cycle, rank, banks)
        if self.extra[rank]:
            self.extra[rank] = False
        else:
            place = (*rank, banks)
            self.debt[place] = np.maximum(self.debt[place] - 1.0, -MAX_PULLED_IN)
