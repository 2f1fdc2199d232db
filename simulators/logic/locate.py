"""Finding an ABC executable, and saying which one it is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from chipgym.simulators.logic.errors import AbcNotFoundError

__all__ = ["PINNED_PACKAGE", "AbcExecutable", "find_abc"]

PINNED_PACKAGE = "pyosys 0.70"
"""Package whose ABC the reference results come from.

Its executables for different Python versions differ in build time and agree in every result, so a
build is identified by the package version together with ABC's own build string.
"""

_VARIABLE = "CHIPGYM_ABC"
_NAMES = ("yosys-abc", "berkeley-abc", "abc")


@dataclass(frozen=True)
class AbcExecutable:
    """An ABC that can be started.

    Attributes
    ----------
    path : pathlib.Path
    package : str
        Python package and version that it comes from; empty for any other.
    """

    path: Path
    package: str = ""


def _bundled() -> AbcExecutable | None:
    """Return the ABC inside the installed pyosys, without importing it."""
    spec = importlib.util.find_spec("pyosys")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "yosys-abc"
    if not os.access(path, os.X_OK):
        return None
    try:
        version = importlib.metadata.version("pyosys")
    except importlib.metadata.PackageNotFoundError:
        version = "of unknown version"
    return AbcExecutable(path, f"pyosys {version}")


def find_abc(path: str | os.PathLike[str] | None = None) -> AbcExecutable:
    """Return the ABC to use.

    Parameters
    ----------
    path : path, optional
        An executable. Without it: the environment variable ``CHIPGYM_ABC``, then the one that the
        pyosys package bundles, then ``yosys-abc``, ``berkeley-abc`` or ``abc`` on the search path.

    Raises
    ------
    AbcNotFoundError
        There is none, or the given one cannot be executed.
    """
    chosen = path or os.environ.get(_VARIABLE)
    bundled = _bundled()
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            source = "" if path else f" (from {_VARIABLE})"
            raise AbcNotFoundError(f"{os.fspath(chosen)!r}{source} is not an executable file")
        # Absolute without following links: the session runs it from another folder.
        executable = Path(found).absolute()
        same = bundled is not None and executable.resolve() == bundled.path.resolve()
        return bundled if same and bundled else AbcExecutable(executable)
    if bundled is not None:
        return bundled
    for name in _NAMES:
        if found := shutil.which(name):
            return AbcExecutable(Path(found).absolute())
    raise AbcNotFoundError(
        "no ABC found: install one with `pip install pyosys` (wheels for Linux and macOS), or give "
        f"the path of a yosys-abc or berkeley-abc, as an argument or in {_VARIABLE}"
    )
