"""Hyperparameters of PPO for many agents, with their meaning and their allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["ALGORITHMS", "PPOArguments", "Schedule", "check_hyperparameters", "value_at"]

ALGORITHMS: dict[str, str] = {
    "ippo": "independent PPO: a network and a critic for every agent",
    "shared_ppo": "PPO with one network for all agents, told apart by a number",
    "mappo": "PPO with a critic that sees the state of all agents",
}
ACTIVATIONS = ("tanh", "relu")

Schedule = float | Mapping[str, float]


@dataclass(frozen=True)
class PPOArguments:
    """Hyperparameters; names as in Stable-Baselines3 where they mean the same.

    Scheduled ones take a number, or ``{"start": a, "end": b}``, linear in the steps done.
    """

    num_envs: int = 8
    """Copies of the environment, stepped in turn."""
    n_steps: int = 128
    """Steps of each copy between two updates."""
    batch_size: int = 256
    """Joint transitions (a step of one copy, all its agents) in a minibatch; at most a rollout."""
    n_epochs: int = 4
    """Passes over a rollout in an update."""
    learning_rate: Schedule = 3e-4
    """Step size of Adam; scheduled."""
    gamma: float = 0.99
    """Discount of future rewards."""
    gae_lambda: float = 0.95
    """Weight of long returns in the advantage estimate, 0 one step, 1 the whole return."""
    clip_range: Schedule = 0.2
    """How far the probability ratio may move before its gradient is cut; scheduled."""
    clip_range_vf: float | None = None
    """How far a value may move in an update, in units of the critic's output; None: freely."""
    normalize_advantage: bool = True
    """Scale the advantages of a minibatch to mean 0 and deviation 1, for each network apart."""
    ent_coef: Schedule = 0.01
    """Weight of the entropy bonus; scheduled."""
    vf_coef: float = 0.5
    """Weight of the critic's loss."""
    max_grad_norm: float = 0.5
    """Longest gradient of each network; longer ones are cut."""
    net_arch: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers, of actors and critics alike."""
    activation: str = "tanh"
    """Activation function, tanh or relu."""
    log_std_init: float = 0.0
    """Logarithm of the first standard deviation of real numbers, whose bounds count as -1 and 1."""
    share_actor: bool = False
    """One actor for all agents (mappo only; ippo never shares, shared_ppo always does)."""
    normalize_observations: bool = True
    """Scale observations by their running mean and deviation, cut at ten deviations."""
    normalize_returns: bool = True
    """Let the critic predict returns in units of their running mean and deviation."""
    reward_scale: float = 1.0
    """Factor on the rewards that are learnt from; reported returns stay as they are."""
    difference_rewards: bool = False
    """Reward each agent with what the team would lose had it taken its default action."""

    @classmethod
    def parse(cls, values: Mapping[str, Any], algorithm: str = "ippo") -> PPOArguments:
        """Check values by name, type and range, and return them with the defaults of the rest.

        Raises
        ------
        UnknownNameError
            There is no such hyperparameter.
        InvalidValueError
            One has the wrong type, or is out of range.
        """
        known = [item.name for item in fields(cls)]
        for name, value in values.items():
            if name not in known:
                raise UnknownNameError("hyperparameter", name, known, algorithm)
            _check(name, value)
        if algorithm != "mappo" and "share_actor" in values:
            raise InvalidValueError("share_actor", values["share_actor"], "for mappo only")
        given = dict(values)
        if "net_arch" in given:
            given["net_arch"] = tuple(given["net_arch"])
        return cls(**given)


def check_hyperparameters(algorithm: str, values: Mapping[str, Any]) -> None:
    """Check an algorithm's hyperparameters, as `PPOArguments.parse` does."""
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    PPOArguments.parse(values, algorithm)


def value_at(schedule: Schedule, remaining: float) -> float:
    """Value of a schedule with the given share of the training still to come."""
    if isinstance(schedule, Mapping):
        start, end = float(schedule["start"]), float(schedule["end"])
        return end + (start - end) * remaining
    return float(schedule)


_COUNTS = ("num_envs", "n_steps", "batch_size", "n_epochs")
_FLAGS = (
    "normalize_advantage",
    "share_actor",
    "normalize_observations",
    "normalize_returns",
    "difference_rewards",
)
_SCHEDULES = ("learning_rate", "clip_range", "ent_coef")


def _check(name: str, value: Any) -> None:
    if name in _COUNTS:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidValueError(name, value, "an integer >= 1")
    elif name in _FLAGS:
        if not isinstance(value, bool):
            raise InvalidValueError(name, value, "true or false")
    elif name in _SCHEDULES:
        _check_schedule(name, value)
    elif name in ("gamma", "gae_lambda"):
        check_range(name, value, 0.0, 1.0)
    elif name == "net_arch":
        widths = value if isinstance(value, list | tuple) else [None]
        if any(not isinstance(w, int) or isinstance(w, bool) or w < 1 for w in widths):
            raise InvalidValueError(name, value, "a list of integers >= 1")
    elif name == "activation":
        if value not in ACTIVATIONS:
            raise UnknownNameError("activation", value, ACTIVATIONS)
    elif name == "log_std_init":
        check_range(name, value)
    elif not (name == "clip_range_vf" and value is None):
        check_range(name, value, 0.0, low_open=name in ("reward_scale", "max_grad_norm"))


def _check_schedule(name: str, value: Any) -> None:
    allowed = "a number >= 0, or a mapping with start and end"
    if isinstance(value, Mapping) and set(value) != {"start", "end"}:
        raise InvalidValueError(name, value, allowed)
    for number in value.values() if isinstance(value, Mapping) else (value,):
        try:
            check_range(name, number, 0.0)
        except (InvalidValueError, TypeError) as error:
            raise InvalidValueError(name, value, allowed) from error
