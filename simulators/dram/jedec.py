"""Independent check of a command trace: JEDEC timing constraints and bank states.

Nothing here is shared with the simulator's kernel and tables: the rules are written down once more,
from the standards' parameters, and tested against the history of a rank, so that a mistake in the
kernel's tables cannot hide itself. Every rank of every channel is checked by itself, the command
and data buses of a channel over its ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chipgym.simulators.dram.device import Device
from chipgym.simulators.dram.result import CommandTrace

__all__ = ["Violation", "violations"]

READING = {"RD", "RDA"}
WRITING = {"WR", "WRA"}
COLUMN = READING | WRITING
CLOSING = {"PREPB", "PREAB"}
SET_REFRESH = {"REFPB": "PerBank", "REFSB": "SameBank"}
ASLEEP = {"PDEA": "PDXA", "PDEP": "PDXP", "SREFEN": "SREFEX"}

# Cycles of each command on the command bus, one where it is not named.
LENGTHS: dict[str, dict[str, int]] = {
    "LPDDR4": dict.fromkeys(("ACT", *COLUMN), 4)
    | dict.fromkeys((*CLOSING, "REFAB", "REFPB", "SREFEN", "SREFEX"), 2),
    "DDR5": dict.fromkeys(("ACT", *COLUMN), 2),
    "LPDDR5": {"ACT": 2},
    "HBM2": {"ACT": 2},
}
# Standards that measure intervals from the last cycle of commands; the others from the first.
FROM_THE_END = {"LPDDR4", "HBM2"}


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


@dataclass(frozen=True)
class _Command:
    """A command: its first cycle, the cycle from which intervals count, and its place."""

    cycle: int
    mark: int
    name: str
    group: int
    bank: int
    row: int


@dataclass
class _Bank:
    row: int | None = None
    activated: int | None = None
    read: int | None = None
    written: int | None = None
    free_at: int = 0  # earliest ACT after a precharge, explicit or implied
    refreshed: int | None = None  # by itself or with its set


@dataclass
class _Rank:
    banks: dict[int, _Bank] = field(default_factory=dict)
    activates: list[tuple[int, int]] = field(default_factory=list)  # (mark, group)
    window: list[int] = field(default_factory=list)  # marks that count for tFAW
    columns: list[_Command] = field(default_factory=list)
    asleep: str | None = None
    slept_at: int = 0
    awake_at: dict[str, int] = field(default_factory=dict)  # exit command -> mark
    refreshed: int | None = None
    set_refreshed: int | None = None
    precharged: int | None = None


@dataclass
class _Channel:
    ranks: dict[int, _Rank] = field(default_factory=dict)
    last: _Command | None = None
    row_bus_until: int = 0
    bursts: list[tuple[int, int, int]] = field(default_factory=list)  # (start, end, rank)


def violations(device: Device, trace: CommandTrace) -> list[Violation]:
    """Return every rule that a command trace breaks, in the order of the commands.

    Parameters
    ----------
    device : Device
    trace : CommandTrace
        As recorded by a simulation, from its beginning.
    """
    channels: dict[int, _Channel] = {}
    found = []
    lengths = LENGTHS.get(device.standard, {})
    from_the_end = device.standard in FROM_THE_END
    columns = ("cycle", "channel", "rank", "group", "bank", "row")
    rows = zip(*(getattr(trace, name).tolist() for name in columns), trace.names, strict=True)
    for index, (cycle, number, rank_number, group, bank, row, name) in enumerate(rows):
        channel = channels.setdefault(number, _Channel())
        rank = channel.ranks.setdefault(rank_number, _Rank())
        mark = cycle + (lengths.get(name, 1) - 1) * from_the_end
        command = _Command(cycle, mark, name, group, bank, row)
        broken = [
            *_check_command_bus(device, channel, command, lengths),
            *_check(device, rank, command),
            *_check_data_bus(device, channel, rank_number, command),
        ]
        found += [Violation(index, f"{name} at {cycle}: {rule}") for rule in broken]
        channel.last = command
        if name == "ACT":
            channel.row_bus_until = cycle + lengths.get("ACT", 1)
        _apply(device, rank, command)
    return found


def _check_command_bus(
    device: Device, channel: _Channel, c: _Command, lengths: dict[str, int]
) -> Iterator[str]:
    if channel.last is None:
        return
    if c.cycle <= channel.last.cycle:
        yield "one command a cycle, in order"
    elif device.standard == "HBM2":
        if c.name not in COLUMN and c.cycle < channel.row_bus_until:
            yield "row bus is busy"
    elif c.cycle < channel.last.cycle + lengths.get(channel.last.name, 1):
        yield "command bus is busy"


def _data_start(device: Device, c: _Command) -> int:
    """Return the first cycle of a column command's data."""
    t = device.timing
    if c.name in READING:
        return c.mark + t.RL + (t.DQSCK if device.standard in FROM_THE_END else 0)
    return c.mark + t.WL + t.DQS2DQ + (t.DQSS if device.standard == "LPDDR4" else 0)


