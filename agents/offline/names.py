"""The offline learners by name; PyTorch is loaded only for training them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chipgym.agents.core.settings import make_settings
from chipgym.agents.offline.settings import CloningSettings, ConservativeSettings
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = ["ALGORITHMS", "DATASET", "check_hyperparameters"]

ALGORITHMS: dict[str, type[Any]] = {
    "behaviour_cloning": CloningSettings,
    "discrete_cql": ConservativeSettings,
}
"""Names of the learners, with their settings."""

DATASET = "dataset"
"""Hyperparameter that names the recorded data; it has no default."""


def check_hyperparameters(algorithm: str, values: Mapping[str, Any]) -> None:
    """Check names and ranges of an offline learner's hyperparameters.

    Raises
    ------
    UnknownNameError
        There is no such learner or hyperparameter.
    InvalidValueError
        A value is out of range.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    given = dict(values)
    path = given.pop(DATASET, "")
    if not isinstance(path, str):
        raise InvalidValueError(DATASET, path, "the folder of a recorded dataset")
    make_settings(ALGORITHMS[algorithm], given)
