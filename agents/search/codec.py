"""The one place where designs become numbers: Gymnasium spaces <-> flat points <-> unit cubes.

A *point* is a float64 vector with one entry a knob, in the order of the space. Of a knob with n
choices it holds the index of the choice, a whole number from 0 to n - 1; of a continuous knob a
number in [0, 1], the place between its bounds. `Discrete`, `MultiDiscrete`, `MultiBinary` and `Box`
are taken, and `Tuple` and `Dict` of them. A `Box` of integers has finitely many choices.

The unit cube cuts [0, 1] into n cells of equal width for a knob of n choices: every choice is
reached, and a uniform number gives a uniform choice, the outermost ones included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Point", "SpaceCodec"]

Point = npt.NDArray[np.float64]
MAX_CHOICES = 2**53
"""Choices of one knob; float64 holds every whole number up to this one."""


@dataclass(frozen=True)
class _Leaf:
    """A space without parts.

    Attributes
    ----------
    scalar : bool
        Designs are single numbers (`Discrete`).
    shape : tuple of int
    dtype : numpy.dtype
        Of the designs.
    start : list of int
        Value of choice 0 of each knob; empty for continuous ones.
    counts : list of int
        Number of choices of each knob; empty for continuous ones.
    low, high : float64 arrays
        Bounds of each continuous knob; empty for discrete ones.
    """

    scalar: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: list[int]
    counts: list[int]
    low: Point
    high: Point

    @property
    def width(self) -> int:
        """Number of knobs."""
        return math.prod(self.shape)

    def decode(self, part: Point) -> Any:
        if self.low.size:
            blend = self.low * (1.0 - part) + self.high * part
            values = blend.astype(self.dtype)
            bounds = self.low.astype(self.dtype), self.high.astype(self.dtype)
            return np.clip(values, *bounds).reshape(self.shape)
        values = np.array(
            [first + int(index) for first, index in zip(self.start, part, strict=True)],
            dtype=self.dtype,
        )
        return values[0] if self.scalar else values.reshape(self.shape)

    def encode(self, design: Any) -> Point | None:
        """Return the point of a part of a design; None if it is not in the space."""
        values = np.asarray(design)
        if values.shape != (() if self.scalar else self.shape) or values.dtype.kind not in "biuf":
            return None
        if self.low.size:
            flat = values.astype(np.float64).ravel()
            if not ((flat >= self.low) & (flat <= self.high)).all():
                return None
            span = np.where(self.high > self.low, self.high - self.low, 1.0)
            return np.asarray((flat - self.low) / span, dtype=np.float64)
        numbers = values.ravel().tolist()
        if any(number != number or abs(number) == math.inf for number in numbers):
            return None
        indexes = [int(n) - first for n, first in zip(numbers, self.start, strict=True)]
        whole = all(int(number) == number for number in numbers)
        inside = all(0 <= i < n for i, n in zip(indexes, self.counts, strict=True))
        return np.array(indexes, dtype=np.float64) if whole and inside else None


class SpaceCodec:
    """Translates the designs of a Gymnasium space.

    Parameters
    ----------
    space : gymnasium.Space
        The designs. Boxes must be bounded.

    Attributes
    ----------
    counts : int64 array, shape (knobs,)
        Number of choices of each knob; 0 where it is continuous.
    free : int64 array
        Indexes of the knobs that have more than one value.
    num_designs : int or None
        Size of the space; None if a knob is continuous.

    Raises
    ------
    InvalidValueError
        The space is of another kind, a box is unbounded, or a knob has over 2^53 choices.

    Examples
    --------
    >>> codec = SpaceCodec(spaces.Tuple([spaces.Discrete(4), spaces.MultiBinary(2)]))
    >>> codec.encode((3, [0, 1])).tolist()
    [3.0, 0.0, 1.0]
    >>> codec.num_designs
    16
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self._leaves = list(_leaves(space))
        counts = [n for leaf in self._leaves for n in leaf.counts or [0] * leaf.width]
        if not counts:
            raise InvalidValueError("space", space, "a space with at least one knob")
        if max(counts) > MAX_CHOICES:
            raise InvalidValueError("space", space, f"at most {MAX_CHOICES} choices a knob")
        self.counts = np.array(counts, dtype=np.int64)
        spans = [
            leaf.high > leaf.low if leaf.low.size else [False] * leaf.width for leaf in self._leaves
        ]
        continuous = np.concatenate([np.asarray(span, dtype=bool) for span in spans])
        self.free = np.flatnonzero((self.counts > 1) | continuous)
        self.num_designs = None if (self.counts == 0).any() else math.prod(counts)

    @property
    def num_knobs(self) -> int:
        """Length of a point."""
        return len(self.counts)

    def decode(self, point: Point) -> Any:
        """Return the design of a point, of the types that the space's `sample` gives."""
        parts = iter(np.split(point, np.cumsum([leaf.width for leaf in self._leaves])[:-1]))
        leaves = iter(self._leaves)
        return _build(self.space, leaves, parts)

    def encode(self, design: Any) -> Point:
        """Return the point of a design; plain numbers, lists and dictionaries are taken too.

        Raises
        ------
        InvalidValueError
            The design is not in the space.
        """
        values = list(_values(self.space, design))
        if len(values) == len(self._leaves):
            parts = [leaf.encode(part) for leaf, part in zip(self._leaves, values, strict=True)]
            found = [part for part in parts if part is not None]
            if len(found) == len(parts):
                return np.concatenate(found)
        raise InvalidValueError("design", design, f"a design of {self.space}")

    def key(self, point: Point) -> bytes:
        """Name of a point in dictionaries and sets."""
        return (point + 0.0).tobytes()  # -0.0 becomes 0.0

    def sample(self, rng: np.random.Generator) -> Point:
        """Draw a point uniformly."""
        return self.from_unit(rng.random(self.num_knobs))

    def to_unit(self, point: Point) -> Point:
        """Return the place of a point in the unit cube: the middle of its cell."""
        cells = np.maximum(self.counts, 1)
        return np.where(self.counts > 0, (point + 0.5) / cells, point)

    def from_unit(self, unit: Point) -> Point:
        """Return the point in whose cell a place of the unit cube lies; outside is clipped."""
        inside = np.clip(unit, 0.0, 1.0)
        last = np.maximum(self.counts - 1, 0)
        return np.where(self.counts > 0, np.minimum(np.floor(inside * self.counts), last), inside)

    def point_of(self, index: int) -> Point:
        """Return the design with this number in lexicographic order, the last knob fastest.

        Raises
        ------
        InvalidValueError
            The space is not finite, or has fewer designs.
        """
        if self.num_designs is None:
            raise InvalidValueError("space", self.space, "a space with finitely many designs")
        if not 0 <= index < self.num_designs:
            raise InvalidValueError("index", index, f"0 to {self.num_designs - 1}")
        point = np.empty(self.num_knobs)
        for knob in range(self.num_knobs - 1, -1, -1):
            index, point[knob] = divmod(index, int(self.counts[knob]))
        return point


