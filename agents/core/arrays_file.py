"""Named arrays and a JSON document in one file, written whole or not at all, and never pickled."""

from __future__ import annotations

import io
import json
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

__all__ = ["Arrays", "hash_named", "read_arrays", "write_arrays"]

Arrays = dict[str, npt.NDArray[Any]]
DOCUMENT = "document.json"


def write_arrays(
    path: str | os.PathLike[str], document: Any, arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write a document and arrays to an ``.npz`` file; equal content gives equal bytes."""
    text = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{DOCUMENT: text}, **arrays)
    write_bytes(path, content.getvalue())


def read_arrays(path: str | os.PathLike[str]) -> tuple[Any, Arrays]:
    """Read what `write_arrays` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing or damaged.
    """
    try:
        content = io.BytesIO(Path(path).read_bytes())
        if not zipfile.is_zipfile(content):
            raise FileFormatError(path, "is not an archive of arrays (.npz)")
        content.seek(0)
        with np.load(content, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        document = json.loads(arrays.pop(DOCUMENT).tobytes().decode())
    except FileFormatError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error
    return document, arrays


def hash_named(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash of arrays and their names."""
    names = np.frombuffer("\n".join(sorted(arrays)).encode(), dtype=np.uint8)
    return hash_arrays(names, *(arrays[key] for key in sorted(arrays)))
