"""The shipped devices: they load, fit their maps, and run by their standards."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.address import build_map, default_map, load_map, map_names
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import device_names, load_device
from chipgym.simulators.dram.jedec import violations
from chipgym.simulators.dram.simulate import simulate

STANDARDS = {"DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "HBM2"}
CASES = [
    dict(zip(("page_policy", "scheduler", "power_down_policy", "arbiter"), values, strict=True))
    for values in itertools.product(
        ("Open", "ClosedAdaptive"),
        ("Fifo", "FrFcfs", "GrpFrFcfs"),
        ("NoPowerDown", "Staggered"),
        ("Simple", "Reorder"),
    )
]


def test_all_standards_are_there_and_only_the_reference_devices_are_validated():
    devices = [load_device(name) for name in device_names()]
    assert {device.standard for device in devices} == STANDARDS
    assert {device.name for device in devices if device.validated} == {"ddr3-1600", "ddr4-2400"}
    assert all(device.source for device in devices)


def test_the_page_lists_every_device_and_whether_it_is_validated():
    page = Path(__file__).parents[3] / "docs" / "simulators" / "dram.md"
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) .*\| (yes|no) \| (\S+) \|$", text, re.M)
    listed = {
        name: (standard, energy == "yes", "yes" in mark) for name, standard, energy, mark in rows
    }
    devices = [load_device(name) for name in device_names()]
    assert listed == {d.name: (d.standard, d.has_energy, d.validated) for d in devices}


@pytest.mark.parametrize("name", device_names())
def test_the_default_map_fits_and_is_listed(name):
    device = load_device(name)
    assert device.name == name
    assert default_map(device).name in map_names(device)
    assert default_map(name) is default_map(device)
    assert map_names(name) == map_names(device)


@pytest.mark.parametrize("name", device_names())
def test_random_traces_run_by_the_standard(scattered, name):
    device = load_device(name)
    workload = scattered(device, 5)
    for number, case in enumerate(CASES):
        policies = device.refresh_policies[1:]
        config = ControllerConfig(
            **case,
            refresh_policy=policies[number % len(policies)],
            refresh_max_postponed=number % 3,
            refresh_max_pulledin=number // 3 % 3,
        )
        result = simulate(workload, config, record_trace=True)
        assert violations(device, result.trace) == [], config
        assert (result.latency_ns > 0).all()
        assert np.isfinite(result.energy_pj) == device.has_energy
        assert np.isfinite(result.power_mw) == device.has_energy


@pytest.mark.parametrize(
    ("name", "cycles"),
    [
        # To ACT's tRCD add the read latency and the burst; LPDDR4's commands take 4 cycles and its
        # data come tDQSCK later, HBM2's ACT takes 2.
        ("ddr4-2400", 16 + 16 + 4),
        ("ddr5-3200", 24 + 24 + 8),
        ("lpddr4-3200", 29 + 3 + 28 + 6 + 8),
        ("lpddr5-6400", 15 + 20 + 2),
        ("hbm2-2000-pc", 12 + 1 + 17 + 1 + 2),
    ],
)
def test_one_read_takes_its_latencies(prepared_read, name, cycles):
    assert simulate(prepared_read(name)).total_cycles == cycles


@pytest.fixture
def prepared_read():
    """Return a function that prepares a single read."""
    from chipgym.simulators.dram.simulate import prepare
    from chipgym.simulators.dram.trace import Trace

    def build(name):
        device = load_device(name)
        return prepare(device, default_map(device), Trace(np.zeros(1), np.zeros(1), np.zeros(1)))

    return build


def test_maps_are_built_in_any_order():
    device = load_device("ddr3-1600")
    order = ("column", "bank", "row", "bank_group", "rank", "channel")
    shipped = load_map("ddr3-1600-rbc").model_copy(update={"name": "mine"})
    assert build_map("mine", device, order) == shipped
    with pytest.raises(InvalidValueError, match="exactly once"):
        build_map("mine", device, ("column", "row"))


def test_a_device_of_ones_own_needs_a_map_that_fits():
    own = load_device("ddr3-1600").model_copy(update={"name": "own", "default_map": "", "rows": 64})
    with pytest.raises(InvalidValueError, match="a map built for own"):
        default_map(own)
    same = load_device("ddr4-2400").model_copy(update={"default_map": ""})
    assert default_map(same).name == "ddr4-2400-bgint"
