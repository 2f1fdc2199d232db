"""The user's own circuits: AIGER in both forms, BLIF, BENCH, Verilog."""

from __future__ import annotations

import os
import re
from pathlib import Path

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
from chipgym.simulators.logic.aiger import cut_latches, load_body, read_body
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.errors import AbcCommandError, AbcCrashedError, AigerError
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.synthesis import aig_from_verilog

__all__ = ["FORMATS", "binary_from_ascii", "read_circuit"]

FORMATS = (".aig", ".aag", ".blif", ".bench", ".v", ".sv")
"""Suffixes that are understood."""

_ABC_READERS = {".blif": "read_blif", ".bench": "read_bench"}
_MODULE = re.compile(r"^\s*module\s+([A-Za-z_]\w*)", re.MULTILINE)


def _lines_of_numbers(lines: list[str], count: int, width: int, name: str) -> list[list[int]]:
    """Take lines of so many numbers at least (latches may carry a reset value)."""
    if len(lines) < count:
        raise AigerError(name, "ends too early")
    rows = [line.split() for line in lines[:count]]
    for row in rows:
        if len(row) < width or not all(word.isdigit() for word in row):
            raise AigerError(name, f"not a line of {width} numbers: {' '.join(row)[:40]!r}")
    del lines[:count]
    return [[int(word) for word in row] for row in rows]


def _sorted_ands(ands: dict[int, tuple[int, int]], known: dict[int, int], name: str) -> list[int]:
    """Return the AND variables in topological order."""
    order: list[int] = []
    done = set(known)
    for root in ands:
        stack = [] if root in done else [(root, False)]
        open_nodes: set[int] = set()
        while stack:
            variable, expanded = stack.pop()
            if expanded:
                open_nodes.discard(variable)
                done.add(variable)
                order.append(variable)
                continue
            if variable in done:
                continue
            if variable in open_nodes:
                raise AigerError(name, f"has a combinational loop through variable {variable}")
            if variable not in ands:
                raise AigerError(name, f"uses variable {variable}, which nothing defines")
            open_nodes.add(variable)
            stack.append((variable, True))
            stack += [(literal >> 1, False) for literal in ands[variable]]
    return order


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def binary_from_ascii(text: str, name: str = "AIGER") -> bytes:
    """Turn ASCII AIGER (``aag``) into binary AIGER, ANDs sorted.

    Raises
    ------
    AigerError
        Something is malformed, undefined or in a loop.
    """
    lines = text.splitlines()
    head = lines.pop(0).split() if lines else []
    if len(head) != 6 or head[0] != "aag" or not all(word.isdigit() for word in head[1:]):
        raise AigerError(name, "does not start with a header 'aag M I L O A'")
    maximum, inputs, latches, outputs, ands = (int(word) for word in head[1:])
    input_rows = _lines_of_numbers(lines, inputs, 1, name)
    latch_rows = _lines_of_numbers(lines, latches, 2, name)
    output_rows = _lines_of_numbers(lines, outputs, 1, name)
    and_rows = _lines_of_numbers(lines, ands, 3, name)
    literals = [
        value for row in (*input_rows, *latch_rows, *output_rows, *and_rows) for value in row
    ]
    defined = [row[0] for row in (*input_rows, *latch_rows, *and_rows)]
    if max(literals, default=0) > 2 * maximum + 1 or any(lit < 2 or lit & 1 for lit in defined):
        raise AigerError(name, "has a literal out of range")
    if len(set(defined)) < len(defined):
        raise AigerError(name, "defines a variable twice")
    renamed = {0: 0}
    for row in (*input_rows, *latch_rows):
        renamed[row[0] >> 1] = len(renamed)
    gates = {row[0] >> 1: (row[1], row[2]) for row in and_rows}
    order = _sorted_ands(gates, renamed, name)
    for variable in order:
        renamed[variable] = len(renamed)

    def literal(old: int) -> int:
        if old >> 1 not in renamed:
            raise AigerError(name, f"uses variable {old >> 1}, which nothing defines")
        return 2 * renamed[old >> 1] + (old & 1)

    out = [f"aig {inputs + latches + ands} {inputs} {latches} {outputs} {ands}\n"]
    out += [f"{literal(row[1])}\n" for row in latch_rows]
    out += [f"{literal(row[0])}\n" for row in output_rows]
    body = bytearray("".join(out).encode())
    for variable in order:
        high, low = sorted((literal(old) for old in gates[variable]), reverse=True)
        body += _varint(2 * renamed[variable] - high) + _varint(high - low)
    return bytes(body)


def _checked(data: bytes, name: str, sequential: str) -> bytes:
    return cut_latches(data, name) if sequential == "cut" else read_body(data, name)


def _read_with_abc(path: Path, sequential: str, session: AbcSession | None) -> bytes:
    """Let ABC read a format, and check what it makes of it."""
    source = f"source{path.suffix}"
    commands = f"{_ABC_READERS[path.suffix]} {source}; strash; write_aiger read.aig"
    own = session or AbcSession()
    try:
        own.run(commands, {source: path.read_bytes(), "read.aig": b""})
        data = own.read_output("read.aig")
    except (AbcCommandError, AbcCrashedError) as error:
        raise FileFormatError(path, f"ABC cannot read it: {error.output.strip()[-400:]}") from error
    finally:
        if session is None:
            own.close()
    if not data:
        raise FileFormatError(path, "ABC cannot read it (it wrote nothing)")
    return _checked(data, str(path), sequential)


def _top_module(path: Path) -> str:
    modules = _MODULE.findall(path.read_text(encoding="utf-8", errors="replace"))
    if len(modules) != 1:
        raise InvalidValueError("top", None, f"one of the modules {', '.join(modules) or '(none)'}")
    return str(modules[0])


def read_circuit(
    path: str | os.PathLike[str],
    *,
    sequential: str = "error",
    top: str | None = None,
    session: AbcSession | None = None,
) -> Circuit:
    """Read a circuit from a file, by its suffix.

    Parameters
    ----------
    path : path
        One of `FORMATS`.
    sequential : str
        What happens to latches: ``"error"``, or ``"cut"`` for the combinational part (latch outputs
        become inputs, latch inputs become outputs, reset values are dropped).
    top : str, optional
        Verilog module; needed where the file has several.
    session : AbcSession, optional
        For BLIF and BENCH; without it one is started.

    Raises
    ------
    FileFormatError, AigerError, SequentialCircuitError, SynthesisError
    """
    file = Path(path)
    if sequential not in ("error", "cut"):
        raise InvalidValueError("sequential", sequential, "'error' or 'cut'")
    if file.suffix not in FORMATS:
        raise FileFormatError(path, f"not one of the circuit formats {', '.join(FORMATS)}")
    if not file.is_file():
        raise FileFormatError(path, "is not a file")
    if file.suffix == ".aig":
        body = load_body(file, sequential)
    elif file.suffix == ".aag":
        text = file.read_text(encoding="latin-1")
        body = _checked(binary_from_ascii(text, str(path)), str(path), sequential)
    elif file.suffix in _ABC_READERS:
        body = _read_with_abc(file, sequential, session)
    else:
        body = aig_from_verilog(file, top or _top_module(file), sequential=sequential)
    return Circuit(file.stem, body)
