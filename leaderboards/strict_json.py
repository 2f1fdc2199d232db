"""JSON from strangers: no NaN, no infinity, no key twice, no number of thousands of digits."""

from __future__ import annotations

import json
from typing import Any, NoReturn

__all__ = ["MAX_DIGITS", "parse_strict"]

MAX_DIGITS = 32
"""Digits of an integer: enough for 64 bits, too few to cost time."""


def parse_strict(text: str | bytes) -> Any:
    """Parse a JSON document that means the same to every reader.

    Raises
    ------
    ValueError
        It is not JSON, is nested too deeply, names a key twice, or holds a number that JSON does
        not have.
    """
    try:
        return json.loads(
            text,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_number,
            object_pairs_hook=_mapping,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits)} digits; allowed: {MAX_DIGITS}")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:MAX_DIGITS]} is larger than any number")
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} is there twice")
    return mapping
