"""From a scenario of per-command scheduling to instances: a trace, and FR-FCFS's costs on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.envs.dram_tuning.command_presets import SCENARIOS, CommandScenario
from chipgym.envs.dram_tuning.phases import phased_trace
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash, hash_arrays
from chipgym.simulators.dram.address import load_map
from chipgym.simulators.dram.command_engine import MAX_ENTRIES, CommandRun
from chipgym.simulators.dram.command_layout import C_DATA_SUM, C_DUE_SUM, C_FINISH
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.engine import Memory, Workload, decode
from chipgym.simulators.dram.trace import Trace

__all__ = ["NUM_TEST_INSTANCES", "CommandGenerator", "CommandInstance", "find_scenario"]

NUM_TEST_INSTANCES = 50
# Tags that keep the seeds of the two splits apart whatever the caller's seed is.
TRAIN_TAG, TEST_TAG = 0x7261, 0x7465
MAX_REQUESTS = 1_000_000
PATIENCE = 10
"""An episode is cut off after so many times FR-FCFS's time."""


@dataclass(frozen=True, eq=False)
class CommandInstance:
    """One episode's problem, complete and replayable.

    Attributes
    ----------
    name : str
        Split and number or key.
    workload : Workload
        The trace, decoded for its memory.
    entries : int
        Entries of the transaction queue.
    limit_cycles : int
        Where the episode is cut off.
    reference_costs : float64 array, shape (terms,)
        Costs of FR-FCFS on it, and the number of requests: the units of the reward.
    """

    name: str
    workload: Workload
    entries: int
    limit_cycles: int
    reference_costs: npt.NDArray[np.float64]

    def start(self, *, record: bool = False) -> CommandRun:
        """Return a fresh run at its first decision."""
        limit = self.limit_cycles
        return CommandRun(self.workload, self.entries, limit_cycles=limit, record=record)

    @property
    def content_hash(self) -> str:
        """Hash of everything that decides results."""
        memory, trace = self.workload.memory, self.workload.trace
        described: list[Any] = [memory.device.document(), memory.address_map.document()]
        arrays = hash_arrays(trace.cycle, trace.address, trace.is_write)
        return content_hash([*described, arrays, self.entries])


def find_scenario(scenario: str | CommandScenario) -> CommandScenario:
    """Return a scenario by name, or the scenario itself.

    Raises
    ------
    UnknownNameError
        No such scenario; the nearest name is suggested.
    """
    if isinstance(scenario, CommandScenario):
        return scenario
    if scenario not in SCENARIOS:
        raise UnknownNameError("scenario", scenario, SCENARIOS, "chipgym/DramCommand-v0")
    return SCENARIOS[scenario]


def _check_count(field: str, value: object, most: int) -> int:
    if isinstance(value, int | np.integer) and 1 <= value <= most:
        return int(value)
    raise InvalidValueError(field, value, f"an integer >= 1 and <= {most}")


class CommandGenerator:
    """Draws the instances of a scenario.

    Parameters
    ----------
    scenario : CommandScenario
    num_requests, entries : int, optional
        Instead of the scenario's.
    """

    def __init__(
        self,
        scenario: CommandScenario,
        num_requests: int | None = None,
        entries: int | None = None,
    ) -> None:
        if num_requests is not None:
            size = _check_count("num_requests", num_requests, MAX_REQUESTS)
            scenario = replace(scenario, num_requests=size)
        if entries is not None:
            scenario = replace(scenario, entries=_check_count("entries", entries, MAX_ENTRIES))
        self.scenario = scenario
        self.memory = Memory.build(load_device(scenario.device), load_map(scenario.address_map))

    def sample(self, rng: np.random.Generator) -> CommandInstance:
        """Draw a training instance; `rng` gives its seed and nothing else."""
        seed = int(rng.integers(2**63))
        phases = self.scenario.phases
        return self._draw(phases, np.random.default_rng([TRAIN_TAG, seed]), f"train-{seed:016x}")

    def test(self, index: int) -> CommandInstance:
        """Return a test instance; the list is the same for everybody.

        Raises
        ------
        InvalidValueError
            The index is not one of the test instances.
        """
        if not isinstance(index, int | np.integer) or not 0 <= index < NUM_TEST_INSTANCES:
            raise InvalidValueError("instance", index, f">= 0 and <= {NUM_TEST_INSTANCES - 1}")
        phases = self.scenario.test_phases or self.scenario.phases
        return self._draw(phases, np.random.default_rng([TEST_TAG, int(index)]), f"test-{index}")

    def _draw(self, phases: Any, rng: np.random.Generator, name: str) -> CommandInstance:
        size = self.scenario.num_requests
        return self.build(phased_trace(phases, size, self.memory.device, rng, name), name)

    def build(self, trace: Trace, name: str) -> CommandInstance:
        """Complete a trace to an instance: schedule it with FR-FCFS.

        Raises
        ------
        InvalidValueError
            It has more requests than an episode of the scenario, or an address is beyond the
            device.
        """
        if len(trace) > self.scenario.num_requests:
            allowed = f"at most num_requests = {self.scenario.num_requests} requests"
            raise InvalidValueError("trace", len(trace), allowed)
        workload = decode(self.memory, trace)
        reference = CommandRun(workload, self.scenario.entries)
        reference.play("FR_FCFS")
        c = reference.control
        finish, response = int(c[C_FINISH]), int(c[C_DATA_SUM] - c[C_DUE_SUM])
        costs = np.array([finish, response, len(trace)], dtype=np.float64)
        limit = PATIENCE * finish + self.memory.device.timing.REFI
        return CommandInstance(name, workload, self.scenario.entries, limit, costs)
