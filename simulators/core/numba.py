"""The one way in which kernels are compiled: cached, without the GIL, IEEE-strict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import event as numba_events

from chipgym.simulators.core.kernel_cache import cache_base, kernel_folder

__all__ = ["announce_compilation", "kernel", "merged"]

F = TypeVar("F", bound=Callable[..., Any])

# Numba's type information is partial, and differs between its versions.
_CONFIG: Any = numba.config
_NJIT: Any = numba.njit
_EVENTS: Any = numba_events


def _compile(function: F, **options: bool) -> F:
    """Wrap a function in Numba's compiler, with a cache that follows its imported sources."""
    folder = kernel_folder(function.__module__)
    previous = _CONFIG.CACHE_DIR
    # Numba reads the folder while it wraps the function; other libraries keep their own.
    _CONFIG.CACHE_DIR = str(folder or previous)
    try:
        decorate = _NJIT(cache=folder is not None, nogil=True, error_model="numpy", **options)
        return cast(F, decorate(function))
    finally:
        _CONFIG.CACHE_DIR = previous


def kernel(function: F) -> F:
    """Compile a kernel. No fast-math: the same bits on every machine."""
    return _compile(function)


def merged(function: F) -> F:
    """Compile a kernel that the machine-code compiler merges into its callers.

    For short functions in hot loops: a call passes every array as seven words.
    """
    return _compile(function, forceinline=True)


def announce_compilation() -> None:
    """Say on stderr that kernels are being compiled, and where they will be kept."""
    base = cache_base()
    where = f"once, kept in {base}" if base else "no folder for keeping them is writable"
    print(f"Compiling simulation kernels ({where}) …", file=sys.stderr, flush=True)


class _Announcer(numba_events.Listener):
    """Announces the first kernel of a process that is compiled rather than loaded."""

    announced = False

    def on_start(self, event: Any) -> None:
        """Announce, once."""
        module = event.data["dispatcher"].__module__
        if not self.announced and module.startswith("chipgym."):
            self.announced = True
            announce_compilation()

    def on_end(self, event: Any) -> None:
        """Do nothing; the interface asks for it."""


_EVENTS.register("numba:compile", _Announcer())
