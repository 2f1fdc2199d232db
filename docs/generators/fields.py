"""The observation of an environment, field by field, with shapes and units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chipgym.envs.core.fields import Column, Field
from generators.markdown import table


def observation_section(layout: Iterable[Field]) -> str:
    """Section with a table for each field of the flat observation."""
    text = "\n## Observation fields\n\nGenerated from the declared fields, for the default "
    text += "scenario; `env.unwrapped.observation_layout` has them for any. The unit 1 marks what "
    text += "has none: shares, flags, one-hot codes.\n\n"
    return text + "".join(field_section(field) for field in layout)


def field_section(field: Field) -> str:
    """Heading and table of one observation field: a row for each column along its last axis."""
    where = f"elements {field.slice.start} to {field.slice.stop - 1} of the flat observation"
    text = f"### {field.name}\n\n{field.meaning}. Shape `{field.shape}`, {where}.\n\n"
    items: Sequence[Field | Column] = field.columns or (field,)
    rows = [
        [f"`{item.name}`", item.unit, f"{item.low:g} … {item.high:g}", item.meaning]
        for item in items
    ]
    return text + table(["feature", "unit", "range", "meaning"], rows) + "\n"
