"""A session with ABC: circuits step from state to state, and are measured.

The state is the AIGER body: every step writes the circuit and reads it back, so that a state is
the same however it was reached (in memory, ABC goes on differently after 8 % of recipes).
Measurements start from the state read anew. `map` rewrites pin delays of the loaded library and so
changes later results of `&nf`; it has a process of its own, and results have no history.
"""

from __future__ import annotations

import os
import re
from typing import Any, Self

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.logic.aiger import body_digest, read_body, scan
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.errors import AbcCommandError, AbcCrashedError
from chipgym.simulators.logic.kernel import ands_end
from chipgym.simulators.logic.library import Library
from chipgym.simulators.logic.locate import AbcExecutable, find_abc
from chipgym.simulators.logic.mapping import (
    LutCount,
    Mapping,
    find_failure,
    lut_commands,
    mapping_commands,
    parse_aig,
    parse_luts,
    parse_timing,
)
from chipgym.simulators.logic.recipes import check_command
from chipgym.simulators.logic.state import LogicState
from chipgym.simulators.logic.worker import READ, Limits, Worker

__all__ = ["AbcSession"]

_OUTPUT = "out.aig"
_STORE = f"write_aiger {_OUTPUT}; {READ.format(_OUTPUT)}print_stats"
_FRESH = "@"  # no state has this digest: the process must read the circuit anew

MODES = ("persistent", "per-call")

_NO_INVERTER = re.compile(r"cannot detect the|[Cc]annot find \w+( gate)? in the")
_WIRE = b"aig 1 1 0 1 0\n2\n"


