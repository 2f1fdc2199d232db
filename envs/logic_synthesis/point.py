"""Measured circuits: the points that an episode passes through."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.logic.mapping import LutCount, Mapping
from chipgym.simulators.logic.state import LogicState

__all__ = ["Baselines", "Point"]


@dataclass(frozen=True, eq=False)
class Point:
    """A circuit and what has been measured of it.

    Attributes
    ----------
    state : LogicState
    mapping : Mapping or None
        Mapped to the library.
    luts : LutCount or None
        Mapped to look-up tables of six inputs.
    """

    state: LogicState
    mapping: Mapping | None = None
    luts: LutCount | None = None

    @property
    def nodes(self) -> int:
        """AND nodes."""
        return self.state.nodes

    @property
    def levels(self) -> int:
        """Logic levels."""
        return self.state.levels


@dataclass(frozen=True, eq=False)
class Baselines:
    """What rewards and metrics are measured against; the same for every episode on a circuit.

    Attributes
    ----------
    initial : Point
        The circuit as given.
    resyn2 : Point
        After ABC's script resyn2, ten commands.
    pace : Point
        After as many whole runs of resyn2 as fit into the recipe's steps, at least one.
    clock_ps : float
        Delay constraint of the objective ``drills``; inf under the others.
    """

    initial: Point
    resyn2: Point
    pace: Point
    clock_ps: float
