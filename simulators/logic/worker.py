"""An ABC process that is started when needed and brought back after it died."""

from __future__ import annotations

import io
import os
import threading
import weakref
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from pathlib import Path

from chipgym.simulators.logic.errors import AbcCrashedError, AbcTimeoutError
from chipgym.simulators.logic.library import Library
from chipgym.simulators.logic.locate import AbcExecutable
from chipgym.simulators.logic.process import AbcDiedError, AbcProcess, OneShotProcess
from chipgym.simulators.logic.workspace import (
    create_workspace,
    delete_workspace,
    note_process,
)

__all__ = ["READ", "Limits", "Worker"]

# Without ABC's check of the network (-c), which takes longer than the reading: files are checked
# here, or written by ABC itself. `empty` first, as a failed read leaves the last circuit in place.
READ = "empty; read_aiger -c {}; "
# A request that ABC does not survive as often as this is to blame itself.
_ATTEMPTS = 3
_INPUT, _LIBRARY = "in.aig", "library.lib"


@dataclass(frozen=True)
class Limits:
    """Limits of an ABC process.

    Attributes
    ----------
    command_s : float
        Time of one request.
    start_s : float
        Time of the start-up handshake.
    memory_mb : int, optional
        Address space (Linux only).
    """

    command_s: float = 60.0
    start_s: float = 10.0
    memory_mb: int | None = None


@dataclass
class _Holdings:
    """What must be given back when a worker goes away."""

    owner: int = 0
    process: AbcProcess | OneShotProcess | None = None
    folder: Path | None = None

    def release(self) -> None:
        """Kill the process and delete the folder, unless they belong to the parent of a fork."""
        process, folder = self.process, self.folder
        self.process = self.folder = None
        if process is not None:
            process.kill()
        if folder is not None and self.owner == os.getpid():
            delete_workspace(folder)


_ALIVE: weakref.WeakSet[Worker] = weakref.WeakSet()


@dataclass(eq=False)
class Worker:
    """One ABC process, with the library and the circuit that it holds.

    Parameters
    ----------
    executable : AbcExecutable
    limits : Limits
    per_call : bool
        Start a process for each request.
    """

    executable: AbcExecutable
    limits: Limits
    per_call: bool = False
    loaded: str | None = None
    restarts: int = 0
    _library: str | None = None
    _holdings: _Holdings = field(default_factory=_Holdings)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        _ALIVE.add(self)

    @property
    def pid(self) -> int | None:
        """Process id of the running ABC, if any."""
        process = self._holdings.process
        return process.pid if process is not None else None

    @property
    def folder(self) -> Path:
        """Working directory of the process."""
        self._start()
        assert self._holdings.folder is not None
        return self._holdings.folder

    @property
    def build(self) -> str:
        """ABC's build string."""
        return self._start().build

    def _start(self) -> AbcProcess | OneShotProcess:
        """Return the running process, started if need be."""
        with self.lock:
            return self._start_locked()

    def _start_locked(self) -> AbcProcess | OneShotProcess:
        held = self._holdings
        if held.process is None:
            self.loaded = self._library = None
            if held.owner != os.getpid():
                held.owner = os.getpid()
                # Not atexit: processes of multiprocessing leave without running its functions.
                # Not earlier: a forked one forgets what was registered before it started.
                Finalize(self, held.release, exitpriority=10)
            held.folder = held.folder or create_workspace()
            kind = OneShotProcess if self.per_call else AbcProcess
            held.process = kind(
                self.executable, held.folder, self.limits.start_s, self.limits.memory_mb
            )
            if held.process.pid is not None:
                note_process(held.folder, held.process.pid)
        return held.process

    def _forget(self) -> None:
        """Let go of a process that has been killed or has died."""
        process, self._holdings.process = self._holdings.process, None
        if process is not None:
            process.kill()
        self.loaded = self._library = None

    def _prepare(self, process: AbcProcess | OneShotProcess, library: Library | None) -> str:
        """See to it that the library is loaded; return the commands that are left to do so."""
        if library is None or (self._library == library.digest and not self.per_call):
            return ""
        if self._library != library.digest:
            # A copy inside the folder: its name needs no quoting, its content cannot change.
            (self.folder / _LIBRARY).write_bytes(library.content)
            answer = process.request(f"read_lib {_LIBRARY}", self.limits.command_s)
            library.check_answer(answer)
            self._library = library.digest
        return f"read_lib {_LIBRARY}; " if self.per_call else ""

    def _attempt(
        self, commands: str, digest: str, body: bytes, library: Library | None, limit_s: float
    ) -> str:
        process = self._start()
        line = commands
        prepare = self._prepare(process, library)
        if self.loaded != digest or self.per_call:
            (self.folder / _INPUT).write_bytes(body)
            line = prepare + READ.format(_INPUT) + commands
        # Until the caller says otherwise: commands change the network.
        self.loaded = None
        return process.request(line, limit_s)

    def run(
        self,
        commands: str,
        digest: str,
        body: bytes,
        library: Library | None = None,
        limit_s: float | None = None,
        *,
        fresh_library: bool = False,
    ) -> str:
        """Run commands on a circuit and return what ABC printed.

        A process that was killed from outside is replaced, and the request repeated.

        Parameters
        ----------
        commands : str
            Separated by semicolons.
        digest, body : str, bytes
            The circuit; it is read only if the process does not hold it.
        library : Library, optional
            Loaded first unless it is.
        limit_s : float, optional
            Instead of the worker's limit.
        fresh_library : bool
            Read the library before this request, and again before the next that needs it: for
            commands that depend on what others did to the library, and do something to it.

        Raises
        ------
        AbcTimeoutError, AbcCrashedError
            The next request finds a fresh process.
        """
        limit = self.limits.command_s if limit_s is None else limit_s
        with self.lock:
            for attempt in range(_ATTEMPTS):
                try:
                    if fresh_library:
                        self._library = None
                    return self._attempt(commands, digest, body, library, limit)
                except AbcDiedError as error:
                    self._forget()
                    self.restarts += 1
                    if attempt == _ATTEMPTS - 1:
                        raise AbcCrashedError(commands, error.output) from error
                except AbcTimeoutError:
                    self._forget()
                    raise AbcTimeoutError(commands, limit) from None
                except BaseException:
                    self._forget()
                    raise
                finally:
                    if fresh_library:
                        self._library = None
        raise AssertionError("unreachable")

    def read(self, name: str) -> bytes:
        """Return the content of a file in the working directory."""
        # A path object costs more than the reading.
        with io.FileIO(f"{self.folder}{os.sep}{name}") as file:
            return file.readall()

    def close(self) -> None:
        """Kill the process and delete its folder; a later request starts anew."""
        with self.lock:
            self._holdings.release()
            self.loaded = self._library = None

    def leave_to_parent(self) -> None:
        """After a fork: the process and its folder are the parent's."""
        self.lock = threading.RLock()
        held = self._holdings
        if held.process is not None:
            held.process.abandon()
        held.process = held.folder = None
        self.loaded = self._library = None


def _after_fork() -> None:
    for worker in list(_ALIVE):
        worker.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
