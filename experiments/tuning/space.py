"""What is searched: one parameter a line, in ``spaces.yaml`` or in the user's own file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import model_validator

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError

__all__ = ["ParameterSpec", "SearchSpace", "load_space"]

SPACES = Path(__file__).resolve().parent / "spaces.yaml"


class ParameterSpec(Description):
    """Values of one hyperparameter.

    Attributes
    ----------
    choices : list or None
        Plain values to choose from; or else a range:
    low, high : float or None
        Its ends, both included.
    log : bool
        Drawn evenly over the logarithm.
    integer : bool
        Whole numbers only.
    """

    choices: tuple[bool | int | float | str, ...] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("either choices, or low and high")
        if self.choices is not None:
            if not self.choices:
                raise ValueError("choices must not be empty")
            return self
        assert self.low is not None
        assert self.high is not None
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("low < high, and low > 0 with log")
        return self

    def end(self, last: bool) -> Any:
        """The first or the last of the choices; the lower or the upper end of the range."""
        if self.choices is not None:
            return self.choices[-1 if last else 0]
        value = self.high if last else self.low
        return int(value or 0) if self.integer else value

    def suggest(self, trial: Any, name: str) -> Any:
        """Ask a trial of Optuna for a value."""
        if self.choices is not None:
            return trial.suggest_categorical(name, list(self.choices))
        if self.integer:
            return trial.suggest_int(name, int(self.low or 0), int(self.high or 0), log=self.log)
        value = trial.suggest_float(name, self.low, self.high, log=self.log)
        return float(f"{value:.3g}")  # what is written is what was tried


SearchSpace = Mapping[str, ParameterSpec]


def load_space(method: str, path: Path | None = None, *, searcher: bool = False) -> SearchSpace:
    """Return what is searched for a method.

    Parameters
    ----------
    method : str
        Algorithm or searcher.
    path : Path, optional
        The user's own YAML, ``parameter: {…}``; by default the space in the package.
    searcher : bool
        Whether the method is a searcher, whose space is the grid of its class.

    Raises
    ------
    UnknownNameError
        The package has no space for the method.
    FileFormatError
        The file cannot be read, or a parameter breaks the format; it is named.
    """
    if path is None and searcher:
        from chipgym.agents.search.registry import hyperparameter_grid

        grid = hyperparameter_grid(method)
        if not grid:
            raise InvalidValueError("searcher", method, "one that has hyperparameters to tune")
        return {name: ParameterSpec(choices=values) for name, values in grid.items()}
    place = SPACES if path is None else path
    try:
        document = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileFormatError(place, f"cannot be read: {error}") from error
    if path is None:
        if method not in document:
            raise UnknownNameError("algorithm with a search space", method, document, "chipgym")
        document = document[method]
    if not isinstance(document, dict) or not document:
        raise FileFormatError(place, "must map parameters to what is searched")
    space = {}
    for name, entry in document.items():
        try:
            space[str(name)] = ParameterSpec.parse(entry)
        except InvalidValueError as error:
            raise FileFormatError(place, f"{name}: {error}") from error
    return space
