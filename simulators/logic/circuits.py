"""Circuits: families of our own by width, and the user's own files.

The families are parametric Verilog (``data/families.v``); random control logic is drawn. Each has
a model in plain integers, which `check_circuit` holds against the AIG. Small members ship as AIGs,
named ``family-width``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.logic import models
from chipgym.simulators.logic.aiger import Aig, body_digest, load_body
from chipgym.simulators.logic.models import CONTROL_INPUTS, CONTROL_OUTPUTS, Values
from chipgym.simulators.logic.synthesis import aig_from_verilog

__all__ = ["FAMILIES", "Circuit", "Family", "check_circuit", "circuit_names", "generate"]

Ports = dict[str, int]
_DATA = resources.files("chipgym.simulators.logic") / "data"


def _bits(count: int) -> int:
    """Verilog's $clog2."""
    return (count - 1).bit_length()


@dataclass(frozen=True)
class Family:
    """A family of circuits with one parameter.

    Attributes
    ----------
    name : str
        Also the Verilog module, with underscores.
    ports : callable
        Width to the bits of each input and of each output, in the order of the AIG.
    model : callable
        Width and inputs to outputs.
    sizes : tuple of int
        Widths that ship.
    allowed : callable
        Whether a width makes sense.
    allowed_text : str
    """

    name: str
    ports: Callable[[int], tuple[Ports, Ports]]
    model: Callable[[int, Values], Values]
    sizes: tuple[int, ...]
    allowed: Callable[[int], bool] = lambda width: 2 <= width <= 512
    allowed_text: str = "2 to 512"

    def check_width(self, width: int) -> None:
        """Raise `InvalidValueError` for a width that the family does not have."""
        if not isinstance(width, int) or isinstance(width, bool) or not self.allowed(width):
            raise InvalidValueError(f"width of {self.name}", width, self.allowed_text)


def _power_of_two(width: int) -> bool:
    return 4 <= width <= 512 and width & (width - 1) == 0


_ROUTER_OUT = {"grant": 25, "blocked": 5}

