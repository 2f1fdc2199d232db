"""How fast a session is, against bare ABC and against a new process a step.

The methods run the recipe in turns, from the same circuit at each command; of several rounds the
least time of each command counts, as other work on the machine only ever adds to it.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.process import AbcProcess
from chipgym.simulators.logic.recipes import RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe

__all__ = ["EXTRA_MS", "FACTOR", "CircuitSpeed", "measure_circuit"]

# What is promised: a step costs this factor of the bare command and this time at most.
FACTOR, EXTRA_MS = 1.15, 0.5

_LIMIT_S = 600.0
_REPLAY_ROUNDS = 3
_CACHED_ROUNDS = 20


@dataclass(frozen=True)
class CircuitSpeed:
    """Speed on one circuit: times of a step, on average over the recipe.

    Attributes
    ----------
    circuit : str
    nodes : int
        AND nodes at the start.
    bare_ms : float
        A command and its statistics by a running ABC that holds the circuit, over the same pipe.
    step_ms : float
        A step of the session, with its round trip.
    cached_us : float
        A step whose result is known.
    replay_ms : float
        A step by a new process that replays the prefix.
    bare_cpu_ms, step_cpu_ms : float
        Processor time behind `bare_ms` and `step_ms`, of ABC and of this process together: what
        they would take on a machine without other work. nan where the system does not tell.
    """

    circuit: str
    nodes: int
    bare_ms: float
    step_ms: float
    cached_us: float
    replay_ms: float
    bare_cpu_ms: float
    step_cpu_ms: float

    @property
    def steps_per_s(self) -> float:
        """Steps a second, uncached."""
        return 1e3 / self.step_ms

    @property
    def step_over_bare(self) -> float:
        """Cost of a step in units of the bare command."""
        return self.step_ms / self.bare_ms

    @property
    def within_limit(self) -> bool:
        """Whether a step costs what is promised, by processor time or, if unknown, by wall time."""
        bare_ms, step_ms = self.bare_ms, self.step_ms
        if self.bare_cpu_ms > 0 and self.step_cpu_ms > 0:
            bare_ms, step_ms = self.bare_cpu_ms, self.step_cpu_ms
        return step_ms <= FACTOR * bare_ms + EXTRA_MS

    @property
    def replay_over_session(self) -> float:
        """How much faster the session is than a new process a step."""
        return self.replay_ms / self.step_ms


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _cpu_s(pid: int) -> float:
    """Processor time so far of an ABC and of this process (Linux; nan elsewhere)."""
    try:
        text = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return math.nan
    return int(text.split()[0]) * 1e-9 + time.process_time()


def _both(action: Callable[[], object], pid: int) -> tuple[float, float]:
    """Return wall time and processor time of an action, in seconds."""
    cpu = _cpu_s(pid)
    wall = _seconds(action)
    return wall, _cpu_s(pid) - cpu


class _Bench:
    """The methods, side by side, on one recipe."""

    def __init__(self, circuit: Circuit, abc: str | None, commands: Sequence[str], folder: Path):
        self.commands = commands
        self.folder = folder
        self.session = AbcSession(abc, cache=None, mode="persistent")
        self.states = run_recipe(circuit.body, commands, self.session).states
        for index, state in enumerate(self.states):
            (folder / f"{index}.aig").write_bytes(state.body)
        executable = self.session.executable
        self.path = executable.path
        self.process = AbcProcess(executable, folder, self.session.limits.start_s)

    def bare(self, index: int) -> tuple[float, float]:
        """Time the command by ABC alone, its circuit being in memory already."""
        self.process.request(f"empty; read_aiger {index}.aig", _LIMIT_S)
        line = f"{self.commands[index]}; print_stats"
        return _both(lambda: self.process.request(line, _LIMIT_S), self.process.pid)

    def step(self, index: int) -> tuple[float, float]:
        """Time the session's step; it holds the circuit, as in the middle of an episode."""
        state = self.states[index]
        if not self.session.holds(state):
            # Reading the state by a command that leaves it as it is.
            self.session.step(state, "strash")
        return _both(lambda: self.session.step(state, self.commands[index]), self.session.pids[0])

    def replay(self, index: int) -> float:
        """Time a new process that repeats the recipe up to this command."""
        recipe = "; ".join(self.commands[: index + 1])
        call = [str(self.path), "-s", "-q", f"read_aiger 0.aig; {recipe}; print_stats"]
        return _seconds(
            lambda: subprocess.run(call, cwd=self.folder, capture_output=True, check=True)
        )

    def close(self) -> None:
        self.process.kill()
        self.session.close()


def _cached_s(circuit: Circuit, abc: str | None, commands: Sequence[str]) -> float:
    """Return the time of a step whose result is known."""
    with AbcSession(abc) as session:
        state = run_recipe(circuit.body, commands, session).states[0]

        def run() -> None:
            current = state
            for command in commands:
                current = session.step(current, command)

        return min(_seconds(run) for _ in range(_CACHED_ROUNDS)) / len(commands)


def measure_circuit(
    circuit: Circuit,
    abc: str | None = None,
    commands: Sequence[str] = RECIPES["resyn2"],
    repetitions: int = 3,
    least_s: float = 0.0,
) -> CircuitSpeed:
    """Measure bare ABC, session, cache and replay on one circuit.

    Parameters
    ----------
    circuit : Circuit
    abc : path, optional
    commands : sequence of str
        The recipe.
    repetitions : int
        Rounds, of which the least time of each command counts.
    least_s : float
        Where they take less than this, more rounds follow: a preempted process spoils a short
        command more than a long one.
    """
    steps = range(len(commands))
    with TemporaryDirectory(prefix="chipgym-speed-") as folder:
        bench = _Bench(circuit, abc, commands, Path(folder))
        try:
            replay = [
                [bench.replay(index) for index in steps]
                for _ in range(min(repetitions, _REPLAY_ROUNDS))
            ]
            bare: list[list[tuple[float, float]]] = []
            step: list[list[tuple[float, float]]] = []
            begin = time.perf_counter()
            while len(bare) < repetitions or time.perf_counter() - begin < least_s:
                # A recipe at a time, so that both find the processor's caches warm.
                bare.append([bench.bare(index) for index in steps])
                step.append([bench.step(index) for index in steps])
        finally:
            bench.close()
    # Least over the rounds, mean over the commands: (wall, processor) times.
    bare_ms, step_ms = (1e3 * np.array(rows).min(axis=0).mean(axis=0) for rows in (bare, step))
    return CircuitSpeed(
        circuit.name,
        bench.states[0].nodes,
        float(bare_ms[0]),
        float(step_ms[0]),
        1e6 * _cached_s(circuit, abc, commands),
        float(1e3 * np.array(replay).min(axis=0).mean()),
        float(bare_ms[1]),
        float(step_ms[1]),
    )
