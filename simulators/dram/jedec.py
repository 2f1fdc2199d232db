"""Independent check of a command trace: JEDEC timing constraints and bank states.

Nothing here is shared with the simulator: the rules are written down once more, from the standards'
parameters, and tested against the whole history of a rank, so that a mistake in the kernel's tables
cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.result import CommandTrace

__all__ = ["Violation", "violations"]

OPENING = {"ACT"}
READING = {"RD", "RDA"}
WRITING = {"WR", "WRA"}
COLUMN = READING | WRITING
CLOSING = {"PREPB", "PREAB"}
ASLEEP = {"PDEA": "PDXA", "PDEP": "PDXP", "SREFEN": "SREFEX"}


@dataclass(frozen=True)
class Violation:
    """A command that breaks a rule.

    Attributes
    ----------
    index : int
        Position in the trace.
    rule : str
        The rule, in words.
    """

    index: int
    rule: str


@dataclass
class _Bank:
    row: int | None = None
    activated: int | None = None
    read: int | None = None
    written: int | None = None
    free_at: int = 0  # earliest ACT after a precharge, explicit or implied


@dataclass
class _Rank:
    banks: dict[int, _Bank] = field(default_factory=dict)
    activates: list[tuple[int, int]] = field(default_factory=list)  # (cycle, group)
    columns: list[tuple[int, int, str]] = field(default_factory=list)  # (cycle, group, name)
    asleep: str | None = None
    slept_at: int = 0
    awake_at: dict[str, int] = field(default_factory=dict)  # exit command -> cycle
    refreshed: int | None = None


def violations(device: Device, trace: CommandTrace) -> list[Violation]:
    """Return every rule that a command trace breaks, in the order of the commands.

    Parameters
    ----------
    device : Device
        DDR3 or DDR4.
    trace : CommandTrace
        As recorded by a simulation, from its beginning.
    """
    ranks: dict[int, _Rank] = {}
    found = []
    previous = -1
    rows = zip(
        trace.cycle.tolist(),
        trace.names,
        trace.rank.tolist(),
        trace.group.tolist(),
        trace.bank.tolist(),
        trace.row.tolist(),
        strict=True,
    )
    for index, (cycle, name, number, group, flat, row) in enumerate(rows):
        rank = ranks.setdefault(number, _Rank())
        broken = list(_check(device, rank, cycle, name, group, flat, row))
        if cycle <= previous:
            broken.append("one command a cycle, in order")
        found += [Violation(index, f"{name} at {cycle}: {rule}") for rule in broken]
        previous = cycle
        _apply(device, rank, cycle, name, group, flat, row)
    return found


def _check(
    device: Device, rank: _Rank, cycle: int, name: str, group: int, flat: int, row: int
) -> Iterator[str]:
    if rank.asleep:
        if name != ASLEEP[rank.asleep]:
            yield f"only {ASLEEP[rank.asleep]} in {rank.asleep}"
        least = device.timing.CKESR if rank.asleep == "SREFEN" else device.timing.CKE
        if cycle < rank.slept_at + least:
            yield "tCKE / tCKESR"
        return
    yield from _check_wake(device, rank, cycle, name)
    bank = rank.banks.get(flat, _Bank())
    after_refresh = device.timing.REFPDEN if name == "PDEP" else device.timing.RFC
    if rank.refreshed is not None and cycle < rank.refreshed + after_refresh:
        yield "tRFC"
    if name == "ACT":
        yield from _check_activate(device, rank, bank, cycle, group)
    elif name in COLUMN:
        yield from _check_column(device, rank, bank, cycle, name, group, row)
    elif name == "PREPB":
        yield from _check_precharge(device, bank, cycle)
    else:
        yield from _check_rank_command(device, rank, cycle, name)


def _check_wake(device: Device, rank: _Rank, cycle: int, name: str) -> Iterator[str]:
    t = device.timing
    for exit_name, at in rank.awake_at.items():
        if exit_name == "SREFEX":
            if cycle < at + (t.XSDLL if name in COLUMN else t.XS):
                yield "tXS / tXSDLL"
        elif cycle < at + (t.CKE if name.startswith("PDE") else t.XP):
            yield "tXP / tCKE"


def _check_activate(
    device: Device, rank: _Rank, bank: _Bank, cycle: int, group: int
) -> Iterator[str]:
    t = device.timing
    if bank.row is not None:
        yield "bank is open"
    if cycle < bank.free_at:
        yield "tRP"
    if bank.activated is not None and cycle < bank.activated + t.RC:
        yield "tRC"
    for at, where in rank.activates:
        if cycle < at + (t.RRD_L if where == group else t.RRD_S):
            yield "tRRD"
    if len(rank.activates) >= 4 and cycle < rank.activates[-4][0] + t.FAW:
        yield "tFAW"


def _check_column(
    device: Device, rank: _Rank, bank: _Bank, cycle: int, name: str, group: int, row: int
) -> Iterator[str]:
    t, burst = device.timing, device.burst_cycles
    if bank.row is None or bank.row != row:
        yield "row is not open"
    if bank.activated is None or cycle < bank.activated + t.RCD:
        yield "tRCD"
    for at, where, earlier in rank.columns:
        near = where == group
        if cycle < at + (t.CCD_L if near else t.CCD_S):
            yield "tCCD"
        if earlier in WRITING and name in READING:
            turn = t.WTR_L if near else t.WTR_S
            if cycle < at + t.WL + burst + turn:
                yield "tWTR"
        start = cycle + (t.RL if name in READING else t.WL)
        busy_until = at + (t.RL if earlier in READING else t.WL) + burst
        if start < busy_until + ((earlier in READING) != (name in READING)):
            yield "data bus"


def _precharge_ready(device: Device, bank: _Bank) -> int:
    """Return when an open bank may close."""
    t, burst = device.timing, device.burst_cycles
    times = [0]
    if bank.activated is not None:
        times.append(bank.activated + t.RAS)
    if bank.read is not None:
        times.append(bank.read + t.RTP)
    if bank.written is not None:
        times.append(bank.written + t.WL + burst + t.WR)
    return max(times)


def _check_precharge(device: Device, bank: _Bank, cycle: int) -> Iterator[str]:
    if bank.row is not None and cycle < _precharge_ready(device, bank):
        yield "tRAS / tRTP / tWR"


def _check_rank_command(device: Device, rank: _Rank, cycle: int, name: str) -> Iterator[str]:
    closed = all(bank.row is None for bank in rank.banks.values())
    if name == "PREAB":
        for bank in rank.banks.values():
            yield from _check_precharge(device, bank, cycle)
    if name in ("REFAB", "SREFEN"):
        if not closed:
            yield "a bank is open"
        if any(cycle < bank.free_at for bank in rank.banks.values()):
            yield "tRP"
    if name in ("PDEP", "PDEA") and closed != (name == "PDEP"):
        yield "wrong kind of power-down"
    if name in ("PDEP", "PDEA", "SREFEN"):
        for at, _, earlier in rank.columns:
            latency = device.timing.RL if earlier in READING else device.timing.WL
            if cycle < at + latency + device.burst_cycles:
                yield "data still on the bus"
    if name in ASLEEP.values():
        yield "is not asleep"


def _apply(
    device: Device, rank: _Rank, cycle: int, name: str, group: int, flat: int, row: int
) -> None:
    t = device.timing
    bank = rank.banks.setdefault(flat, _Bank()) if flat >= 0 else _Bank()
    if name == "ACT":
        rank.banks[flat] = _Bank(row=row, activated=cycle)
        rank.activates = [*rank.activates[-3:], (cycle, group)]
    elif name in COLUMN:
        horizon = cycle - 4 * (t.RL + t.WL + device.burst_cycles + t.WTR_L)
        rank.columns = [c for c in rank.columns if c[0] >= horizon] + [(cycle, group, name)]
        bank.read = cycle if name in READING else bank.read
        bank.written = cycle if name in WRITING else bank.written
        if name in ("RDA", "WRA"):
            bank.free_at = _precharge_ready(device, bank) + t.RP
            bank.row = None
    elif name in CLOSING:
        for closing in [bank] if name == "PREPB" else rank.banks.values():
            if closing.row is not None:
                closing.row, closing.free_at = None, cycle + t.RP
    elif name == "REFAB":
        rank.refreshed = cycle
    elif name in ASLEEP:
        rank.asleep, rank.slept_at = name, cycle
    elif name in ASLEEP.values():
        rank.asleep = None
        rank.awake_at = {name: cycle}
