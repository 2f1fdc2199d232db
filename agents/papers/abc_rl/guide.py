"""The network as a guide of tree search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.simulation import RecipeProblem
from chipgym.agents.core.torch_tools import use_one_thread
from chipgym.agents.graphs.aig import AigGraph
from chipgym.agents.papers.abc_rl.network import AbcRlNetwork
from chipgym.agents.papers.abc_rl.retrieval import flatten
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["NetworkGuide", "check_problem", "embedding_of"]

Embedding = npt.NDArray[np.float32]


def embedding_of(network: AbcRlNetwork, graph: AigGraph) -> Embedding:
    """Embedding of one circuit, shape (H,); circuits are embedded one at a time, for equal bits."""
    use_one_thread()
    with torch.inference_mode():
        found: Any = network.embed([network.graphs.arrays(graph)])[0].numpy()
    return np.array(found, dtype=np.float32)


def check_problem(network: AbcRlNetwork, problem: RecipeProblem) -> None:
    """Make sure that a network was made for such a problem."""
    if problem.num_actions != network.num_actions:
        raise InvalidValueError(
            "commands", tuple(problem.commands), f"{network.num_actions} commands, as in training"
        )
    if problem.num_steps > network.num_steps:
        raise InvalidValueError(
            "num_steps", problem.num_steps, f"at most {network.num_steps}, as in training"
        )


class NetworkGuide:
    """Prior and value by the network.

    Parameters
    ----------
    network : AbcRlNetwork
        It is used as it is at the time of each call.
    trust_in : callable
        Gives the exponent alpha of the prior for a circuit's embedding.
    renormalise : bool
        Make the prior sum to one.
    """

    def __init__(
        self,
        network: AbcRlNetwork,
        trust_in: Callable[[Embedding], float] = lambda embedding: 1.0,
        *,
        renormalise: bool = True,
    ) -> None:
        self._network = network
        self._trust_in = trust_in
        self._renormalise = renormalise
        self.alpha = 1.0

    def start(self, problem: RecipeProblem) -> None:
        """Embed the circuit, and decide how far the network is trusted with it."""
        check_problem(self._network, problem)
        embedding = embedding_of(self._network, problem.initial_aig)
        self.alpha = self._trust_in(embedding)
        self._circuit = torch.from_numpy(embedding).unsqueeze(0)
        self._known: dict[tuple[int, ...], tuple[npt.NDArray[np.float64], float]] = {}

    def evaluate(self, problem: RecipeProblem) -> tuple[npt.NDArray[np.float64], float]:
        """Prior to the power of alpha, and value."""
        prefix = tuple(problem.recipe)
        if prefix not in self._known:
            use_one_thread()
            with torch.inference_mode():
                logits, value = self._network(self._circuit, [prefix])
            prior = flatten(logits[0].numpy(), self.alpha, renormalise=self._renormalise)
            self._known[prefix] = prior, float(value[0])
        return self._known[prefix]
