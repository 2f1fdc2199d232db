"""The checker of command traces finds what is planted."""

import dataclasses

import numpy as np
import pytest

from chipgym.simulators.dram.commands import COMMANDS
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.result import CommandTrace
from chipgym.simulators.dram.simulate import simulate


def trace_of(*rows):
    """Build a trace of (cycle, name, bank, row)."""
    cycle = np.array([row[0] for row in rows])
    names = np.array([COMMANDS.index(row[1]) for row in rows])
    bank = np.array([row[2] for row in rows])
    place = np.array([row[3] for row in rows])
    zero, none = np.zeros(len(rows), dtype=np.int64), np.full(len(rows), -1)
    return CommandTrace(cycle, names, zero, np.minimum(bank, 0), bank, place, none, none)


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([(0, "ACT", 0, 1), (9, "RD", 0, 1)], "tRCD"),
        ([(0, "ACT", 0, 1), (10, "RD", 0, 2)], "row is not open"),
        ([(0, "ACT", 0, 1), (27, "PREPB", 0, -1)], "tRAS / tRTP / tWR"),
        ([(0, "ACT", 0, 1), (28, "PREPB", 0, -1), (37, "ACT", 0, 1)], "tRP"),
        ([(0, "ACT", 0, 1), (4, "ACT", 1, 1)], "tRRD"),
        ([(5 * n, "ACT", n, 1) for n in range(4)] + [(23, "ACT", 4, 1)], "tFAW"),
        ([(0, "ACT", 0, 1), (10, "RD", 0, 1), (13, "RD", 0, 1)], "tCCD"),
        ([(0, "ACT", 0, 1), (10, "WR", 0, 1), (27, "RD", 0, 1)], "tWTR"),
        ([(0, "ACT", 0, 1), (100, "REFAB", -1, -1)], "a bank is open"),
        ([(0, "REFAB", -1, -1), (87, "ACT", 0, 1)], "tRFC"),
        ([(0, "PDEP", -1, -1), (9, "ACT", 0, 1)], "only PDXP in PDEP"),
        ([(0, "PDEP", -1, -1), (3, "PDXP", -1, -1), (8, "ACT", 0, 1)], "tXP / tCKE"),
        ([(3, "ACT", 0, 1), (3, "ACT", 1, 1)], "one command a cycle, in order"),
    ],
)
def test_each_rule_is_enforced(rows, rule):
    found = violations(load_device("ddr3-1600"), trace_of(*rows))
    assert rule in [violation.rule.split(": ")[1] for violation in found]
    assert found[-1].index == len(rows) - 1


@pytest.mark.parametrize("device", ["ddr3-1600", "ddr4-2400"])
def test_commands_cannot_come_earlier_than_simulated(mixed, device):
    """Nearly every command of a busy trace is as early as it may be: one cycle less is wrong."""
    workload = mixed(11, device)
    trace = simulate(workload, record_trace=True).trace
    caught = 0
    for index in range(1, 200):
        cycle = trace.cycle.copy()
        cycle[index] -= 1
        caught += bool(violations(workload.memory.device, dataclasses.replace(trace, cycle=cycle)))
    assert caught > 100
