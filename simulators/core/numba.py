"""The one way in which kernels are compiled: cached, without the GIL, IEEE-strict."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

__all__ = ["kernel", "parallel_kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def _use_writable_cache() -> None:
    """Send Numba's cache to the user's cache directory where the installation is read-only."""
    package = Path(__file__).resolve().parent
    if "NUMBA_CACHE_DIR" in os.environ or os.access(package, os.W_OK):
        return
    root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    os.environ["NUMBA_CACHE_DIR"] = str(root / "chipgym" / "numba")


_use_writable_cache()

import numba  # noqa: E402  (the cache directory is read when Numba is imported)


def kernel(function: F) -> F:
    """Compile a kernel. No fast-math: the same bits on every machine."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def parallel_kernel(function: F) -> F:
    """Compile a kernel whose ``prange`` loops run in threads."""
    return cast(
        F, numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function)
    )
