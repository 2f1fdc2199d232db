"""N copies of a PettingZoo parallel environment, stepped one after the other, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chipgym.agents.multi_agent.spaces import JointSpaces, agent_mask, observation_of
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["Outcome", "ParallelVector", "Seen"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Seen:
    """What N copies show before a step; rows of absent agents are zero.

    Attributes
    ----------
    observations : float32 array, shape (N, A, D)
        Observations of the agents.
    masks : bool array, shape (N, A, H, K)
        Allowed options.
    present : bool array, shape (N, A)
        Agents that act.
    states : float32 array, shape (N, S)
        States of the whole: the environment's, or the observations side by side.
    """

    observations: FloatArray
    masks: BoolArray
    present: BoolArray
    states: FloatArray


@dataclass
class Outcome:
    """What a step brought.

    Attributes
    ----------
    rewards : float32 array, shape (N, A)
        Rewards.
    ended, truncated : bool array, shape (N, A)
        Agents whose episode ended; those of them for which only a limit ended it.
    last : Seen
        What the copies showed after the step, before finished ones began anew.
    reports : list of dict
        Of each finished episode ``return`` (mean over the agents), ``length``, ``evaluations`` and
        ``metrics``.
    """

    rewards: FloatArray
    ended: BoolArray
    truncated: BoolArray
    last: Seen
    reports: list[dict[str, Any]]


class ParallelVector:
    """Steps copies of a parallel environment together and begins new episodes where one ended.

    Agents may leave before the others; the episode of a copy ends when none is left.

    Parameters
    ----------
    make_env : callable
        Returns a new parallel environment.
    num_envs : int
        Copies N.
    """

    def __init__(self, make_env: Callable[[], Any], num_envs: int) -> None:
        self.envs = [make_env() for _ in range(num_envs)]
        first = self.envs[0]
        if not hasattr(first, "possible_agents"):
            raise InvalidValueError("env", str(first), "a PettingZoo parallel environment")
        self.joint = JointSpaces.of(first)
        self.has_state = False
        self.num_envs = num_envs
        self._index = {name: i for i, name in enumerate(self.joint.names)}
        self._returns = np.zeros((num_envs, self.joint.num_agents))
        self._lengths = np.zeros(num_envs, dtype=np.int64)
        self._now: list[Mapping[str, Any]] = []
        self._infos: list[Mapping[str, Any]] = []

    @property
    def state_size(self) -> int:
        """Length S of a state; known after `reset`."""
        return len(self._state(0))

    def reset(self, seed: int) -> Seen:
        """Begin an episode in every copy; copy i gets ``seed + i``."""
        self._now, self._infos = [], []
        for i, env in enumerate(self.envs):
            observations, infos = env.reset(seed=seed + i)
            self._now.append(observations)
            self._infos.append(infos)
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self.has_state = _state_of(self.envs[0]) is not None
        return self._seen()

    def step(self, choices: npt.NDArray[np.int64], reals: FloatArray) -> Outcome:
        """Carry out actions, shapes (N, A, H) and (N, A, C), of the agents that are present."""
        shape = (self.num_envs, self.joint.num_agents)
        rewards = np.zeros(shape, dtype=np.float32)
        ended, truncated = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        joint_actions = self.joint.flat_actions(choices, reals)
        for i, env in enumerate(self.envs):
            acting = list(env.agents)
            actions = self.joint.by_agent(joint_actions[i], acting)
            self._now[i], paid, terminations, truncations, self._infos[i] = env.step(actions)
            for name in acting:
                a = self._index[name]
                rewards[i, a] = float(paid.get(name, 0.0))
                terminated = bool(terminations.get(name, False))
                cut = bool(truncations.get(name, False))
                ended[i, a] = terminated or cut or name not in env.agents
                truncated[i, a] = cut and not terminated and name in self._now[i]
        self._returns += rewards
        self._lengths += 1
        last = self._seen()
        return Outcome(rewards, ended, truncated, last, self._finish())

    def seen(self) -> Seen:
        """What the copies show now."""
        return self._seen()

    def close(self) -> None:
        """Close all copies."""
        for env in self.envs:
            env.close()

    def _finish(self) -> list[dict[str, Any]]:
        """Report the copies whose episode is over, and begin new ones there."""
        reports = []
        for i, env in enumerate(self.envs):
            if env.agents:
                continue
            report: dict[str, Any] = {"evaluations": 0, "metrics": {}}
            for info in self._infos[i].values():
                report |= {key: info[key] for key in ("evaluations", "metrics") if key in info}
            report["return"] = float(self._returns[i].mean())
            report["length"] = int(self._lengths[i])
            reports.append(report)
            self._returns[i], self._lengths[i] = 0.0, 0
            self._now[i], self._infos[i] = env.reset()
        return reports

    def _seen(self) -> Seen:
        joint = self.joint
        lead = (self.num_envs, joint.num_agents)
        observations = np.zeros((*lead, joint.observation_size), dtype=np.float32)
        masks = np.repeat(joint.padding[None], self.num_envs, axis=0)
        present = np.zeros(lead, dtype=np.bool_)
        for i, env in enumerate(self.envs):
            _place(joint, self._index, self._now[i], observations[i])
            for name in env.agents:
                a = self._index[name]
                present[i, a] = True
                mask = agent_mask(self._now[i][name], self._infos[i].get(name, {}))
                masks[i, a] = joint.place_mask(a, mask)
        states = np.stack([self._state(i) for i in range(self.num_envs)])
        return Seen(observations, masks, present, states)

    def _state(self, i: int) -> FloatArray:
        """State of a copy: the environment's, else all observations side by side."""
        if self.has_state:
            return np.asarray(self.envs[i].state(), dtype=np.float32).ravel()
        joint = self.joint
        observations = np.zeros((joint.num_agents, joint.observation_size), dtype=np.float32)
        _place(joint, self._index, self._now[i], observations)
        return observations.ravel()


def _place(
    joint: JointSpaces, index: Mapping[str, int], now: Mapping[str, Any], out: FloatArray
) -> None:
    """Write the agents' observations into rows of `out`, shape (A, D)."""
    for name, observation in now.items():
        flat = observation_of(observation)
        out[index[name], : len(flat)] = flat


def _state_of(env: Any) -> Sequence[float] | None:
    """State of an environment that has one: PettingZoo's method raises where it is not defined."""
    try:
        found: Sequence[float] = env.state()
    except (AttributeError, NotImplementedError):
        return None
    return found
