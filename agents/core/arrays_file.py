"""Named arrays and a JSON document in one file, written whole or not at all, and never pickled."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.agents.core import archive
from chipgym.simulators.core.errors import FileFormatError

__all__ = ["Arrays", "read_arrays", "write_arrays"]

Arrays = dict[str, npt.NDArray[Any]]
DOCUMENT = "document.json"


def write_arrays(
    path: str | os.PathLike[str], document: Any, arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write a document and arrays to a safetensors file; equal content gives equal bytes."""
    text = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    archive.write_arrays(Path(path), {DOCUMENT: text, **arrays})


def read_arrays(path: str | os.PathLike[str]) -> tuple[Any, Arrays]:
    """Read what `write_arrays` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing or damaged.
    """
    arrays = archive.read_arrays(Path(path))
    try:
        document = json.loads(arrays.pop(DOCUMENT).tobytes().decode())
    except (KeyError, ValueError) as error:
        raise FileFormatError(path, f"has no document: {error}") from error
    return document, arrays
