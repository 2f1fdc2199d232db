"""Hyperparameters as frozen dataclasses, made from the plain values of the YAML files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from chipgym.agents.core.hyperparameters import FOLDER, load_hyperparameters
from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["default_settings", "make_settings", "plain_settings"]

Settings = TypeVar("Settings")


def make_settings(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Make a settings object; fields that are settings themselves take mappings, tuples lists.

    Raises
    ------
    UnknownNameError
        A name is not a field.
    InvalidValueError
        A value is out of its range, as the dataclass itself checks.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise UnknownNameError("hyperparameter", name, fields, kind.__name__)
        factory = fields[name].default_factory
        if isinstance(value, Mapping) and factory is not dataclasses.MISSING:
            value = make_settings(type(factory()), value)
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return kind(**arguments)


def default_settings(kind: type[Settings], algorithm: str, entry: str | None = None) -> Settings:
    """Settings from ``agents/hyperparams/planners/ALGORITHM.yaml``.

    Parameters
    ----------
    kind : type
        The dataclass.
    algorithm : str
        Name of the file.
    entry : str, optional
        A named entry, such as ``published`` for the values of the paper, instead of the default.
    """
    stored = load_hyperparameters(algorithm, folder=FOLDER / "planners", entry=entry)
    return make_settings(kind, stored.values)


def plain_settings(settings: Any) -> dict[str, Any]:
    """Settings as plain values for JSON; `make_settings` takes them back."""
    document: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            value = plain_settings(value)
        document[field.name] = list(value) if isinstance(value, tuple) else value
    return document
