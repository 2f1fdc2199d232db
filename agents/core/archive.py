"""Arrays in a file: plain ``.npz``, hashed, never pickled."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_bytes
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["hash_named_arrays", "read_arrays", "write_arrays"]


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write named arrays."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_bytes(path, content.getvalue())


def read_arrays(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing or damaged, or holds something else.
    """
    try:
        content = io.BytesIO(Path(path).read_bytes())
        if not zipfile.is_zipfile(content):
            raise FileFormatError(path, "is not an archive of arrays (.npz)")
        content.seek(0)
        with np.load(content, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except FileFormatError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def hash_named_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash of arrays and their names."""
    names = np.frombuffer("\n".join(sorted(arrays)).encode(), dtype=np.uint8)
    return hash_arrays(names, *(arrays[key] for key in sorted(arrays)))
