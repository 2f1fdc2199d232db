"""The actor-critic of DRiLLS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from chipgym.agents.core.arrays_file import Arrays
from chipgym.agents.core.settings import make_settings, plain_settings
from chipgym.agents.core.simulation import RecipeProblem
from chipgym.agents.core.torch_tools import (
    load_adam,
    load_weights,
    save_adam,
    save_weights,
    seeded,
    use_one_thread,
)
from chipgym.agents.papers.drills.features import FEATURES, RunningNormaliser, circuit_features
from chipgym.agents.papers.episodes import Trajectory
from chipgym.agents.papers.recipe_policy import read_recipe_agent, write_recipe_agent
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range

__all__ = ["DrillsAgent", "DrillsSettings", "load_drills"]

FORMAT = "chipgym-drills-1"


@dataclass(frozen=True)
class DrillsSettings:
    """Hyperparameters of DRiLLS.

    Attributes
    ----------
    actor_hidden : tuple of int
        Widths of the actor's hidden layers.
    critic_hidden : tuple of int
        Widths of the critic's hidden layers.
    learning_rate : float
        Step size of Adam; one step an episode.
    discount : float
        Discount of later rewards.
    normalise_returns : bool
        Give the returns of each episode mean 0 and deviation 1. This needs rewards at every step:
        with one at the end, all episodes would look the same.
    entropy : float
        Weight of the policy's entropy in the loss.
    """

    actor_hidden: tuple[int, ...] = (20, 20)
    critic_hidden: tuple[int, ...] = (10,)
    learning_rate: float = 0.01
    discount: float = 0.99
    normalise_returns: bool = False
    entropy: float = 0.01

    def __post_init__(self) -> None:
        for name in ("actor_hidden", "critic_hidden"):
            for width in getattr(self, name):
                check_range(name, width, 1)
        check_range("learning_rate", self.learning_rate, 0.0, low_open=True)
        check_range("discount", self.discount, 0.0, 1.0)
        check_range("entropy", self.entropy, 0.0)


def _layers(sizes: tuple[int, ...]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for index in range(len(sizes) - 1):
        layer = nn.Linear(sizes[index], sizes[index + 1])
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class DrillsAgent:
    """Actor and critic on nine normalised features.

    The loss of an episode is the sum of squared advantages and of ``-log p * advantage``, and the
    advantage is held fixed in the second (the released code lets it pull at the critic there too).

    Parameters
    ----------
    num_actions : int
        Of the environment.
    settings : DrillsSettings
        The hyperparameters.
    seed : int
        Seed of the weights.
    """

    name = "drills"

    def __init__(self, num_actions: int, settings: DrillsSettings, seed: int) -> None:
        check_range("num_actions", num_actions, 1)
        self.num_actions, self.settings = num_actions, settings
        size = len(FEATURES)
        with seeded(seed):
            self.actor = _layers((size, *settings.actor_hidden, num_actions))
            self.critic = _layers((size, *settings.critic_hidden, 1))
        self._parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self._optimiser = torch.optim.Adam(self._parameters, lr=settings.learning_rate)
        self._normaliser = RunningNormaliser(size)

    def begin(self, problem: RecipeProblem) -> None:
        """Forget what the last episode has shown."""
        self._normaliser.reset()

    def observe(self, problem: RecipeProblem) -> npt.NDArray[np.float32]:
        """The nine features, normalised by what the episode has shown so far."""
        return self._normaliser(circuit_features(problem.aig)).astype(np.float32)

    def probabilities(self, state: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The policy, shape (A,)."""
        use_one_thread()
        with torch.inference_mode():
            chances = self.actor(torch.from_numpy(state)).softmax(dim=0).numpy()
        return np.asarray(chances, dtype=np.float64)

    def learn(self, episode: Trajectory) -> Mapping[str, float]:
        """Take one gradient step on an episode."""
        use_one_thread()
        returns = episode.returns(self.settings.discount)
        if self.settings.normalise_returns:
            deviation = returns.std()
            returns = (returns - returns.mean()) / (deviation if deviation > 0.0 else 1.0)
        states = torch.from_numpy(np.stack(episode.states))
        actions = torch.tensor(episode.actions).unsqueeze(1)
        advantages = torch.from_numpy(np.float32(returns)) - self.critic(states).squeeze(1)
        logs = self.actor(states).log_softmax(dim=1)
        critic = advantages.pow(2).sum()
        actor = -(logs.gather(1, actions).squeeze(1) * advantages.detach()).sum()
        entropy = -(logs.exp() * logs).sum()
        self._optimiser.zero_grad()
        (critic + actor - self.settings.entropy * entropy).backward()
        self._optimiser.step()
        return {"actor_loss": float(actor.detach()), "critic_loss": float(critic.detach())}

    def identity(self) -> Mapping[str, Any]:
        """Name, settings and number of actions."""
        settings = plain_settings(self.settings)
        return {"agent": FORMAT, "settings": settings, "num_actions": self.num_actions}

    def save_training(self) -> Arrays:
        """Weights and optimiser."""
        return self._weights() | save_adam(self._optimiser, "adam")

    def load_training(self, arrays: Arrays) -> None:
        """Put back what `save_training` gave."""
        load_weights(self.actor, "actor", arrays)
        load_weights(self.critic, "critic", arrays)
        load_adam(self._optimiser, "adam", arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent to one file of arrays and JSON (safetensors)."""
        document = {
            "num_actions": self.num_actions,
            "settings": plain_settings(self.settings),
        }
        write_recipe_agent(path, FORMAT, document, self._weights())

    def _weights(self) -> Arrays:
        return save_weights(self.actor, "actor") | save_weights(self.critic, "critic")


def load_drills(path: str | os.PathLike[str]) -> DrillsAgent:
    """Load what `DrillsAgent.save` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or no such agent.
    """
    document, arrays = read_recipe_agent(path, FORMAT)
    try:
        settings = make_settings(DrillsSettings, document["settings"])
        agent = DrillsAgent(document["num_actions"], settings, 0)
        load_weights(agent.actor, "actor", arrays)
        load_weights(agent.critic, "critic", arrays)
    except (KeyError, RuntimeError, TypeError, InvalidValueError) as error:
        raise FileFormatError(path, f"does not describe an agent: {error}") from error
    return agent
