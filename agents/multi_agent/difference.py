"""Difference rewards: what the team would lose, had an agent taken its default action.

Wolpert and Tumer, Optimal payoff functions for members of collectives, 2001: with
``D_i = G(z) - G(z with agent i at its default)`` an agent is paid for its own part alone, while
whatever raises its reward still raises the team's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from chipgym.agents.multi_agent.spaces import AgentSpaces, agent_mask

__all__ = ["DifferenceRewards"]


class DifferenceRewards:
    """A parallel environment that pays each agent the difference it makes.

    The environment's method ``counterfactual_rewards(actions)`` gives, for each agent, the reward
    that it would get in this step had it alone taken its default action. Where there is none, a
    deep copy of the environment takes the step, once an agent; the simulator evaluations of these
    steps are added to those reported. The default action is that of ``default_actions()`` where the
    environment has it, else the lowest legal option or the middle of the bounds.

    Parameters
    ----------
    env : ParallelEnv
        The environment.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self._spaces = {
            name: AgentSpaces.of(name, env.observation_space(name), env.action_space(name))
            for name in env.possible_agents
        }
        self._defaults: dict[str, Any] = {}
        self._extra = 0
        self._evaluations = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env, name)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        """Reset the environment."""
        observations, infos = self._env.reset(seed=seed, options=options)
        self._extra = 0
        self._keep(observations, infos)
        return observations, infos

    def step(self, actions: dict[str, Any]) -> Any:
        """Step the environment; the rewards are the differences."""
        without = self._counterfactual_rewards(actions)
        observations, rewards, terminations, truncations, infos = self._env.step(actions)
        paid = {name: reward - without.get(name, 0.0) for name, reward in rewards.items()}
        self._keep(observations, infos)
        if self._extra:
            infos = {
                name: {**info, "evaluations": int(info.get("evaluations", 0)) + self._extra}
                for name, info in infos.items()
            }
        return observations, paid, terminations, truncations, infos

    def _counterfactual_rewards(self, actions: dict[str, Any]) -> Mapping[str, float]:
        method = getattr(self._env, "counterfactual_rewards", None)
        if method is not None:
            found: Mapping[str, float] = method(actions)
            return found
        rewards = {}
        for name in list(self._env.agents):
            other = copy.deepcopy(self._env)
            _, paid, _, _, infos = other.step({**actions, name: self._defaults[name]})
            rewards[name] = float(paid[name])
            self._extra += max(_evaluations(infos) - self._evaluations, 0)
        return rewards

    def _keep(self, observations: Mapping[str, Any], infos: Mapping[str, Any]) -> None:
        """Remember the default actions of the next step, and the evaluations so far."""
        self._evaluations = _evaluations(infos)
        published = getattr(self._env, "default_actions", None)
        if published is not None:
            self._defaults = dict(published())
            return
        self._defaults = {
            name: _default(self._spaces[name], agent_mask(observations[name], infos.get(name, {})))
            for name in self._env.agents
        }


def _evaluations(infos: Mapping[str, Any]) -> int:
    return max((int(info.get("evaluations", 0)) for info in infos.values()), default=0)


def _default(spaces: AgentSpaces, mask: Any) -> Any:
    """Return the lowest legal option of each choice, or the middle of the bounds (0 without)."""
    if spaces.kind == "box":
        low, high = np.array(spaces.low), np.array(spaces.high)
        finite = np.isfinite(low) & np.isfinite(high)
        middle = np.where(finite, (np.where(finite, low, 0) + np.where(finite, high, 0)) / 2, 0)
        return middle.astype(np.float32).reshape(spaces.shape)
    chosen, at = [], 0
    for start, count in zip(spaces.starts, spaces.options, strict=True):
        legal = np.ones(count, dtype=np.bool_) if mask is None else mask[at : at + count]
        chosen.append(start + int(np.argmax(legal)))
        at += count
    return chosen[0] if spaces.kind == "discrete" else np.array(chosen, dtype=np.int64)
