"""Frozen, validated descriptions that load from and save to JSON with a published schema."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from chipgym.simulators.core.errors import (
    FileFormatError,
    InvalidDescriptionError,
    InvalidValueError,
)
from chipgym.simulators.core.files import read_json, write_json
from chipgym.simulators.core.hashing import content_hash

__all__ = ["Description"]


class Description(BaseModel):
    """Base class of everything a user can describe in JSON.

    Instances are immutable, unknown fields are refused, and `load` / `save` round-trip exactly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @cached_property
    def content_hash(self) -> str:
        """Hash of the description's content."""
        return content_hash(self.document())

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy, with some fields replaced and nothing kept that was derived from the old ones."""
        copy = super().model_copy(update=update, deep=deep)
        for name in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[name]
        return copy

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Build the description from a JSON document.

        Raises
        ------
        InvalidValueError
            A field is missing, unknown or out of range, or fields do not fit together; the field,
            its value and what would be allowed are named.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise _first_error(cls, error) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the description from a JSON file.

        Raises
        ------
        FileFormatError
            The file is unreadable, not JSON, or breaks the schema (the field is named).
        """
        document = read_json(path)
        try:
            return cls.parse(document)
        except InvalidValueError as error:
            raise FileFormatError(path, str(error)) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the description to a JSON file, atomically."""
        write_json(path, self.document())

    def document(self) -> dict[str, Any]:
        """Return the description as a JSON document (defaults left out)."""
        return self.model_dump(mode="json", exclude_defaults=True)


def _first_error(description: type[Description], error: ValidationError) -> InvalidValueError:
    """Turn pydantic's first error into ours."""
    first = error.errors(include_url=False)[0]
    place, kind, value = first["loc"], first["type"], first["input"]
    field = ".".join(str(part) for part in place) or description.__name__.lower()
    rule = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "missing":
        rule = "missing, but required"
    elif kind == "extra_forbidden":
        rule = f"no such field; allowed: {', '.join(_fields_at(description, place[:-1]))}"
    more = error.error_count() - 1
    rule += f" ({more} more error{'s' * (more > 1)})" if more else ""
    if kind in ("missing", "extra_forbidden", "value_error") or isinstance(value, dict | list):
        return InvalidDescriptionError(field, value, rule)
    return InvalidValueError(field, value, rule)


def _fields_at(description: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the description at a place such as ``("clusters", 0)``."""
    for part in place:
        if part in description.model_fields:
            field = description.model_fields[str(part)]
            description = _description_in(field.annotation) or description
    return sorted(description.model_fields)


def _description_in(annotation: Any) -> type[BaseModel] | None:
    """Return the description that a type such as ``tuple[Cluster, ...]`` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_description_in(argument) for argument in get_args(annotation))
    return next((found for found in inner if found is not None), None)
