"""Typed errors: each names the field, the value and what would have been allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ChipGymError",
    "FileFormatError",
    "InvalidDescriptionError",
    "InvalidValueError",
    "MissingLibraryError",
    "SimulationError",
    "UnknownNameError",
    "check_range",
    "lookup_error",
]


class ChipGymError(ValueError):
    """Base class of every error that ChipGym raises about its input."""


class InvalidValueError(ChipGymError):
    """A field holds a value outside its allowed range.

    Parameters
    ----------
    field : str
        Name of the field, dotted where it is nested (``"clusters.0.num_pes"``).
    value : object
        The offending value.
    allowed : str
        The allowed values, in words.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field} = {value!r} is not allowed; allowed: {allowed}")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.field, self.value, self.allowed)


class MissingLibraryError(ChipGymError):
    """An optional library is not installed.

    Parameters
    ----------
    user : str
        What needs it.
    library, extra : str
        The library, and the optional dependency group of ChipGym that brings it.
    """

    def __init__(self, user: str, library: str, extra: str) -> None:
        self.user = user
        self.library = library
        self.extra = extra
        super().__init__(f"{user} needs {library}: pip install 'chipgym[{extra}]'")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.user, self.library, self.extra)


class InvalidDescriptionError(InvalidValueError):
    """A description lacks a field, has one too many, or its fields do not fit together."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.args = (f"{field}: {allowed}",)


class UnknownNameError(InvalidValueError):
    """A name is not one of the known ones; the message suggests the nearest."""

    def __init__(self, field: str, value: object, known: Iterable[str], where: str = "") -> None:
        self.known = sorted(known)
        self.where = where
        plain = {name.lower(): name for name in self.known}
        close = difflib.get_close_matches(str(value).lower(), plain, n=1)
        hint = f"; did you mean {plain[close[0]]!r}?" if close else "."
        super().__init__(field, value, "one of " + ", ".join(self.known))
        place = f" of {where}" if where else ""
        article = "an" if field[:1].lower() in "aeiou" else "a"
        self.args = (
            f"{value!r} is not {article} {field}{place}{hint} "
            f"Known: {', '.join(self.known) or 'none'}",
        )

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.field, self.value, self.known, self.where)


class FileFormatError(ChipGymError):
    """A file cannot be read, or its content breaks its format."""

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.path, self.reason)


class SimulationError(ChipGymError):
    """A simulation cannot go on: the instance admits no progress."""


def lookup_error(
    field: str, value: object, known: Iterable[str], where: str = ""
) -> UnknownNameError:
    """Return (not raise) the error for an unknown name."""
    return UnknownNameError(field, value, known, where)


def check_range(
    field: str,
    value: float,
    low: float | None = None,
    high: float | None = None,
    *,
    low_open: bool = False,
) -> None:
    """Raise `InvalidValueError` unless ``low <= value <= high`` and the value is finite.

    Parameters
    ----------
    field, value : str, float
        What is checked.
    low, high : float, optional
        The bounds; ``None`` leaves that side open.
    low_open : bool
        Exclude `low` itself.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    below = low is not None and number and (value <= low if low_open else value < low)
    above = high is not None and number and value > high
    if number and value == value and abs(value) != float("inf") and not below and not above:
        return
    left = "" if low is None else f"{'>' if low_open else '>='} {_shown(low)}"
    right = "" if high is None else f"<= {_shown(high)}"
    bounds = " and ".join(part for part in (left, right) if part) or "a finite number"
    raise InvalidValueError(field, value, bounds)


def _shown(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"
