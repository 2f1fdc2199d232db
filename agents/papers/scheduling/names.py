"""The learned schedulers by name; PyTorch is loaded only for building and training them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chipgym.agents.core.settings import make_settings
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings
from chipgym.agents.papers.scarl.settings import ScarlSettings
from chipgym.agents.papers.socrates.settings import SocratesSettings
from chipgym.simulators.core.errors import UnknownNameError

if TYPE_CHECKING:
    from chipgym.agents.papers.scheduling.agent import SchedulingAgent

__all__ = ["ALGORITHMS", "build_agent", "check_hyperparameters", "find_trainer"]

ALGORITHMS: dict[str, type[Any]] = {
    "deepsocs": DeepSocsSettings,
    "socrates": SocratesSettings,
    "scarl": ScarlSettings,
}
"""Names of the schedulers, with their settings."""


def check_hyperparameters(algorithm: str, values: Mapping[str, Any]) -> None:
    """Check names and ranges of a scheduler's hyperparameters.

    Raises
    ------
    UnknownNameError
        There is no such scheduler or hyperparameter.
    InvalidValueError
        A value is out of range.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    make_settings(ALGORITHMS[algorithm], values)


def build_agent(
    algorithm: str, settings: Mapping[str, Any], sizes: Mapping[str, int]
) -> SchedulingAgent:
    """Build an untrained agent from plain values, as a file holds them."""
    if algorithm == "deepsocs":
        from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent

        return DeepSocsAgent(make_settings(DeepSocsSettings, settings), 0)
    if algorithm == "socrates":
        from chipgym.agents.papers.socrates.agent import SocratesAgent, SocratesSizes

        return SocratesAgent(SocratesSizes(**sizes), make_settings(SocratesSettings, settings), 0)
    if algorithm == "scarl":
        from chipgym.agents.papers.scarl.agent import ScarlAgent

        return ScarlAgent(make_settings(ScarlSettings, settings), 0)
    raise UnknownNameError("algorithm", algorithm, ALGORITHMS)


def find_trainer(algorithm: str) -> Callable[..., Any]:
    """Return the function that trains a scheduler."""
    if algorithm == "deepsocs":
        from chipgym.agents.papers.deepsocs.training import train_deepsocs

        return train_deepsocs
    if algorithm == "socrates":
        from chipgym.agents.papers.socrates.training import train_socrates

        return train_socrates
    if algorithm == "scarl":
        from chipgym.agents.papers.scarl.training import train_scarl

        return train_scarl
    raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
