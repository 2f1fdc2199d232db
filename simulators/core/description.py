"""Frozen, validated descriptions that load from and save to JSON with a published schema."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError
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

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Build the description from a JSON document.

        Raises
        ------
        InvalidValueError
            A field is missing, unknown or out of range; the field, the value and the rule are
            named.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or cls.__name__
            value = first["input"] if not isinstance(first["input"], dict | list) else "..."
            more = error.error_count() - 1
            rule = first["msg"].removeprefix("Value error, ") + (
                f" ({more} more error{'s' * (more > 1)})" if more else ""
            )
            raise InvalidValueError(field, value, rule) from error

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
