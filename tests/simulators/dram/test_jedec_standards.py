"""The checker of command traces: channels, ranks, refresh of bank sets, the other standards."""

import dataclasses

import numpy as np
import pytest

from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.jedec_refresh import refresh_gaps
from chipgym.simulators.dram.result import CommandTrace
from chipgym.simulators.dram.simulate import simulate


def trace_of(device, *rows):
    """Build a trace of (cycle, name, bank, row, rank, channel), the last two 0 by default."""
    full = [(*row, *(0, 0)[len(row) - 4 :]) for row in rows]
    cycle, names, bank, row, rank, channel = (list(column) for column in zip(*full, strict=True))
    bank = np.array(bank)
    group = np.where(bank < 0, -1, bank // device.banks_per_group)
    none = np.full(len(full), -1)
    number = np.array([COMMANDS.index(name) for name in names])
    columns = (cycle, number, rank, group, bank, row, none, none, channel)
    return CommandTrace(*(np.asarray(column) for column in columns))


@pytest.mark.parametrize(
    ("name", "rows", "rule"),
    [
        # Two ranks of a channel share the data bus: 4 cycles of burst and tRTRS 1.
        (
            "ddr3-1600-2r-udimm",
            [
                (0, "ACT", 0, 1),
                (1, "ACT", 8, 1, 1),
                (11, "RD", 0, 1),
                (15, "RD", 8, 1, 1),
            ],
            "data bus between ranks",
        ),
        ("lpddr4-3200", [(0, "ACT", 0, 1), (3, "ACT", 1, 1)], "command bus is busy"),
        ("lpddr4-3200", [(0, "ACT", 0, 1), (69, "PREPB", 0, -1)], "tRAS / tRTP / tWR"),
        ("lpddr4-3200", [(0, "REFPB", 0, -1), (221, "ACT", 0, 1)], "tRFCpb / tRFCsb"),
        (
            "lpddr4-3200",
            [(0, "REFPB", 0, -1), (223, "REFPB", 1, -1)],
            "refresh of a set to the next",
        ),
        ("lpddr4-3200", [(0, "REFPB", 0, -1), (13, "ACT", 1, 1)], "refresh of a set to ACT"),
        ("lpddr4-3200", [(0, "ACT", 0, 1), (300, "REFPB", 0, -1)], "a bank is open"),
        ("lpddr4-3200", [(0, "REFSB", 0, -1)], "the device has no such refresh"),
        ("ddr3-1600", [(0, "REFPB", 0, -1)], "the device has no such refresh"),
        ("lpddr5-6400", [(0, "REFPB", 0, -1), (95, "ACT", 8, 1)], "tRFCpb / tRFCsb"),
        ("ddr5-3200", [(0, "REFSB", 0, -1), (207, "ACT", 28, 1)], "tRFCpb / tRFCsb"),
        ("ddr5-3200", [(0, "ACT", 4, 1), (300, "REFSB", 0, -1)], "a bank is open"),
        (
            "ddr5-3200",
            [(0, "ACT", 0, 1), (24, "WR", 0, 1), (39, "WR", 0, 1)],
            "tCCD",
        ),
        ("hbm2-2000", [(0, "ACT", 0, 1), (1, "PREPB", 1, -1)], "row bus is busy"),
        ("hbm2-2000", [(0, "ACT", 0, 1), (12, "RD", 0, 1)], "tRCD"),
        (
            "hbm2-2000",
            [(0, "ACT", 0, 1), (13, "RD", 0, 1), (30, "WR", 0, 1)],
            "tRTW",
        ),
    ],
)
def test_each_rule_is_enforced(name, rows, rule):
    device = load_device(name)
    found = violations(device, trace_of(device, *rows))
    assert rule in [violation.rule.split(": ")[1] for violation in found]
    assert found[-1].index == len(rows) - 1


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("lpddr4-3200", [(0, "REFPB", 0, -1), (14, "ACT", 1, 1), (224, "REFPB", 2, -1)]),
        ("ddr5-3200", [(0, "REFSB", 0, -1), (48, "ACT", 1, 1), (208, "ACT", 28, 1)]),
        ("hbm2-2000", [(0, "ACT", 0, 1), (6, "WR", 0, 1), (7, "WR", 0, 1)][:1]),
        # Channels share nothing.
        ("hbm2-2000", [(0, "ACT", 0, 1), (0, "ACT", 0, 1, 0, 1)]),
    ],
)
def test_what_the_standard_allows_is_allowed(name, rows):
    device = load_device(name)
    assert violations(device, trace_of(device, *rows)) == []


@pytest.mark.parametrize("name", ["lpddr4-3200", "lpddr5-6400", "hbm2-2000-pc", "ddr5-3200"])
def test_commands_cannot_come_earlier_than_simulated(scattered, name):
    device = load_device(name)
    workload = scattered(device, 1, 120, gaps=(0, 1, 2))
    config = ControllerConfig(refresh_policy=device.partial_refresh, arbiter="Fifo")
    trace = simulate(workload, config, record_trace=True).trace
    caught = 0
    for index in range(1, 60):
        cycle = trace.cycle.copy()
        cycle[index] -= 1
        caught += bool(violations(device, dataclasses.replace(trace, cycle=cycle)))
    assert caught > 25


def test_gaps_between_refreshes_are_measured_for_each_bank():
    device = load_device("lpddr4-3200")
    trace = trace_of(
        device,
        (100, "REFPB", 0, -1),
        (500, "REFPB", 1, -1),
        (900, "REFPB", 0, -1),
        (2000, "REFAB", -1, -1),
        (3000, "SREFEN", -1, -1),
        (9000, "SREFEX", -1, -1),
    )
    gaps = refresh_gaps(device, trace, 9700)[0, 0]
    assert gaps.tolist() == [1100, 1500, 2000, 2000, 2000, 2000, 2000, 2000]
    assert refresh_gaps(device, trace, 12000)[0, 0].tolist() == [3000] * 8
