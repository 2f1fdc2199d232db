"""Random numbers inside kernels: counter-based, so that they depend on keys and never on order.

The mixing function is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chipgym.simulators.core.numba import kernel, merged

__all__ = ["keyed_exponential", "keyed_normal", "keyed_uniform", "mix64", "next_below"]

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFT_27, SHIFT_30, SHIFT_31, SHIFT_11 = (np.uint64(n) for n in (27, 30, 31, 11))


@merged
def mix64(value: Any) -> Any:
    """SplitMix64's output function on a uint64."""
    z = np.uint64(value) + GOLDEN_GAMMA
    z = (z ^ (z >> SHIFT_30)) * MIX_1
    z = (z ^ (z >> SHIFT_27)) * MIX_2
    return z ^ (z >> SHIFT_31)


@merged
def keyed_uniform(key: int, a: int, b: int) -> float:
    """Uniform in (0, 1), a function of (key, a, b) alone."""
    bits = mix64(mix64(mix64(np.uint64(key)) ^ np.uint64(a)) ^ np.uint64(b))
    return (float(bits >> SHIFT_11) + 0.5) / 9007199254740992.0


@merged
def keyed_normal(key: int, a: int, b: int) -> float:
    """Standard normal, a function of (key, a, b) alone (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(keyed_uniform(key, a, 2 * b)))
    return radius * math.cos(2.0 * math.pi * keyed_uniform(key, a, 2 * b + 1))


@kernel
def keyed_exponential(key: int, a: int, b: int) -> float:
    """Exponential with mean 1, a function of (key, a, b) alone."""
    return -math.log(keyed_uniform(key, a, b))


@kernel
def next_below(state: Any, bound: int) -> int:
    """Next draw from 0…bound-1 of the generator whose state is the uint64 ``state[0]``."""
    state[0] = state[0] + GOLDEN_GAMMA
    return int(mix64(state[0]) % np.uint64(bound))
