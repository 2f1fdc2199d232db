"""TensorBoard's event files: scalars as protocol buffers in records with checksums.

The format is TensorFlow's: each record is its length (uint64), a masked CRC-32C of that, the
content, and a masked CRC-32C of the content, all little-endian (``tsl/lib/io/record_writer.h``).
The content is an ``Event`` (``tensorflow/core/util/event.proto``). Written here so that training
needs neither TensorFlow nor TensorBoard; only looking at the curves does.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

__all__ = ["EventFile"]

POLYNOMIAL = 0x82F63B78
"""CRC-32C (Castagnoli), bits reversed."""

MASK_DELTA = 0xA282EAD8
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
"""Wire types of protocol buffers."""


def _table() -> tuple[int, ...]:
    entries = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        entries.append(value)
    return tuple(entries)


CRC_TABLE = _table()


class EventFile:
    """A file of scalars that TensorBoard shows while it grows.

    Parameters
    ----------
    folder : Path
        Gets a file ``events.out.tfevents.TIME``; it is made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self.path = folder / f"events.out.tfevents.{int(now)}.chipgym"
        self._file = self.path.open("ab")
        self._write(_field(1, DOUBLE, struct.pack("<d", now)) + _text(3, "brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add named numbers at a step."""
        summary = b"".join(
            _text(1, _text(1, name) + _field(2, FLOAT, struct.pack("<f", value)))
            for name, value in values.items()
        )
        event = _field(1, DOUBLE, struct.pack("<d", time.time()))
        self._write(event + _field(2, VARINT, _varint(step)) + _text(5, summary))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._file.write(length + _checksum(length) + event + _checksum(event))
        self._file.flush()


def _field(number: int, wire_type: int, content: bytes) -> bytes:
    return _varint(number << 3 | wire_type) + content


def _text(number: int, content: str | bytes) -> bytes:
    """Return a field with its length: text, or a message inside a message."""
    data = content.encode() if isinstance(content, str) else content
    return _field(number, BYTES, _varint(len(data)) + data)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _checksum(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF
    return struct.pack("<I", masked)
