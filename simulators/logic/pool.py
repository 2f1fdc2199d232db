"""Several sessions at work: threads suffice, as the work is done by ABC's processes."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from chipgym.simulators.core.errors import check_range
from chipgym.simulators.logic.cache import ResultCache
from chipgym.simulators.logic.session import AbcSession

__all__ = ["SessionPool"]

T = TypeVar("T")
R = TypeVar("R")


class SessionPool:
    """A fixed number of sessions that share a cache.

    Parameters
    ----------
    workers : int, optional
        Default: the number of processors.
    cache : ResultCache, optional
    **settings
        Passed on to every `AbcSession`.
    """

    def __init__(
        self, workers: int | None = None, *, cache: ResultCache | None = None, **settings: Any
    ) -> None:
        count = workers or os.cpu_count() or 1
        check_range("workers", count, 1, 1024)
        shared = cache or ResultCache()
        self.sessions = [AbcSession(cache=shared, **settings) for _ in range(count)]

    def map(self, function: Callable[[AbcSession, T], R], items: Iterable[T]) -> list[R]:
        """Call the function with a session and each item; results in the order of the items."""
        free: queue.SimpleQueue[AbcSession] = queue.SimpleQueue()
        for session in self.sessions:
            free.put(session)

        def one(item: T) -> R:
            session = free.get()
            try:
                return function(session, item)
            finally:
                free.put(session)

        with ThreadPoolExecutor(len(self.sessions)) as executor:
            return list(executor.map(one, items))

    def close(self) -> None:
        """Close every session."""
        for session in self.sessions:
            session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
