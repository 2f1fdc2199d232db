"""How fast a session is, against bare ABC and against a new process a step.

All measurements of one circuit are taken in turns in the same run, so that their ratios hold on a
busy machine too.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.process import AbcProcess
from chipgym.simulators.logic.recipes import RECIPES
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe

__all__ = ["CircuitSpeed", "measure_circuit"]

_SPAWN_LIMIT_S = 600.0


@dataclass(frozen=True)
class CircuitSpeed:
    """Speed on one circuit, medians over repetitions.

    Attributes
    ----------
    circuit : str
    nodes : int
        AND nodes at the start.
    bare_ms : float
        A command and its statistics by a running ABC that keeps the circuit in memory.
    step_ms : float
        A step of the session, with its round trip.
    cached_us : float
        A step whose result is known.
    replay_ms : float
        A step by a new process that replays the prefix.
    """

    circuit: str
    nodes: int
    bare_ms: float
    step_ms: float
    cached_us: float
    replay_ms: float

    @property
    def steps_per_s(self) -> float:
        """Steps a second, uncached."""
        return 1e3 / self.step_ms

    @property
    def step_over_bare(self) -> float:
        """Cost of a step in units of the bare command."""
        return self.step_ms / self.bare_ms

    @property
    def overhead_ms(self) -> float:
        """What a step costs more than 1.15 times the bare command."""
        return self.step_ms - 1.15 * self.bare_ms

    @property
    def replay_over_session(self) -> float:
        """How much faster the session is than a new process a step."""
        return self.replay_ms / self.step_ms


def _timed(action: Callable[[], object], steps: int) -> float:
    """Return seconds a step."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) / steps


def _bare(process: AbcProcess, commands: Sequence[str]) -> float:
    process.request("empty; read_aiger circuit.aig", _SPAWN_LIMIT_S)

    def run() -> None:
        for command in commands:
            process.request(f"{command}; print_stats", _SPAWN_LIMIT_S)

    return _timed(run, len(commands))


def _stepped(session: AbcSession, body: bytes, commands: Sequence[str]) -> float:
    state = session.load(body)
    # The process holds the circuit, as it does in the middle of an episode and as bare ABC does.
    session.step(state, "strash")

    def run() -> None:
        current = state
        for command in commands:
            current = session.step(current, command)

    return _timed(run, len(commands))


def _replayed(executable: str, folder: str, commands: Sequence[str]) -> float:
    def run() -> None:
        for count in range(1, len(commands) + 1):
            prefix = "; ".join(commands[:count])
            subprocess.run(
                [executable, "-s", "-q", f"read_aiger circuit.aig; {prefix}; print_stats"],
                cwd=folder,
                capture_output=True,
                check=True,
            )

    return _timed(run, len(commands))


def measure_circuit(
    circuit: Circuit,
    abc: str | None = None,
    commands: Sequence[str] = RECIPES["resyn2"],
    repetitions: int = 3,
) -> CircuitSpeed:
    """Measure bare ABC, session, cache and replay on one circuit.

    Parameters
    ----------
    circuit : Circuit
    abc : path, optional
    commands : sequence of str
        The recipe.
    repetitions : int
    """
    bare, stepped, cached, replayed = [], [], [], []
    with (
        AbcSession(abc, cache=None) as plain,
        AbcSession(abc) as caching,
        TemporaryDirectory(prefix="chipgym-speed-") as folder,
    ):
        initial = plain.load(circuit.body)
        Path(folder, "circuit.aig").write_bytes(initial.body)
        run_recipe(circuit.body, commands, caching)
        process = AbcProcess(plain.executable, Path(folder), plain.limits.start_s)
        try:
            for _ in range(repetitions):
                bare.append(_bare(process, commands))
                stepped.append(_stepped(plain, circuit.body, commands))
                replayed.append(_replayed(str(plain.executable.path), folder, commands))
                cached.append(_stepped(caching, circuit.body, commands))
        finally:
            process.kill()
    return CircuitSpeed(
        circuit.name,
        initial.nodes,
        1e3 * median(bare),
        1e3 * median(stepped),
        1e6 * median(cached),
        1e3 * median(replayed),
    )
