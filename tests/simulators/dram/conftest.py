"""Small memories and traces for the DRAM tests, which also import `reference_commands`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from chipgym.simulators.dram.address import build_map, default_map, load_map
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.simulate import prepare
from chipgym.simulators.dram.trace import Trace

sys.path.insert(0, str(Path(__file__).resolve().parent))

MAPS = {"ddr3-1600": "ddr3-1600-rbc", "ddr4-2400": "ddr4-2400-bgint"}


@pytest.fixture(scope="session")
def prepared():
    """Return a function that decodes requests for a device."""

    def build(cycles, addresses, writes=None, device="ddr3-1600"):
        writes = np.zeros(len(cycles)) if writes is None else writes
        trace = Trace(np.asarray(cycles), np.asarray(addresses), np.asarray(writes))
        return prepare(load_device(device), load_map(MAPS[device]), trace)

    return build


@pytest.fixture(scope="session")
def mixed(prepared):
    """Return a function that draws a workload with hits, conflicts, writes and idle phases."""

    def build(seed, device="ddr3-1600", size=400):
        rng = np.random.default_rng(seed)
        gaps = rng.choice([0, 1, 3, 20, 400], size, p=[0.3, 0.4, 0.2, 0.07, 0.03])
        rows = rng.integers(0, 6, size) << 20
        addresses = rows + rng.integers(0, 1 << 11, size) * 64
        return prepared(np.cumsum(gaps), addresses, rng.random(size) < 0.35, device)

    return build


@pytest.fixture(scope="session")
def scattered():
    """Return a function that draws a workload over all of any device."""

    def build(device, seed=0, size=200, writes=0.35, gaps=(0, 1, 3, 20, 400, 4000)):
        rng = np.random.default_rng(seed)
        cycles = np.cumsum(rng.choice(gaps, size, p=None if len(gaps) < 6 else GAP_SHARES))
        far = rng.integers(0, 6, size) * (device.capacity_bytes // 8)
        addresses = far + rng.integers(0, 1 << 11, size) * device.burst_bytes
        trace = Trace(cycles, addresses, rng.random(size) < writes)
        return prepare(device, default_map(device), trace)

    return build


GAP_SHARES = (0.3, 0.4, 0.2, 0.05, 0.03, 0.02)


@pytest.fixture(scope="session")
def widened():
    """Return a function that gives a device more channels or ranks, with a map by rows."""

    def build(name="ddr3-1600", **changes):
        changed = load_device(name).model_copy(update=changes)
        order = ("column", "bank", "bank_group", "rank", "row", "channel")
        return changed, build_map("wide", changed, order)

    return build
