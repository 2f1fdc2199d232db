"""Energy from a list of commands, one command after the other.

After DRAMPower (tukl-msd/DRAMPower, branch rgr, 1ddc48a3872d): core energy without interface and
termination.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from chipgym.simulators.dram.device import Currents, Device
from chipgym.simulators.dram.reference_controller import Issue

__all__ = ["energy_and_power"]


@dataclass
class _Rank:
    """Counters of a rank. Background cycles have the kinds of the power model."""

    commands: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("ACT", "PRE", "RD", "WR", "REF"), 0)
    )
    cycles: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            (
                "active",
                "precharged",
                "active power-down",
                "precharged power-down",
                "self-refresh",
                "refresh active",
                "refresh precharged",
                "exit active",
                "exit precharged",
            ),
            0,
        )
    )
    open_banks: set[int] = field(default_factory=set)
    active_from: int = 0
    precharged_from: int = 0
    asleep: str | None = None
    asleep_from: int = 0
    end: int = 0

    def add(self, kind: str, cycles: int) -> None:
        self.cycles[kind] += max(0, cycles)


def energy_and_power(device: Device, issues: list[Issue], delay: int) -> tuple[float, float]:
    """Return energy in pJ and mean power in mW.

    The power model ends with the last command of the rank that ends last; the power of several
    ranks is the sum of theirs. Both are nan where the device has no currents.

    Parameters
    ----------
    device : Device
    issues : list of Issue
        Commands in the order of issue.
    delay : int
        Cycles from issue to the arrival at the memory.
    """
    log = _logged(device, issues, delay)
    ranks = [_Rank() for _ in range(device.ranks)]
    for time, _, command, rank, bank in log:
        _account(device, ranks[rank], time, command, bank)
        ranks[rank].end = time + _completion(device, command) - 1
    end = max(rank_state.end for rank_state in ranks)
    for rank_state in ranks:
        _close(device, rank_state, end)
    if device.currents is None:
        return math.nan, math.nan
    energy = power = 0.0
    for rank_state in ranks:
        rank_energy = device.devices_per_rank * _energy_pj(device, device.currents, rank_state)
        duration_ns = sum(rank_state.cycles.values()) * 1000 / device.clock_mhz
        energy += rank_energy
        power += rank_energy / duration_ns if duration_ns else 0.0
    return energy, power


def _logged(
    device: Device, issues: list[Issue], delay: int
) -> list[tuple[int, bool, str, int, int]]:
    """Return (time, not a precharge, command, rank, bank) by time, precharges first.

    A column access with auto-precharge becomes one without, and a precharge.
    """
    t = device.timing
    read_offset = max(t.RTP, 4) if device.standard == "DDR3" else t.RTP
    offsets = {"RDA": read_offset, "WRA": device.burst_cycles + t.WL + t.WR}
    last_activate: dict[int, int] = {}
    log = []
    for issue in issues:
        time, place = issue.cycle + delay, issue.place
        if issue.command == "ACT":
            last_activate[place.bank] = time
        command = issue.command.removesuffix("A") if issue.command in offsets else issue.command
        log.append((time, command != "PREPB", command, place.rank, place.bank))
        if issue.command in offsets:
            closed = max(time + offsets[issue.command], last_activate[place.bank] + t.RAS)
            log.append((closed, False, "PREPB", place.rank, place.bank))
    return sorted(log, key=lambda entry: entry[:2])


def _completion(device: Device, command: str) -> int:
    t, burst = device.timing, device.burst_cycles
    return {
        "RD": t.RL + t.DQSCK + 1 + burst,
        "WR": t.WL + burst + t.WR,
        "ACT": t.RCD,
        "PREPB": t.RP,
        "PREAB": t.RP,
    }.get(command, 0)


def _account(device: Device, rank: _Rank, time: int, command: str, bank: int) -> None:
    if command in ("RD", "WR"):
        rank.commands[command] += 1
    elif command in ("ACT", "PREPB", "PREAB", "REFAB"):
        _account_rows(device, rank, time, command, bank)
    else:
        _account_sleep(device, rank, time, command)


def _account_rows(device: Device, rank: _Rank, time: int, command: str, bank: int) -> None:
    t = device.timing
    if command == "ACT" and bank not in rank.open_banks:
        rank.commands["ACT"] += 1
        if not rank.open_banks:
            rank.add("precharged", time - rank.precharged_from)
            rank.active_from = time
        rank.open_banks.add(bank)
    elif command == "PREPB" and bank in rank.open_banks:
        rank.commands["PRE"] += 1
        rank.open_banks.remove(bank)
        if not rank.open_banks:
            rank.add("active", time - rank.active_from)
            rank.precharged_from = time
    elif command == "PREAB" and rank.open_banks:
        rank.add("active", time - rank.active_from)
        rank.precharged_from = time
        rank.commands["PRE"] += len(rank.open_banks)
        rank.open_banks.clear()
    elif command == "REFAB":
        rank.commands["REF"] += 1
        rank.add("precharged", time - rank.precharged_from)
        rank.add("active", t.RFC - t.RP)
        rank.precharged_from = time + t.RFC - t.RP
        rank.active_from = time
        rank.open_banks.clear()


def _account_sleep(device: Device, rank: _Rank, time: int, command: str) -> None:
    if command in ("PDEA", "PDEP", "SREFEN"):
        if command == "PDEA":
            rank.add("active", time - rank.active_from)
        else:
            rank.add("precharged", time - rank.precharged_from)
        rank.asleep, rank.asleep_from = command, time
        return
    rank.asleep = None
    slept = time - rank.asleep_from
    if command == "PDXA":
        rank.add("active power-down", slept)
        rank.active_from = time
    elif command == "PDXP":
        rank.add("precharged power-down", slept)
        rank.precharged_from = time
    else:
        _account_self_refresh(device, rank, time, slept)


def _account_self_refresh(device: Device, rank: _Rank, time: int, slept: int) -> None:
    """End a self-refresh: what its first refresh still lacks follows after the exit."""
    t = device.timing
    active = min(slept, t.RFC - t.RP)
    precharged = min(slept - active, t.RP)
    rank.add("refresh active", active)
    rank.add("refresh precharged", precharged)
    rank.add("self-refresh", slept - active - precharged)
    rank.add("exit active", t.RFC - t.RP - active)
    rank.add("exit precharged", t.RP - precharged)
    rank.precharged_from = max(time, rank.asleep_from + t.RFC)


def _close(device: Device, rank: _Rank, end: int) -> None:
    """Close the open interval at the end of the trace."""
    t = device.timing
    slept = end - rank.asleep_from
    if rank.asleep == "PDEA":
        rank.add("active power-down", slept)
    elif rank.asleep == "PDEP":
        rank.add("precharged power-down", slept)
    elif rank.asleep == "SREFEN":
        active = min(slept, t.RFC - t.RP)
        precharged = min(slept - active, t.RP)
        rank.add("refresh active", active)
        rank.add("refresh precharged", precharged)
        rank.add("self-refresh", slept - active - precharged)
    elif rank.open_banks:
        rank.add("active", end - rank.active_from)
    else:
        rank.add("precharged", end - rank.precharged_from)


def _energy_pj(device: Device, i: Currents, rank: _Rank) -> float:
    """Return the energy of one device of a rank: mA * V * ns."""
    t, n, c = device.timing, rank.commands, rank.cycles
    opening, closing = n["ACT"] * t.RAS, n["PRE"] * (t.RC - t.RAS)
    refreshing = (
        c["refresh active"] + c["refresh precharged"] + c["exit active"] + c["exit precharged"]
    )
    core_ma_cycles = (
        opening * (i.idd0_ma - i.idd3n_ma)
        + closing * (i.idd0_ma - i.idd2n_ma)
        + n["RD"] * device.burst_cycles * (i.idd4r_ma - i.idd3n_ma)
        + n["WR"] * device.burst_cycles * (i.idd4w_ma - i.idd3n_ma)
        + n["REF"] * t.RFC * (i.idd5_ma - i.idd3n_ma)
        + refreshing * (i.idd5_ma - i.idd3n_ma)
        + (c["active"] + c["exit active"]) * i.idd3n_ma
        + (c["precharged"] + c["exit precharged"]) * i.idd2n_ma
        + (c["active power-down"] + c["refresh active"]) * i.idd3p0_ma
        + (c["precharged power-down"] + c["refresh precharged"]) * i.idd2p0_ma
        + c["self-refresh"] * i.idd6_ma
    )
    pumped_ma_cycles = i.ipp0_ma * (opening + closing) + i.ipp6_ma * c["self-refresh"]
    volts = i.vdd_v * core_ma_cycles + (i.vpp_v or 0.0) * pumped_ma_cycles
    return volts * 1000 / device.clock_mhz
