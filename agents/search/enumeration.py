"""Enumeration: every design once, in lexicographic order."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point
from chipgym.agents.search.errors import SearchExhaustedError
from chipgym.agents.search.settings import check_integer
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Enumeration", "EnumerationSettings"]


@dataclass(frozen=True)
class EnumerationSettings:
    """Hyperparameters of enumeration.

    Attributes
    ----------
    max_designs : int
        Largest space that is taken, from 1; a larger one is refused at once.
    """

    max_designs: int = 10_000_000

    def __post_init__(self) -> None:
        check_integer("max_designs", self.max_designs, 1)


class Enumeration(SpaceSearcher[EnumerationSettings]):
    """Goes through all designs that the constraint allows; then `ask` raises.

    The seed is taken for the sake of the protocol and changes nothing. Designs in `start` come
    first, and again in their turn.
    """

    name = "enumeration"
    Settings = EnumerationSettings

    def _prepare(self) -> None:
        total, limit = self.codec.num_designs, self.settings.max_designs
        if total is None or total > limit:
            size = "infinitely many designs" if total is None else f"{total} designs"
            raise InvalidValueError("space", size, f"at most max_designs = {limit}")
        self._total: int = total
        self._position = 0

    def _propose(self) -> tuple[Point, None]:
        while self._position < self._total:
            point = self.codec.point_of(self._position)
            self._position += 1
            if self._allowed(point):
                return point, None
        raise SearchExhaustedError(self.name, self._position)
