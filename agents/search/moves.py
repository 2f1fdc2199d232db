"""Steps through the space of designs: neighbours, mutation and crossover of points."""

from __future__ import annotations

import numpy as np

from chipgym.agents.search.codec import Point, SpaceCodec

__all__ = ["CROSSOVERS", "MOVES", "change_knob", "cross", "mutate", "neighbour", "neighbours"]

MOVES = ("any", "adjacent")
"""How one knob changes: to any other value, all alike, or to the next one up or down."""

CROSSOVERS = ("uniform", "one-point", "two-point")
"""How two parents are mixed: knob by knob at random, or in one or two cuts."""

STEP = 0.1
"""Standard deviation of an adjacent step of a continuous knob, as a fraction of its range."""


def change_knob(
    codec: SpaceCodec, point: Point, knob: int, rng: np.random.Generator, move: str
) -> None:
    """Give one free knob of a point another value, in place."""
    count, value = int(codec.counts[knob]), point[knob]
    if count == 0:
        point[knob] = _reflect(value + STEP * rng.normal()) if move == "adjacent" else rng.random()
    elif move == "any":
        other = int(rng.integers(count - 1))
        point[knob] = other + (other >= value)
    elif value in (0, count - 1):
        point[knob] = 1 if value == 0 else count - 2
    else:
        point[knob] = value + (1 if rng.random() < 0.5 else -1)


def neighbour(
    codec: SpaceCodec, point: Point, rng: np.random.Generator, move: str = "any", knobs: int = 1
) -> Point:
    """Return a copy in which some knobs, chosen at random, have other values."""
    changed = point.copy()
    count = min(knobs, len(codec.free))
    for knob in rng.choice(codec.free, size=count, replace=False) if count else ():
        change_knob(codec, changed, int(knob), rng, move)
    return changed


def neighbours(codec: SpaceCodec, point: Point, move: str, limit: int) -> list[tuple[int, int]]:
    """List the points that differ in one knob, as (knob, choice); empty if over `limit`.

    Continuous knobs have no list of neighbours: with one of them the answer is empty as well.
    """
    counts = codec.counts[codec.free]
    if (counts == 0).any() or (move == "any" and int((counts - 1).sum()) > limit):
        return []
    found = []
    for knob in codec.free.tolist():
        value, count = int(point[knob]), int(codec.counts[knob])
        choices = range(count) if move == "any" else (value - 1, value + 1)
        found += [(knob, other) for other in choices if other != value and 0 <= other < count]
    return found if len(found) <= limit else []


def mutate(
    codec: SpaceCodec, point: Point, rate: float, rng: np.random.Generator, move: str = "any"
) -> Point:
    """Return a copy in which each free knob has changed with probability `rate`."""
    changed = point.copy()
    for knob in codec.free[rng.random(len(codec.free)) < rate]:
        change_knob(codec, changed, int(knob), rng, move)
    return changed


def cross(kind: str, first: Point, second: Point, rng: np.random.Generator) -> Point:
    """Mix two parents; see `CROSSOVERS`."""
    n = len(first)
    if kind == "uniform":
        return np.where(rng.random(n) < 0.5, first, second)
    cuts = 1 if kind == "one-point" else 2
    places = np.sort(rng.integers(0, n + 1, size=cuts))
    segment = np.searchsorted(places, np.arange(n), side="right")
    return np.where(segment % 2 == 0, first, second)


def _reflect(value: float) -> float:
    """Fold a number back into [0, 1] at its ends."""
    folded = value % 2.0
    return 2.0 - folded if folded > 1.0 else folded
