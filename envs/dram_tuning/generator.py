"""From a scenario to instances: device, address maps, trace, and the default design's result."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.design_space import DesignSpace
from chipgym.envs.dram_tuning.evaluation import run_batch
from chipgym.envs.dram_tuning.knobs import build_knobs
from chipgym.envs.dram_tuning.presets import SCENARIOS, Scenario
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash, hash_arrays
from chipgym.simulators.dram.address import AddressMap, default_map, load_map, map_names
from chipgym.simulators.dram.device import Device, load_device
from chipgym.simulators.dram.engine import Memory, Workload, decode
from chipgym.simulators.dram.features import features
from chipgym.simulators.dram.generators import archgym_trace, generate
from chipgym.simulators.dram.trace import Trace, read_trace

__all__ = [
    "NUM_TEST_INSTANCES",
    "Instance",
    "InstanceGenerator",
    "find_scenario",
    "toy_trace",
]

NUM_TEST_INSTANCES = 50
# Tags that keep the seeds of the two splits apart whatever the caller's seed is.
TRAIN_TAG, TEST_TAG = 0x7261, 0x7465


@dataclass(frozen=True, eq=False)
class Instance:
    """One episode's problem, complete and replayable.

    Attributes
    ----------
    name : str
        Split and number or key.
    device : Device
    address_maps : tuple of AddressMap
        The maps to choose among; the first is the default.
    trace : Trace
    features : float64 array, shape (features,)
        Features of the trace (`chipgym.simulators.dram.features`).
    default_metrics : dict
        Metrics of the default design: the units of the reward. They belong to the instance and
        cost no evaluation.
    """

    name: str
    device: Device
    address_maps: tuple[AddressMap, ...]
    trace: Trace
    features: npt.NDArray[np.float64]
    default_metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_decoded", {})

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_decoded", "content_hash")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _decoded={})

    def workload(self, address_map: str | None = None) -> Workload:
        """Return the trace decoded by a map, by default the first; kept for the next call."""
        decoded: dict[str, Workload] = self.__dict__["_decoded"]
        chosen = self.address_maps[0].name if address_map is None else address_map
        if chosen not in decoded:
            found = next(m for m in self.address_maps if m.name == chosen)
            decoded[chosen] = decode(_memory(self.device, found), self.trace)
        return decoded[chosen]

    @property
    def bus_time_ns(self) -> float:
        """Time of all bursts on the data bus, one after the other: no controller is faster."""
        bursts = len(self.trace) / self.device.channels
        return bursts * self.device.burst_cycles * self.device.clock_ps / 1000

    @cached_property
    def content_hash(self) -> str:
        """Hash of everything that decides results."""
        described = [self.device, *self.address_maps]
        arrays = hash_arrays(self.trace.cycle, self.trace.address, self.trace.is_write)
        return content_hash([*(part.document() for part in described), arrays])


@functools.lru_cache(maxsize=64)
def _memory(device: Device, address_map: AddressMap) -> Memory:
    return Memory.build(device, address_map)


def find_scenario(scenario: str | Scenario) -> Scenario:
    """Return a scenario by name, or the scenario itself.

    Raises
    ------
    UnknownNameError
        No such scenario; the nearest name is suggested.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, "DRAM tuning")
    return SCENARIOS[scenario]


def _build_device(device: str | os.PathLike[str] | Device) -> Device:
    if isinstance(device, Device):
        return device
    text = os.fspath(device)
    return Device.load(text) if text.endswith(".json") else load_device(text)


def _build_maps(
    device: Device, preferred: str | os.PathLike[str] | AddressMap | None
) -> tuple[AddressMap, ...]:
    """Return the maps of a device: the preferred one first, then the others that are shipped."""
    if isinstance(preferred, AddressMap):
        first = preferred
    elif preferred is None:
        first = default_map(device)
    else:
        text = os.fspath(preferred)
        first = AddressMap.load(text) if text.endswith(".json") else load_map(text)
    first.check(device)
    shipped = [load_map(name) for name in map_names(device) if name != first.name]
    return (first, *shipped)


def _fixed_trace(name: str, device: Device, most: int) -> Trace:
    """Return the first requests of a trace by name."""
    whole = toy_trace() if name == "toy" else archgym_trace(name, device)
    parts = (whole.cycle[:most], whole.address[:most], whole.is_write[:most])
    return Trace(*parts, name=name)


def toy_trace() -> Trace:
    """Eight reads, 100 cycles apart, that alternate between two rows of DDR3's bank 0.

    With the row left open each but the first needs a precharge (RP), an activation (RCD) and the
    read (RL and the burst): 10 + 10 + 10 + 4 cycles of 1.25 ns. With the row closed at once it
    needs no precharge.
    """
    request = np.arange(8)
    row_bytes = 1 << 16
    return Trace(100 * request, row_bytes * (request % 2), np.zeros(8, dtype=np.bool_), "toy")


