"""Self-play and gradient steps: what training and fine-tuning share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.arrays_file import Arrays
from chipgym.agents.core.simulation import RecipeLog, Simulation
from chipgym.agents.core.torch_tools import (
    load_adam,
    load_weights,
    save_adam,
    save_weights,
    use_one_thread,
)
from chipgym.agents.graphs.aig import AigGraph, NodeArrays
from chipgym.agents.papers.abc_rl.guide import NetworkGuide
from chipgym.agents.papers.abc_rl.network import AbcRlNetwork, policy_loss
from chipgym.agents.papers.abc_rl.settings import AbcRlSettings
from chipgym.agents.search.tree_search import Guide, play
from chipgym.simulators.core.errors import SimulationError

__all__ = ["Learner", "Losses", "Sample", "self_play"]

RATE_DROP = 0.1
"""Factor of the learning rate after too many iterations without progress (PyTorch's default)."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One decision of self-play.

    Attributes
    ----------
    circuit : str
        Name of the circuit.
    prefix : tuple of int
        Actions before the decision.
    shares : float32[A]
        Shares of the visits of each action.
    value : float
        Score of the episode, within -1 … 1.
    """

    circuit: str
    prefix: tuple[int, ...]
    shares: npt.NDArray[np.float32]
    value: float


@dataclass(frozen=True)
class Losses:
    """Means over the gradient steps of an iteration."""

    policy: float
    value: float


def self_play(
    simulation: Simulation,
    circuit: str,
    guide: Guide,
    settings: AbcRlSettings,
    budget: int,
    generator: np.random.Generator,
    log: RecipeLog,
) -> list[Sample]:
    """Play one episode by search from the present state; return its decisions."""
    episode = play(simulation, guide, settings.self_play, budget, generator, log)
    value = min(max(episode.score, -1.0), 1.0)
    return [
        Sample(circuit, move.prefix, (move.visits / move.visits.sum()).astype(np.float32), value)
        for move in episode.moves
        if move.visits.any()
    ]


class Learner:
    """A network, its optimiser and what it remembers.

    Parameters
    ----------
    network : AbcRlNetwork
        It is trained in place.
    settings : AbcRlSettings
        The rates and sizes.
    """

    def __init__(self, network: AbcRlNetwork, settings: AbcRlSettings) -> None:
        self.network, self.settings = network, settings
        rates = settings.learning
        self.optimiser = torch.optim.Adam(
            network.parameters(), lr=rates.learning_rate, weight_decay=rates.weight_decay
        )
        self.memory: list[Sample] = []
        self.graphs: dict[str, NodeArrays] = {}
        self._best_loss = math.inf
        self._idle = 0

    def guide(self) -> NetworkGuide:
        """The network as it is, trusted fully."""
        return NetworkGuide(self.network)

    def remember(self, samples: Sequence[Sample], graph: AigGraph) -> None:
        """Add the decisions of an episode, and its initial circuit; forget the oldest."""
        for sample in samples:
            if sample.circuit not in self.graphs:
                self.graphs[sample.circuit] = self.network.graphs.arrays(graph)
            self.memory.append(sample)
        del self.memory[: -self.settings.learning.replay]

    def learn(self, generator: np.random.Generator, minibatches: int | None = None) -> Losses:
        """Take the gradient steps of one iteration, by default as many as the settings say.

        The loss is the cross-entropy to the shares of visits plus the weighted squared error of
        the value.

        Raises
        ------
        SimulationError
            The loss is not finite.
        """
        use_one_thread()
        rates = self.settings.learning
        sums = np.zeros(2)
        steps = rates.minibatches if minibatches is None else minibatches
        for _ in range(steps):
            count = min(rates.batch_size, len(self.memory))
            chosen = generator.choice(len(self.memory), size=count, replace=False)
            policy, value = self._losses([self.memory[index] for index in chosen.tolist()])
            loss = policy + rates.value_loss * value
            if not bool(torch.isfinite(loss)):
                raise SimulationError("the training diverged; a lower learning_rate may help")
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            sums += float(policy.detach()), float(value.detach())
        policy_mean, value_mean = (sums / steps).tolist()
        self._slow_down(policy_mean)
        return Losses(policy_mean, value_mean)

    def _losses(self, samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
        names = sorted({sample.circuit for sample in samples})
        circuits = self.network.embed([self.graphs[name] for name in names])
        rows = torch.tensor([names.index(sample.circuit) for sample in samples])
        logits, values = self.network(circuits[rows], [sample.prefix for sample in samples])
        shares = torch.from_numpy(np.stack([sample.shares for sample in samples]))
        targets = torch.tensor([sample.value for sample in samples], dtype=torch.float32)
        return policy_loss(logits, shares), ((values - targets) ** 2).mean()

    def _slow_down(self, loss: float) -> None:
        """Lower the learning rate where the policy loss has stopped falling."""
        patience = self.settings.learning.patience
        if loss < self._best_loss:
            self._best_loss, self._idle = loss, 0
            return
        self._idle += 1
        if patience and self._idle > patience:
            self._idle = 0
            for group in self.optimiser.param_groups:
                group["lr"] *= RATE_DROP

    def save(self) -> tuple[dict[str, object], Arrays]:
        """All that the next iteration depends on, circuits aside: a JSON document and arrays."""
        document = {
            "circuits": [sample.circuit for sample in self.memory],
            "prefixes": [list(sample.prefix) for sample in self.memory],
            "values": [sample.value for sample in self.memory],
            "best_loss": None if math.isinf(self._best_loss) else self._best_loss,
            "idle": self._idle,
        }
        arrays = save_weights(self.network, "network") | save_adam(self.optimiser, "adam")
        if self.memory:
            arrays["shares"] = np.stack([sample.shares for sample in self.memory])
        return document, arrays

    def load(
        self, document: Mapping[str, object], arrays: Arrays, graphs: Mapping[str, AigGraph]
    ) -> None:
        """Put back what `save` gave; `graphs` has the circuits that are remembered."""
        load_weights(self.network, "network", arrays)
        load_adam(self.optimiser, "adam", arrays)
        circuits, prefixes, values = (document[key] for key in ("circuits", "prefixes", "values"))
        assert isinstance(circuits, list)
        assert isinstance(prefixes, list)
        assert isinstance(values, list)
        self.memory = [
            Sample(circuit, tuple(prefix), share, value)
            for circuit, prefix, share, value in zip(
                circuits, prefixes, arrays.get("shares", ()), values, strict=True
            )
        ]
        self.graphs = {name: self.network.graphs.arrays(graphs[name]) for name in set(circuits)}
        best, idle = document["best_loss"], document["idle"]
        self._best_loss = best if isinstance(best, float) else math.inf
        self._idle = idle if isinstance(idle, int) else 0
