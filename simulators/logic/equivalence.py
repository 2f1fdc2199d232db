"""Whether two circuits compute the same: by simulation always, by proof where time allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from chipgym.simulators.logic.aiger import Aig, decode
from chipgym.simulators.logic.errors import AbcCommandError, AbcCrashedError, AbcTimeoutError
from chipgym.simulators.logic.session import AbcSession

__all__ = ["Equivalence", "check_equivalence", "simulate_difference"]

Words = npt.NDArray[np.uint64]
Verdict = Literal["equivalent", "different", "undecided"]

MAX_EXHAUSTIVE_INPUTS = 14
_METHODS = ("cec -n {} {}", "&cec {} {}")
_FILES = ("first.aig", "second.aig")


@dataclass(frozen=True)
class Equivalence:
    """Outcome of an equivalence check.

    Attributes
    ----------
    verdict : str
        ``"equivalent"`` (proven), ``"different"`` (proven), or ``"undecided"``: no difference found
        by simulation, and no proof within the time limit.
    method : str
        What decided: ``interface``, ``simulation``, ``exhaustive simulation``, ``cec``, ``&cec``.
    counterexample : tuple of bool, optional
        Input values on which the outputs differ, where simulation found them.
    """

    verdict: Verdict
    method: str
    counterexample: tuple[bool, ...] | None = None


def _exhaustive_words(inputs: int) -> Words:
    """Return every input pattern once (several times for fewer than six inputs)."""
    patterns = np.arange(max(64, 1 << inputs), dtype=np.uint64)
    bits = np.array([(patterns >> np.uint64(i)) & np.uint64(1) for i in range(inputs)], np.uint8)
    rows = bits.reshape(inputs, len(patterns))
    return np.packbits(rows, axis=1, bitorder="little").view(np.uint64)


def _random_words(inputs: int, words: int, seed: int) -> Words:
    """Return uniform patterns, and sparse and dense ones, which reach deeper into control logic."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, 1 << 64, size=(4, inputs, words), dtype=np.uint64)
    drawn[0, :, words // 2 : 3 * words // 4] &= drawn[1, :, words // 2 : 3 * words // 4]
    rest = slice(3 * words // 4, words)
    drawn[0, :, rest] |= drawn[2, :, rest] | drawn[3, :, rest]
    return drawn[0]


def simulate_difference(first: Aig, second: Aig, words: Words) -> tuple[bool, ...] | None:
    """Return the inputs of the first pattern on which two graphs differ, or None."""
    differing = (first.simulate(words) ^ second.simulate(words)).any(axis=0)
    if not differing.any():
        return None
    word = int(np.flatnonzero(differing)[0])
    one = words[:, word : word + 1]
    difference = np.bitwise_or.reduce((first.simulate(one) ^ second.simulate(one))[:, 0])
    bit = (int(difference) & -int(difference)).bit_length() - 1
    return tuple(bool(int(value) >> bit & 1) for value in one[:, 0])


def _prove(first: bytes, second: bytes, session: AbcSession, limit_s: float) -> Equivalence:
    """Ask ABC: neither of its two checkers is always the faster one."""
    files = dict(zip(_FILES, (first, second), strict=True))
    for method in _METHODS:
        name = method.split()[0]
        try:
            answer = session.run(method.format(*_FILES), files, limit_s)
        except (AbcTimeoutError, AbcCrashedError, AbcCommandError):
            continue
        if "NOT EQUIVALENT" in answer or "not equivalent" in answer:
            return Equivalence("different", name)
        if "UNDECIDED" not in answer and "are equivalent" in answer:
            return Equivalence("equivalent", name)
    return Equivalence("undecided", "simulation")


def check_equivalence(
    first: bytes,
    second: bytes,
    session: AbcSession | None = None,
    *,
    patterns: int = 16384,
    seed: int = 0,
    limit_s: float = 60.0,
) -> Equivalence:
    """Compare two combinational circuits, inputs and outputs matched by position.

    Parameters
    ----------
    first, second : bytes
        Binary AIGER.
    session : AbcSession, optional
        For a proof; without it only simulation is used.
    patterns, seed : int
        Random patterns; circuits of up to 14 inputs are simulated exhaustively, which is a proof.
    limit_s : float
        Time limit of each of ABC's two checkers.
    """
    a, b = decode(first, "first circuit"), decode(second, "second circuit")
    if (a.num_inputs, a.num_outputs) != (b.num_inputs, b.num_outputs):
        return Equivalence("different", "interface")
    exhaustive = a.num_inputs <= MAX_EXHAUSTIVE_INPUTS
    words = (
        _exhaustive_words(a.num_inputs)
        if exhaustive
        else _random_words(a.num_inputs, max(4, patterns // 64), seed)
    )
    counterexample = simulate_difference(a, b, words)
    if counterexample is not None:
        return Equivalence("different", "simulation", counterexample)
    if exhaustive:
        return Equivalence("equivalent", "exhaustive simulation")
    if session is None:
        return Equivalence("undecided", "simulation")
    return _prove(first, second, session, limit_s)
