"""Sessions that many users in one process share: a few ABC processes, however many users there are.

A user is anything that runs commands now and then, such as an environment. Sessions start when they
are needed, at most one a processor, and end when the last user is closed or forgotten. Results stay
in one cache a process.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Self

from chipgym.simulators.core.errors import check_range
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import AbcExecutable, find_abc
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.state import LogicState
from chipgym.simulators.logic.worker import Limits

__all__ = ["SharedSessions"]

MAX_SESSIONS = 256

Settings = tuple[AbcExecutable, Limits, bool | str]


class _Hub:
    """The sessions of one kind, and how many users they have."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.executable, self.limits, cache = settings
        self.users = 0
        self.most = os.cpu_count() or 1
        self.cache: ResultCache | None = None
        if cache is not False:
            self.cache = ResultCache(path=cache if isinstance(cache, str) else None)
        self.renew()

    def renew(self) -> None:
        """Start with fresh locks, and without sessions that another process has on loan."""
        # Finalizers may run, in the same thread, wherever memory is allocated.
        self.ready = threading.Condition(threading.RLock())
        self.idle: list[AbcSession] = list(getattr(self, "idle", []))
        self.count = len(self.idle)
        # Sessions on loan, by thread: one that has some must not wait for itself.
        self.on_loan: dict[int, int] = {}

    def borrow(self, state: LogicState | None) -> AbcSession:
        """Take a session, if possible one that holds the state; wait where all are on loan."""
        me = threading.get_ident()
        with self.ready:
            while not self.idle and self.count >= self.most and not self.on_loan.get(me):
                self.ready.wait()
            self.on_loan[me] = self.on_loan.get(me, 0) + 1
            for index in range(len(self.idle) - 1, -1, -1):
                if state is not None and self.idle[index].holds(state):
                    return self.idle.pop(index)
            if self.idle:
                return self.idle.pop()
            self.count += 1
        try:
            return AbcSession(self.executable.path, limits=self.limits, cache=self.cache)
        except BaseException:
            with self.ready:
                self._returned()
                self.count -= 1
                self.ready.notify()
            raise

    def _returned(self) -> None:
        me = threading.get_ident()
        left = self.on_loan.get(me, 1) - 1
        if left:
            self.on_loan[me] = left
        else:
            self.on_loan.pop(me, None)

    def give_back(self, session: AbcSession) -> None:
        """Take a session back; one without users, or beyond the limit, is not needed any more."""
        with self.ready:
            self._returned()
            if self.users > 0 and self.count <= self.most:
                self.idle.append(session)
                self.ready.notify()
                return
            self.count -= 1
        session.close()

    def join(self, workers: int) -> None:
        """Count a user that wants to run so many sessions at once."""
        with self.ready:
            self.users += 1
            self.most = max(self.most, workers)

    def leave(self) -> None:
        """Forget a user; after the last one no ABC process is left."""
        with self.ready:
            self.users -= 1
            left, ended = self.users, []
            if left == 0:
                ended, self.idle = self.idle, []
                self.count -= len(ended)
        for session in ended:
            session.close()


_HUBS: dict[Settings, _Hub] = {}


def _hub(settings: Settings) -> _Hub:
    hub = _HUBS.get(settings)
    return hub if hub is not None else _HUBS.setdefault(settings, _Hub(settings))


def _leave(hub: _Hub, owner: int) -> None:
    if os.getpid() == owner:
        hub.leave()


class SharedSessions:
    """A user's share in the sessions of the process.

    Nothing starts before the first use. A copy, a pickle and the copy in a forked process are users
    of their own.

    Parameters
    ----------
    abc : path, optional
        An ABC executable; see `find_abc`.
    limits : Limits, optional
    cache : bool or path
        True: keep results in the memory of this process. A path: in that SQLite file too. False:
        keep nothing.
    workers : int
        Sessions that this user runs at the same time at most.
    """

    def __init__(
        self,
        abc: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        cache: bool | str | os.PathLike[str] = True,
        workers: int = 1,
    ) -> None:
        check_range("workers", workers, 1, MAX_SESSIONS)
        self._abc = None if abc is None else os.fspath(abc)
        self._limits = limits or Limits()
        self._cache = cache if isinstance(cache, bool) else os.fspath(cache)
        self._workers = workers
        self._forget()

    def _forget(self) -> None:
        self._joined: _Hub | None = None
        self._owner = 0
        self._leaving: weakref.finalize[Any, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        names = ("_abc", "_limits", "_cache", "_workers")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = object.__new__(type(self))
        copied.__setstate__(self.__getstate__())
        return copied

    def _join(self) -> _Hub:
        if self._joined is None or self._owner != os.getpid():
            hub = _hub((find_abc(self._abc), self._limits, self._cache))
            hub.join(self._workers)
            self._joined, self._owner = hub, os.getpid()
            self._leaving = weakref.finalize(self, _leave, hub, self._owner)
        return self._joined

    @property
    def executable(self) -> AbcExecutable:
        """The ABC that runs."""
        return self._join().executable

    @property
    def identity(self) -> str:
        """Package of the ABC that runs, or else its build string; ``"none"`` without an ABC."""
        try:
            package = self.executable.package
            if package:
                return package
            with self.session() as session:
                return session.build
        except AbcNotFoundError:
            return "none"

    @property
    def cache(self) -> ResultCache | None:
        """The results kept in this process."""
        return self._join().cache

    @contextlib.contextmanager
    def session(self, state: LogicState | None = None) -> Iterator[AbcSession]:
        """Lend a session, if possible one that holds the state.

        Raises
        ------
        AbcNotFoundError
            There is no ABC.
        """
        hub = self._join()
        session = hub.borrow(state)
        try:
            yield session
        finally:
            hub.give_back(session)

    def close(self) -> None:
        """Leave; a later use joins again. The last user's leaving ends the ABC processes."""
        leaving = self._leaving
        self._forget()
        if leaving is not None:
            leaving()


def _after_fork() -> None:
    for hub in _HUBS.values():
        # Users of the parent come back when they are used here.
        hub.users = 0
        hub.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
