"""PettingZoo form: one agent a PE cluster, claiming ready tasks for its own processing elements.

At each decision all clusters act at once. A cluster claims one of the ready tasks for one of its
PEs, or passes. A task that several claim goes where it is estimated to finish first (ties: the
cluster listed first). If nobody claims anything, all wait until the next event. The reward is
shared.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import wrappers
from pettingzoo.utils.conversions import parallel_to_aec

from chipgym.envs.core.episodes import RESET_OPTIONS
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.envs.soc_scheduling.env import SocSchedulingEnv
from chipgym.envs.soc_scheduling.generator import Instance
from chipgym.envs.soc_scheduling.observation import build_layout
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["SocSchedulingParallelEnv", "env", "parallel_env"]

Observation = dict[str, npt.NDArray[Any]]


def parallel_env(**kwargs: Any) -> SocSchedulingParallelEnv:
    """Return the environment in which all clusters act at once; arguments as `SocSchedulingEnv`."""
    return SocSchedulingParallelEnv(**kwargs)


def env(**kwargs: Any) -> AECEnv[str, Any, Any]:
    """Return the same environment with the clusters acting in turn."""
    turns: AECEnv[str, Any, Any] = parallel_to_aec(parallel_env(**kwargs))
    return wrappers.OrderEnforcingWrapper(turns)


class SocSchedulingParallelEnv(ParallelEnv[str, Observation, int]):  # type: ignore[misc]
    """Clusters of processing elements bid for ready tasks.

    Agents are named ``cluster_0``, ``cluster_1``, … in the order of the platform; `cluster_names`
    gives the clusters' names. All have spaces of the same size, padded to the largest cluster's
    P_max PEs: observations are ``{"observation": float32 Box, "action_mask": int8}``, the Box
    having the fields of `SocSchedulingEnv` restricted to the cluster's PEs; actions are
    ``Discrete(R * P_max + 1)`` for R slots, ``slot * P_max + k`` being a claim for the cluster's
    k-th PE and ``R * P_max`` a pass. In scenarios with explicit frequencies the cluster's operating
    points follow. The mask, also in ``infos[agent]``, says what is legal; passing is masked where
    something must be assigned. Rewards, instances and metrics are those of `SocSchedulingEnv`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "soc_scheduling_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def __init__(self, **kwargs: Any) -> None:
        self._env = SocSchedulingEnv(**kwargs)
        self.render_mode = self._env.render_mode
        platform = self._env.generator.platform
        batch = self._env._batch
        self._slots, self._pes = batch.num_slots, batch.num_pes
        self.cluster_names = [cluster.name for cluster in platform.clusters]
        self.possible_agents = [f"cluster_{i}" for i in range(len(platform.clusters))]
        self.agents: list[str] = []
        cluster_of = np.array(platform.pe_cluster)
        self._own = {a: np.flatnonzero(cluster_of == i) for i, a in enumerate(self.possible_agents)}
        self._width = max(len(own) for own in self._own.values())
        self._points, at = {}, self._slots * self._pes + 1
        for agent, points in zip(self.possible_agents, batch.opps, strict=True):
            self._points[agent] = (at, points if batch.dvfs and points > 1 else 0)
            at += self._points[agent][1]
        self.layout = build_layout(self._slots, self._width)
        most_points = max(points for _, points in self._points.values())
        self._count = self._slots * self._width + 1 + most_points
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": self.layout.space(),
                    "action_mask": spaces.Box(0, 1, (self._count,), dtype=np.int8),
                }
            )
            for agent in self.possible_agents
        }
        self.action_spaces = {agent: LegalDiscrete(self._count) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; `options` as in `SocSchedulingEnv.reset`, others are ignored."""
        # PettingZoo's interface lets callers pass options meant for other environments.
        known = {key: value for key, value in (options or {}).items() if key in RESET_OPTIONS}
        observation, info = self._env.reset(seed=seed, options=known)
        self.agents = list(self.possible_agents)
        shared = {"evaluations": info["evaluations"], "instance": info["instance"]}
        return self._observe(observation), self._infos(shared)

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Settle all claims and run on to the next decision.

        Raises
        ------
        InvalidValueError
            An action is missing, out of range or masked; nothing has changed.
        """
        orders = self._settle(actions)
        reward = 0.0
        terms: dict[str, float] = {}
        for order in orders:
            observation, part, terminated, truncated, info = self._env.step(order)
            reward += part
            for name, value in info["reward_terms"].items():
                terms[name] = terms.get(name, 0.0) + value
        shared: dict[str, Any] = {"evaluations": info["evaluations"], "reward_terms": terms}
        if "metrics" in info:
            shared["metrics"] = info["metrics"]
        acting = self.agents
        result = (
            self._observe(observation),
            dict.fromkeys(acting, reward),
            dict.fromkeys(acting, terminated),
            dict.fromkeys(acting, truncated),
            self._infos(shared),
        )
        if terminated or truncated:
            self.agents = []
        return result

    def _settle(self, actions: dict[str, int]) -> list[int]:
        """Turn the clusters' actions into actions of the scalar environment, in order."""
        masks = self._masks()
        finish_us = self._env.problem.estimated_finish_us
        winners: dict[int, tuple[float, int]] = {}
        frequencies: list[int] = []
        passing = self._slots * self._width
        for agent in self.agents:
            if agent not in actions:
                raise InvalidValueError(
                    "actions", sorted(actions), f"one for each of {self.agents}"
                )
            action = int(actions[agent])
            if not 0 <= action < len(masks[agent]) or not masks[agent][action]:
                legal = np.flatnonzero(masks[agent]).tolist()
                raise InvalidValueError(f"actions[{agent!r}]", action, f"the unmasked ones {legal}")
            own = self._own[agent]
            if action > passing:
                frequencies.append(self._points[agent][0] + action - passing - 1)
            elif action < passing:
                slot, pe = action // self._width, int(own[action % self._width])
                bid = float(finish_us[slot, pe])
                if slot not in winners or bid < winners[slot][0]:
                    winners[slot] = (bid, pe)
        # Each assignment moves the later slots up by one.
        claims = [
            (slot - done) * self._pes + winners[slot][1]
            for done, slot in enumerate(sorted(winners))
        ]
        return [*frequencies, *claims] or [self._slots * self._pes]

    def _masks(self) -> dict[str, npt.NDArray[np.int8]]:
        full = self._env.action_masks()
        pairs = full[: self._slots * self._pes].reshape(self._slots, self._pes)
        may_wait = bool(full[self._slots * self._pes])
        masks = {}
        for agent, own in self._own.items():
            mask = np.zeros(self._count, dtype=np.int8)
            claims = np.zeros((self._slots, self._width), dtype=np.int8)
            claims[:, : len(own)] = pairs[:, own]
            at, points = self._points[agent]
            passing = self._slots * self._width
            mask[:passing] = claims.ravel()
            mask[passing] = may_wait or not claims.any()
            mask[passing + 1 : passing + 1 + points] = full[at : at + points]
            masks[agent] = mask
        return masks

    def _infos(self, shared: dict[str, Any]) -> dict[str, dict[str, Any]]:
        masks = self._masks()
        return {agent: {**shared, "action_mask": masks[agent]} for agent in self.agents}

    def _observe(self, observation: npt.NDArray[np.float32]) -> dict[str, Observation]:
        parts = self._env.observation_layout.split(observation)
        masks = self._masks()
        observations: dict[str, Observation] = {}
        for agent in self.agents:
            own = self._own[agent]
            seen = self.layout.empty()
            views = self.layout.split(seen)
            # Columns of PEs that the cluster does not have look like PEs that support nothing.
            views["pairs"][..., :-1] = 1.0
            views["pairs"][:, : len(own)] = parts["pairs"][:, own]
            views["tasks"][...] = parts["tasks"]
            views["pes"][: len(own)] = parts["pes"][own]
            views["globals"][...] = parts["globals"]
            observations[agent] = {"observation": seen, "action_mask": masks[agent]}
            self.action_spaces[agent].legal = masks[agent]
        return observations

    @property
    def instance(self) -> Instance:
        """The episode's instance, complete and replayable."""
        return self._env.instance

    @property
    def instance_id(self) -> str:
        """Name of the episode's instance."""
        return self._env.instance_id

    def schedule(self) -> dict[str, list[Any]]:
        """Tasks executed in the episode so far, in completion order, as columns."""
        return self._env.schedule()

    def render(self) -> Any:
        """Render as `SocSchedulingEnv.render`."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
