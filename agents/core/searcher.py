"""The protocol of everything that proposes designs and learns from their scores."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

__all__ = ["Searcher"]

Design = TypeVar("Design")


@runtime_checkable
class Searcher(Protocol[Design]):
    """Asks for the evaluation of designs and is told their scores (higher is better).

    ``ask`` may be called several times before the scores come; ``tell`` takes them in any order.
    """

    name: str

    def ask(self) -> Design:
        """Return the next design to evaluate."""
        ...

    def tell(self, design: Design, score: float) -> None:
        """Report the score of a design; not-a-number says that it could not be evaluated."""
        ...

    @property
    def best(self) -> tuple[Design, float] | None:
        """Best design so far and its score; None before the first one."""
        ...
