"""Writers of the trace formats that `trace.read_trace` reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from chipgym.simulators.core.errors import lookup_error
from chipgym.simulators.core.files import write_text
from chipgym.simulators.dram.trace import Trace

__all__ = ["write_trace"]


def write_trace(trace: Trace, path: str | os.PathLike[str], format: str = "dramsys") -> None:
    """Write a trace file, atomically.

    Parameters
    ----------
    trace : Trace
    path : path
    format : {"dramsys", "ramulator", "dramsim3"}
        See `trace.read_trace`, which returns the same requests. ``ramulator`` keeps no times: they
        are read back as one request a cycle.

    Raises
    ------
    UnknownNameError
        There is no such format.
    """
    if format not in WRITERS:
        raise lookup_error("trace format", format, WRITERS)
    write_text(path, "\n".join(WRITERS[format](trace)) + "\n")


def _requests(trace: Trace) -> Iterator[tuple[int, int, bool]]:
    columns = (trace.cycle.tolist(), trace.address.tolist(), trace.is_write.tolist())
    return zip(*columns, strict=True)


def _dramsys(trace: Trace) -> Iterator[str]:
    for cycle, address, is_write in _requests(trace):
        yield f"{cycle}: {'write' if is_write else 'read'} {address:#x}"


def _ramulator(trace: Trace) -> Iterator[str]:
    for _, address, is_write in _requests(trace):
        yield f"{address:#x} {'W' if is_write else 'R'}"


def _dramsim3(trace: Trace) -> Iterator[str]:
    for cycle, address, is_write in _requests(trace):
        yield f"{address:#x} {'WRITE' if is_write else 'READ'} {cycle}"


WRITERS: dict[str, Callable[[Trace], Iterator[str]]] = {
    "dramsys": _dramsys,
    "ramulator": _ramulator,
    "dramsim3": _dramsim3,
}
"""Writer of the lines by name of the format."""
