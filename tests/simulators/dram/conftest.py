"""Small memories and traces for the DRAM tests, which also import `reference_commands`."""

import sys
from pathlib import Path

import numpy as np
import pytest

from chipgym.simulators.dram.address import load_map
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
