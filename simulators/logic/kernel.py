"""Kernels over And-Inverter Graphs: decoding, levels, simulation.

Variables are numbered as in AIGER: 0 the constant, then inputs, then AND nodes in topological
order. A literal is twice the variable, plus one where inverted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel

__all__ = [
    "ABOVE_LHS",
    "COMPLETE",
    "OVERLONG",
    "TRUNCATED",
    "ands_end",
    "count_profile",
    "decode_ands",
    "encode_ands",
    "run",
    "skip_lines",
]

COMPLETE, TRUNCATED, OVERLONG, ABOVE_LHS = 0, 1, 2, 3
_MAX_SHIFT = 28


@kernel
def decode_ands(
    data: Any, start: int, first: int, fanin0: Any, fanin1: Any, levels: Any
) -> tuple[int, int, int]:
    """Decode the AND section of a binary AIGER file, and the level of every node.

    Parameters
    ----------
    data : uint8[n]
        The file.
    start : int
        Where the section begins.
    first : int
        Variable of the first AND.
    fanin0, fanin1 : int32[A]
        Output: fanin literals, the larger one first.
    levels : int32[first + A]
        Output; entries of constant and inputs stay as they are.

    Returns
    -------
    status, end, row : int
        Status code, offset after the last byte read, AND at which reading stopped.
    """
    position = start
    size = len(data)
    for row in range(len(fanin0)):
        literal = np.int64(2 * (first + row))
        for side in range(2):
            delta = np.int64(0)
            shift = 0
            while True:
                if position >= size:
                    return TRUNCATED, position, row
                byte = np.int64(data[position])
                position += 1
                if shift > _MAX_SHIFT:
                    return OVERLONG, position, row
                delta |= (byte & 127) << shift
                if byte < 128:
                    break
                shift += 7
            # The left-hand side itself would be a loop: the first difference is at least one.
            if delta > literal or (side == 0 and delta == 0):
                return ABOVE_LHS, position, row
            literal -= delta
            if side == 0:
                fanin0[row] = literal
            else:
                fanin1[row] = literal
        a = levels[fanin0[row] >> 1]
        b = levels[fanin1[row] >> 1]
        levels[first + row] = 1 + max(a, b)
    return COMPLETE, position, len(fanin0)


@kernel
def encode_ands(first: int, fanin0: Any, fanin1: Any, out: Any) -> int:
    """Write the AND section of a binary AIGER file to ``out`` (uint8); return its length."""
    position = 0
    for row in range(len(fanin0)):
        above = np.int64(2 * (first + row))
        for side in range(2):
            literal = np.int64(fanin0[row]) if side == 0 else np.int64(fanin1[row])
            delta = above - literal
            above = literal
            while delta > 127:
                out[position] = (delta & 127) | 128
                position += 1
                delta >>= 7
            out[position] = delta
            position += 1
    return position


@kernel
def run(first: int, fanin0: Any, fanin1: Any, values: Any) -> None:
    """Simulate 64 patterns a word.

    Parameters
    ----------
    first : int
        Variable of the first AND.
    fanin0, fanin1 : int32[A]
        Fanin literals.
    values : uint64[first + A, W]
        Rows of constant and inputs are read, rows of ANDs are written.
    """
    ones = np.uint64(0xFFFFFFFFFFFFFFFF)
    zero = np.uint64(0)
    words = values.shape[1]
    for row in range(len(fanin0)):
        a, b = fanin0[row] >> 1, fanin1[row] >> 1
        flip_a = ones if fanin0[row] & 1 else zero
        flip_b = ones if fanin1[row] & 1 else zero
        for word in range(words):
            values[first + row, word] = (values[a, word] ^ flip_a) & (values[b, word] ^ flip_b)


@kernel
def ands_end(data: Any, start: int, ands: int) -> int:
    """Return the offset after an AND section that starts at ``start``; -1 where it is cut off."""
    missing = 2 * ands
    position = start
    while missing > 0:
        if position >= len(data):
            return -1
        if data[position] < 128:
            missing -= 1
        position += 1
    return position


@kernel
def skip_lines(data: Any, start: int, lines: int) -> int:
    """Return the offset after so many lines; -1 where there are fewer."""
    position = start
    missing = lines
    while missing > 0:
        if position >= len(data):
            return -1
        if data[position] == 10:
            missing -= 1
        position += 1
    return position


@kernel
def count_profile(
    first: int,
    fanin0: Any,
    fanin1: Any,
    outputs: Any,
    levels: Any,
    references: Any,
    inverted: Any,
    level_counts: Any,
    fanout_counts: Any,
) -> tuple[int, int]:
    """Count ANDs by inverted fanins and level, and inputs and ANDs by fan-out.

    Parameters
    ----------
    first : int
        Variable of the first AND.
    fanin0, fanin1, outputs : int32[A], int32[A], int32[O]
        Literals.
    levels : int32[first + A]
    references : int32[first + A]
        Zeros; afterwards the fan-out of each variable.
    inverted, level_counts, fanout_counts : int64[3], int64[L], int64[F]
        Zeros; outputs. Levels fall into L equal parts of the depth, fan-outs by powers of two.

    Returns
    -------
    total, largest : int
        Sum and maximum of the fan-outs, the constant left out.
    """
    depth = 1
    for row in range(len(fanin0)):
        references[fanin0[row] >> 1] += 1
        references[fanin1[row] >> 1] += 1
        inverted[(fanin0[row] & 1) + (fanin1[row] & 1)] += 1
        depth = max(depth, levels[first + row])
    for literal in outputs:
        references[literal >> 1] += 1
    bins = len(level_counts)
    for row in range(len(fanin0)):
        level_counts[(levels[first + row] - 1) * bins // depth] += 1
    total = 0
    largest = 0
    for variable in range(1, len(references)):
        fanout = references[variable]
        total += fanout
        largest = max(largest, fanout)
        place = 0
        while (1 << place) < fanout and place < len(fanout_counts) - 1:
            place += 1
        fanout_counts[place] += 1
    return total, largest