def _check_data_bus(device: Device, channel: _Channel, rank: int, c: _Command) -> Iterator[str]:
    """Check a burst against those of the other ranks, and note it."""
    if c.name not in COLUMN:
        return
    start = _data_start(device, c)
    end = start + device.burst_cycles
    for other_start, other_end, other in channel.bursts:
        if other != rank:
            gap = device.timing.RTRS
            if start < other_end + gap and other_start < end + gap:
                yield "data bus between ranks"
    channel.bursts = [*channel.bursts[-7:], (start, end, rank)]


def _check(device: Device, rank: _Rank, c: _Command) -> Iterator[str]:
    t = device.timing
    if rank.asleep:
        if c.name != ASLEEP[rank.asleep]:
            yield f"only {ASLEEP[rank.asleep]} in {rank.asleep}"
        least = t.CKESR if rank.asleep == "SREFEN" else t.CKE
        if c.mark < rank.slept_at + least:
            yield "tCKE / tCKESR"
        return
    yield from _check_wake(device, rank, c)
    after_refresh = t.REFPDEN if c.name == "PDEP" else t.RFC
    if rank.refreshed is not None and c.mark < rank.refreshed + after_refresh:
        yield "tRFC"
    bank = rank.banks.get(c.bank, _Bank())
    if c.name == "ACT":
        yield from _check_activate(device, rank, bank, c)
    elif c.name in COLUMN:
        yield from _check_column(device, rank, bank, c)
    elif c.name == "PREPB":
        yield from _check_precharge(device, bank, c.mark)
        yield from _check_precharge_distance(device, rank, c.mark)
    elif c.name in SET_REFRESH:
        yield from _check_set_refresh(device, rank, c)
    else:
        yield from _check_rank_command(device, rank, c)


def _check_wake(device: Device, rank: _Rank, c: _Command) -> Iterator[str]:
    t = device.timing
    for exit_name, at in rank.awake_at.items():
        if exit_name == "SREFEX":
            if c.mark < at + (t.XSDLL if c.name in COLUMN else t.XS):
                yield "tXS / tXSDLL"
        elif c.cycle < at + (t.CKE if c.name.startswith("PDE") else t.XP):
            yield "tXP / tCKE"


def _check_window(device: Device, rank: _Rank, c: _Command) -> Iterator[str]:
    if len(rank.window) >= 4 and c.mark < rank.window[-4] + device.timing.FAW:
        yield "tFAW"


def _check_activate(device: Device, rank: _Rank, bank: _Bank, c: _Command) -> Iterator[str]:
    t = device.timing
    if bank.row is not None:
        yield "bank is open"
    if c.mark < bank.free_at:
        yield "tRP"
    if bank.activated is not None and c.mark < bank.activated + t.RC:
        yield "tRC"
    for at, where in rank.activates:
        if c.mark < at + (t.RRD_L if where == c.group else t.RRD_S):
            yield "tRRD"
    if bank.refreshed is not None and c.mark < bank.refreshed + t.RFCB:
        yield "tRFCpb / tRFCsb"
    if rank.set_refreshed is not None and c.mark < rank.set_refreshed + t.PBR2ACT:
        yield "refresh of a set to ACT"
    yield from _check_window(device, rank, c)


def _check_column(device: Device, rank: _Rank, bank: _Bank, c: _Command) -> Iterator[str]:
    t, burst = device.timing, device.burst_cycles
    reads = c.name in READING
    if bank.row is None or bank.row != c.row:
        yield "row is not open"
    opening = t.RCD if reads or t.RCD_WR is None else t.RCD_WR
    if bank.activated is None or c.mark < bank.activated + opening:
        yield "tRCD"
    for earlier in rank.columns:
        near = earlier.group == c.group
        distance = t.CCD_L if near else t.CCD_S
        if near and t.CCD_L_WR is not None and not reads and earlier.name in WRITING:
            distance = t.CCD_L_WR
        if c.mark < earlier.mark + distance:
            yield "tCCD"
        if earlier.name in WRITING and reads:
            turn = t.WTR_L if near else t.WTR_S
            if c.mark < earlier.mark + t.WL + t.DQSS + burst + turn:
                yield "tWTR"
        if earlier.name in READING and not reads and c.mark < earlier.mark + (t.RTW or 0):
            yield "tRTW"
        turned = (earlier.name in READING) != reads
        if _data_start(device, c) < _data_start(device, earlier) + burst + turned:
            yield "data bus"


def _precharge_ready(device: Device, bank: _Bank) -> int:
    """Return when an open bank may close."""
    t, burst = device.timing, device.burst_cycles
    times = [0]
    if bank.activated is not None:
        times.append(bank.activated + t.RAS)
    if bank.read is not None:
        times.append(bank.read + t.RTP + (burst - 8 if device.standard == "LPDDR4" else 0))
    if bank.written is not None:
        times.append(bank.written + t.WL + t.DQSS + burst + t.WR)
    return max(times)


