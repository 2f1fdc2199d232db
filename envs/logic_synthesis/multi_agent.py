"""PettingZoo form: an area agent and a delay agent write one recipe in turns.

The area agent chooses the first command, the delay agent the second, and so on. Each is rewarded
with what every command, its own or the other's, does to its own quantity: the logarithm of the area
before over after, or of the delay. A shared weight adds the other's reward.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import wrappers
from pettingzoo.utils.agent_selector import AgentSelector

from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.envs.logic_synthesis.env import RESET_OPTIONS, LogicSynthesisEnv
from chipgym.simulators.core.errors import InvalidValueError, check_range

__all__ = ["AGENTS", "LogicSynthesisParallelEnv", "LogicSynthesisTurnsEnv", "env", "parallel_env"]

AGENTS = ("area", "delay")
# Reward term of the scalar environment that is each agent's own.
TERMS = {"area": "log_area", "delay": "log_delay"}

Observation = dict[str, npt.NDArray[Any]]


def env(**kwargs: Any) -> AECEnv[str, Any, Any]:
    """Return the environment in which the agents take turns.

    Arguments as `LogicSynthesisEnv`, without `objective` and `stop_action`, and `shared_weight`.
    """
    return wrappers.OrderEnforcingWrapper(LogicSynthesisTurnsEnv(**kwargs))


def parallel_env(**kwargs: Any) -> LogicSynthesisParallelEnv:
    """Return the environment in which both choose a command at once; arguments as `env`."""
    return LogicSynthesisParallelEnv(**kwargs)


class _Recipe:
    """The recipe that both agents write, over the scalar environment."""

    def __init__(self, shared_weight: float, kwargs: dict[str, Any]) -> None:
        for name in ("objective", "stop_action"):
            if name in kwargs:
                raise InvalidValueError(name, kwargs[name], "nothing: the agents' own are fixed")
        check_range("shared_weight", shared_weight, 0.0)
        self.env = LogicSynthesisEnv(objective="log-adp", **kwargs)
        self.shared_weight = float(shared_weight)
        count = self.env.task.num_actions
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": self.env.observation_layout.space(),
                    "action_mask": spaces.Box(0, 1, (count,), dtype=np.int8),
                }
            )
            for agent in AGENTS
        }
        self.action_spaces = {agent: LegalDiscrete(count) for agent in AGENTS}
        self.seen: npt.NDArray[np.float32] = self.env.observation_layout.empty()
        self.ended = True

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> dict[str, Any]:
        # PettingZoo's interface lets callers pass options meant for other environments.
        known = {key: value for key, value in (options or {}).items() if key in RESET_OPTIONS}
        self.seen, info = self.env.reset(seed=seed, options=known)
        self.ended = False
        return info

    def step(self, action: Any) -> tuple[dict[str, float], dict[str, Any]]:
        """Carry out a command; return the agents' rewards and the info."""
        self.seen, _, self.ended, _, info = self.env.step(action)
        own = {agent: info["reward_terms"][TERMS[agent]] for agent in AGENTS}
        total = sum(own.values())
        weight = self.shared_weight
        rewards = {agent: part + weight * (total - part) for agent, part in own.items()}
        return rewards, info

    def observe(self) -> Observation:
        return {
            "observation": self.seen.copy(),
            "action_mask": self.env.action_masks().astype(np.int8),
        }


