"""The spaces of all agents of a parallel environment in one rectangular layout.

Agents may differ in the size of their observations and in the kind and size of their actions. Here
every agent has D observed numbers, H choices among K options each and C real numbers, the largest
of any agent; what an agent does not have is padding: zeros, one forced option, ignored numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["AgentSpaces", "JointSpaces", "agent_mask", "observation_of"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

OBSERVATION, MASK = "observation", "action_mask"


@dataclass(frozen=True)
class AgentSpaces:
    """Spaces of one agent.

    Attributes
    ----------
    name : str
        The agent.
    observation_size : int
        Length of its flattened observation.
    kind : {"discrete", "multi_discrete", "box"}
        Kind of its action space.
    options : tuple of int
        Number of options of each choice; empty for a box.
    starts : tuple of int
        Lowest value of each choice, one a choice.
    low, high : tuple of float
        Bounds of each real number, infinite where there is none; empty for discrete actions.
    shape : tuple of int
        Shape of the action.
    """

    name: str
    observation_size: int
    kind: str
    options: tuple[int, ...] = ()
    starts: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def num_actions(self) -> int:
        """Numbers in one action: choices or real numbers."""
        return len(self.options) + len(self.low)

    @property
    def mask_size(self) -> int:
        """Length of its flat action mask, 0 for a box."""
        return sum(self.options)

    @classmethod
    def of(cls, name: str, observation: Any, action: Any) -> AgentSpaces:
        """Read the spaces of one agent.

        Raises
        ------
        InvalidValueError
            The observation is no box, alone or in a dict under "observation", or the action is
            neither `Discrete` nor `MultiDiscrete` nor `Box`.
        """
        box = observation[OBSERVATION] if isinstance(observation, spaces.Dict) else observation
        if not isinstance(box, spaces.Box):
            raise InvalidValueError(
                f"observation_space({name!r})", observation, "a Box, or a Dict of one and its mask"
            )
        size = int(np.prod(box.shape))
        if isinstance(action, spaces.Discrete):
            return cls(name, size, "discrete", (int(action.n),), (int(action.start),))
        if isinstance(action, spaces.MultiDiscrete) and action.nvec.ndim == 1:
            options = tuple(int(n) for n in action.nvec)
            starts = tuple(int(start) for start in action.start)
            return cls(name, size, "multi_discrete", options, starts, shape=(len(options),))
        if isinstance(action, spaces.Box):
            low, high = (tuple(map(float, bound.ravel())) for bound in (action.low, action.high))
            return cls(name, size, "box", low=low, high=high, shape=action.shape)
        raise InvalidValueError(
            f"action_space({name!r})", action, "a Discrete, a flat MultiDiscrete or a Box"
        )


def observation_of(observation: Any) -> FloatArray:
    """Return an agent's observation as a flat array, whichever form it has."""
    part = observation[OBSERVATION] if isinstance(observation, Mapping) else observation
    return np.asarray(part, dtype=np.float32).ravel()


def agent_mask(observation: Any, info: Mapping[str, Any]) -> BoolArray | None:
    """Return an agent's flat action mask, from its observation or else its info; None: no mask."""
    mask = observation.get(MASK) if isinstance(observation, Mapping) else None
    mask = info.get(MASK) if mask is None else mask
    if mask is None:
        return None
    if isinstance(mask, tuple | list):
        mask = np.concatenate([np.ravel(part) for part in mask])
    return np.asarray(mask, dtype=np.bool_).ravel()