def _check_precharge(device: Device, bank: _Bank, mark: int) -> Iterator[str]:
    if bank.row is not None and mark < _precharge_ready(device, bank):
        yield "tRAS / tRTP / tWR"


def _check_precharge_distance(device: Device, rank: _Rank, mark: int) -> Iterator[str]:
    if rank.precharged is not None and mark < rank.precharged + device.timing.PPD:
        yield "tPPD"


def _set_of(device: Device, rank: _Rank, flat: int) -> list[_Bank]:
    """Return the banks that are refreshed together with one."""
    sets, size = device.refresh_sets, device.banks_per_rank
    first = flat // size * size
    numbers = range(first + (flat - first) % sets, first + size, sets)
    return [rank.banks.setdefault(number, _Bank()) for number in numbers]


def _check_set_refresh(device: Device, rank: _Rank, c: _Command) -> Iterator[str]:
    t = device.timing
    if device.partial_refresh != SET_REFRESH[c.name]:
        yield "the device has no such refresh"
        return
    for bank in _set_of(device, rank, c.bank):
        if bank.row is not None:
            yield "a bank is open"
        if c.mark < bank.free_at:
            yield "tRP"
        if bank.activated is not None and c.mark < bank.activated + t.RC:
            yield "tRC"
        if bank.refreshed is not None and c.mark < bank.refreshed + t.RFCB:
            yield "tRFCpb / tRFCsb"
    if rank.set_refreshed is not None and c.mark < rank.set_refreshed + t.PBR2PBR:
        yield "refresh of a set to the next"
    if any(c.mark < at + t.RRD_S for at, _ in rank.activates):
        yield "tRRD"
    yield from _check_window(device, rank, c)


def _check_rank_command(device: Device, rank: _Rank, c: _Command) -> Iterator[str]:
    t = device.timing
    closed = all(bank.row is None for bank in rank.banks.values())
    if c.name == "PREAB":
        for bank in rank.banks.values():
            yield from _check_precharge(device, bank, c.mark)
        yield from _check_precharge_distance(device, rank, c.mark)
    if c.name in ("REFAB", "SREFEN"):
        if not closed:
            yield "a bank is open"
        if any(c.mark < bank.free_at for bank in rank.banks.values()):
            yield "tRP"
        if rank.set_refreshed is not None and c.mark < rank.set_refreshed + t.RFCB:
            yield "tRFCpb / tRFCsb"
    if c.name in ("PDEP", "PDEA"):
        if closed != (c.name == "PDEP"):
            yield "wrong kind of power-down"
        if rank.set_refreshed is not None and c.mark < rank.set_refreshed + t.REFPDEN:
            yield "refresh to power-down"
        if rank.precharged is not None and c.mark < rank.precharged + t.PRPDEN:
            yield "precharge to power-down"
    if c.name == "PDEA" and rank.activates and c.mark < rank.activates[-1][0] + t.ACTPDEN:
        yield "ACT to power-down"
    if c.name in ("PDEP", "PDEA", "SREFEN"):
        ends = (_data_start(device, earlier) + device.burst_cycles for earlier in rank.columns)
        if any(c.cycle < end for end in ends):
            yield "data still on the bus"
    if c.name in ASLEEP.values():
        yield "is not asleep"


def _apply(device: Device, rank: _Rank, c: _Command) -> None:
    t = device.timing
    bank = rank.banks.setdefault(c.bank, _Bank()) if c.bank >= 0 else _Bank()
    if c.name == "ACT":
        rank.banks[c.bank] = _Bank(row=c.row, activated=c.mark, refreshed=bank.refreshed)
        rank.activates = [*rank.activates[-3:], (c.mark, c.group)]
        rank.window = [*rank.window[-3:], c.mark]
    elif c.name in COLUMN:
        horizon = c.mark - 4 * (t.RL + t.WL + device.burst_cycles + t.WTR_L)
        rank.columns = [e for e in rank.columns if e.mark >= horizon] + [c]
        bank.read = c.mark if c.name in READING else bank.read
        bank.written = c.mark if c.name in WRITING else bank.written
        if c.name in ("RDA", "WRA"):
            bank.free_at = _precharge_ready(device, bank) + t.RP
            bank.row = None
    elif c.name in CLOSING:
        recovery = t.RP if c.name == "PREPB" or t.RP_AB is None else t.RP_AB
        for closing in [bank] if c.name == "PREPB" else rank.banks.values():
            if closing.row is not None:
                closing.row, closing.free_at = None, c.mark + recovery
        rank.precharged = c.mark
    elif c.name == "REFAB":
        rank.refreshed = c.mark
    elif c.name in SET_REFRESH:
        for refreshed in _set_of(device, rank, c.bank) if device.refresh_sets else []:
            refreshed.refreshed = c.mark
        rank.set_refreshed = c.mark
        rank.window = [*rank.window[-3:], c.mark]
    elif c.name in ASLEEP:
        rank.asleep, rank.slept_at = c.name, c.mark
    elif c.name in ASLEEP.values():
        rank.asleep = None
        rank.awake_at = {c.name: c.mark}
