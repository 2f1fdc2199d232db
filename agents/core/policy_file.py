"""Saved policies: a JSON document and weights, in a folder or, as one file, in safetensors."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.agents.core import arrays_file
from chipgym.agents.core.archive import hash_named_arrays, read_arrays, write_arrays
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import read_json, write_json

__all__ = ["CONFIGURATION", "SUFFIX", "WEIGHTS", "place_of", "read_policy", "write_policy"]

CONFIGURATION = "policy.json"
WEIGHTS = "weights.safetensors"
SUFFIX = ".safetensors"

Arrays = dict[str, npt.NDArray[Any]]


def write_policy(
    place: str | os.PathLike[str],
    document: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Write a policy; a hash of the weights joins the document as ``weights``.

    Parameters
    ----------
    place : path
        A file that ends in ``.safetensors``, or else a folder, which receives ``policy.json`` and
        ``weights.safetensors``.
    document : mapping
        Plain values.
    arrays : mapping
    """
    content = {**document, "weights": hash_named_arrays(arrays)}
    if Path(place).suffix == SUFFIX:
        arrays_file.write_arrays(place, content, arrays)
        return
    write_arrays(Path(place) / WEIGHTS, arrays)
    write_json(Path(place) / CONFIGURATION, content)


def read_policy(
    place: str | os.PathLike[str], form: str, keys: Collection[str]
) -> tuple[dict[str, Any], Arrays]:
    """Read what `write_policy` wrote; nothing in the files is executed.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, has another format or other keys, or document and weights do
        not belong together.
    """
    path = place_of(place)
    document: Any
    if Path(place).suffix == SUFFIX:
        document, arrays = arrays_file.read_arrays(place)
    else:
        document, arrays = read_json(path), {}
    if not isinstance(document, dict) or document.get("format") != form:
        raise FileFormatError(path, f"is not a policy of format {form}")
    if set(document) != {*keys, "weights"}:
        listed = ", ".join(sorted({*keys, "weights"}))
        raise FileFormatError(path, f"must have exactly the keys {listed}")
    weights = path
    if path != Path(place):
        weights = Path(place) / WEIGHTS
        arrays = read_arrays(weights)
    if hash_named_arrays(arrays) != document["weights"]:
        raise FileFormatError(weights, f"is not what {CONFIGURATION} names")
    return document, {key: np.array(value) for key, value in arrays.items()}


def place_of(place: str | os.PathLike[str]) -> Path:
    """File that holds the document of a policy."""
    return Path(place) if Path(place).suffix == SUFFIX else Path(place) / CONFIGURATION
