"""The records of a submission: JSON lines, plain or compressed, read within limits.

``records.jsonl`` holds a line an episode, and ``records.jsonl.gz`` the same compressed. A folder
has one of the two. What is compressed is unpacked as it is read, no further than the limits allow.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from chipgym.leaderboards.schema import (
    MAX_RECORDS_BYTES,
    PACKED_FILE,
    RECORDS_FILE,
    EpisodeRecord,
)
from chipgym.leaderboards.strict_json import parse_strict
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.core.files import write_bytes

__all__ = ["read_lines", "read_records", "write_records"]

MAX_LINE_BYTES = 20_000_000
MAX_RECORDS = 20_000
PACKED_FROM_BYTES = 100_000
"""Smaller files stay readable, and larger ones are compressed."""


def write_records(folder: str | Path, lines: Iterable[bytes]) -> Path:
    """Write the records of a submission, compressed where they are many; return the file.

    The same lines give the same bytes: no name and no time is in them.
    """
    content = b"".join(lines)
    if len(content) < PACKED_FROM_BYTES:
        path = Path(folder) / RECORDS_FILE
        write_bytes(path, content)
        return path
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as file:
        file.write(content)
    path = Path(folder) / PACKED_FILE
    write_bytes(path, packed.getvalue())
    return path


def read_lines(path: str | Path) -> Iterator[bytes]:
    """Read the lines of a file of records, unpacked if its name ends in ``.gz``.

    Raises
    ------
    FileFormatError
        The file is unreadable or not gzip, or a line, their number or all together are too large.
    """
    total = 0
    try:
        with Path(path).open("rb") as raw:
            packed = Path(path).suffix == ".gz"
            file = gzip.GzipFile(fileobj=raw) if packed else raw
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                total += len(line)
                if number > MAX_RECORDS:
                    raise FileFormatError(path, f"more than {MAX_RECORDS} records")
                if len(line) > MAX_LINE_BYTES:
                    raise FileFormatError(path, f"line {number}: over {MAX_LINE_BYTES} bytes")
                if total > MAX_RECORDS_BYTES:
                    raise FileFormatError(path, f"holds over {MAX_RECORDS_BYTES} bytes")
                yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileFormatError(path, f"not gzip: {error}") from error
    except OSError as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def read_records(path: str | Path) -> Iterator[EpisodeRecord]:
    """Read a file of records line by line.

    Raises
    ------
    FileFormatError
        As `read_lines`, or a line is not JSON, or breaks the schema.
    """
    for number, line in enumerate(read_lines(path), 1):
        yield _parse_line(path, number, line)


def _parse_line(path: str | Path, number: int, line: bytes) -> EpisodeRecord:
    try:
        return EpisodeRecord.parse(parse_strict(line))
    except InvalidValueError as error:
        raise FileFormatError(path, f"line {number}: {error}") from error
    except ValueError as error:
        raise FileFormatError(path, f"line {number}: not JSON: {error}") from error
