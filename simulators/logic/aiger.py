"""Binary AIGER: checked before anything else sees it, decoded to arrays, encoded again.

Format: A. Biere, The AIGER And-Inverter Graph (AIG) Format, 2007. A circuit's *body* is its header,
output lines and AND section, without symbols and comments: ABC puts the date into its comment, so
only the body identifies a circuit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.errors import AigerError, SequentialCircuitError
from chipgym.simulators.logic.kernel import COMPLETE, decode_ands, encode_ands, run, skip_lines

__all__ = [
    "Aig",
    "Header",
    "body_digest",
    "cut_latches",
    "decode",
    "encode",
    "load_body",
    "read_body",
    "scan",
]

Literals = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]

# Inputs cost no bytes in a file, so a short one could ask for any number of them.
MAX_INPUTS = 1 << 20
MAX_VARIABLES = 1 << 28
_REASONS = ("", "ends within the AND section", "has a number that is too long", "has a loop")


@dataclass(frozen=True)
class Header:
    """Counts of an AIGER file, and where its AND section starts (bytes)."""

    inputs: int
    latches: int
    outputs: int
    ands: int
    ands_start: int

    @property
    def variables(self) -> int:
        """Largest variable."""
        return self.inputs + self.latches + self.ands


@dataclass(frozen=True, eq=False)
class Aig:
    """A combinational And-Inverter Graph as arrays.

    Attributes
    ----------
    num_inputs : int
    fanin0, fanin1 : int32[A]
        Fanin literals of each AND, the larger one first: twice the variable, plus one if inverted.
        AND ``k`` is variable ``1 + num_inputs + k``; variable 0 is the constant false.
    outputs : int32[O]
        Literals of the outputs.
    levels : int32[1 + I + A]
        Longest path from the inputs, in ANDs, by variable.
    """

    num_inputs: int
    fanin0: Literals
    fanin1: Literals
    outputs: Literals
    levels: Literals

    @property
    def num_ands(self) -> int:
        """AND nodes."""
        return len(self.fanin0)

    @property
    def num_outputs(self) -> int:
        """Outputs."""
        return len(self.outputs)

    @property
    def depth(self) -> int:
        """Largest level of an output: ABC's ``lev``."""
        return int(self.levels[self.outputs >> 1].max(initial=0))

    @cached_property
    def complemented(self) -> npt.NDArray[np.bool_]:
        """Whether each fanin is inverted, shape (A, 2)."""
        return np.stack([self.fanin0 & 1, self.fanin1 & 1], axis=1).astype(np.bool_)

    @cached_property
    def fanout_counts(self) -> Literals:
        """References to each variable by ANDs and outputs, shape (1 + I + A,)."""
        used = np.concatenate([self.fanin0, self.fanin1, self.outputs]) >> 1
        return np.bincount(used, minlength=len(self.levels)).astype(np.int32)

    def simulate(self, inputs: Words) -> Words:
        """Return the outputs (O, W) for input words (I, W), 64 patterns a word."""
        given = np.ascontiguousarray(inputs, dtype=np.uint64)
        if given.ndim != 2 or len(given) != self.num_inputs:
            raise InvalidValueError("inputs", given.shape, f"shape ({self.num_inputs}, W)")
        first = 1 + self.num_inputs
        values = np.zeros((first + self.num_ands, given.shape[1]), dtype=np.uint64)
        values[1:first] = given
        run(first, self.fanin0, self.fanin1, values)
        flips = np.where(self.outputs & 1, ~np.uint64(0), np.uint64(0))
        return values[self.outputs >> 1] ^ flips[:, None]


def _count(text: bytes, name: str) -> int:
    # A plain int() would take signs, spaces and underscores.
    if not text.isdigit() or len(text) > 10:
        raise AigerError(name, f"not an AIGER count: {text[:20]!r}")
    return int(text)


def scan(data: bytes, name: str = "AIGER") -> Header:
    """Check header and output lines.

    Raises
    ------
    AigerError
        Something is malformed, absurd or missing; `name` says of what.
    """
    line_end = data.find(b"\n", 0, 200)
    fields = data[: max(line_end, 0)].split(b" ")
    if fields[0] == b"aag":
        raise AigerError(name, "is ASCII AIGER; convert it to the binary form with `aigtoaig`")
    if fields[0] != b"aig" or len(fields) < 6:
        raise AigerError(name, "does not start with a header 'aig M I L O A'")
    counts = [_count(field, name) for field in fields[1:]]
    maximum, inputs, latches, outputs, ands = counts[:5]
    if any(counts[5:]):
        raise AigerError(name, "has properties or constraints (AIGER 1.9), which are not supported")
    if maximum != inputs + latches + ands:
        raise AigerError(name, f"header counts disagree: M = {maximum} is not I + L + A")
    # An output line takes two bytes at least, and so does an AND.
    if inputs > MAX_INPUTS or maximum > MAX_VARIABLES or 2 * (outputs + ands) > len(data):
        raise AigerError(name, f"header counts are absurd for {len(data)} bytes: {counts[:5]}")
    view = np.frombuffer(data, dtype=np.uint8)
    position = int(skip_lines(view, line_end + 1, latches + outputs))
    if position < 0:
        raise AigerError(name, "ends within the output lines")
    return Header(inputs, latches, outputs, ands, position)


