"""Hyperparameters of the offline learners."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["CloningSettings", "ConservativeSettings"]


@dataclass(frozen=True)
class CloningSettings:
    """Behaviour cloning.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    learning_rate : float
        Of Adam at the start; it falls to zero along a cosine.
    batch_size : int
        Steps of the data in an update.
    weight_decay : float
        Decoupled weight decay.
    best_fraction : float
        Share of the episodes, those with the highest returns, that is imitated.
    """

    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 1e-3
    batch_size: int = 256
    weight_decay: float = 1e-4
    best_fraction: float = 1.0

    def __post_init__(self) -> None:
        _check_common(self.hidden, self.learning_rate, self.batch_size)
        check_range("weight_decay", self.weight_decay, 0.0)
        check_range("best_fraction", self.best_fraction, 0.0, 1.0, low_open=True)


@dataclass(frozen=True)
class ConservativeSettings:
    """Conservative Q-learning for one discrete choice.

    Attributes
    ----------
    hidden, learning_rate, batch_size
        As in `CloningSettings`.
    gamma : float
        Discount.
    alpha : float
        Weight of the conservative term.
    target_interval : int
        Updates after which the target network is replaced.
    reward_scale : float
        Factor of the rewards.
    """

    hidden: tuple[int, ...] = (256, 256)
    learning_rate: float = 3e-4
    batch_size: int = 256
    gamma: float = 0.99
    alpha: float = 1.0
    target_interval: int = 200
    reward_scale: float = 1.0

    def __post_init__(self) -> None:
        _check_common(self.hidden, self.learning_rate, self.batch_size)
        check_range("gamma", self.gamma, 0.0, 1.0)
        check_range("alpha", self.alpha, 0.0)
        check_range("reward_scale", self.reward_scale, 0.0, low_open=True)
        _check_count("target_interval", self.target_interval)


def _check_common(hidden: tuple[int, ...], learning_rate: float, batch_size: int) -> None:
    for width in hidden:
        _check_count("hidden", width)
    check_range("learning_rate", learning_rate, 0.0, low_open=True)
    _check_count("batch_size", batch_size)


def _check_count(field: str, value: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidValueError(field, value, "an integer >= 1")
