"""Hyperparameters of ABC-RL."""

from __future__ import annotations

from dataclasses import dataclass, field

from chipgym.agents.graphs.network import DIRECTIONS
from chipgym.agents.search.tree_settings import TreeSettings
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError, check_range

__all__ = ["AbcRlSettings", "LearningSettings", "NetworkSettings", "RetrievalSettings"]


@dataclass(frozen=True)
class NetworkSettings:
    """Shape of the network.

    Attributes
    ----------
    graph_width : int
        Width of the graph convolutions; an embedding has twice as many numbers.
    graph_layers : int
        Number of graph convolutions.
    direction : str
        Where messages run: to ``outputs``, to ``inputs`` or ``both`` ways.
    complements : bool
        Let messages tell inverted edges from plain ones.
    levels : bool
        Give each node its level over the circuit's depth as a feature.
    max_nodes : int
        Most nodes of a graph; larger ones are thinned as `node_arrays` says.
    recipe_width : int
        Width of the recipe's transformer.
    recipe_layers : int
        Number of its layers.
    recipe_heads : int
        Number of its attention heads, a divisor of `recipe_width`.
    head_width : int
        Width of the layers that join circuit and recipe.
    sees_circuit : bool
        Whether policy and value see the circuit; if not, the agent is state-blind.
    """

    graph_width: int = 32
    graph_layers: int = 2
    direction: str = "both"
    complements: bool = True
    levels: bool = True
    max_nodes: int = 4000
    recipe_width: int = 32
    recipe_layers: int = 2
    recipe_heads: int = 2
    head_width: int = 64
    sees_circuit: bool = True

    def __post_init__(self) -> None:
        for name in ("graph_width", "graph_layers", "recipe_width", "recipe_layers", "head_width"):
            check_range(name, getattr(self, name), 1)
        check_range("max_nodes", self.max_nodes, 16)
        check_range("recipe_heads", self.recipe_heads, 1)
        if self.direction not in DIRECTIONS:
            raise UnknownNameError("direction", self.direction, DIRECTIONS)
        if self.recipe_width % self.recipe_heads:
            raise InvalidValueError(
                "recipe_heads", self.recipe_heads, f"a divisor of {self.recipe_width}"
            )


@dataclass(frozen=True)
class LearningSettings:
    """How the network learns from searches.

    Attributes
    ----------
    learning_rate : float
        Step size of Adam.
    weight_decay : float
        L2 penalty of Adam.
    patience : int
        Iterations without a lower policy loss before the learning rate falls to a tenth; 0: never.
    minibatches : int
        Gradient steps after each iteration.
    batch_size : int
        Decisions in a gradient step.
    replay : int
        Decisions that are remembered; older ones are forgotten.
    value_loss : float
        Weight of the squared error of the value.
    episodes : int
        Self-play episodes in an iteration, each on the next training circuit.
    simulations : int
        Evaluated recipes in an episode.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    patience: int = 0
    minibatches: int = 60
    batch_size: int = 64
    replay: int = 1200
    value_loss: float = 1.0
    episodes: int = 1
    simulations: int = 150

    def __post_init__(self) -> None:
        check_range("learning_rate", self.learning_rate, 0.0, low_open=True)
        check_range("weight_decay", self.weight_decay, 0.0)
        check_range("patience", self.patience, 0)
        check_range("value_loss", self.value_loss, 0.0)
        for name in ("minibatches", "batch_size", "replay", "episodes", "simulations"):
            check_range(name, getattr(self, name), 1)


@dataclass(frozen=True)
class RetrievalSettings:
    """How far a new circuit's search trusts the network.

    Attributes
    ----------
    temperature : float
        T of ``alpha = 1 - sigmoid(T (d - threshold))``, d the distance to the nearest circuit.
    threshold : float
        Distance at which alpha is one half.
    calibrate : bool
        Take as threshold the median distance of a training circuit to the nearest other one, and
        such a temperature that the product of both stays.
    renormalise : bool
        Make the flattened prior ``P^alpha`` sum to one.
    """

    temperature: float = 100.0
    threshold: float = 0.007
    calibrate: bool = True
    renormalise: bool = True

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.0, low_open=True)
        check_range("threshold", self.threshold, 0.0, low_open=True)


@dataclass(frozen=True)
class AbcRlSettings:
    """Everything that ABC-RL can be told.

    Attributes
    ----------
    network : NetworkSettings
        The network.
    learning : LearningSettings
        Training.
    self_play : TreeSettings
        The search in training.
    search : TreeSettings
        The search on a new circuit.
    retrieval : RetrievalSettings
        Trust by similarity.
    fine_tuning : float
        Share of the budget on a new circuit that is spent on self-play and learning there.
    """

    network: NetworkSettings = field(default_factory=NetworkSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    self_play: TreeSettings = field(
        default_factory=lambda: TreeSettings(noise_share=0.15, shares=(1.0,) * 10)
    )
    search: TreeSettings = field(default_factory=TreeSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    fine_tuning: float = 0.0

    def __post_init__(self) -> None:
        check_range("fine_tuning", self.fine_tuning, 0.0, 1.0)
