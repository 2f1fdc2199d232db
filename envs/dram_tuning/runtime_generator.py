"""From a scenario of control at run time to instances: a trace, and the default's costs on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.phases import phased_trace
from chipgym.envs.dram_tuning.runtime_knobs import DEFAULT_CHOICE, runtime_config
from chipgym.envs.dram_tuning.runtime_presets import SCENARIOS, RuntimeScenario
from chipgym.envs.dram_tuning.runtime_reward import costs
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash, hash_arrays
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Memory, Run, Workload, decode
from chipgym.simulators.dram.runtime import progress
from chipgym.simulators.dram.trace import Trace

__all__ = [
    "NUM_TEST_INSTANCES",
    "RuntimeGenerator",
    "RuntimeInstance",
    "check_instance",
    "find_scenario",
]

NUM_TEST_INSTANCES = 50
# Tags that keep the seeds of the two splits apart whatever the caller's seed is.
TRAIN_TAG, TEST_TAG = 0x7261, 0x7465
MAX_REQUESTS = 1_000_000


@dataclass(frozen=True, eq=False)
class RuntimeInstance:
    """One episode's problem, complete and replayable.

    Attributes
    ----------
    name : str
        Split and number or key.
    workload : Workload
        The trace, decoded for its memory.
    default_costs : float64 array, shape (terms,)
        Costs of the default controller on it: the units of the reward.
    """

    name: str
    workload: Workload
    default_costs: npt.NDArray[np.float64]

    @property
    def content_hash(self) -> str:
        """Hash of everything that decides results."""
        memory, trace = self.workload.memory, self.workload.trace
        described = [memory.device.document(), memory.address_map.document()]
        return content_hash([*described, hash_arrays(trace.cycle, trace.address, trace.is_write)])


def find_scenario(scenario: str | RuntimeScenario) -> RuntimeScenario:
    """Return a scenario by name, or the scenario itself.

    Raises
    ------
    UnknownNameError
        No such scenario; the nearest name is suggested.
    """
    if isinstance(scenario, RuntimeScenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, "chipgym/DramRuntime-v0")
    return SCENARIOS[scenario]


def check_instance(index: object) -> int:
    """Return a checked index of the test instances."""
    if isinstance(index, int | np.integer) and 0 <= index < NUM_TEST_INSTANCES:
        return int(index)
    raise InvalidValueError("instance", index, f">= 0 and <= {NUM_TEST_INSTANCES - 1}")


class RuntimeGenerator:
    """Draws the instances of a scenario.

    Parameters
    ----------
    scenario : RuntimeScenario
    num_requests : int, optional
        Requests of an episode, instead of the scenario's.
    """

    def __init__(self, scenario: RuntimeScenario, num_requests: int | None = None) -> None:
        if num_requests is not None:
            whole = isinstance(num_requests, int | np.integer)
            if not whole or not 1 <= num_requests <= MAX_REQUESTS:
                allowed = f"an integer >= 1 and <= {MAX_REQUESTS}"
                raise InvalidValueError("num_requests", num_requests, allowed)
            scenario = replace(scenario, num_requests=int(num_requests))
        self.scenario = scenario
        self.memory = Memory.build(load_device(scenario.device), load_map(scenario.address_map))

    def sample(self, rng: np.random.Generator) -> RuntimeInstance:
        """Draw a training instance; `rng` gives its seed and nothing else."""
        seed = int(rng.integers(2**63))
        phases = self.scenario.phases
        return self._draw(phases, np.random.default_rng([TRAIN_TAG, seed]), f"train-{seed:016x}")

    def test(self, index: int) -> RuntimeInstance:
        """Return a test instance; the list is the same for everybody.

        Raises
        ------
        InvalidValueError
            The index is not one of the test instances.
        """
        checked = check_instance(index)
        phases = self.scenario.test_phases or self.scenario.phases
        return self._draw(phases, np.random.default_rng([TEST_TAG, checked]), f"test-{checked}")

    def _draw(self, phases: Any, rng: np.random.Generator, name: str) -> RuntimeInstance:
        size = self.scenario.num_requests
        return self.build(phased_trace(phases, size, self.memory.device, rng, name), name)

    def build(self, trace: Trace, name: str) -> RuntimeInstance:
        """Complete a trace to an instance: simulate the default controller on it.

        Raises
        ------
        InvalidValueError
            An address is beyond the device.
        """
        workload = decode(self.memory, trace)
        run = Run(workload, runtime_config(DEFAULT_CHOICE))
        run.run()
        default = costs(progress(run), self.memory.device, finished=True)
        return RuntimeInstance(name, workload, default)
