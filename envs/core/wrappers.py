"""Wrappers: structured observations, graphs, and actions for agents that know no masks."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from chipgym.envs.core.fields import ObservationLayout
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DictObservation", "GraphObservation", "RepairMaskedActions", "repair_action"]

Observation = npt.NDArray[np.float32]


def repair_action(action: Any, mask: npt.NDArray[np.bool_]) -> Any:
    """Return `action` if the mask allows it, else the next allowed one, counting upwards, cyclic.

    Only for `Discrete` actions; an all-false mask leaves the action as it is.
    """
    allowed = np.flatnonzero(mask)
    if len(allowed) == 0 or np.ndim(action) != 0 or mask[int(action)]:
        return action
    place = int(np.searchsorted(allowed, int(action)))
    return type(action)(allowed[place % len(allowed)])


class RepairMaskedActions(gym.ActionWrapper[Any, Any, Any], RecordConstructorArgs):
    """Replace a masked action by the next allowed one, for agents that know no masks.

    PPO, A2C and DQN of Stable-Baselines3 draw actions without asking which are allowed, and the
    environments raise on a masked one. Prefer a masking agent (MaskablePPO) where there is one.

    Parameters
    ----------
    env : gymnasium.Env
        An environment with `action_masks()` and a `Discrete` action space.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ActionWrapper.__init__(self, env)
        if not isinstance(env.action_space, spaces.Discrete):
            raise InvalidValueError("action_space", env.action_space, "a Discrete space")

    def action(self, action: Any) -> Any:
        """Return the action that is carried out."""
        masks = self.get_wrapper_attr("action_masks")
        return repair_action(action, masks())


class DictObservation(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Turn the flat observation into a `Dict` of shaped blocks, one a declared field.

    Parameters
    ----------
    env : gymnasium.Env
        An environment that publishes `observation_layout`.
    action_mask : bool
        Add ``"action_mask"``, a `MultiBinary` block, where the environment has masks (the form
        that RLlib and Tianshou expect).

    Examples
    --------
    >>> import gymnasium as gym, chipgym
    >>> from chipgym.envs.core.wrappers import DictObservation
    >>> env = DictObservation(gym.make("chipgym/SocScheduling-v0"))  # doctest: +SKIP
    >>> observation, info = env.reset(seed=0)  # doctest: +SKIP
    >>> observation["pairs"].shape  # (slots, PEs, features)  # doctest: +SKIP
    """

    def __init__(self, env: gym.Env[Any, Any], action_mask: bool = True) -> None:
        RecordConstructorArgs.__init__(self, action_mask=action_mask)
        gym.ObservationWrapper.__init__(self, env)
        self._layout = _layout(env)
        self._with_mask = action_mask and hasattr(env.unwrapped, "action_masks")
        blocks = dict(self._layout.dict_space().spaces)
        if self._with_mask:
            if not isinstance(env.action_space, spaces.Discrete):
                raise InvalidValueError("action_space", env.action_space, "a Discrete space")
            blocks["action_mask"] = spaces.MultiBinary(int(env.action_space.n))
        self.observation_space = spaces.Dict(blocks)

    def observation(self, observation: Observation) -> dict[str, npt.NDArray[Any]]:
        """Return the blocks of a flat observation."""
        blocks: dict[str, npt.NDArray[Any]] = dict(self._layout.split(observation))
        if self._with_mask:
            masks = self.get_wrapper_attr("action_masks")
            blocks["action_mask"] = np.asarray(masks(), dtype=np.int8)
        return blocks


class GraphObservation(gym.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Turn the flat observation into a bipartite graph of visible ready tasks and PEs.

    Nodes are the occupied task slots, in slot order, then all PEs; an edge joins each occupied
    slot with each PE that its action mask allows, and carries the features of that pair. The
    graph is read from the declared fields ``tasks`` (slots, task features), ``pes`` (PEs, PE
    features) and ``pairs`` (slots, PEs, pair features), whose (slot, PE) order is that of the
    first ``slots * PEs`` actions: edge ``k`` stands for action ``edge_actions[k]``, which
    `edge_actions()` gives.

    A node's features are ``[is_pe, task features…, PE features…]``, those of the other kind zero.
    The wrapper is for graph networks in one's own training loop: Stable-Baselines3, RLlib and
    `AsyncVectorEnv` do not take `spaces.Graph`.

    Parameters
    ----------
    env : gymnasium.Env
        An environment with these three fields and `action_masks()`.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        self._layout = _layout(env)
        tasks, pes, pairs = (self._layout[name] for name in ("tasks", "pes", "pairs"))
        self._slots, self._pes = pairs.shape[0], pairs.shape[1]
        if tasks.shape[0] != self._slots or pes.shape[0] != self._pes:
            shapes = (tasks.shape, pes.shape, pairs.shape)
            raise InvalidValueError("fields", shapes, "tasks (R, a), pes (P, b), pairs (R, P, c)")
        zero = np.zeros(1, dtype=np.float32)
        node_low = [zero, _lowest(tasks.low_array), _lowest(pes.low_array)]
        node_high = [zero + 1, _highest(tasks.high_array), _highest(pes.high_array)]
        self.observation_space = spaces.Graph(
            spaces.Box(
                np.minimum(np.concatenate(node_low), 0), np.maximum(np.concatenate(node_high), 0)
            ),
            spaces.Box(_lowest(pairs.low_array), _highest(pairs.high_array)),
        )
        self._edge_actions = np.zeros(0, dtype=np.int64)

    def observation(self, observation: Observation) -> spaces.GraphInstance:
        """Return the graph of a flat observation."""
        blocks = self._layout.split(observation)
        tasks, pes, pairs = blocks["tasks"], blocks["pes"], blocks["pairs"]
        allowed = np.asarray(self.get_wrapper_attr("action_masks")())[: self._slots * self._pes]
        grid = allowed.reshape(self._slots, self._pes)
        slots = np.flatnonzero(grid.any(axis=1))
        nodes = np.zeros(
            (len(slots) + self._pes, 1 + tasks.shape[1] + pes.shape[1]), dtype=np.float32
        )
        nodes[: len(slots), 1 : 1 + tasks.shape[1]] = tasks[slots]
        nodes[len(slots) :, 0] = 1.0
        nodes[len(slots) :, 1 + tasks.shape[1] :] = pes
        rows, columns = np.nonzero(grid[slots])
        self._edge_actions = slots[rows] * self._pes + columns
        return spaces.GraphInstance(
            nodes=nodes,
            edges=pairs[slots[rows], columns],
            edge_links=np.stack([rows, len(slots) + columns], axis=1).astype(np.int32),
        )

    def edge_actions(self) -> npt.NDArray[np.int64]:
        """Actions that the edges of the last observation stand for, shape (edges,)."""
        return self._edge_actions.copy()


def _layout(env: gym.Env[Any, Any]) -> ObservationLayout:
    layout = getattr(env.unwrapped, "observation_layout", None)
    if not isinstance(layout, ObservationLayout):
        raise InvalidValueError("env", str(env), "an environment that publishes observation_layout")
    return layout


def _lowest(bounds: Observation) -> Observation:
    return np.asarray(bounds.reshape(-1, bounds.shape[-1]).min(axis=0), dtype=np.float32)


def _highest(bounds: Observation) -> Observation:
    return np.asarray(bounds.reshape(-1, bounds.shape[-1]).max(axis=0), dtype=np.float32)
