"""Content hashes of descriptions and arrays, stable across processes and platforms."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["content_hash", "hash_arrays"]


def content_hash(document: Any) -> str:
    """SHA-256 (first 16 hex digits) of a JSON document in canonical form."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_arrays(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 (first 16 hex digits) of the bytes, shapes and dtypes of some arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        contiguous = np.ascontiguousarray(array)
        digest.update(f"{contiguous.dtype.str}{contiguous.shape}".encode())
        digest.update(contiguous.tobytes())
    return digest.hexdigest()[:16]
