"""Timing constraints as a plain table: which command keeps which later one waiting, and how long.

One rule a line, after the constraint tables of DRAMSys v4.0 (tukl-msd/DRAMSys, 7925e4a5e83b); the
parameters have their JEDEC names.
"""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.dram.device import Device

__all__ = ["BANK_COMMANDS", "Place", "TimingChecker"]

BANK, GROUP, RANK, OTHER_RANKS = "bank", "group", "rank", "other ranks"
BANK_COMMANDS = ("ACT", "PREPB", "RD", "RDA", "WR", "WRA")

READ = ("RD", "RDA")
WRITE = ("WR", "WRA")

Rule = tuple[str, str, int]
"""Scope, earlier command, cycles between both."""


@dataclass(frozen=True)
class Place:
    """A bank, or a whole rank (group and bank are then -1); all count over the channel."""

    rank: int
    group: int = -1
    bank: int = -1


class TimingChecker:
    """Finds the earliest cycle of a command from the last issue of every other one."""

    def __init__(self, device: Device) -> None:
        self.ranks = device.ranks
        self.window = device.timing.FAW
        self.rules = _rules(device)
        self.last: dict[tuple[object, ...], int] = {}
        self.activates: list[list[int]] = [[] for _ in range(device.ranks)]
        self.bus: int | None = None

    def issue(self, command: str, place: Place, now: int) -> None:
        """Note that a command issues."""
        self.bus = now
        self.last[command, RANK, place.rank] = now
        self.last[command, GROUP, place.group] = now
        self.last[command, BANK, place.bank] = now
        if command == "ACT":
            self.activates[place.rank] = [*self.activates[place.rank][-3:], now]

    def earliest(self, command: str, place: Place, now: int) -> int:
        """Return the first cycle from `now` on in which a command may issue."""
        times = [now]
        if self.bus is not None:
            times.append(self.bus + 1)
        for scope, earlier, cycles in self.rules[command]:
            times.extend(last + cycles for last in self._issues(scope, earlier, place))
        if command == "ACT" and len(self.activates[place.rank]) == 4:
            times.append(self.activates[place.rank][0] + self.window)
        return max(times)

    def _issues(self, scope: str, command: str, place: Place) -> list[int]:
        keys: list[tuple[object, ...]]
        if scope == BANK:
            keys = [(command, BANK, place.bank)]
        elif scope == GROUP:
            keys = [(command, GROUP, place.group)]
        elif scope == RANK:
            keys = [(command, RANK, place.rank)]
        else:
            keys = [(command, RANK, rank) for rank in range(self.ranks) if rank != place.rank]
        return [self.last[key] for key in keys if key in self.last]


def _rules(device: Device) -> dict[str, list[Rule]]:
    """Return the rules of each later command."""
    t, burst = device.timing, device.burst_cycles
    write_to_precharge = t.WL + burst + t.WR
    read_to_sleep = t.RL + burst + 1
    awake: list[Rule] = [(RANK, "PDXA", t.XP), (RANK, "SREFEX", t.XSDLL)]
    precharged: list[Rule] = [
        (RANK, "PDXP", t.XP),
        (RANK, "REFAB", t.RFC),
        (RANK, "SREFEX", t.XS),
    ]
    closed: list[Rule] = [
        (RANK, "ACT", t.RC),
        (RANK, "RDA", t.RTP + t.RP),
        (RANK, "WRA", write_to_precharge + t.RP),
        (RANK, "PREPB", t.RP),
        (RANK, "PREAB", t.RP),
    ]
    read = _read_rules(device) + awake
    write = _write_rules(device) + awake
    return {
        "RD": read,
        "RDA": [*read, (BANK, "WR", write_to_precharge - t.RTP)],
        "WR": write,
        "WRA": write,
        "ACT": [
            (BANK, "ACT", t.RC),
            (BANK, "RDA", t.RTP + t.RP),
            (BANK, "WRA", write_to_precharge + t.RP),
            (BANK, "PREPB", t.RP),
            (GROUP, "ACT", t.RRD_L),
            (RANK, "ACT", t.RRD_S),
            (RANK, "PREAB", t.RP),
            (RANK, "PDXA", t.XP),
            *precharged,
        ],
        "PREPB": [
            (BANK, "ACT", t.RAS),
            (BANK, "RD", t.RTP),
            (BANK, "WR", write_to_precharge),
            (RANK, "PDXA", t.XP),
        ],
        "PREAB": [
            (RANK, "ACT", t.RAS),
            *_after(RANK, READ, t.RTP),
            *_after(RANK, WRITE, write_to_precharge),
            (RANK, "PDXA", t.XP),
        ],
        "REFAB": [*closed, *precharged],
        "PDEA": [
            (RANK, "ACT", t.ACTPDEN),
            *_after(RANK, READ, read_to_sleep),
            (RANK, "WR", write_to_precharge),
            (RANK, "WRA", write_to_precharge + 1),
            (RANK, "PREPB", t.PRPDEN),
            (RANK, "PDXA", t.CKE),
        ],
        "PDEP": [
            *_after(RANK, READ, read_to_sleep),
            (RANK, "WRA", write_to_precharge + 1),
            *_after(RANK, ("PREPB", "PREAB"), t.PRPDEN),
            (RANK, "PDXP", t.CKE),
            (RANK, "REFAB", t.REFPDEN),
            (RANK, "SREFEX", t.XS),
        ],
        "PDXA": [(RANK, "PDEA", t.CKE)],
        "PDXP": [(RANK, "PDEP", t.CKE)],
        "SREFEN": [
            (RANK, "ACT", t.RC),
            (RANK, "RDA", max(read_to_sleep, t.RTP + t.RP)),
            (RANK, "WRA", max(write_to_precharge + 1, write_to_precharge + t.RP)),
            *_after(RANK, ("PREPB", "PREAB"), t.RP),
            *precharged,
        ],
        "SREFEX": [(RANK, "SREFEN", t.CKESR)],
    }


def _after(scope: str, commands: tuple[str, ...], cycles: int) -> list[Rule]:
    return [(scope, command, cycles) for command in commands]


def _read_rules(device: Device) -> list[Rule]:
    t, burst = device.timing, device.burst_cycles
    from_write = t.WL + burst
    return [
        (BANK, "ACT", t.RCD),
        *_after(GROUP, READ, t.CCD_L),
        *_after(GROUP, WRITE, from_write + t.WTR_L),
        *_after(RANK, READ, t.CCD_S),
        *_after(RANK, WRITE, from_write + t.WTR_S),
        *_after(OTHER_RANKS, READ, burst + t.RTRS),
        *_after(OTHER_RANKS, WRITE, from_write + t.RTRS - t.RL + _preamble(device, t.RPRE)),
    ]


def _write_rules(device: Device) -> list[Rule]:
    t, burst = device.timing, device.burst_cycles
    gap = 1 + t.WPRE if device.standard == "DDR4" else 2
    from_read = t.RL + burst - t.WL
    return [
        (BANK, "ACT", t.RCD),
        *_after(GROUP, WRITE, t.CCD_L),
        *_after(RANK, READ, from_read + gap),
        *_after(RANK, WRITE, t.CCD_S),
        *_after(OTHER_RANKS, READ, from_read + t.RTRS + _preamble(device, t.WPRE)),
        *_after(OTHER_RANKS, WRITE, burst + t.RTRS),
    ]


def _preamble(device: Device, cycles: int) -> int:
    return cycles if device.standard == "DDR4" else 0
