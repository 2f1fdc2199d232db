"""PettingZoo form: an architecture agent for each task and an accelerator agent.

Each agent decides the tokens of its network, or of the chip, and all have the same reward.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import wrappers

from chipgym.envs.codesign.base import RESET_OPTIONS, check_masked
from chipgym.envs.codesign.env import CoDesignEnv
from chipgym.envs.core.spaces import LegalDiscrete
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["ACCELERATOR", "CoDesignParallelEnv", "CoDesignTurnsEnv", "env", "parallel_env"]

ACCELERATOR = "accelerator"

Observation = dict[str, npt.NDArray[Any]]


def env(**kwargs: Any) -> AECEnv[str, Any, Any]:
    """Return the environment in which the agents take turns; arguments as `CoDesignEnv`."""
    return wrappers.OrderEnforcingWrapper(CoDesignTurnsEnv(**kwargs))


def parallel_env(**kwargs: Any) -> CoDesignParallelEnv:
    """Return the environment in which all decide a token at once; arguments as `env`."""
    return CoDesignParallelEnv(**kwargs)


class _Design:
    """The design that all agents make, over the scalar environment."""

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self.env = CoDesignEnv(**kwargs)
        designs = self.env.designs
        self.agents = [*(f"architecture_{task.name}" for task in designs.tasks), ACCELERATOR]
        self.num_instances = self.env.num_instances
        limits = [
            max(designs.num_options[start : start + length])
            for start, length in zip(designs.starts, designs.lengths, strict=True)
        ]
        self.counts = dict(zip(self.agents, limits, strict=True))
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": self.env.observation_layout.space(),
                    "action_mask": spaces.Box(0, 1, (count,), dtype=np.int8),
                }
            )
            for agent, count in self.counts.items()
        }
        self.action_spaces = {agent: LegalDiscrete(n) for agent, n in self.counts.items()}
        self.seen: npt.NDArray[np.float32] = self.env.observation_layout.empty()
        self.ended = True

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> dict[str, Any]:
        # PettingZoo's interface lets callers pass options meant for other environments.
        known = {key: value for key, value in (options or {}).items() if key in RESET_OPTIONS}
        self.seen, info = self.env.reset(seed=seed, options=known)
        self.ended = False
        return self._shared(info)

    def masks(self, agent: str) -> npt.NDArray[np.bool_]:
        """Legal options of an agent's next token; where it has none left, the first: waiting."""
        mask = self.env.segment_masks(self.agents.index(agent))[: self.counts[agent]]
        if not self.ended and not mask.any():
            mask[0] = True
        return mask

    def waits(self, agent: str) -> bool:
        """Whether an agent has decided all of its tokens."""
        segment = self.agents.index(agent)
        return len(self.env.parts[segment]) == self.env.designs.lengths[segment]

    def move(self, actions: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Decide a token of some agents; return the reward and the info."""
        options = {agent: check_masked(a, self.masks(agent)) for agent, a in actions.items()}
        moves = [
            (self.agents.index(agent), option)
            for agent, option in options.items()
            if not self.waits(agent)
        ]
        design = self.env.plan_moves(moves)
        outcome = None if design is None else self.env.cost([design])[0]
        self.seen, reward, self.ended, _, info = self.env.settle_moves(moves, outcome)
        return reward, self._shared(info)

    @staticmethod
    def _shared(info: dict[str, Any]) -> dict[str, Any]:
        """The info without the mask, which is each agent's own."""
        return {key: value for key, value in info.items() if key != "action_mask"}

    def observe(self, agent: str) -> Observation:
        """Return what an agent sees: the design so far, and its own next token."""
        layout, designs = self.env.observation_layout, self.env.designs
        seen = self.seen.copy()
        places = seen[layout.slice("next_token")]
        places[:] = 0
        if not self.ended and not self.waits(agent):
            segment = self.agents.index(agent)
            places[designs.starts[segment] + len(self.env.parts[segment])] = 1
        mask = self.masks(agent)
        self.action_spaces[agent].legal = mask
        return {"observation": seen, "action_mask": mask.astype(np.int8)}


class CoDesignTurnsEnv(AECEnv[str, Any, Any]):  # type: ignore[misc]
    """The architecture agents decide their networks one after the other, then comes the chip.

    An agent keeps the turn until its network, or the chip, is complete. Observations are
    ``{"observation": float32 Box, "action_mask": int8}``, the Box having the fields of
    `CoDesignEnv`; every reward goes to all agents.

    Parameters
    ----------
    **kwargs
        As in `CoDesignEnv`; with `hardware_steps` the accelerator agent makes further chips.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "codesign_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": False,
        "render_fps": 2,
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self._design = _Design(kwargs)
        self.render_mode = self._design.env.render_mode
        self.possible_agents = list(self._design.agents)
        self.agents: list[str] = []
        self.observation_spaces = self._design.observation_spaces
        self.action_spaces = self._design.action_spaces

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return self._design.num_instances

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def observe(self, agent: str) -> Observation:
        """Return what an agent sees."""
        return self._design.observe(agent)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Start an episode; `options` as in `CoDesignEnv.reset`, others are ignored."""
        info = self._design.reset(seed, options)
        self.agents = list(self.possible_agents)
        self.agent_selection = self.agents[0]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: dict(info) for agent in self.agents}

    def step(self, action: Any) -> None:
        """Decide a token of the agent whose turn it is.

        Raises
        ------
        InvalidValueError
            The action is masked or out of range; nothing has changed.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        reward, info = self._design.move({agent: action})
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(self.agents, reward)
        self.terminations = dict.fromkeys(self.agents, self._design.ended)
        self.infos = {name: dict(info) for name in self.agents}
        if not self._design.ended:
            self.agent_selection = self.possible_agents[self._design.env.segment]
        self._accumulate_rewards()

    def render(self) -> Any:
        """Render as `CoDesignEnv.render`."""
        return self._design.env.render()

    def close(self) -> None:
        """Close the environment."""
        self._design.env.close()


class CoDesignParallelEnv(ParallelEnv[str, Observation, int]):  # type: ignore[misc]
    """All agents decide one token of their own at once.

    Who has decided all tokens waits: only action 0 is legal then. Spaces, rewards and parameters
    are those of `CoDesignTurnsEnv`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "codesign_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 2,
    }

    def __init__(self, **kwargs: Any) -> None:
        self._design = _Design(kwargs)
        self.render_mode = self._design.env.render_mode
        self.possible_agents = list(self._design.agents)
        self.agents: list[str] = []
        self.observation_spaces = self._design.observation_spaces
        self.action_spaces = self._design.action_spaces

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return self._design.num_instances

    @property
    def single(self) -> CoDesignEnv:
        """The environment of one agent, in which all make their design."""
        return self._design.env

    def observation_space(self, agent: str) -> spaces.Dict:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; `options` as in `CoDesignEnv.reset`, others are ignored."""
        info = self._design.reset(seed, options)
        self.agents = list(self.possible_agents)
        infos = {agent: dict(info) for agent in self.agents}
        return {agent: self._design.observe(agent) for agent in self.agents}, infos

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Decide a token of every agent.

        Raises
        ------
        InvalidValueError
            An action is missing, masked or out of range; nothing has changed.
        """
        for agent in self.agents:
            if agent not in actions:
                raise InvalidValueError(
                    "actions", sorted(actions), f"one for each of {self.agents}"
                )
        acting = self.agents
        reward, info = self._design.move({agent: actions[agent] for agent in acting})
        ended = self._design.ended
        result = (
            {agent: self._design.observe(agent) for agent in acting},
            dict.fromkeys(acting, reward),
            dict.fromkeys(acting, ended),
            dict.fromkeys(acting, False),
            {agent: dict(info) for agent in acting},
        )
        if ended:
            self.agents = []
        return result

    def render(self) -> Any:
        """Render as `CoDesignEnv.render`."""
        return self._design.env.render()

    def close(self) -> None:
        """Close the environment."""
        self._design.env.close()
