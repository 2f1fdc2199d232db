"""A private folder in memory for the files that pass between ChipGym and one ABC process."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

__all__ = ["create_workspace", "delete_workspace", "note_process"]

_PREFIX = "chipgym-abc"
_MEMORY = Path("/dev/shm")
_NOTE = "abc.pid"
# Room for the largest benchmark circuits and a library; a container's default is 64 MB.
_ROOM = 16 << 20


@functools.cache
def _process_space() -> str:
    """Name the space in which process ids are unique: this boot and this container."""
    parts = []
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]


def _base() -> Path:
    """Return the folder for workspaces: in memory where there is room."""
    with contextlib.suppress(OSError):
        if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
            return _MEMORY
    return Path(tempfile.gettempdir())


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _owner(name: str) -> int | None:
    match = re.fullmatch(rf"{_PREFIX}-{_process_space()}-(\d+)-\w+", name)
    return int(match[1]) if match else None


def note_process(folder: Path, pid: int) -> None:
    """Leave a note of the ABC that works in a folder, for whoever sweeps it."""
    (folder / _NOTE).write_text(str(pid), encoding="ascii")


def _end_orphan(folder: Path) -> None:
    """Kill the ABC that still works in the folder of a process that was killed.

    ABC ends with the pipe that its commands come from, but not in the middle of a command.
    """
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / _NOTE).read_text(encoding="ascii"))
        # The number may be another process's by now; the working directory is only that ABC's.
        if Path(f"/proc/{pid}/cwd").readlink() == folder:
            os.kill(pid, signal.SIGKILL)


@functools.cache
def _sweep(base: Path, pid: int) -> None:
    """Clear up after killed processes of this user, once a process."""
    del pid  # part of the cache's key: a forked process sweeps again
    for folder in base.glob(f"{_PREFIX}-*"):
        with contextlib.suppress(OSError):
            owner = _owner(folder.name)
            mine = folder.stat().st_uid == os.getuid()
            if owner is not None and mine and not _is_alive(owner):
                _end_orphan(folder)
                shutil.rmtree(folder, ignore_errors=True)


def create_workspace() -> Path:
    """Create a folder that only this user can read, named after this process."""
    base = _base()
    if hasattr(os, "getuid"):
        _sweep(base, os.getpid())
    prefix = f"{_PREFIX}-{_process_space()}-{os.getpid()}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=base))


def delete_workspace(folder: Path) -> None:
    """Delete a workspace; nothing happens where it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
