"""The And-Inverter Graph as observation, for graph networks in one's own training loop."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.aiger import Aig

__all__ = ["NODE_FEATURES", "AigGraphObservation", "aig_graph"]

NODE_FEATURES = ("input", "and", "output", "inverted_fanins", "level")
"""Features of a node: its kind as one of three (the constant is an input), the share of inverted
fanins (0, 1/2 or 1; of an output 0 or 1), and its level over the depth."""


def aig_graph(aig: Aig) -> spaces.GraphInstance:
    """Return a graph as arrays.

    Nodes are the constant, the inputs, the ANDs in topological order and the outputs:
    ``1 + I + A + O``. Edges run from fanin to node, those of AND ``k`` being edges ``2 k`` and
    ``2 k + 1``, those of the outputs following; the feature of an edge is 1 where it inverts.
    """
    variables, outputs = 1 + aig.num_inputs + aig.num_ands, aig.num_outputs
    first = 1 + aig.num_inputs
    nodes = np.zeros((variables + outputs, len(NODE_FEATURES)), dtype=np.float32)
    nodes[:first, 0] = 1.0
    nodes[first:variables, 1] = 1.0
    nodes[variables:, 2] = 1.0
    nodes[first:variables, 3] = aig.complemented.mean(axis=1)
    nodes[variables:, 3] = aig.outputs & 1
    nodes[:variables, 4] = aig.levels
    nodes[variables:, 4] = aig.levels[aig.outputs >> 1]
    nodes[:, 4] /= max(int(aig.levels.max()), 1)
    literals = np.concatenate([np.stack([aig.fanin0, aig.fanin1], axis=1).ravel(), aig.outputs])
    targets = np.concatenate(
        [np.repeat(np.arange(first, variables), 2), np.arange(variables, variables + outputs)]
    )
    return spaces.GraphInstance(
        nodes=nodes,
        edges=(literals & 1).astype(np.float32)[:, None],
        edge_links=np.stack([literals >> 1, targets], axis=1).astype(np.int32),
    )


class AigGraphObservation(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Turn the flat observation into the circuit's graph, as `aig_graph` has it.

    Stable-Baselines3, RLlib and `AsyncVectorEnv` do not take `spaces.Graph`. The flat observation
    of the same moment is in `flat`.

    Parameters
    ----------
    env : gymnasium.Env
        A logic-synthesis environment.

    Examples
    --------
    >>> import gymnasium as gym, chipgym
    >>> from chipgym.envs.logic_synthesis.graph import AigGraphObservation
    >>> env = AigGraphObservation(gym.make("chipgym/LogicSynthesis-v0"))  # doctest: +SKIP
    >>> graph, info = env.reset(seed=0)  # doctest: +SKIP
    >>> graph.edge_links  # (fanin, node)  # doctest: +SKIP
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        if not isinstance(env.unwrapped, LogicSynthesisEnv):
            raise InvalidValueError("env", str(env), "a logic-synthesis environment")
        self._base = env.unwrapped
        self.observation_space = spaces.Graph(
            spaces.Box(0.0, 1.0, (len(NODE_FEATURES),)), spaces.Box(0.0, 1.0, (1,))
        )
        self.flat: npt.NDArray[np.float32] = self._base.observation_layout.empty()

    def observation(self, observation: npt.NDArray[np.float32]) -> spaces.GraphInstance:
        """Return the graph of the circuit now."""
        self.flat = observation
        return aig_graph(self._base.aig)
