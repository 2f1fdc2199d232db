"""REINFORCE with a learnt baseline, on vector and graph."""

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
from chipgym.agents.papers.abcrl_graph.network import (
    GraphPolicy,
    GraphState,
    circuit_size,
    recipe_vector,
    vector_size,
)
from chipgym.agents.papers.episodes import Trajectory
from chipgym.agents.papers.recipe_policy import read_recipe_agent, write_recipe_agent
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range

__all__ = ["AbcrlGraphAgent", "AbcrlGraphSettings", "load_abcrl_graph"]

FORMAT = "chipgym-abcrl-graph-1"


@dataclass(frozen=True)
class AbcrlGraphSettings:
    """Hyperparameters of abcRL.

    Attributes
    ----------
    hidden : int
        Width of the dense layers, more than `graph_out`.
    graph_hidden : int
        Width of the graph network.
    graph_out : int
        Numbers that a circuit becomes.
    max_nodes : int
        Most nodes of a graph; larger ones are thinned as `node_arrays` says.
    policy_rate : float
        Step size of the policy's Adam; one step an episode.
    baseline_rate : float
        Step size of the baseline's Adam.
    discount : float
        Discount of later rewards.
    discount_steps : bool
        Weigh the gradient of step t by ``discount ** t`` too, as REINFORCE is written.
    entropy : float
        Weight of the policy's entropy in the loss.
    """

    hidden: int = 32
    graph_hidden: int = 12
    graph_out: int = 4
    max_nodes: int = 4000
    policy_rate: float = 5e-3
    baseline_rate: float = 1e-2
    discount: float = 1.0
    discount_steps: bool = False
    entropy: float = 0.01

    def __post_init__(self) -> None:
        check_range("graph_hidden", self.graph_hidden, 1)
        check_range("graph_out", self.graph_out, 1)
        check_range("hidden", self.hidden, self.graph_out + 1)
        check_range("max_nodes", self.max_nodes, 16)
        check_range("policy_rate", self.policy_rate, 0.0, low_open=True)
        check_range("baseline_rate", self.baseline_rate, 0.0, low_open=True)
        check_range("discount", self.discount, 0.0, 1.0)
        check_range("entropy", self.entropy, 0.0)


class AbcrlGraphAgent:
    """A policy that sees the present circuit as a graph, and a baseline that sees its statistics.

    The released code takes a gradient step for each step of an episode, one after the other; here
    the steps of an episode are one batch and one gradient step.

    Parameters
    ----------
    num_actions : int
        Of the environment.
    settings : AbcrlGraphSettings
        The hyperparameters.
    seed : int
        Seed of the weights.
    """

    name = "abcrl-graph"

    def __init__(self, num_actions: int, settings: AbcrlGraphSettings, seed: int) -> None:
        check_range("num_actions", num_actions, 1)
        self.num_actions, self.settings = num_actions, settings
        with seeded(seed):
            self.policy = GraphPolicy(
                num_actions,
                settings.hidden,
                settings.graph_hidden,
                settings.graph_out,
                settings.max_nodes,
            )
            self.baseline = nn.Sequential(
                nn.Linear(vector_size(num_actions), settings.hidden),
                nn.ReLU(),
                nn.Linear(settings.hidden, 1),
            )
        self._policy_adam = torch.optim.Adam(self.policy.parameters(), lr=settings.policy_rate)
        self._baseline_adam = torch.optim.Adam(
            self.baseline.parameters(), lr=settings.baseline_rate
        )
        self._previous = (0, 0)

    def begin(self, problem: RecipeProblem) -> None:
        """Forget the sizes of the last episode's circuit."""
        self._previous = circuit_size(problem.aig)

    def observe(self, problem: RecipeProblem) -> GraphState:
        """The vector and the present circuit."""
        vector, self._previous = recipe_vector(problem, self._previous)
        return GraphState(vector, self.policy.arrays(problem.aig))

    def probabilities(self, state: GraphState) -> npt.NDArray[np.float64]:
        """The policy, shape (A,)."""
        use_one_thread()
        with torch.inference_mode():
            chances = self.policy([state])[0].softmax(dim=0).numpy()
        return np.asarray(chances, dtype=np.float64)

    def learn(self, episode: Trajectory) -> Mapping[str, float]:
        """Take one gradient step of policy and baseline each."""
        use_one_thread()
        returns = torch.from_numpy(np.float32(episode.returns(self.settings.discount)))
        vectors = torch.from_numpy(np.stack([state.vector for state in episode.states]))
        values = self.baseline(vectors).squeeze(1)
        baseline_loss = 0.5 * (returns - values).pow(2).sum()
        advantages = (returns - values).detach()
        if self.settings.discount_steps:
            advantages = advantages * self.settings.discount ** torch.arange(len(advantages))
        logs = self.policy(episode.states).log_softmax(dim=1)
        chosen = logs.gather(1, torch.tensor(episode.actions).unsqueeze(1)).squeeze(1)
        entropy = -(logs.exp() * logs).sum()
        policy_loss = -(chosen * advantages).sum()
        self._policy_adam.zero_grad()
        (policy_loss - self.settings.entropy * entropy).backward()
        self._policy_adam.step()
        self._baseline_adam.zero_grad()
        baseline_loss.backward()
        self._baseline_adam.step()
        return {
            "policy_loss": float(policy_loss.detach()),
            "baseline_loss": float(baseline_loss.detach()),
        }

    def identity(self) -> Mapping[str, Any]:
        """Name, settings and number of actions."""
        settings = plain_settings(self.settings)
        return {"agent": FORMAT, "settings": settings, "num_actions": self.num_actions}

    def save_training(self) -> Arrays:
        """Weights and optimisers."""
        adam = save_adam(self._policy_adam, "policy_adam")
        return self._weights() | adam | save_adam(self._baseline_adam, "baseline_adam")

    def load_training(self, arrays: Arrays) -> None:
        """Put back what `save_training` gave."""
        load_weights(self.policy, "policy", arrays)
        load_weights(self.baseline, "baseline", arrays)
        load_adam(self._policy_adam, "policy_adam", arrays)
        load_adam(self._baseline_adam, "baseline_adam", arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent to one file of arrays and JSON (safetensors)."""
        document = {
            "num_actions": self.num_actions,
            "settings": plain_settings(self.settings),
        }
        write_recipe_agent(path, FORMAT, document, self._weights())

    def _weights(self) -> Arrays:
        return save_weights(self.policy, "policy") | save_weights(self.baseline, "baseline")


def load_abcrl_graph(path: str | os.PathLike[str]) -> AbcrlGraphAgent:
    """Load what `AbcrlGraphAgent.save` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or no such agent.
    """
    document, arrays = read_recipe_agent(path, FORMAT)
    try:
        settings = make_settings(AbcrlGraphSettings, document["settings"])
        agent = AbcrlGraphAgent(document["num_actions"], settings, 0)
        load_weights(agent.policy, "policy", arrays)
        load_weights(agent.baseline, "baseline", arrays)
    except (KeyError, RuntimeError, TypeError, InvalidValueError) as error:
        raise FileFormatError(path, f"does not describe an agent: {error}") from error
    return agent
