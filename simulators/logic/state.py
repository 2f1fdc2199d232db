"""The state of a circuit under synthesis: its AIGER body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chipgym.simulators.logic.aiger import Aig, decode
from chipgym.simulators.logic.profile import AigProfile, profile_of

__all__ = ["LogicState"]


@dataclass(frozen=True, eq=False)
class LogicState:
    """A circuit between two commands. Two states with the same digest are the same state.

    Attributes
    ----------
    body : bytes
        Binary AIGER from its header to the end of the AND section.
    digest : str
        SHA-256 of the body, in hex.
    nodes : int
        AND nodes as ABC counts them after reading the body, which at times removes a few.
    levels : int
        Logic levels, likewise.
    """

    body: bytes
    digest: str
    nodes: int
    levels: int

    @cached_property
    def aig(self) -> Aig:
        """The graph as arrays."""
        return decode(self.body, self.digest[:12])

    @cached_property
    def profile(self) -> AigProfile:
        """Counts and histograms of the graph; kept, while the arrays behind them are not."""
        return profile_of(decode(self.body, self.digest[:12]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogicState) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)
