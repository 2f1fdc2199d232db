"""Where compiled kernels are kept: beside the code, or with the user where that cannot be written.

Numba's own cache knows only the file that a function stands in: a kernel that inlines functions or
constants of other files would go on with the old ones after a change. Here each kernel's folder is
named by the content of its file and of everything of ChipGym that it imports, so that stale code
cannot be loaded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cache_base", "kernel_folder"]

# Not resolved: in a checkout this is the folder with the links, as modules are imported from it.
_PACKAGE = Path(__file__).absolute().parents[2]
_IMPORT = re.compile(r"^\s*(?:from\s+(chipgym[\w.]*)\s+)?import\s+(\([^)]*\)|.*)$", re.MULTILINE)
# Older versions kept per module, for switching between branches; the rest is deleted.
_VERSIONS_KEPT = 4


def _is_writable(folder: Path) -> bool:
    """Find out by writing: access flags do not tell for root, network folders or full disks."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError:
        return False
    return True


def _candidates() -> Iterator[Path]:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen) / "chipgym"
    yield _PACKAGE / "simulators" / "__pycache__" / "kernels"
    # One folder an installation, or two of them would delete each other's kernels.
    place = hashlib.sha256(str(_PACKAGE).encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(RuntimeError):  # no home folder
        yield (Path(cache) if cache else Path.home() / ".cache") / "chipgym" / "kernels" / place
    user = os.getuid() if hasattr(os, "getuid") else 0
    yield Path(tempfile.gettempdir()) / f"chipgym-{user}" / "kernels" / place


@functools.cache
def cache_base() -> Path | None:
    """Return the folder of all compiled kernels, or None where nothing can be written.

    The first writable of: ``NUMBA_CACHE_DIR``, the installation, the user's cache folder
    (``XDG_CACHE_HOME`` or ``~/.cache``), the temporary folder.
    """
    return next((folder for folder in _candidates() if _is_writable(folder)), None)


def _module_file(name: str) -> Path | None:
    """Return the source file of a module of ChipGym, without importing it."""
    stem = _PACKAGE.joinpath(*name.split(".")[1:])
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _source(path: Path) -> tuple[bytes, tuple[Path, ...]]:
    """Return a file's digest and the files of ChipGym that it imports."""
    content = path.read_bytes()
    names: set[str] = set()
    for package, imported in _IMPORT.findall(content.decode()):
        parts = re.findall(r"[\w.]+", imported)
        if package:
            names |= {package, *(f"{package}.{part}" for part in parts)}
        else:
            names |= {part for part in parts if part.startswith("chipgym.")}
    files = {file for name in names if (file := _module_file(name)) is not None}
    return hashlib.sha256(content).digest(), tuple(sorted(files))


@functools.cache
def _fingerprint(path: Path) -> str:
    """Hash a file and, transitively, what it imports from ChipGym."""
    seen: dict[Path, bytes] = {}
    queue = [path]
    while queue:
        file = queue.pop()
        if file not in seen:
            seen[file], imported = _source(file)
            queue.extend(imported)
    digest = hashlib.sha256()
    for file in sorted(seen):
        digest.update(file.name.encode() + seen[file])
    return digest.hexdigest()[:16]


def _delete_old_versions(folder: Path) -> None:
    with contextlib.suppress(OSError):  # another process may do the same at the same time
        versions = sorted(folder.iterdir(), key=lambda version: version.stat().st_mtime)
        for version in versions[:-_VERSIONS_KEPT]:
            shutil.rmtree(version, ignore_errors=True)


@functools.cache
def kernel_folder(module: str) -> Path | None:
    """Return the folder for the compiled kernels of a module, or None where there is no cache.

    Parameters
    ----------
    module : str
        Name of a module of ChipGym, such as ``"chipgym.simulators.soc.kernel"``.
    """
    base = cache_base()
    source = _module_file(module) if module.startswith("chipgym.") else None
    if base is None or source is None:
        return None
    folder = base / module.removeprefix("chipgym.") / _fingerprint(source)
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            return folder
        except OSError:
            return None
        _delete_old_versions(folder.parent)
    return folder
