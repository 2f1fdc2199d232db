"""How the learned scheduler is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chipgym.agents.core.settings import make_settings
from chipgym.simulators.core.errors import check_range

__all__ = ["ALGORITHM", "LearnedSchedulerSettings", "check_hyperparameters"]

ALGORITHM = "learned_scheduler"


@dataclass(frozen=True)
class LearnedSchedulerSettings:
    """Hyperparameters; `agents/hyperparams/learned_scheduler.yaml` holds the stored ones.

    Attributes
    ----------
    hidden : int
        Width of the network.
    prior : float
        Initial logit of what late binding would do, over all else.
    clone_epochs : int
        Passes over the decisions of the best rule before the policy gradient; 0: none.
    clone_learning_rate : float
        Of Adam in those passes.
    streams, group : int
        Streams of jobs an update plays in each environment, and how often it plays each.
    horizon_us : float
        Time constant with which later latency counts less.
    learning_rate : float
        Of Adam; falls to a tenth along the training.
    epochs, batch_size : int
        Passes over the decisions of an update, and decisions of a gradient step.
    clip_range : float
        Of the probability ratio (PPO).
    max_grad_norm : float
    """

    hidden: int = 32
    prior: float = 2.5
    clone_epochs: int = 20
    clone_learning_rate: float = 3e-3
    streams: int = 4
    group: int = 8
    horizon_us: float = 400.0
    learning_rate: float = 1e-3
    epochs: int = 4
    batch_size: int = 512
    clip_range: float = 0.2
    max_grad_norm: float = 0.5

    def __post_init__(self) -> None:
        for name in ("hidden", "streams", "epochs", "batch_size"):
            check_range(name, getattr(self, name), 1)
        check_range("group", self.group, 2)
        check_range("clone_epochs", self.clone_epochs, 0)
        for name in (
            "clone_learning_rate",
            "horizon_us",
            "learning_rate",
            "clip_range",
            "max_grad_norm",
        ):
            check_range(name, getattr(self, name), 0, low_open=True)

    @property
    def num_envs(self) -> int:
        """Copies of each environment."""
        return self.streams * self.group


def check_hyperparameters(algorithm: str, values: Mapping[str, Any]) -> None:
    """Check names and ranges of the hyperparameters of `ALGORITHM`.

    Raises
    ------
    UnknownNameError
        There is no such hyperparameter.
    InvalidValueError
        A value is out of range.
    """
    make_settings(LearnedSchedulerSettings, values)
