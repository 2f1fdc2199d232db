"""An independent check of what a memory controller did: JEDEC timing and refresh, no simulator.

The commands of an episode are recorded anew, and every one is held against the standard's rules,
which `chipgym.simulators.dram.jedec` states apart from the simulator.
"""

from __future__ import annotations

from collections.abc import Iterator

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.jedec_refresh import refresh_gaps
from chipgym.simulators.dram.result import CommandTrace

__all__ = ["MAX_OWED_REFRESHES", "check_commands"]

MAX_OWED_REFRESHES = 8
"""Refreshes that may be postponed (JESD79-3F and JESD79-4, refresh command)."""
REPORTED = 3


def check_commands(
    device: Device, trace: CommandTrace, requests: int, end_cycle: int, *, refresh: bool = True
) -> Iterator[str]:
    """Yield what is wrong with a run of the memory.

    Parameters
    ----------
    device : Device
    trace : CommandTrace
        Every command of the run.
    requests : int
        Requests that had to be served, one column command each.
    end_cycle : int
        When the run ended.
    refresh : bool
        Whether the data must be kept.
    """
    for violation in violations(device, trace)[:REPORTED]:
        yield f"timing (command {violation.index}): {violation.rule}"
    served = sum(name in ("RD", "RDA", "WR", "WRA") for name in trace.names)
    if served != requests:
        yield f"served {served} of {requests} requests"
    if refresh:
        longest = int(refresh_gaps(device, trace, end_cycle).max())
        # The interval that is due, those owed, and the time until a late one gets through.
        allowed = (MAX_OWED_REFRESHES + 2) * device.timing.REFI
        if longest > allowed:
            yield f"a bank is not refreshed for {longest} cycles, more than {allowed}"
