"""Results by content: equal states share them, however they were reached."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.logic.state import LogicState

__all__ = ["ResultCache"]

Key = tuple[str, ...]

# An entry with its key, and what a state keeps beside its body.
_ENTRY_BYTES = 900
_STATES = "CREATE TABLE IF NOT EXISTS states (digest TEXT PRIMARY KEY, body BLOB, nodes, levels)"
_STEPS = "CREATE TABLE IF NOT EXISTS steps (key TEXT PRIMARY KEY, digest TEXT)"
_VALUES = "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, a REAL, b REAL, c REAL)"


_ALIVE: weakref.WeakSet[ResultCache] = weakref.WeakSet()
# SQLite forbids even closing a connection in a forked process.
_INHERITED: list[sqlite3.Connection] = []


class ResultCache:
    """A cache of steps and measurements: in memory, and in a file where one is given.

    Keys name everything that a result depends on: ABC's build, the state's digest, the command,
    the library's digest. In memory the least recently used results go first.

    Parameters
    ----------
    max_bytes : int
        Memory for circuits and entries.
    path : path, optional
        An SQLite file that keeps results between runs; several processes may share it.
    """

    def __init__(
        self, max_bytes: int = 256 << 20, path: str | os.PathLike[str] | None = None
    ) -> None:
        self.max_bytes = max_bytes
        self.path = Path(path) if path is not None else None
        self.hits = 0
        self.misses = 0
        self._reset()
        if self.path is not None:
            self._connect()

    def _reset(self) -> None:
        self._entries: OrderedDict[Key, Any] = OrderedDict()
        # Digest to the one object of that state and the number of entries that hold it.
        self._states: dict[str, tuple[LogicState, int]] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        _ALIVE.add(self)

    def after_fork(self) -> None:
        """Let go of what belongs to the parent: its connection, and a lock it may have held."""
        self._lock = threading.Lock()
        if self._database is not None:
            _INHERITED.append(self._database)
            self._database = None

    def __getstate__(self) -> dict[str, Any]:
        return {"max_bytes": self.max_bytes, "path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.max_bytes, self.path = state["max_bytes"], state["path"]
        self.hits = self.misses = 0
        self._reset()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes_used(self) -> int:
        """Estimate of the memory held."""
        return self._bytes

    def get(self, key: Key) -> Any:
        """Return a result, or None. A state or a tuple of numbers."""
        found = self._entries.get(key)
        if found is not None:
            self.hits += 1
            with contextlib.suppress(KeyError):  # another thread may just have dropped it
                self._entries.move_to_end(key)
            return found
        if self.path is not None:
            with self._lock:
                found = self._load(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        return self._keep(key, found)

    def intern(self, state: LogicState) -> LogicState:
        """Return the known object of the same state, or else the given one."""
        return self._states.get(state.digest, (state, 0))[0]

    def put(self, key: Key, value: LogicState | tuple[float, ...]) -> Any:
        """Keep a result, and return it or, for a state that is known already, the known object."""
        if self.path is not None:
            with self._lock:
                self._save(key, value)
        return self._keep(key, value)

    def _keep(self, key: Key, value: Any) -> Any:
        with self._lock:
            if key in self._entries:
                return self._entries[key]
            if isinstance(value, LogicState):
                value = self._count(value)
            self._entries[key] = value
            self._bytes += _ENTRY_BYTES
            while self._bytes > self.max_bytes and len(self._entries) > 1:
                self._drop()
        return value

    def _count(self, state: LogicState) -> LogicState:
        known, count = self._states.get(state.digest, (state, 0))
        self._states[state.digest] = (known, count + 1)
        self._bytes += 0 if count else len(state.body)
        return known

    def _drop(self) -> None:
        _, value = self._entries.popitem(last=False)
        self._bytes -= _ENTRY_BYTES
        if isinstance(value, LogicState):
            known, count = self._states.pop(value.digest)
            if count > 1:
                self._states[value.digest] = (known, count - 1)
            else:
                self._bytes -= len(value.body)

    def _connect(self) -> sqlite3.Connection:
        """Return the open file."""
        if self._database is None:
            assert self.path is not None
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                database = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=NORMAL")
                for table in (_STATES, _STEPS, _VALUES):
                    database.execute(table)
                database.commit()
            except (OSError, sqlite3.Error) as error:
                raise FileFormatError(self.path, f"cannot be used as a cache: {error}") from error
            self._database = database
        return self._database

    def _load(self, key: Key) -> Any:
        name = "\x1f".join(key)
        with contextlib.suppress(sqlite3.Error, zlib.error):
            database = self._connect()
            row = database.execute(
                "SELECT s.body, s.digest, s.nodes, s.levels FROM steps JOIN states s "
                "USING (digest) WHERE key = ?",
                (name,),
            ).fetchone()
            if row is not None:
                return LogicState(zlib.decompress(row[0]), *row[1:])
            row = database.execute("SELECT a, b, c FROM results WHERE key = ?", (name,)).fetchone()
            if row is not None:
                return tuple(value for value in row if value is not None)
        return None

    def _save(self, key: Key, value: Any) -> None:
        name = "\x1f".join(key)
        # A full disk or a locked file costs time later, not the result.
        with contextlib.suppress(sqlite3.Error):
            database = self._connect()
            with database:
                if isinstance(value, LogicState):
                    body = zlib.compress(value.body, 1)
                    row = (value.digest, body, value.nodes, value.levels)
                    database.execute("INSERT OR IGNORE INTO states VALUES (?, ?, ?, ?)", row)
                    row_step = (name, value.digest)
                    database.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", row_step)
                else:
                    padded = (*value, None, None, None)[:3]
                    database.execute(
                        "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", (name, *padded)
                    )

    def close(self) -> None:
        """Close the file; the memory part lives on."""
        if self._database is not None:
            self._database.close()
        self._database = None


def _after_fork() -> None:
    for cache in list(_ALIVE):
        cache.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