class InstanceGenerator:
    """Draws the instances of a scenario.

    Parameters
    ----------
    scenario : Scenario
    num_requests : int, optional
        Requests of a trace, instead of the scenario's range.
    knobs : str, optional
        Knob set, instead of the scenario's.
    device : str, path or Device, optional
        Instead of the scenario's.
    address_map : str, path or AddressMap, optional
        Default map; of another device than the scenario's the first that is shipped for it.
    workload : path or Trace, optional
        A trace of one's own, the only instance.
    trace_format : str
        Format of the file that `workload` names (see `chipgym.simulators.dram.trace.read_trace`).

    Attributes
    ----------
    design_space : DesignSpace
    num_instances : int
        Number of test instances.
    """

    def __init__(
        self,
        scenario: Scenario,
        num_requests: int | None = None,
        knobs: str | None = None,
        device: str | os.PathLike[str] | Device | None = None,
        address_map: str | os.PathLike[str] | AddressMap | None = None,
        workload: str | os.PathLike[str] | Trace | None = None,
        trace_format: str = "dramsys",
    ) -> None:
        if num_requests is not None:
            whole = isinstance(num_requests, int | np.integer)
            if not whole or not 1 <= num_requests <= 1_000_000:
                allowed = "an integer >= 1 and <= 1000000"
                raise InvalidValueError("num_requests", num_requests, allowed)
            scenario = replace(scenario, requests=(int(num_requests), int(num_requests)))
        if knobs is not None:
            scenario = replace(scenario, knobs=knobs)
        self.device = _build_device(scenario.device if device is None else device)
        if address_map is None and self.device.name == scenario.device:
            address_map = scenario.address_map
        self.address_maps = _build_maps(self.device, address_map)
        self.scenario = scenario
        self.trace: Trace | None = None
        if isinstance(workload, Trace):
            self.trace = workload
        elif workload is not None:
            self.trace = read_trace(workload, trace_format)
        elif scenario.trace is not None:
            self.trace = _fixed_trace(scenario.trace, self.device, scenario.requests[1])
        elif not scenario.train:
            raise InvalidValueError("scenario.train", (), "at least one family of traffic")
        names = tuple(entry.name for entry in self.address_maps)
        knob_list = build_knobs(scenario.knobs, names, self.device.refresh_policies)
        self.design_space = DesignSpace(knob_list, scenario.refresh_required, self.device)
        self.num_instances = NUM_TEST_INSTANCES if self.trace is None else 1
        # Instances that come again; only a matter of speed.
        self._kept: dict[str, Instance] = {}
        if workload is not None:
            self._fixed()  # so that an address beyond the device is refused here

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": {}}

    def sample(self, rng: np.random.Generator) -> Instance:
        """Draw a training instance, without the default's result; `rng` gives one seed."""
        seed = int(rng.integers(2**63))
        if self.trace is not None:
            return self._fixed()
        families = self.scenario.train
        return self._draw(families, np.random.default_rng([TRAIN_TAG, seed]), f"train-{seed:016x}")

    def test(self, index: int) -> Instance:
        """Return a test instance; the list is the same for everybody.

        Raises
        ------
        InvalidValueError
            The index is not one of the test instances.
        """
        if not isinstance(index, int | np.integer) or not 0 <= index < self.num_instances:
            raise InvalidValueError("instance", index, f">= 0 and <= {self.num_instances - 1}")
        if self.trace is not None:
            return self._fixed()
        name = f"test-{index}"
        if name not in self._kept:
            families = self.scenario.test or self.scenario.train
            # Families take turns, so that each has its share of the list.
            family = families[int(index) % len(families)]
            rng = np.random.default_rng([TEST_TAG, int(index)])
            self._kept[name] = self._draw((family,), rng, name)
        return self._kept[name]

    def build(self, trace: Trace, name: str) -> Instance:
        """Make an instance of a trace.

        Raises
        ------
        InvalidValueError
            An address is beyond the device.
        """
        instance = Instance(
            name=name,
            device=self.device,
            address_maps=self.address_maps,
            trace=trace,
            features=np.zeros(0),
        )
        instance.workload()
        values = features(trace, self.device, self.address_maps[0]).as_array()
        return replace(instance, features=values)

    def complete(self, instances: Sequence[Instance]) -> None:
        """Simulate the default design on instances that lack its result, in parallel threads."""
        missing = {id(i): i for i in instances if not i.default_metrics}
        config, address_map = self.design_space.config(self.design_space.default)
        tasks = [(instance.workload(address_map), config) for instance in missing.values()]
        for instance, metrics in zip(missing.values(), run_batch(tasks), strict=True):
            if metrics is None:
                raise InvalidValueError(
                    "trace", instance.name, "one that the default design can serve"
                )
            instance.default_metrics.update(metrics)

    def _fixed(self) -> Instance:
        assert self.trace is not None
        if "fixed" not in self._kept:
            self._kept["fixed"] = self.build(self.trace, self.trace.name)
        return self._kept["fixed"]

    def _draw(self, families: Sequence[Any], rng: np.random.Generator, name: str) -> Instance:
        family = families[int(rng.integers(len(families)))]
        low, high = self.scenario.requests
        traffic = family.draw(int(rng.integers(low, high + 1)), rng)
        return self.build(generate(traffic, self.device, rng, name), name)
