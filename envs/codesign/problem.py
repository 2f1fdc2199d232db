"""The typed view of a co-design problem that heuristics, searchers and solvers read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gymnasium import spaces

from chipgym.envs.codesign.design_space import Design, DesignSpace, Parts
from chipgym.envs.codesign.generator import Instance
from chipgym.envs.codesign.hardware import HardwareSpace
from chipgym.envs.codesign.reward import Spec
from chipgym.envs.codesign.spaces import ArchitectureSpace, Token

__all__ = ["CoDesignProblem", "view_problem"]


@dataclass(frozen=True, eq=False)
class CoDesignProblem:
    """Networks and a chip to choose, and what is decided so far.

    Attributes
    ----------
    tokens : tuple of Token
        In the order of a design.
    segments : tuple of str
        The tasks' names, then ``"chip"``.
    lengths : tuple of int
        Tokens of each segment.
    architectures : tuple of ArchitectureSpace
        Space of each task's networks.
    hardware : HardwareSpace
    space : MultiDiscrete
        Designs as option indexes; plain samples keep to the budgets.
    spec : Spec
    instance : Instance
    default_design : tuple of int
    parts : tuple of tuple of int
        Choices of each segment so far (sequential form); all of the last design (refinement).
    segment : int
        Segment of the next token; the number of segments where there is none.
    chips_left, steps_left, trainings_left : int
        What an episode may still do; 0 where the form does not count it.
    best_design : tuple of int or None
    best_score : float
        Of the best design so far; minus infinity before the first.
    edits : tuple of str
        Name of each action of the refinement form.
    """

    tokens: tuple[Token, ...]
    segments: tuple[str, ...]
    lengths: tuple[int, ...]
    architectures: tuple[ArchitectureSpace, ...]
    hardware: HardwareSpace
    space: spaces.MultiDiscrete
    spec: Spec
    instance: Instance
    default_design: Design
    parts: Parts
    segment: int
    chips_left: int
    steps_left: int
    trainings_left: int
    best_design: Design | None
    best_score: float
    edits: tuple[str, ...]
    _designs: DesignSpace

    def reason(self, design: Any) -> str:
        """Return why a design cannot be built; empty if it can.

        Raises
        ------
        InvalidValueError
            It is not a design.
        """
        return self._designs.reason(self._designs.check(design))

    def decode(self, design: Any) -> dict[str, int | str]:
        """Return a design's options by token."""
        return self._designs.decode(self._designs.check(design))

    def legal(self, parts: Parts, segment: int) -> tuple[bool, ...]:
        """Return which options the next token of a segment has after some parts."""
        return self._designs.legal(parts, segment)


def view_problem(
    space: DesignSpace, instance: Instance, parts: Parts, **known: Any
) -> CoDesignProblem:
    """Return a view; `known` replaces what is 0, none or empty otherwise."""
    fields: dict[str, Any] = {
        "chips_left": 0,
        "steps_left": 0,
        "trainings_left": 0,
        "best_design": None,
        "best_score": float("-inf"),
        "edits": (),
        **known,
    }
    return CoDesignProblem(
        tokens=space.tokens,
        segments=space.segments,
        lengths=space.lengths,
        architectures=space.architectures,
        hardware=space.hardware,
        space=space.space(),
        spec=instance.spec,
        instance=instance,
        default_design=space.default,
        parts=parts,
        segment=space.segment_of(parts),
        _designs=space,
        **fields,
    )
