"""Trained policies beside a submission: ONNX or safetensors, told by content and never loaded.

Neither format can hold code to run on loading, as a pickle can; an ONNX model could still name
files elsewhere (external data), so one that does is refused. Nothing here evaluates a policy: what
is ranked are the actions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chipgym.leaderboards.strict_json import parse_strict
from chipgym.simulators.core.errors import FileFormatError

__all__ = ["MAX_POLICY_BYTES", "POLICY_FILES", "check_policy"]

POLICY_FILES = ("policy.onnx", "policy.safetensors")
MAX_POLICY_BYTES = 100_000_000
MAX_HEADER_BYTES = 10_000_000
MAX_DEPTH = 40

DTYPES = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
"""Bytes of an element, by the names of safetensors."""

# Messages inside ONNX messages by field number (onnx/onnx.proto). A tensor's field 13 lists its
# external data, and its field 14 says that it has some.
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
EXTERNAL_DATA, DATA_LOCATION, EXTERNAL = 13, 14, 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def check_policy(path: Path) -> None:
    """Raise `FileFormatError` unless a file is what its name says."""
    size = path.stat().st_size
    if size > MAX_POLICY_BYTES:
        raise FileFormatError(path, f"{size} bytes; allowed: at most {MAX_POLICY_BYTES}")
    content = path.read_bytes()
    try:
        if path.suffix == ".onnx":
            _check_onnx(content)
        else:
            _check_safetensors(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(path, f"not {path.suffix[1:]}: {error}") from error


def _check_safetensors(content: bytes) -> None:
    """Length of the header, the header as JSON, then the tensors without a gap."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MAX_HEADER_BYTES, len(content) - 8):
        raise ValueError("no header of tensors at its beginning")
    header: dict[str, Any] = parse_strict(content[8 : 8 + length])
    header.pop("__metadata__", None)
    end = 0
    for entry in sorted(header.values(), key=lambda entry: tuple(entry["data_offsets"])):
        start, stop = entry["data_offsets"]
        size = math.prod(entry["shape"]) * DTYPES[entry["dtype"]]
        if start != end or stop - start != size:
            raise ValueError(f"a tensor of {size} bytes at {start} to {stop}")
        end = stop
    if end != len(content) - 8 - length:
        raise ValueError(f"{len(content) - 8 - length - end} bytes that belong to no tensor")


def _check_onnx(content: bytes) -> None:
    """A model with a version and a graph, and no tensor that lies in another file."""
    found = {number for number, _, _ in _fields(memoryview(content))}
    if not {1, 7} <= found or not found <= MODEL_FIELDS:
        raise ValueError("no model with a version and a graph")
    _check_message(memoryview(content), "model", 0)


def _check_message(content: memoryview, kind: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("graphs nested too deeply")
    for number, wire, value in _fields(content):
        if kind == "tensor" and (
            number == EXTERNAL_DATA or (number == DATA_LOCATION and value == EXTERNAL)
        ):
            raise ValueError("a tensor lies in another file")
        inner = MESSAGES[kind].get(number)
        if inner is not None and wire == BYTES:
            _check_message(value, inner, depth + 1)


def _fields(content: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Fields of a protobuf message: number, wire type and value."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = _varint(content, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(content, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"a field of wire type {wire}")
        if number == 0 or size > len(content) - at:
            raise ValueError("a field that ends after the file")
        yield number, wire, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next field begins."""
    value = shift = 0
    while at < len(content) and shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    raise ValueError("a number without an end")
