"""Checks of hyperparameters before SB3 sees them: it loops for ever on some of the wrong ones."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from chipgym.agents.sb3.models import ALGORITHMS, network_arguments, network_class, schedule_of
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["SCHEDULED", "check_hyperparameters"]

SCHEDULED = ("learning_rate", "clip_range")
_OWN = {"policy", "policy_kwargs", "num_envs", "reward_scale", "keep_best", "use_masking"}
_GIVEN = {"self", "policy", "env", "seed", "device", "verbose", "tensorboard_log"}
# Lowest whole number.
_COUNTS = {
    "num_envs": 1,
    "n_steps": 1,
    "batch_size": 1,
    "n_epochs": 1,
    "buffer_size": 1,
    "target_update_interval": 1,
    "train_freq": 1,
    "gradient_steps": -1,
    "learning_starts": 0,
    "keep_best": 0,
}
# Range of real numbers.
_NUMBERS: dict[str, tuple[float, float | None]] = {
    "gamma": (0.0, 1.0),
    "gae_lambda": (0.0, 1.0),
    "exploration_fraction": (0.0, 1.0),
    "exploration_initial_eps": (0.0, 1.0),
    "exploration_final_eps": (0.0, 1.0),
    "tau": (0.0, 1.0),
    "ent_coef": (0.0, None),
    "vf_coef": (0.0, None),
    "max_grad_norm": (0.0, None),
}


def check_hyperparameters(algorithm: str, values: Mapping[str, Any]) -> None:
    """Check names, types and ranges of an algorithm's hyperparameters.

    Parameters
    ----------
    algorithm : str
        A name of `ALGORITHMS`.
    values : mapping
        Any of them, as in `agents/hyperparams/*.yaml`.

    Raises
    ------
    UnknownNameError
        The algorithm does not take one of them.
    InvalidValueError
        One has the wrong type, or is out of range.
    """
    signature = set(inspect.signature(ALGORITHMS[algorithm].__init__).parameters)
    known = {name for name in signature - _GIVEN if not name.startswith("_")} | _OWN
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError("hyperparameter", name, known, algorithm)
        _check_value(algorithm, name, value)


def _check_value(algorithm: str, name: str, value: Any) -> None:
    if name in _COUNTS:
        if not isinstance(value, int) or isinstance(value, bool) or value < _COUNTS[name]:
            raise InvalidValueError(name, value, f"an integer >= {_COUNTS[name]}")
    elif algorithm == "sac" and name in ("ent_coef", "target_entropy"):
        _check_entropy(name, value)
    elif name in _NUMBERS:
        check_range(name, value, *_NUMBERS[name])
    elif name == "reward_scale":
        check_range(name, value, 0.0, low_open=True)
    elif name in SCHEDULED:
        _check_schedule(name, value)
    elif name == "policy":
        network_class(algorithm, value)
    elif name == "policy_kwargs":
        if not isinstance(value, Mapping):
            raise InvalidValueError(name, value, "a mapping")
        network_arguments(value)


def _check_entropy(name: str, value: Any) -> None:
    """SAC finds its entropy itself (auto, from 0.1 on with auto_0.1), or is given it."""
    text = str(value)
    start = text.removeprefix("auto_")
    learnt = text == "auto" or (name == "ent_coef" and start != text and _is_positive(start))
    if not learnt:
        try:
            check_range(name, value, 0.0 if name == "ent_coef" else None)
        except InvalidValueError as error:
            raise InvalidValueError(name, value, f"auto, or a number ({error})") from error


def _is_positive(text: str) -> bool:
    try:
        return float(text) > 0.0
    except ValueError:
        return False


def _check_schedule(name: str, value: Any) -> None:
    ends = value.values() if isinstance(value, Mapping) else (value,)
    try:
        schedule_of(value)
        for number in ends:
            check_range(name, number, 0.0)
    except (InvalidValueError, TypeError, ValueError) as error:
        raise InvalidValueError(
            name, value, "a number >= 0, or a mapping with start and end"
        ) from error
