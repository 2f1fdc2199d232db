"""Files written whole or not at all, and JSON read with errors that say where."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chipgym.simulators.core.errors import FileFormatError

__all__ = [
    "DISK_FULL",
    "atomic_path",
    "read_json",
    "remove_unfinished",
    "write_bytes",
    "write_json",
    "write_text",
]

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk, a quota or a file size limit that is used up."""


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that replaces it on success and vanishes on failure."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_unfinished(folder: str | os.PathLike[str]) -> None:
    """Delete what killed writers left in a folder; call it only where nobody else is writing."""
    for leftover in Path(folder).glob(".*.part"):
        leftover.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` atomically and durably."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write UTF-8 text to `path` atomically and durably."""
    write_bytes(path, content.encode())


def write_json(path: str | os.PathLike[str], document: Any) -> None:
    """Write a JSON document to `path` atomically, keys in the given order."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON document.

    Raises
    ------
    FileFormatError
        The file is missing, unreadable, or not JSON (line and column are named).
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormatError(path, f"cannot be read: {reason}") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise FileFormatError(
            path, f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number too long
        raise FileFormatError(path, f"not JSON: {error}") from error
