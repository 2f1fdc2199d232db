"""Arrays in a file: safetensors, hashed, never pickled."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_bytes
from chipgym.simulators.core.hashing import hash_arrays

__all__ = ["hash_named_arrays", "read_arrays", "write_arrays"]


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write named arrays of numbers or truth values; equal content gives equal bytes."""
    write_bytes(path, save({key: np.array(value, order="C") for key, value in arrays.items()}))


def read_arrays(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote; nothing in the file is executed.

    Archives of NumPy (``.npz``), in which results of studies are kept, are read as well.

    Raises
    ------
    FileFormatError
        The file is missing or damaged, or holds something else.
    """
    try:
        content = Path(path).read_bytes()
        if zipfile.is_zipfile(io.BytesIO(content)):
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        return dict(load(content))
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        SafetensorError,
        zipfile.BadZipFile,
        AttributeError,
    ) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def hash_named_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash of arrays and their names."""
    names = np.frombuffer("\n".join(sorted(arrays)).encode(), dtype=np.uint8)
    return hash_arrays(names, *(arrays[key] for key in sorted(arrays)))