def _leaves(space: spaces.Space[Any]) -> Iterator[_Leaf]:
    none = np.empty(0)
    if isinstance(space, spaces.Discrete):
        yield _Leaf(
            True, (1,), np.dtype(space.dtype), [int(space.start)], [int(space.n)], none, none
        )
    elif isinstance(space, spaces.MultiDiscrete):
        start, counts = space.start.ravel().tolist(), space.nvec.ravel().tolist()
        yield _Leaf(False, space.nvec.shape, np.dtype(space.dtype), start, counts, none, none)
    elif isinstance(space, spaces.MultiBinary):
        width = math.prod(space.shape)
        yield _Leaf(False, space.shape, np.dtype(space.dtype), [0] * width, [2] * width, none, none)
    elif isinstance(space, spaces.Box):
        yield _box(space)
    elif isinstance(space, spaces.Tuple):
        for part in space.spaces:
            yield from _leaves(part)
    elif isinstance(space, spaces.Dict):
        for part in space.spaces.values():
            yield from _leaves(part)
    else:
        allowed = "Discrete, MultiDiscrete, MultiBinary, Box, or a Tuple or Dict of them"
        raise InvalidValueError("space", space, allowed)


def _box(space: spaces.Box) -> _Leaf:
    dtype, none = np.dtype(space.dtype), np.empty(0)
    if not space.is_bounded():
        raise InvalidValueError("space", space, "a Box that is bounded on both sides")
    if dtype.kind in "biu":
        low, high = space.low.ravel().tolist(), space.high.ravel().tolist()
        counts = [int(last) - int(first) + 1 for first, last in zip(low, high, strict=True)]
        return _Leaf(False, space.shape, dtype, [int(n) for n in low], counts, none, none)
    low64, high64 = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    return _Leaf(False, space.shape, dtype, [], [], low64, high64)


def _build(space: spaces.Space[Any], leaves: Iterator[_Leaf], parts: Iterator[Point]) -> Any:
    if isinstance(space, spaces.Tuple):
        return tuple(_build(part, leaves, parts) for part in space.spaces)
    if isinstance(space, spaces.Dict):
        return {name: _build(part, leaves, parts) for name, part in space.spaces.items()}
    return next(leaves).decode(next(parts))


def _values(space: spaces.Space[Any], design: Any) -> Iterator[Any]:
    """Yield the parts of a design, in the order of the leaves; too few if its form is wrong."""
    if isinstance(space, spaces.Tuple):
        if isinstance(design, tuple | list) and len(design) == len(space.spaces):
            for part, value in zip(space.spaces, design, strict=True):
                yield from _values(part, value)
    elif isinstance(space, spaces.Dict):
        if isinstance(design, dict) and design.keys() == space.spaces.keys():
            for name, part in space.spaces.items():
                yield from _values(part, design[name])
    else:
        yield design
