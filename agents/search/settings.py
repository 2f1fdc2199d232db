"""Hyperparameters of searchers: built from keyword arguments, checked field by field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from numbers import Integral
from typing import Any, TypeVar

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["build_settings", "check_choice", "check_flag", "check_integer", "check_range"]

Settings = TypeVar("Settings")


def build_settings(kind: type[Settings], values: dict[str, Any], searcher: str) -> Settings:
    """Build the hyperparameters of a searcher.

    Raises
    ------
    UnknownNameError
        A name is not one of its hyperparameters.
    InvalidValueError
        A value is outside its range.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UnknownNameError("hyperparameter", name, known, where=searcher)
    return kind(**values)


def check_integer(field: str, value: object, low: int, high: int | None = None) -> None:
    """Raise `InvalidValueError` unless the value is an integer from `low` to `high`."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if whole and low <= value and (high is None or value <= high):  # type: ignore[operator]
        return
    bounds = f"an integer >= {low}" + ("" if high is None else f" and <= {high}")
    raise InvalidValueError(field, value, bounds)


def check_choice(field: str, value: object, allowed: Iterable[str]) -> None:
    """Raise `InvalidValueError` unless the value is one of the allowed words."""
    words = list(allowed)
    if value not in words:
        raise InvalidValueError(field, value, "one of " + ", ".join(words))


def check_flag(field: str, value: object) -> None:
    """Raise `InvalidValueError` unless the value is a truth value."""
    if not isinstance(value, bool):
        raise InvalidValueError(field, value, "true or false")
