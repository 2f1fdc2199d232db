"""A trained ABC-RL: searches on new circuits, and is saved as arrays and JSON."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from chipgym.agents.core.archive import hash_named_arrays
from chipgym.agents.core.arrays_file import Arrays, read_arrays, write_arrays
from chipgym.agents.core.planner import PlanResult
from chipgym.agents.core.settings import make_settings, plain_settings
from chipgym.agents.core.simulation import RecipeLog, Simulation
from chipgym.agents.core.torch_tools import load_weights, save_weights
from chipgym.agents.graphs.aig import AigGraph
from chipgym.agents.papers.abc_rl.guide import Embedding, NetworkGuide, check_problem, embedding_of
from chipgym.agents.papers.abc_rl.learner import Learner, self_play
from chipgym.agents.papers.abc_rl.network import AbcRlNetwork
from chipgym.agents.papers.abc_rl.retrieval import Neighbour, Neighbours, trust
from chipgym.agents.papers.abc_rl.settings import AbcRlSettings
from chipgym.agents.search.tree_search import play
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, check_range

__all__ = ["AbcRlAgent", "load_abc_rl"]

FORMAT = "chipgym-abc-rl-1"
_KEYS = {
    "format",
    "num_actions",
    "num_steps",
    "settings",
    "circuits",
    "alpha",
    "weights",
    "description",
}
FINE_TUNING = 1
"""Stream of the random numbers of fine-tuning; the search itself has stream 0."""
EPISODES = 4
"""Episodes that fine-tuning is cut into, if they are not longer than those of training."""


class AbcRlAgent:
    """Plans by tree search with the trained prior, trusted as far as the circuit is known.

    Parameters
    ----------
    network : AbcRlNetwork
        The trained network.
    settings : AbcRlSettings
        With which it was trained.
    neighbours : Neighbours
        The training circuits and their embeddings by this network.
    alpha : float, optional
        A fixed exponent of the prior in place of retrieval: 1 trusts the network everywhere, 0
        nowhere.
    description : mapping, optional
        Plain facts to keep.
    """

    name = "abc-rl"

    def __init__(
        self,
        network: AbcRlNetwork,
        settings: AbcRlSettings,
        neighbours: Neighbours,
        *,
        alpha: float | None = None,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        if alpha is not None:
            check_range("alpha", alpha, 0.0, 1.0)
        self.network, self.settings, self.neighbours = network, settings, neighbours
        self.alpha = alpha
        self.description = dict(description or {})
        self.retrieval = neighbours.calibrated(settings.retrieval)

    def with_alpha(self, alpha: float | None) -> AbcRlAgent:
        """The same agent with a fixed alpha (None: by retrieval)."""
        return AbcRlAgent(
            self.network,
            self.settings,
            self.neighbours,
            alpha=alpha,
            description=self.description,
        )

    def with_fine_tuning(self, share: float) -> AbcRlAgent:
        """The same agent with another share of fine-tuning."""
        settings = dataclasses.replace(self.settings, fine_tuning=share)
        return AbcRlAgent(
            self.network,
            settings,
            self.neighbours,
            alpha=self.alpha,
            description=self.description,
        )

    def nearest(self, graph: AigGraph) -> Neighbour:
        """The training circuit that is nearest to a circuit."""
        return self.neighbours.nearest(embedding_of(self.network, graph))

    def trust_in(self, graph: AigGraph) -> float:
        """The exponent alpha of the prior for a circuit."""
        return self._trust(embedding_of(self.network, graph))

    def plan(self, simulation: Simulation, budget: int, seed: int) -> PlanResult:
        """Search from the present state; see `Planner.plan`.

        With fine-tuning, that share of the budget goes to self-play and learning on the circuit
        with a copy of the network, which then is trusted fully.
        """
        check_range("budget", budget, 1)
        log = RecipeLog(simulation)
        share = int(self.settings.fine_tuning * budget)
        if share:
            guide = self._fine_tuned(simulation, share, seed, log)
        else:
            guide = NetworkGuide(self.network, self._trust, renormalise=self.retrieval.renormalise)
        left = budget - log.evaluations
        if left > 0:
            generator = np.random.default_rng([seed, 0])
            play(simulation, guide, self.settings.search, left, generator, log)
        return PlanResult.of(log)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent to one file of arrays and JSON (safetensors)."""
        arrays = self._arrays()
        document = {
            "format": FORMAT,
            "num_actions": self.network.num_actions,
            "num_steps": self.network.num_steps,
            "settings": plain_settings(self.settings),
            "circuits": list(self.neighbours.names),
            "alpha": self.alpha,
            "weights": hash_named_arrays(arrays),
            "description": self.description,
        }
        write_arrays(path, document, arrays)

    def _arrays(self) -> Arrays:
        weights = save_weights(self.network, "network")
        return weights | {"embeddings": np.asarray(self.neighbours.embeddings)}

    def _trust(self, embedding: Embedding) -> float:
        if self.alpha is not None:
            return self.alpha
        return trust(self.neighbours.nearest(embedding).distance, self.retrieval)

    def _fine_tuned(
        self, simulation: Simulation, budget: int, seed: int, log: RecipeLog
    ) -> NetworkGuide:
        """Learn from self-play on this circuit; the simulation is left where it was."""
        learner = Learner(copy.deepcopy(self.network), self.settings)
        guide = NetworkGuide(learner.network, renormalise=self.retrieval.renormalise)
        generator = np.random.default_rng([seed, FINE_TUNING])
        state, graph = simulation.get_state(), simulation.problem.initial_aig
        check_problem(self.network, simulation.problem)
        rates, end = self.settings.learning, log.evaluations + budget
        # As many gradient steps for each recipe as in training.
        length = min(rates.simulations, max(1, -(-budget // EPISODES)))
        steps = max(1, round(rates.minibatches * length / (rates.simulations * rates.episodes)))
        while log.evaluations < end:
            before = log.evaluations
            episode = min(length, end - before)
            samples = self_play(simulation, "", guide, self.settings, episode, generator, log)
            simulation.set_state(state)
            if log.evaluations == before or not samples:
                break
            learner.remember(samples, graph)
            learner.learn(generator, steps)
        return guide


def load_abc_rl(path: str | os.PathLike[str]) -> AbcRlAgent:
    """Load what `AbcRlAgent.save` wrote; nothing in the file is executed.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, or no such agent.
    """
    document, arrays = read_arrays(path)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileFormatError(path, f"is not an agent of format {FORMAT}")
    if set(document) != _KEYS:
        raise FileFormatError(path, f"must have exactly the keys {', '.join(sorted(_KEYS))}")
    if hash_named_arrays(arrays) != document["weights"]:
        raise FileFormatError(path, "has weights that are not those it names")
    try:
        settings = make_settings(AbcRlSettings, document["settings"])
        network = AbcRlNetwork(document["num_actions"], document["num_steps"], settings.network)
        load_weights(network, "network", arrays)
        neighbours = Neighbours(document["circuits"], arrays["embeddings"])
        return AbcRlAgent(
            network,
            settings,
            neighbours,
            alpha=document["alpha"],
            description=document["description"],
        )
    except (KeyError, RuntimeError, TypeError, InvalidValueError) as error:
        raise FileFormatError(path, f"does not describe an agent: {error}") from error