@dataclass(frozen=True)
class JointSpaces:
    """Spaces of all agents, in the order of the environment's `possible_agents`.

    Attributes
    ----------
    agents : tuple of AgentSpaces
        The A agents.
    observation_size, choices, options, reals : int
        The sizes D, H, K and C of the layout.
    padding : bool array, shape (A, H, K)
        Options that exist; the first of each choice that does not exist stands for it.
    has_real : bool array, shape (A, C)
        Real numbers that exist.
    """

    agents: tuple[AgentSpaces, ...]
    observation_size: int = field(init=False)
    choices: int = field(init=False)
    options: int = field(init=False)
    reals: int = field(init=False)
    padding: BoolArray = field(init=False, repr=False, compare=False)
    has_real: BoolArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counts = [len(agent.options) for agent in self.agents]
        sizes = [n for agent in self.agents for n in agent.options]
        self._set("observation_size", max(agent.observation_size for agent in self.agents))
        self._set("choices", max(counts))
        self._set("options", max(sizes, default=1))
        self._set("reals", max(len(agent.low) for agent in self.agents))
        exists = np.zeros((len(self.agents), self.choices, self.options), dtype=np.bool_)
        exists[:, :, 0] = True
        has_real = np.zeros((len(self.agents), self.reals), dtype=np.bool_)
        for index, agent in enumerate(self.agents):
            for head, count in enumerate(agent.options):
                exists[index, head, :count] = True
            has_real[index, : len(agent.low)] = True
        self._set("padding", exists)
        self._set("has_real", has_real)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @classmethod
    def of(cls, env: Any) -> JointSpaces:
        """Read the spaces of a PettingZoo parallel environment."""
        return cls(
            tuple(
                AgentSpaces.of(name, env.observation_space(name), env.action_space(name))
                for name in env.possible_agents
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the agents."""
        return tuple(agent.name for agent in self.agents)

    @property
    def num_agents(self) -> int:
        """The number of agents A."""
        return len(self.agents)

    @property
    def discrete(self) -> bool:
        """Whether all agents only choose among options."""
        return self.reals == 0

    def place_mask(self, index: int, mask: BoolArray | None) -> BoolArray:
        """Return an agent's flat mask in the layout, shape (H, K).

        Raises
        ------
        InvalidValueError
            It has another length than the agent's options together.
        """
        if mask is None or self.agents[index].mask_size == 0:
            return np.asarray(self.padding[index])
        agent = self.agents[index]
        if len(mask) != agent.mask_size:
            raise InvalidValueError(
                f"action_mask of {agent.name}", len(mask), f"{agent.mask_size} entries"
            )
        placed = self.padding[index].copy()
        at = 0
        for head, count in enumerate(agent.options):
            placed[head, :count] = mask[at : at + count]
            at += count
        # A choice without a legal option (an agent that has left) takes the first.
        placed[~placed.any(axis=1), 0] = True
        return np.asarray(placed)

    def split_masks(self, masks: BoolArray) -> BoolArray:
        """Place the agents' flat masks, side by side in each row: (N, M) to (N, A, H, K)."""
        placed = np.repeat(self.padding[None], len(masks), axis=0)
        for row, flat in enumerate(masks):
            at = 0
            for index, agent in enumerate(self.agents):
                placed[row, index] = self.place_mask(index, flat[at : at + agent.mask_size])
                at += agent.mask_size
        return placed

    def flat_actions(self, choices: npt.NDArray[np.int64], reals: FloatArray) -> npt.NDArray[Any]:
        """Return the agents' actions side by side, in the environment's values.

        Parameters
        ----------
        choices : int array, shape (N, A, H)
            Chosen options.
        reals : float array, shape (N, A, C)
            Numbers of the network; a bounded one is mapped from [-1, 1], and cut to its bounds.

        Returns
        -------
        int64 array, shape (N, numbers of all agents), or float32 where an agent has real numbers
        """
        columns: list[npt.NDArray[Any]] = []
        for index, agent in enumerate(self.agents):
            if agent.options:
                columns.append(choices[:, index, : len(agent.options)] + np.array(agent.starts))
            else:
                columns.append(_bounded(agent, reals[:, index, : len(agent.low)]))
        joined = np.concatenate(columns, axis=1)
        return joined.astype(np.int64 if self.discrete else np.float32)

    def by_agent(self, joint: npt.NDArray[Any], present: Sequence[str]) -> dict[str, Any]:
        """Return one joint action, a row of `flat_actions`, as PettingZoo takes it."""
        actions: dict[str, Any] = {}
        at = 0
        for agent in self.agents:
            part = joint[at : at + agent.num_actions]
            at += agent.num_actions
            if agent.name not in present:
                continue
            if agent.kind == "discrete":
                actions[agent.name] = int(part[0])
            elif agent.kind == "multi_discrete":
                actions[agent.name] = np.asarray(part, dtype=np.int64)
            else:
                actions[agent.name] = np.asarray(part, dtype=np.float32).reshape(agent.shape)
        return actions

    def joint_action_space(self) -> spaces.Space[Any]:
        """Return the space of the joint actions: `MultiDiscrete`, or a `Box` with real numbers."""
        if self.discrete:
            options = [count for agent in self.agents for count in agent.options]
            starts = [start for agent in self.agents for start in agent.starts]
            return spaces.MultiDiscrete(np.array(options), start=np.array(starts))
        low = [_lowest(agent) for agent in self.agents]
        high = [_highest(agent) for agent in self.agents]
        return spaces.Box(np.concatenate(low), np.concatenate(high), dtype=np.float32)


def _bounded(agent: AgentSpaces, numbers: FloatArray) -> FloatArray:
    low, high = np.array(agent.low, dtype=np.float32), np.array(agent.high, dtype=np.float32)
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        inside = low + (np.clip(numbers, -1.0, 1.0) + 1.0) * (high - low) / 2.0
    return np.asarray(np.clip(np.where(finite, inside, numbers), low, high), dtype=np.float32)


def _lowest(agent: AgentSpaces) -> FloatArray:
    return np.array(agent.low or agent.starts, dtype=np.float32)


def _highest(agent: AgentSpaces) -> FloatArray:
    last = [start + n - 1 for start, n in zip(agent.starts, agent.options, strict=True)]
    return np.array(agent.high or last, dtype=np.float32)
