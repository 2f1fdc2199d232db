"""Reads `agents/hyperparams/*.yaml`: values keyed by environment and scenario, with provenance.

A file maps an environment id (or ``default``) to scenarios (or ``default``), and each of those to
an entry with ``values`` and ``provenance``. The most specific entry counts, whole: entries do not
inherit from one another, so what a reader sees is what is trained with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chipgym.simulators.core.errors import FileFormatError, UnknownNameError

__all__ = ["Hyperparameters", "Provenance", "algorithms", "load_hyperparameters"]

FOLDER = Path(__file__).resolve().parent.parent / "hyperparams"
DEFAULT = "default"


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
        The file, and the ``environment/scenario`` entry that was found.
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
) -> Hyperparameters:
    """Return the most specific entry: environment and scenario, environment, or the default.

    Parameters
    ----------
    algorithm : str
        One of `algorithms`.
    environment_id, scenario : str
        The task, as in ``gymnasium.make(environment_id, scenario=scenario)``.
    folder : Path
        Where the files are.

    Raises
    ------
    UnknownNameError
        No file for the algorithm.
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
    choices = ((environment_id, scenario), (environment_id, DEFAULT), (DEFAULT, DEFAULT))
    for environment, name in choices:
        table = document.get(environment) if isinstance(document, dict) else None
        if isinstance(table, dict) and name in table:
            return _entry(path, algorithm, f"{environment}/{name}", table[name])
    raise FileFormatError(path, "has no entry default/default")


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