class LogicSynthesisTurnsEnv(AECEnv[str, Any, Any]):  # type: ignore[misc]
    """An area agent and a delay agent choose commands in turns.

    Observations are ``{"observation": float32 Box, "action_mask": int8}``, the Box having the
    fields of `LogicSynthesisEnv`; actions are its commands.

    Parameters
    ----------
    shared_weight : float
        Weight of the other agent's reward in one's own; 1 makes the game fully cooperative.
    **kwargs
        As in `LogicSynthesisEnv`, without `objective` and `stop_action`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "logic_synthesis_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": False,
        "render_fps": 2,
    }

    def __init__(self, shared_weight: float = 0.0, **kwargs: Any) -> None:
        super().__init__()
        self._recipe = _Recipe(shared_weight, kwargs)
        self.render_mode = self._recipe.env.render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self.observation_spaces = self._recipe.observation_spaces
        self.action_spaces = self._recipe.action_spaces

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def observe(self, agent: str) -> Observation:
        """Return what an agent sees: both see the same circuit."""
        return self._recipe.observe()

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode; `options` as in `LogicSynthesisEnv.reset`, others are ignored."""
        info = self._recipe.reset(seed, options)
        self.agents = list(self.possible_agents)
        self._turns = AgentSelector(self.agents)
        self.agent_selection = self._turns.reset()
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: dict(info) for agent in self.agents}

    def step(self, action: Any) -> None:
        """Carry out the command of the agent whose turn it is.

        Raises
        ------
        InvalidValueError
            The action is out of range; nothing has changed.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        rewards, info = self._recipe.step(action)
        self._cumulative_rewards[agent] = 0.0
        self.rewards = rewards
        self.terminations = dict.fromkeys(self.agents, self._recipe.ended)
        self.infos = {name: dict(info) for name in self.agents}
        self.agent_selection = self._turns.next()
        self._accumulate_rewards()

    def render(self) -> Any:
        """Render as `LogicSynthesisEnv.render`."""
        return self._recipe.env.render()

    def close(self) -> None:
        """Close the environment."""
        self._recipe.env.close()


class LogicSynthesisParallelEnv(ParallelEnv[str, Observation, int]):  # type: ignore[misc]
    """Both agents choose a command at once; the area agent's is carried out first.

    A cycle is two steps of the recipe, so the number of steps must be even. Spaces, rewards and
    parameters are those of `LogicSynthesisTurnsEnv`; the delay agent does not see what the area
    agent has just done.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "logic_synthesis_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 2,
    }

    def __init__(self, shared_weight: float = 0.0, **kwargs: Any) -> None:
        self._recipe = _Recipe(shared_weight, kwargs)
        steps = self._recipe.env.task.steps
        if steps % len(AGENTS):
            raise InvalidValueError("steps", steps, "an even number: each agent has a turn a cycle")
        self.render_mode = self._recipe.env.render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self.observation_spaces = self._recipe.observation_spaces
        self.action_spaces = self._recipe.action_spaces

    @property
    def single(self) -> LogicSynthesisEnv:
        """The environment of one agent, in which both write their recipe."""
        return self._recipe.env

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; `options` as in `LogicSynthesisEnv.reset`, others are ignored."""
        info = self._recipe.reset(seed, options)
        self.agents = list(self.possible_agents)
        infos = {agent: dict(info) for agent in self.agents}
        return {agent: self._recipe.observe() for agent in self.agents}, infos

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Carry out both commands.

        Raises
        ------
        InvalidValueError
            An action is missing or out of range; nothing has changed.
        """
        for agent in self.agents:
            if agent not in actions:
                raise InvalidValueError(
                    "actions", sorted(actions), f"one for each of {self.agents}"
                )
            # Both are checked before the first is carried out.
            self._recipe.env.decode(actions[agent])
        totals = dict.fromkeys(AGENTS, 0.0)
        terms: dict[str, float] = {}
        for agent in self.agents:
            rewards, info = self._recipe.step(actions[agent])
            totals = {name: totals[name] + part for name, part in rewards.items()}
            for name, part in info["reward_terms"].items():
                terms[name] = terms.get(name, 0.0) + part
        info = {**info, "reward_terms": terms}
        acting, ended = self.agents, self._recipe.ended
        result = (
            {agent: self._recipe.observe() for agent in acting},
            totals,
            dict.fromkeys(acting, ended),
            dict.fromkeys(acting, False),
            {agent: dict(info) for agent in acting},
        )
        if ended:
            self.agents = []
        return result

    def render(self) -> Any:
        """Render as `LogicSynthesisEnv.render`."""
        return self._recipe.env.render()

    def close(self) -> None:
        """Close the environment."""
        self._recipe.env.close()
