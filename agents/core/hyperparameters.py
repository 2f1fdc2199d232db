"""Reads `agents/hyperparams/*.yaml`: values keyed by environment and scenario, with provenance.

A file maps an environment id (or a pattern such as ``chipgym/*Design-v*``, or ``default``) to
scenarios (or ``default``), and each of those to an entry with ``values`` and ``provenance``. The
most specific entry counts, whole: entries do not inherit from one another, so what a reader sees is
what is trained with. Entries under ``named`` are used only where they are asked for by name, for
settings of papers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

__all__ = ["Hyperparameters", "Provenance", "algorithms", "load_hyperparameters"]

FOLDER = Path(__file__).resolve().parent.parent / "hyperparams"
DEFAULT = "default"
NAMED = "named"


@dataclass(frozen=True)
class Provenance:
    """Where values come from.

    Attributes
    ----------
    tuned : bool
        Whether they were chosen by comparing trained agents.
    trials : int
        Number of settings that were tried, 0 if not tuned.
    budget : str
        What each trial cost, in environment steps and seeds.
    source : str
        Who says so: a default of a library, or how the tuning was done and what it reached.
    """

    tuned: bool
    trials: int
    budget: str
    source: str


@dataclass(frozen=True)
class Hyperparameters:
    """One entry of a file.

    Attributes
    ----------
    algorithm, key : str
        The file, and the ``environment/scenario`` entry that was found, or ``named/entry``.
    values : dict
        Arguments of the algorithm; ``policy`` and ``policy_kwargs`` among them.
    provenance : Provenance
        Where they come from.
    """

    algorithm: str
    key: str
    values: dict[str, Any] = field(hash=False)
    provenance: Provenance


def algorithms(folder: Path = FOLDER) -> list[str]:
    """Return the algorithms that have a file, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_hyperparameters(
    algorithm: str,
    environment_id: str = DEFAULT,
    scenario: str = DEFAULT,
    folder: Path = FOLDER,
    *,
    entry: str | None = None,
) -> Hyperparameters:
    """Return the most specific entry: environment and scenario, environment, pattern, or default.

    Parameters
    ----------
    algorithm : str
        One of `algorithms`.
    environment_id, scenario : str
        The task, as in ``gymnasium.make(environment_id, scenario=scenario)``.
    folder : Path
        Where the files are.
    entry : str, optional
        An entry under ``named``, instead of what fits the task.

    Raises
    ------
    UnknownNameError
        No file for the algorithm, or no such named entry.
    FileFormatError
        The file is not what this module describes; the message names the entry.
    """
    path = folder / f"{algorithm}.yaml"
    if not path.is_file():
        raise UnknownNameError("algorithm", algorithm, algorithms(folder))
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error
    tables = document if isinstance(document, dict) else {}
    if entry is not None:
        named = tables.get(NAMED, {})
        if entry not in named:
            raise UnknownNameError("entry", entry, named, f"{algorithm}.yaml")
        return _entry(path, algorithm, f"{NAMED}/{entry}", named[entry])
    for key in _keys(tables, environment_id):
        table = tables.get(key)
        for name in (scenario, DEFAULT) if key != DEFAULT else (DEFAULT,):
            if isinstance(table, dict) and name in table:
                return _entry(path, algorithm, f"{key}/{name}", table[name])
    raise FileFormatError(path, "has no entry default/default")


def _keys(tables: dict[str, Any], environment_id: str) -> Iterator[str]:
    """Keys that fit an environment: its id, the patterns in the file's order, the default."""
    yield environment_id
    for key in tables:
        if "*" in key and fnmatchcase(environment_id, key):
            yield key
    yield DEFAULT


def _entry(path: Path, algorithm: str, key: str, entry: Any) -> Hyperparameters:
    if not isinstance(entry, dict) or set(entry) != {"values", "provenance"}:
        raise FileFormatError(path, f"{key}: must have exactly 'values' and 'provenance'")
    values, origin = entry["values"], entry["provenance"]
    if not isinstance(values, dict):
        raise FileFormatError(path, f"{key}: 'values' must be a mapping")
    expected = {"tuned": bool, "trials": int, "budget": str, "source": str}
    if not isinstance(origin, dict) or set(origin) != set(expected):
        raise FileFormatError(path, f"{key}: 'provenance' must have {', '.join(expected)}")
    for name, kind in expected.items():
        if type(origin[name]) is not kind:
            raise FileFormatError(path, f"{key}: provenance.{name} must be of type {kind.__name__}")
    return Hyperparameters(algorithm, key, values, Provenance(**origin))
