"""From a scenario to instances: circuits, and what they are measured against."""

from __future__ import annotations

import contextlib
import math
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chipgym.envs.logic_synthesis.point import Baselines, Point
from chipgym.envs.logic_synthesis.presets import Scenario
from chipgym.envs.logic_synthesis.task import Task
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.core.hashing import content_hash
from chipgym.simulators.logic.circuits import Circuit, circuit_names
from chipgym.simulators.logic.epfl import EPFL_FILES, epfl_circuit
from chipgym.simulators.logic.readers import FORMATS, read_circuit
from chipgym.simulators.logic.recipes import RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.shared import SharedSessions
from chipgym.simulators.logic.state import LogicState

__all__ = ["Instance", "InstanceGenerator", "find_circuit", "measure"]

EPFL_PREFIX = "epfl-"
LUT_INPUTS = 6
MAX_INSTANCES_KEPT = 256

CircuitLike = str | os.PathLike[str] | Circuit


@dataclass(frozen=True, eq=False)
class Instance:
    """One episode's problem, complete and replayable.

    Attributes
    ----------
    name : str
        Of the circuit.
    circuit : Circuit
    task : Task
    baselines : Baselines
    abc : str
        The ABC behind it: its package, or its build string.
    build : str
        The build string in any case; it differs between builds that agree in every result.
    """

    name: str
    circuit: Circuit
    task: Task
    baselines: Baselines
    abc: str
    build: str

    @property
    def content_hash(self) -> str:
        """Hash of everything that results on this instance depend on: circuit, task, ABC."""
        return content_hash([self.circuit.digest, self.task.identity(), self.abc])


def find_circuit(circuit: CircuitLike, session: SharedSessions | None = None) -> Circuit:
    """Return a circuit by shipped name, EPFL name (``"epfl-router"``) or path of a file.

    Raises
    ------
    UnknownNameError
        No such name.
    FileFormatError
        The file is missing or broken, or the EPFL benchmarks have not been fetched.
    """
    if isinstance(circuit, Circuit):
        return circuit
    text = os.fspath(circuit)
    if text in circuit_names():
        return Circuit.named(text)
    if text.removeprefix(EPFL_PREFIX) in EPFL_FILES and text.startswith(EPFL_PREFIX):
        return epfl_circuit(text.removeprefix(EPFL_PREFIX))
    if Path(text).suffix in FORMATS or os.sep in text:
        if session is None:
            return read_circuit(text)
        with session.session() as lent:
            return read_circuit(text, session=lent)
    known = [*circuit_names(), *(EPFL_PREFIX + name for name in EPFL_FILES)]
    raise UnknownNameError("circuit", text, known, "chipgym/LogicSynthesis-v0")


def measure(
    state: LogicState, task: Task, session: AbcSession, required_ps: float | None = None
) -> Point:
    """Measure a state in the way that the task asks for at a recipe's end."""
    if task.goal.luts:
        return Point(state, luts=session.luts(state, LUT_INPUTS))
    mapping = session.map(
        state, task.library, task.mapper, buffered=task.buffered, required_ps=required_ps
    )
    return Point(state, mapping)


def required_ps(task: Task, clock_ps: float) -> float | None:
    """Delay that the mapper is told to keep, where there is a clock and the mapper takes one."""
    return clock_ps if task.mapper == "map" and math.isfinite(clock_ps) else None


def measure_baselines(circuit: Circuit, task: Task, session: AbcSession) -> Baselines:
    """Measure the circuit as given and after resyn2."""
    initial = session.load(circuit.body, circuit.name)
    states = [initial]
    for _ in range(max(1, task.steps // len(RECIPES["resyn2"]))):
        state = states[-1]
        for command in RECIPES["resyn2"]:
            state = session.step(state, command)
        states.append(state)
    clock_ps = math.inf
    if task.objective == "drills":
        clock_ps = task.clock_ps or _delay_ps(states[1], task, session)
    limit = required_ps(task, clock_ps)
    return Baselines(
        measure(initial, task, session, limit),
        measure(states[1], task, session, limit),
        Point(states[-1]),
        clock_ps,
    )


def _delay_ps(state: LogicState, task: Task, session: AbcSession) -> float:
    mapping = measure(state, task, session).mapping
    assert mapping is not None
    return max(mapping.delay_ps, 1.0)


# Instances are the same for every environment of a process, and resyn2 costs ten commands.
_KEPT: OrderedDict[Any, Instance] = OrderedDict()


class InstanceGenerator:
    """Makes the instances of a scenario.

    Parameters
    ----------
    scenario : Scenario
    task : Task
    sessions : SharedSessions
    circuit : str, path, Circuit or a sequence of them, optional
        For training and test instead of the scenario's.
    """

    def __init__(
        self,
        scenario: Scenario,
        task: Task,
        sessions: SharedSessions,
        circuit: CircuitLike | Sequence[CircuitLike] | None = None,
    ) -> None:
        self.scenario = scenario
        self.task = task
        self.sessions = sessions
        self.circuits: dict[str, tuple[CircuitLike, ...]] = {
            "train": scenario.train,
            "test": scenario.test,
        }
        if circuit is not None:
            one = isinstance(circuit, str | os.PathLike | Circuit)
            given: tuple[Any, ...] = (circuit,) if one else tuple(circuit)  # type: ignore[arg-type]
            if not given:
                raise InvalidValueError("circuit", given, "at least one circuit")
            # Read now: a broken file is an error of the call that names it.
            found = tuple(find_circuit(item, sessions) for item in given)
            self.circuits = {"train": found, "test": found}

    @property
    def num_test_instances(self) -> int:
        """Number of test circuits."""
        return len(self.circuits["test"])

    def sample(self, rng: np.random.Generator, split: str = "train") -> Instance:
        """Draw one of the circuits of a split."""
        circuits = self.circuits[split]
        return self.build(circuits[int(rng.integers(len(circuits)))])

    def test(self, index: int) -> Instance:
        """Return a test instance; the list is the same for everybody.

        Raises
        ------
        InvalidValueError
            The index is not one of the test instances.
        """
        count = self.num_test_instances
        integer = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if not integer or not 0 <= index < count:
            raise InvalidValueError("instance", index, f">= 0 and <= {count - 1}")
        return self.build(self.circuits["test"][int(index)])

    def build(self, circuit: CircuitLike) -> Instance:
        """Complete a circuit to an instance, with its baselines measured."""
        found = find_circuit(circuit, self.sessions)
        key = (self.sessions.executable, found.name, found.digest, self.task)
        kept = _KEPT.get(key)
        if kept is not None:
            return kept
        with self.sessions.session() as session:
            baselines = measure_baselines(found, self.task, session)
            build = session.build
            abc = session.executable.package or build
        instance = Instance(found.name, found, self.task, baselines, abc, build)
        with contextlib.suppress(KeyError):  # another thread may be dropping some, too
            while len(_KEPT) >= MAX_INSTANCES_KEPT:
                _KEPT.popitem(last=False)
        return _KEPT.setdefault(key, instance)
