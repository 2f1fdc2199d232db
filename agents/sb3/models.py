"""The algorithms and their policy networks by name, and plain settings turned into arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gymnasium import spaces
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

from chipgym.agents.sb3.pair_policy import PairPolicy
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError

__all__ = [
    "ALGORITHMS",
    "MASKABLE",
    "ON_POLICY",
    "build_network",
    "check_action_space",
    "network_arguments",
    "network_class",
    "schedule_of",
]

ALGORITHMS: dict[str, Any] = {
    "maskable_ppo": MaskablePPO,
    "ppo": PPO,
    "a2c": A2C,
    "dqn": DQN,
    "sac": SAC,
}
# Algorithms that know masks; the others have masked actions repaired.
MASKABLE = frozenset({"maskable_ppo"})
# Algorithms that learn from one rollout at a time; the others keep a replay buffer.
ON_POLICY = frozenset({"maskable_ppo", "ppo", "a2c"})

_ACTION_SPACES: dict[str, tuple[type[spaces.Space[Any]], ...]] = {
    "maskable_ppo": (spaces.Discrete, spaces.MultiDiscrete),
    "ppo": (spaces.Discrete, spaces.MultiDiscrete, spaces.Box),
    "a2c": (spaces.Discrete, spaces.MultiDiscrete, spaces.Box),
    "dqn": (spaces.Discrete,),
    "sac": (spaces.Box,),
}

_NETWORKS: dict[str, dict[str, type[BasePolicy]]] = {
    "maskable_ppo": {"mlp": MaskableActorCriticPolicy, "pair": PairPolicy},
    "ppo": {"mlp": ActorCriticPolicy},
    "a2c": {"mlp": ActorCriticPolicy},
    "dqn": {"mlp": DQNPolicy},
    "sac": {"mlp": SACPolicy},
}
_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "elu": nn.ELU}


def check_action_space(algorithm: str, space: spaces.Space[Any]) -> None:
    """Refuse an action space that an algorithm cannot act in.

    Raises
    ------
    InvalidValueError
        The message names the algorithms that can.
    """
    able = [name for name, known in _ACTION_SPACES.items() if isinstance(space, known)]
    if algorithm not in able:
        kind = type(space).__name__
        raise InvalidValueError(
            "algorithm", algorithm, f"for {kind} actions one of: {', '.join(able) or 'none'}"
        )


def network_class(algorithm: str, network: str) -> type[BasePolicy]:
    """Return SB3's policy class of a named network."""
    if algorithm not in _NETWORKS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    if network not in _NETWORKS[algorithm]:
        raise UnknownNameError("policy", network, _NETWORKS[algorithm], algorithm)
    return _NETWORKS[algorithm][network]


def network_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `policy_kwargs` for SB3 from plain settings: activation functions are named."""
    arguments = dict(settings)
    if "activation" in arguments:
        name = arguments.pop("activation")
        if name not in _ACTIVATIONS:
            raise UnknownNameError("activation", name, _ACTIVATIONS)
        arguments["activation_fn"] = _ACTIVATIONS[name]
    return arguments


def build_network(
    algorithm: str,
    network: str,
    settings: Mapping[str, Any],
    observation_space: spaces.Space[Any],
    action_space: spaces.Space[Any],
) -> BasePolicy:
    """Return a fresh network, in evaluation mode, as `algorithm` would make it."""
    make: Callable[..., BasePolicy] = network_class(algorithm, network)
    built = make(observation_space, action_space, _no_learning, **network_arguments(settings))
    built.set_training_mode(False)
    return built


def schedule_of(value: Any) -> float | Callable[[float], float]:
    """Return a number as it is, and ``{"start": a, "end": b}`` as a linear schedule."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Mapping) and set(value) == {"start", "end"}:
        start, end = float(value["start"]), float(value["end"])

        def linear(remaining: float) -> float:
            return end + (start - end) * remaining

        return linear
    raise InvalidValueError("schedule", value, "a number, or a mapping with start and end")


def _no_learning(_: float) -> float:
    return 0.0
