"""Where the decisions of a policy come from, as the policy itself states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["KINDS", "Kind", "Provenance", "provenance_of"]

Kind = Literal["heuristic", "learned", "search"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Provenance:
    """What a leaderboard says of a ready policy; a policy has it as the attribute ``provenance``.

    Attributes
    ----------
    kind : {"heuristic", "learned", "search"}
        Rules that are fixed, weights that were trained, or plans that are tried in a simulation
        before each decision or episode.
    training_steps : int or None
        Environment steps of the training; None: not known.
    description : str
        One or two sentences.

    Raises
    ------
    InvalidValueError
        The kind is another, the steps are negative, or a heuristic or search has some.
    """

    kind: Kind = "heuristic"
    training_steps: int | None = 0
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidValueError("kind", self.kind, f"one of {', '.join(KINDS)}")
        if self.training_steps is not None:
            check_range("training_steps", self.training_steps, 0)
        if self.kind != "learned" and self.training_steps != 0:
            raise InvalidValueError(
                "training_steps", self.training_steps, f"0 for the kind {self.kind!r}"
            )


def provenance_of(policy: Any) -> Provenance:
    """What a policy states of itself; one that states nothing is a heuristic.

    Raises
    ------
    InvalidValueError
        It states something else than a `Provenance`.
    """
    stated = getattr(policy, "provenance", Provenance())
    if not isinstance(stated, Provenance):
        raise InvalidValueError("provenance", stated, "a chipgym.agents.core.provenance.Provenance")
    return stated
