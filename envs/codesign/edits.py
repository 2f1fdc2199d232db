"""Edits of a design: one token a step up or down, or a whole network wider or deeper."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.envs.codesign.design_space import Design, DesignSpace

__all__ = ["Edit", "apply_edit", "build_edits", "edit_reason"]

# Tokens of many options have long steps, too.
MANY_OPTIONS, LONG_STEP = 16, 8


@dataclass(frozen=True)
class Edit:
    """One action of the refinement form.

    Attributes
    ----------
    name : str
        ``"chip.pes1 +8"``, ``"digits1 wider"``.
    place : int
        Token, or number of the task for `wider` and `deeper`.
    change : int
        Options up or down.
    kind : str
        ``"step"``, ``"wider"`` or ``"deeper"``.
    """

    name: str
    place: int
    change: int = 0
    kind: str = "step"


def build_edits(space: DesignSpace) -> tuple[Edit, ...]:
    """Return the edits of a space of designs, in the order of the actions."""
    edits = []
    for place, token in enumerate(space.tokens):
        steps = (-1, 1)
        if len(token.options) > MANY_OPTIONS:
            steps = (-LONG_STEP, -1, 1, LONG_STEP)  # type: ignore[assignment]
        edits += [Edit(f"{token.name} {step:+d}", place, step) for step in steps]
    for number, task in enumerate(space.tasks):
        edits += [Edit(f"{task.name} {kind}", number, kind=kind) for kind in ("wider", "deeper")]
    return tuple(edits)


def apply_edit(space: DesignSpace, design: Design, edit: Edit) -> Design | None:
    """Return the edited design; None where a token has no such option."""
    if edit.kind == "step":
        changed = design[edit.place] + edit.change
        if not 0 <= changed < space.num_options[edit.place]:
            return None
        return space.canonical((*design[: edit.place], changed, *design[edit.place + 1 :]))
    own = space.architectures[edit.place]
    start, length = space.starts[edit.place], space.lengths[edit.place]
    part = design[start : start + length]
    part = own.widen(part) if edit.kind == "wider" else own.deepen(part)
    return space.canonical((*design[:start], *part, *design[start + length :]))


def edit_reason(space: DesignSpace, design: Design, edit: Edit) -> str:
    """Return why an edit is masked; empty if it is legal."""
    changed = apply_edit(space, design, edit)
    if changed is None:
        return "there is no such option"
    return space.reason(changed) or ("it changes nothing" if changed == design else "")
