"""Request traces, and readers for the formats of DRAMSys, Ramulator and DRAMsim3."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

__all__ = ["TRACE_FORMATS", "Trace", "read_trace"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_CYCLE = 1 << 40
MAX_ADDRESS = 1 << 62


@dataclass(frozen=True, eq=False)
class Trace:
    """N memory requests in the order in which they are sent.

    Attributes
    ----------
    cycle : int64 array, shape (N,)
        Earliest time of each request in memory-clock cycles, not falling.
    address : int64 array, shape (N,)
        Byte address.
    is_write : bool array, shape (N,)
    name : str
    """

    cycle: Ints
    address: Ints
    is_write: Bools
    name: str = "trace"

    def __post_init__(self) -> None:
        for field, kind in (("cycle", np.int64), ("address", np.int64), ("is_write", np.bool_)):
            values = np.array(getattr(self, field), dtype=kind)
            values.flags.writeable = False
            object.__setattr__(self, field, values)
        if self.cycle.ndim != 1 or len(self.cycle) == 0:
            raise InvalidValueError("cycle", self.cycle.shape, "a vector of at least one request")
        for field in ("address", "is_write"):
            if getattr(self, field).shape != self.cycle.shape:
                raise InvalidValueError(field, getattr(self, field).shape, f"{self.cycle.shape}")
        _check_values("cycle", self.cycle, MAX_CYCLE)
        _check_values("address", self.address, MAX_ADDRESS)
        falls = np.flatnonzero(np.diff(self.cycle) < 0)
        if len(falls):
            request = int(falls[0]) + 1
            raise InvalidValueError(
                f"cycle[{request}]", int(self.cycle[request]), f">= {self.cycle[request - 1]}"
            )

    def __len__(self) -> int:
        return len(self.cycle)

    @cached_property
    def reads_only(self) -> bool:
        """Whether no request writes."""
        return not self.is_write.any()


def _check_values(field: str, values: Ints, limit: int) -> None:
    wrong = np.flatnonzero((values < 0) | (values >= limit))
    if len(wrong):
        request = int(wrong[0])
        raise InvalidValueError(f"{field}[{request}]", int(values[request]), f"0..{limit - 1}")


def read_trace(path: str | os.PathLike[str], format: str = "dramsys") -> Trace:
    """Read a trace file.

    Parameters
    ----------
    path : path
    format : {"dramsys", "ramulator", "dramsim3"}
        ``dramsys`` (.stl): ``cycle: [(bytes)] read|write address``. ``ramulator``: ``address R|W``
        or ``R|W address``, without times: one request a cycle. ``dramsim3``: ``address
        READ|WRITE cycle``. Blank lines and lines that begin with # are skipped. Addresses may be
        hexadecimal (0x...; always so in DRAMsim3's format) or decimal.

    Raises
    ------
    FileFormatError
        The file cannot be read, is empty, or a line breaks the format; the line is named.
    """
    if format not in TRACE_FORMATS:
        raise UnknownNameError("trace format", format, TRACE_FORMATS)
    parse = TRACE_FORMATS[format]
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error
    times: list[int] = []
    addresses: list[int] = []
    directions: list[bool] = []
    previous = 0
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        try:
            cycle, address, is_write = parse(content, len(times))
            _check_request(cycle, address, previous)
        except ValueError as error:
            raise FileFormatError(path, f"line {number}: {error}") from error
        previous = cycle
        times.append(cycle)
        addresses.append(address)
        directions.append(is_write)
    if not times:
        raise FileFormatError(path, "holds no request")
    return Trace(
        np.array(times, dtype=np.int64),
        np.array(addresses, dtype=np.int64),
        np.array(directions, dtype=np.bool_),
        name=Path(path).stem,
    )


def _check_request(cycle: int, address: int, previous: int) -> None:
    if not 0 <= cycle < MAX_CYCLE:
        raise ValueError(f"time {cycle} is out of range 0..{MAX_CYCLE - 1}")
    if cycle < previous:
        raise ValueError(f"time {cycle} is before the previous request's {previous}")
    if not 0 <= address < MAX_ADDRESS:
        raise ValueError(f"address {address:#x} is out of range 0..{MAX_ADDRESS - 1:#x}")


def _number(text: str, what: str, base: int = 0) -> int:
    try:
        return int(text, base)
    except ValueError:
        raise ValueError(f"{what} {text!r} is not a whole number") from None


def _direction(text: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> bool:
    if text in reads or text in writes:
        return text in writes
    raise ValueError(f"{text!r} is neither of {'/'.join(reads)} and {'/'.join(writes)}")


def _parse_dramsys(line: str, index: int) -> tuple[int, int, bool]:
    time, colon, rest = line.partition(":")
    words = rest.split()
    if not colon:
        raise ValueError(f"no colon after the time in {line!r}")
    if words and words[0].startswith("("):
        size = words.pop(0)
        if not size.endswith(")"):
            raise ValueError(f"size {size!r} is not of the form (bytes)")
        _number(size[1:-1], "size", 10)
    if len(words) != 2:
        raise ValueError(f"expected 'cycle: read|write address', got {line!r}")
    is_write = _direction(words[0], ("read",), ("write",))
    return _number(time.strip(), "time", 10), _number(words[1], "address"), is_write


def _parse_ramulator(line: str, index: int) -> tuple[int, int, bool]:
    words = line.split()
    if len(words) != 2:
        raise ValueError(f"expected 'address R|W' or 'LD|ST address', got {line!r}")
    if words[0][0].isdigit():
        words.reverse()
    is_write = _direction(words[0], ("R", "LD"), ("W", "ST"))
    return index, _number(words[1], "address"), is_write


def _parse_dramsim3(line: str, index: int) -> tuple[int, int, bool]:
    words = line.split()
    if len(words) != 3:
        raise ValueError(f"expected 'address READ|WRITE cycle', got {line!r}")
    is_write = _direction(words[1], ("READ",), ("WRITE",))
    return _number(words[2], "time", 10), _number(words[0], "address", 16), is_write


TRACE_FORMATS: dict[str, Callable[[str, int], tuple[int, int, bool]]] = {
    "dramsys": _parse_dramsys,
    "ramulator": _parse_ramulator,
    "dramsim3": _parse_dramsim3,
}
"""Reader of one line by name of the format."""