def _literals(data: bytes, header: Header, name: str) -> Literals:
    lines = data[: header.ands_start].split(b"\n")[1:-1]
    # A latch line may carry a reset value after its next state.
    numbers = [_count(line.split(b" ")[0], name) for line in lines]
    literals = np.array(numbers, dtype=np.int64)
    if literals.max(initial=0) > 2 * header.variables + 1:
        raise AigerError(name, "has an output or latch above the largest variable")
    return literals.astype(np.int32)


def _decode(data: bytes, name: str) -> tuple[Header, Aig, int]:
    """Decode everything, latches as additional inputs and outputs; return the body's length too."""
    header = scan(data, name)
    first = 1 + header.inputs + header.latches
    literals = _literals(data, header, name)
    fanin0 = np.empty(header.ands, dtype=np.int32)
    fanin1 = np.empty(header.ands, dtype=np.int32)
    levels = np.zeros(first + header.ands, dtype=np.int32)
    view = np.frombuffer(data, dtype=np.uint8)
    status, end, row = decode_ands(view, header.ands_start, first, fanin0, fanin1, levels)
    if status != COMPLETE:
        raise AigerError(name, f"{_REASONS[status]} (AND {row} of {header.ands}, byte {end})")
    outputs = np.concatenate([literals[header.latches :], literals[: header.latches]])
    return header, Aig(first - 1, fanin0, fanin1, outputs, levels), int(end)


def _refuse_latches(header: Header, name: str) -> None:
    if header.latches:
        raise SequentialCircuitError(
            name,
            f"has {header.latches} latches; take its combinational part with sequential='cut': "
            "latch outputs become inputs, latch inputs become outputs",
        )


def decode(data: bytes, name: str = "AIGER") -> Aig:
    """Decode and check a combinational circuit.

    Parameters
    ----------
    data : bytes
        Binary AIGER, with or without symbols and comment.
    name : str
        What errors call it.

    Raises
    ------
    AigerError
        The bytes are malformed or truncated.
    SequentialCircuitError
        There are latches; see `cut_latches`.
    """
    header, aig, _ = _decode(data, name)
    _refuse_latches(header, name)
    return aig


def read_body(data: bytes, name: str = "AIGER") -> bytes:
    """Check a combinational circuit and return its body, without symbols and comment."""
    header, _, end = _decode(data, name)
    _refuse_latches(header, name)
    return data[:end]


def cut_latches(data: bytes, name: str = "AIGER") -> bytes:
    """Return the body of a circuit's combinational part.

    Latch outputs become inputs after the inputs, latch inputs become outputs after the outputs.
    Reset values are dropped.
    """
    _, aig, _ = _decode(data, name)
    return encode(aig)


def encode(aig: Aig) -> bytes:
    """Return a circuit's AIGER body."""
    inputs, ands, outputs = aig.num_inputs, aig.num_ands, aig.num_outputs
    out = np.empty(10 * ands, dtype=np.uint8)
    length = encode_ands(1 + inputs, aig.fanin0, aig.fanin1, out)
    head = f"aig {inputs + ands} {inputs} 0 {outputs} {ands}\n"
    lines = "".join(f"{literal}\n" for literal in aig.outputs.tolist())
    return (head + lines).encode() + out[:length].tobytes()


def symbols(data: bytes, name: str = "AIGER") -> tuple[list[str], list[str]]:
    """Return the names of inputs and outputs in a file's symbol table; empty where it has none."""
    header, aig, end = _decode(data, name)
    inputs = [""] * aig.num_inputs
    outputs = [""] * aig.num_outputs
    places = {"i": (inputs, 0), "l": (inputs, header.inputs), "o": (outputs, 0)}
    for line in data[end:].decode(errors="replace").split("\n"):
        place, _, symbol = line.partition(" ")
        if line == "c" or not place[1:].isdigit() or place[0] not in places:
            break
        names, first = places[place[0]]
        if first + int(place[1:]) < len(names):
            names[first + int(place[1:])] = symbol
    return inputs, outputs


def permute(aig: Aig, inputs: list[int], outputs: list[int]) -> Aig:
    """Return the graph with other orders: position ``k`` takes the old input ``inputs[k]``."""
    if sorted(inputs) != list(range(aig.num_inputs)):
        raise InvalidValueError("inputs", inputs[:8], "a permutation of the inputs")
    if sorted(outputs) != list(range(aig.num_outputs)):
        raise InvalidValueError("outputs", outputs[:8], "a permutation of the outputs")
    variables = np.arange(len(aig.levels), dtype=np.int32)
    variables[1 + np.array(inputs, dtype=np.int64)] = 1 + np.arange(aig.num_inputs, dtype=np.int32)

    def renamed(literals: Literals) -> Literals:
        return (2 * variables[literals >> 1] + (literals & 1)).astype(np.int32)

    first, second = renamed(aig.fanin0), renamed(aig.fanin1)
    return Aig(
        aig.num_inputs,
        np.maximum(first, second),
        np.minimum(first, second),
        renamed(aig.outputs)[np.array(outputs, dtype=np.int64)],
        aig.levels,
    )


def body_digest(body: bytes) -> str:
    """SHA-256 of an AIGER body, in hex: the identity of a state."""
    return hashlib.sha256(body).hexdigest()


def load_body(path: str | Path, sequential: str = "error") -> bytes:
    """Read the body of an AIGER file; ``sequential="cut"`` takes the combinational part."""
    if sequential not in ("error", "cut"):
        raise InvalidValueError("sequential", sequential, "'error' or 'cut'")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise AigerError(path, f"cannot be read: {error}") from error
    reader: Any = cut_latches if sequential == "cut" else read_body
    return bytes(reader(data, str(path)))