class AbcSession:
    """Up to three ABC processes, for steps, for `map`, and for everything else.

    A process starts when it is first needed, and again after it was killed; results do not depend
    on that. Sessions survive a fork (the copy starts processes of its own) and can be pickled and
    copied (the copy is a new session with the same settings). Threads may share one, but take
    turns.

    Parameters
    ----------
    abc : path, optional
        An ABC executable; see `find_abc`.
    limits : Limits, optional
        Time and memory limits.
    cache : ResultCache or None, optional
        Default: a cache of its own. None: no cache.
    mode : str, optional
        ``"persistent"``: processes that stay. ``"per-call"``: a process for each request, for
        systems where commands cannot be sent through a pipe; much slower, the same results.
        Default: the environment variable ``CHIPGYM_ABC_MODE``, or else ``"persistent"``.

    Examples
    --------
    >>> with AbcSession() as session:  # doctest: +SKIP
    ...     state = session.load(body)
    ...     state = session.step(state, "balance")
    ...     mapping = session.map(state, mapper="nf")
    """

    def __init__(
        self,
        abc: str | os.PathLike[str] | None = None,
        *,
        limits: Limits | None = None,
        cache: ResultCache | str | None = "own",
        mode: str | None = None,
    ) -> None:
        if isinstance(cache, str) and cache != "own":
            raise InvalidValueError("cache", cache, "a ResultCache, None or 'own'")
        self.executable: AbcExecutable = find_abc(abc)
        self.limits = limits or Limits()
        self.mode = mode or os.environ.get("CHIPGYM_ABC_MODE") or MODES[0]
        if self.mode not in MODES:
            raise UnknownNameError("mode", self.mode, MODES, "an ABC session")
        self.cache = ResultCache() if isinstance(cache, str) else cache
        self._known: dict[str, str] = {}
        self._open()

    def _open(self) -> None:
        self._build = ""
        per_call = self.mode == "per-call"
        self._steps = Worker(self.executable, self.limits, per_call)
        self._others = Worker(self.executable, self.limits, per_call)
        self._mapper = Worker(self.executable, self.limits, per_call)

    def __getstate__(self) -> dict[str, Any]:
        names = ("executable", "limits", "cache", "mode")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._known = {}
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def build(self) -> str:
        """ABC's build string, part of every result's identity."""
        if not self._build:
            self._build = self._steps.build
        return self._build

    @property
    def identity(self) -> str:
        """Build string and package of the ABC."""
        package = self.executable.package
        return f"{self.build} [{package}]" if package else self.build

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the ABC processes that run now."""
        workers = (self._steps, self._others, self._mapper)
        return tuple(worker.pid for worker in workers if worker.pid is not None)

    @property
    def restarts(self) -> int:
        """How often a process was found dead and replaced."""
        return self._steps.restarts + self._others.restarts + self._mapper.restarts

    def holds(self, state: LogicState) -> bool:
        """Whether a step from this state needs no reading of it."""
        return self._steps.loaded == state.digest

    def close(self) -> None:
        """End the processes and delete their folders; a later call starts them anew."""
        for worker in (self._steps, self._others, self._mapper):
            worker.close()

    def load(self, data: bytes, name: str = "circuit") -> LogicState:
        """Return the initial state of a circuit.

        Parameters
        ----------
        data : bytes
            Binary AIGER; checked here, as ABC aborts on malformed files.
        name : str
            What errors call it.

        Raises
        ------
        AigerError, SequentialCircuitError
        """
        body = read_body(data, name)
        if scan(body).outputs == 0:
            raise InvalidValueError(name, "no outputs", "at least one output")
        key = (self.build, body_digest(body), "")
        return self._cached_state(key, body, "")

    def step(self, state: LogicState, command: str) -> LogicState:
        """Run one command of a recipe and return the state after it.

        Raises
        ------
        UnknownNameError, InvalidValueError
            The command is not allowed in recipes.
        AbcCommandError, AbcTimeoutError, AbcCrashedError
            The state given is still valid, and so is the session.
        """
        checked = self._known.get(command)
        if checked is None:
            checked = self._known.setdefault(command, check_command(command))
        return self._cached_state(
            (self._build or self.build, state.digest, checked), state.body, checked
        )

    def _cached_state(self, key: tuple[str, ...], body: bytes, command: str) -> LogicState:
        if self.cache is not None:
            found = self.cache.get(key)
            if found is not None:
                return found
        with self._steps.lock:
            state = self._new_state(key[1], body, command)
        return state if self.cache is None else self.cache.put(key, state)

    def _new_state(self, digest: str, body: bytes, command: str) -> LogicState:
        """Run a command, or none, and store what it makes of the circuit."""
        line = f"{command}; {_STORE}" if command else _STORE
        nodes, levels = parse_aig(command or "read_aiger", self._steps.run(line, digest, body))
        written = self._steps.read(_OUTPUT)
        header = scan(written, _OUTPUT)
        if (header.inputs, header.outputs) != _ports(body):
            raise AbcCommandError(command, "the circuit has other inputs or outputs than before")
        result = written[: _end_of_body(written, header.ands_start, header.ands)]
        state = LogicState(result, body_digest(result), nodes, levels)
        self._steps.loaded = state.digest
        return state

    def map(
        self,
        state: LogicState,
        library: Library | None = None,
        mapper: str = "nf",
        *,
        buffered: bool = False,
        required_ps: float | None = None,
    ) -> Mapping:
        """Map a state to a library; the result has no history.

        Parameters
        ----------
        state : LogicState
        library : Library, optional
            Default: the bundled logical-effort library.
        mapper : str
            ``"map"`` or ``"nf"``.
        buffered : bool
            Buffer and size the gates before timing.
        required_ps : float, optional
            Delay that suffices; only for ``"map"``.

        Raises
        ------
        InvalidValueError
            The library lacks an inverter or a buffer.
        AbcCommandError, AbcTimeoutError, AbcCrashedError
        """
        library = library or _default_library()
        commands = mapping_commands(mapper, buffered, required_ps)
        worker = self._mapper if mapper == "map" or buffered else self._others
        key = (self.build, state.digest, commands, library.digest)
        if self.cache is not None and (found := self.cache.get(key)) is not None:
            return Mapping(int(found[0]), *found[1:])
        try:
            # Buffering happens in the process of `map`, and both change the library there.
            answer = worker.run(commands, _FRESH, state.body, library, fresh_library=buffered)
            result = parse_timing(commands, answer)
        except (AbcCommandError, AbcCrashedError) as error:
            if _NO_INVERTER.search(error.output):
                allowed = "a library with an inverter and a buffer"
                raise InvalidValueError("library", library.name, allowed) from error
            raise
        if self.cache is not None:
            self.cache.put(key, (result.gates, result.area, result.delay_ps))
        return result

    def luts(self, state: LogicState, inputs: int = 6) -> LutCount:
        """Map a state to look-up tables with so many inputs."""
        commands = lut_commands(inputs)
        key = (self.build, state.digest, commands)
        if self.cache is not None and (found := self.cache.get(key)) is not None:
            return LutCount(*(int(value) for value in found))
        result = parse_luts(commands, self._others.run(commands, _FRESH, state.body))
        if self.cache is not None:
            self.cache.put(key, (result.luts, result.levels))
        return result

    def run(self, commands: str, files: dict[str, bytes], limit_s: float | None = None) -> str:
        """Run commands of ours on files in the working directory, and return ABC's answer.

        For readers and equivalence checks; the commands are not those of a recipe.
        """
        with self._others.lock:
            for name, content in files.items():
                (self._others.folder / name).write_bytes(content)
            answer = self._others.run(f"empty; {commands}", _FRESH, _WIRE, None, limit_s)
        if find_failure(answer) is not None:
            raise AbcCommandError(commands, answer)
        return answer

    def read_output(self, name: str) -> bytes:
        """Return a file that `run` has written."""
        return self._others.read(name)


def _ports(body: bytes) -> tuple[int, int]:
    """Inputs and outputs of a body, which has been checked before."""
    fields = body[: body.index(b"\n")].split(b" ")
    return int(fields[2]), int(fields[4])


def _end_of_body(data: bytes, start: int, ands: int) -> int:
    return int(ands_end(np.frombuffer(data, dtype=np.uint8), start, ands))


_DEFAULT: list[Library] = []


def _default_library() -> Library:
    """Return the bundled library, read once."""
    if not _DEFAULT:
        _DEFAULT.append(Library.default())
    return _DEFAULT[0]
