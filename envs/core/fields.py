"""Declared observation fields, from which space, docs table and bounds test are derived."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["Column", "Field", "ObservationLayout"]

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Column:
    """One feature along the last axis of a field.

    Attributes
    ----------
    name, unit, meaning : str
        What it is; a dimensionless feature has the unit ``"1"``.
    low, high : float
        Smallest and largest value that can occur (both inclusive; may be infinite).
    """

    name: str
    unit: str
    low: float
    high: float
    meaning: str

    def __post_init__(self) -> None:
        _check_bounds(self.name, self.low, self.high)


@dataclass(frozen=True)
class Field:
    """A named block of a flat observation.

    Attributes
    ----------
    name : str
        Name, an identifier.
    shape : tuple of int
        Shape of the block; ``()`` is one number.
    unit : str
        Unit of its elements, ``"1"`` if dimensionless, ``""`` if the columns differ.
    low, high : float
        Bounds of its elements, both inclusive. Where `columns` are given, theirs count.
    meaning : str
        One sentence.
    columns : tuple of Column
        What stands along the last axis, if the features differ there; as many as ``shape[-1]``.
    offset : int
        Place of the first element in the flat observation; `ObservationLayout` sets it.
    """

    name: str
    shape: tuple[int, ...]
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    meaning: str = ""
    columns: tuple[Column, ...] = ()
    offset: int = 0

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InvalidValueError("name", self.name, "an identifier")
        if any(length < 1 for length in self.shape):
            raise InvalidValueError(f"{self.name}.shape", self.shape, "lengths >= 1")
        _check_bounds(self.name, self.low, self.high)
        if self.columns and (not self.shape or len(self.columns) != self.shape[-1]):
            raise InvalidValueError(
                f"{self.name}.columns",
                [column.name for column in self.columns],
                f"as many columns as the last axis of the shape {self.shape} is long",
            )

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def slice(self) -> slice:
        """Where the block stands in the flat observation."""
        return slice(self.offset, self.offset + self.size)

    @property
    def low_array(self) -> FloatArray:
        """Lower bounds, float32, of the field's shape."""
        return self._bounds([column.low for column in self.columns] or self.low)

    @property
    def high_array(self) -> FloatArray:
        """Upper bounds, float32, of the field's shape."""
        return self._bounds([column.high for column in self.columns] or self.high)

    def column(self, name: str) -> int:
        """Index of a column along the last axis."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise UnknownNameError("column", name, names, f"the field {self.name}")
        return names.index(name)

    def _bounds(self, value: float | list[float]) -> FloatArray:
        return np.broadcast_to(np.asarray(value, dtype=np.float32), self.shape).copy()


class ObservationLayout:
    """The fields of a flat float32 observation, one after the other.

    Parameters
    ----------
    fields : sequence of Field
        The fields in order; their offsets are set here.

    Attributes
    ----------
    fields : tuple of Field
        The placed fields.
    size : int
        Length of the flat observation.
    low, high : float32 array, shape (size,)
        Bounds of the elements (read-only).

    Examples
    --------
    >>> layout = ObservationLayout([Field("queue", (3,), "tasks", 0, 9, "Tasks behind each PE.")])
    >>> layout.space().shape
    (3,)
    >>> layout.slice("queue")
    slice(0, 3, None)
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        placed: list[Field] = []
        offset = 0
        for field in fields:
            if any(field.name == other.name for other in placed):
                raise InvalidValueError("fields", field.name, "names that occur once")
            placed.append(replace(field, offset=offset))
            offset += field.size
        if not placed:
            raise InvalidValueError("fields", [], "at least one field")
        self.fields = tuple(placed)
        self.size = offset
        self.low = np.concatenate([field.low_array.ravel() for field in placed])
        self.high = np.concatenate([field.high_array.ravel() for field in placed])
        self.low.flags.writeable = False
        self.high.flags.writeable = False

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise UnknownNameError("field", name, [field.name for field in self.fields], "the layout")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObservationLayout) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(self.fields)

    def slice(self, name: str) -> slice:
        """Where the field `name` stands in the flat observation."""
        return self[name].slice

    def space(self) -> spaces.Box:
        """Return the flat float32 `Box` with the declared bounds."""
        return spaces.Box(self.low.copy(), self.high.copy(), dtype=np.float32)

    def dict_space(self) -> spaces.Dict:
        """Return the same as a `Dict` of shaped `Box` spaces, one a field."""
        boxes: dict[str, spaces.Space[Any]] = {
            field.name: spaces.Box(field.low_array, field.high_array, dtype=np.float32)
            for field in self.fields
        }
        return spaces.Dict(boxes)

    def empty(self, *batch: int) -> FloatArray:
        """Return a zeroed observation, or a batch of them of shape ``(*batch, size)``."""
        return np.zeros((*batch, self.size), dtype=np.float32)

    def split(self, observation: FloatArray) -> dict[str, FloatArray]:
        """Return shaped views of a flat observation, or of a batch of them, by field name.

        The views share the memory of `observation`; writing to one writes to the observation.
        """
        if observation.ndim < 1 or observation.shape[-1] != self.size:
            raise InvalidValueError(
                "observation.shape", observation.shape, f"a last axis of length {self.size}"
            )
        batch = observation.shape[:-1]
        return {
            field.name: observation[..., field.slice].reshape((*batch, *field.shape))
            for field in self.fields
        }

    def where(self, index: int) -> str:
        """Name the element at `index`, for messages: ``"pairs[0, 3, estimated_finish]"``."""
        for field in self.fields:
            if field.offset <= index < field.offset + field.size:
                place: list[Any] = list(np.unravel_index(index - field.offset, field.shape))
                if field.columns:
                    place[-1] = field.columns[place[-1]].name
                inside = ", ".join(str(part) for part in place)
                return f"{field.name}[{inside}]" if place else field.name
        raise InvalidValueError("index", index, f">= 0 and < {self.size}")

    def describe(self) -> list[dict[str, str]]:
        """Rows of the docs table: one a field, or one a column where a field has columns.

        Returns
        -------
        list of dict
            Each with the keys ``field, shape, elements, unit, low, high, meaning``.
        """
        rows: list[dict[str, str]] = []
        for field in self.fields:
            place = {"field": field.name, "shape": str(field.shape)}
            place["elements"] = f"{field.offset}…{field.offset + field.size - 1}"
            rows.append(place | _row(field.unit if not field.columns else "", field))
            for column in field.columns:
                name = f"{field.name}[…, {column.name}]"
                rows.append(
                    {"field": name, "shape": "", "elements": ""} | _row(column.unit, column)
                )
        return rows


def _row(unit: str, item: Field | Column) -> dict[str, str]:
    grouped = isinstance(item, Field) and bool(item.columns)
    low, high = ("", "") if grouped else (f"{item.low:g}", f"{item.high:g}")
    return {"unit": unit, "low": low, "high": high, "meaning": item.meaning}


def _check_bounds(name: str, low: float, high: float) -> None:
    if not low <= high:
        raise InvalidValueError(f"{name}.low", low, f"a number <= high, which is {high}")