_FAMILY_LIST = (
    Family("adder", lambda w: ({"a": w, "b": w}, {"sum": w + 1}), models.adder, (16, 32, 64)),
    Family(
        "multiplier",
        lambda w: ({"a": w, "b": w}, {"product": 2 * w}),
        models.multiplier,
        (6, 8, 12, 16),
        lambda w: 2 <= w <= 64,
        "2 to 64",
    ),
    Family(
        "square",
        lambda w: ({"a": w}, {"product": 2 * w}),
        models.square,
        (8, 12, 16),
        lambda w: 2 <= w <= 64,
        "2 to 64",
    ),
    Family(
        "sqrt",
        lambda w: ({"a": w}, {"root": w // 2}),
        models.sqrt,
        (12, 16, 24),
        lambda w: 4 <= w <= 128 and w % 2 == 0,
        "even, 4 to 128",
    ),
    Family(
        "divider",
        lambda w: ({"dividend": w, "divisor": w}, {"quotient": w, "remainder": w}),
        models.divider,
        (6, 8, 12, 16),
        lambda w: 2 <= w <= 64,
        "2 to 64",
    ),
    Family(
        "barrel",
        lambda w: ({"a": w, "amount": _bits(w)}, {"rotated": w}),
        models.barrel,
        (16, 32, 64),
        _power_of_two,
        "a power of two, 4 to 512",
    ),
    Family(
        "max",
        lambda w: ({"a": w, "b": w, "c": w, "d": w}, {"largest": w, "index": 2}),
        models.maximum,
        (8, 16, 32),
    ),
    Family(
        "decoder",
        lambda w: ({"a": w, "enable": 1}, {"onehot": 1 << w}),
        models.decoder,
        (5, 6),
        lambda w: 2 <= w <= 10,
        "2 to 10",
    ),
    Family(
        "priority-encoder",
        lambda w: ({"request": w}, {"index": _bits(w), "valid": 1}),
        models.priority_encoder,
        (32, 64, 128),
        lambda w: 4 <= w <= 512,
        "4 to 512",
    ),
    Family(
        "arbiter",
        lambda w: ({"request": w, "pointer": _bits(w)}, {"grant": w}),
        models.arbiter,
        (16, 32, 64),
        _power_of_two,
        "a power of two, 4 to 512",
    ),
    Family(
        "int-to-float",
        lambda w: ({"a": w}, {"sign": 1, "exponent": _bits(w), "fraction": 3}),
        models.int_to_float,
        (11, 16, 32),
        lambda w: 5 <= w <= 64,
        "5 to 64",
    ),
    Family(
        "crc16",
        lambda w: ({"start": 16, "data": w}, {"crc": 16}),
        models.crc16,
        (16, 32, 64),
        lambda w: 1 <= w <= 512,
        "1 to 512",
    ),
    Family(
        "alu",
        lambda w: (
            {"a": w, "b": w, "op": 3},
            {"result": w, "zero": 1, "carry": 1, "overflow": 1},
        ),
        models.alu,
        (8, 16, 32),
        lambda w: 4 <= w <= 128,
        "4 to 128",
    ),
    Family(
        "popcount",
        lambda w: ({"a": w}, {"count": _bits(w + 1)}),
        models.popcount,
        (16, 32, 64),
    ),
    Family(
        "voter",
        lambda w: ({"votes": w}, {"majority": 1}),
        models.voter,
        (15, 31, 63),
        lambda w: 3 <= w <= 1023 and w % 2 == 1,
        "odd, 3 to 1023",
    ),
    Family(
        "sbox",
        lambda w: ({"a": 8 * w}, {"substituted": 8 * w}),
        models.sbox,
        (1,),
        lambda w: 1 <= w <= 16,
        "1 to 16",
    ),
    Family(
        "hypotenuse",
        lambda w: ({"a": w, "b": w}, {"length": w + 1}),
        models.hypotenuse,
        (6, 8),
        lambda w: 2 <= w <= 32,
        "2 to 32",
    ),
    Family(
        "cordic",
        lambda w: ({"angle": w}, {"cosine": w, "sine": w}),
        models.cordic,
        (8, 12),
        lambda w: 6 <= w <= 19,
        "6 to 19",
    ),
    Family(
        "router",
        lambda w: (
            {"here_x": w, "here_y": w, "to_x": 5 * w, "to_y": 5 * w, "valid": 5},
            _ROUTER_OUT,
        ),
        models.router,
        (3, 5),
        lambda w: 2 <= w <= 16,
        "2 to 16",
    ),
    Family(
        "control",
        lambda w: ({"a": CONTROL_INPUTS}, {"y": CONTROL_OUTPUTS}),
        models.control,
        (40, 80, 120, 160),
    ),
)

FAMILIES: dict[str, Family] = {family.name: family for family in _FAMILY_LIST}
"""Families by name."""


def family_named(name: str) -> Family:
    """Return a family, or raise `UnknownNameError`."""
    if name not in FAMILIES:
        raise UnknownNameError("circuit family", name, FAMILIES)
    return FAMILIES[name]


@dataclass(frozen=True, eq=False)
class Circuit:
    """A circuit to be synthesised.

    Attributes
    ----------
    name : str
    body : bytes
        Its AIGER body.
    """

    name: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the body: the circuit's identity."""
        return body_digest(self.body)

    @classmethod
    def named(cls, name: str) -> Circuit:
        """Return a circuit that ships, such as ``"adder-32"``.

        Raises
        ------
        UnknownNameError
        """
        file = _DATA / "circuits" / f"{name}.aig"
        if name not in circuit_names():
            raise UnknownNameError("circuit", name, circuit_names())
        return cls(name, file.read_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str], sequential: str = "error") -> Circuit:
        """Read a binary AIGER file; see `readers` for other formats."""
        return cls(Path(path).stem, load_body(Path(path), sequential))


@cache
def circuit_names() -> tuple[str, ...]:
    """Names of the circuits that ship, by family and width."""
    return tuple(f"{family.name}-{size}" for family in _FAMILY_LIST for size in family.sizes)


def _control_verilog(width: int) -> str:
    """Return random control logic as a sum of products."""
    terms: dict[int, list[str]] = {output: ["1'b0"] for output in range(CONTROL_OUTPUTS)}
    for mask, value, outputs in models.control_table(width):
        product = f"((a & {CONTROL_INPUTS}'d{mask}) == {CONTROL_INPUTS}'d{value})"
        for output in range(CONTROL_OUTPUTS):
            if outputs >> output & 1:
                terms[output].append(product)
    lines = [f"  assign y[{output}] = {' | '.join(terms[output])};" for output in terms]
    ports = f"input [{CONTROL_INPUTS - 1}:0] a, output [{CONTROL_OUTPUTS - 1}:0] y"
    return f"module control #(parameter W = 0) ({ports});\n" + "\n".join(lines) + "\nendmodule\n"


def generate(name: str, width: int) -> Circuit:
    """Generate a member of a family (needs pyosys; takes seconds).

    Raises
    ------
    UnknownNameError, InvalidValueError
        No such family or width.
    SynthesisError
    """
    family = family_named(name)
    family.check_width(width)
    source = (_DATA / "families.v").read_text()
    if name == "control":
        source = _control_verilog(width)
    with tempfile.TemporaryDirectory(prefix="chipgym-circuit-") as folder:
        path = Path(folder) / "circuit.v"
        path.write_text(source)
        body = aig_from_verilog(path, name.replace("-", "_"), {"W": width})
    return Circuit(f"{name}-{width}", body)


def _pack(values: list[int], width: int) -> np.ndarray:
    """Turn numbers into words of 64 patterns, one row a bit: uint64[width, words]."""
    bits = np.array([[value >> bit & 1 for value in values] for bit in range(width)], np.uint8)
    padded = np.zeros((width, -(-len(values) // 64) * 64), np.uint8)
    padded[:, : len(values)] = bits
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def _unpack(rows: np.ndarray, count: int) -> list[int]:
    bits = np.unpackbits(np.ascontiguousarray(rows).view(np.uint8), axis=1, bitorder="little")
    return [sum(int(bit) << i for i, bit in enumerate(column)) for column in bits[:, :count].T]


def _vectors(ports: Ports, count: int, seed: int) -> dict[str, list[int]]:
    """Draw inputs: corners, sparse and dense words, uniform words."""
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[int]] = {}
    for name, width in ports.items():
        corners = [0, (1 << width) - 1, 1, 1 << (width - 1)]
        shares = generator.choice([0.5, 0.5, 0.1, 0.9, 0.02], size=count - len(corners))
        bits = generator.random((len(shares), width)) < shares[:, None]
        words = [sum(1 << int(i) for i in np.flatnonzero(row)) for row in bits]
        drawn[name] = [*generator.permutation(np.array(corners, object)).tolist(), *words]
    return drawn


def check_circuit(family: str, width: int, aig: Aig, vectors: int = 512, seed: int = 0) -> int:
    """Simulate an AIG of a family and return on how many of the vectors it differs from its model.

    Parameters
    ----------
    family, width : str, int
    aig : Aig
    vectors : int
        Input vectors; at least 8.
    seed : int
    """
    described = family_named(family)
    inputs, outputs = described.ports(width)
    drawn = _vectors(inputs, vectors, seed)
    rows = aig.simulate(np.vstack([_pack(drawn[name], bits) for name, bits in inputs.items()]))
    found: dict[str, list[int]] = {}
    start = 0
    for name, bits in outputs.items():
        found[name] = _unpack(rows[start : start + bits], vectors)
        start += bits
    wrong = 0
    for index in range(vectors):
        expected = described.model(width, {name: drawn[name][index] for name in inputs})
        wrong += any(expected[name] != found[name][index] for name in outputs)
    return wrong
