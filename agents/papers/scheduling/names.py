"""The learned schedulers by name; PyTorch is loaded only for building and training them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chipgym.agents.core.settings import make_settings
from chipgym.agents.papers.deepsocs.settings import DeepSocsSettings
from chipgym.agents.papers.scarl.settings import ScarlSettings
from chipgym.agents.papers.socrates.settings import SocratesSettings
from chipgym.simulators.core.errors import UnknownNameError

if TYPE_CHECKING:
    from chipgym.agents.core.problem import JobsView
    from chipgym.agents.papers.scheduling.agent import SchedulingAgent
    from chipgym.agents.papers.scheduling.training import Learner, TrainingResult

__all__ = ["ALGORITHMS", "build_agent", "check_hyperparameters", "find_trainer", "make_learner"]

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


def make_learner(algorithm: str, settings: Any, seed: int, problem: JobsView) -> Learner:
    """Return a learner with an untrained agent for an environment, of which it has seen a view."""
    if algorithm == "deepsocs":
        from chipgym.agents.papers.deepsocs.agent import DeepSocsAgent
        from chipgym.agents.papers.deepsocs.learner import DeepSocsLearner

        return DeepSocsLearner(DeepSocsAgent(settings, seed))
    from chipgym.agents.papers.socrates.learner import MatchingLearner

    if algorithm == "socrates":
        from chipgym.agents.papers.socrates.agent import SocratesAgent, SocratesSizes

        sizes = SocratesSizes.of(problem, settings)
        return MatchingLearner(SocratesAgent(sizes, settings, seed), settings.learning)
    if algorithm == "scarl":
        from chipgym.agents.papers.scarl.agent import ScarlAgent

        return MatchingLearner(ScarlAgent(settings, seed), settings.learning)
    raise UnknownNameError("algorithm", algorithm, ALGORITHMS)


def find_trainer(algorithm: str) -> Callable[..., TrainingResult]:
    """Return `train_scheduler` for an algorithm."""
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    from chipgym.agents.papers.scheduling.training import train_scheduler

    return partial(train_scheduler, algorithm)
