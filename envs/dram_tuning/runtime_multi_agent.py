"""PettingZoo form of control at run time: one agent a group of knobs, rewards shared.

Before each window all agents choose at once: one page policy and scheduler, one the write
watermarks, one the refresh flexibility, one power-down.
"""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import wrappers
from pettingzoo.utils.conversions import parallel_to_aec

from chipgym.envs.core.episodes import RESET_OPTIONS
from chipgym.envs.dram_tuning.runtime_env import DramRuntimeEnv
from chipgym.envs.dram_tuning.runtime_knobs import RUNTIME_GROUPS, RUNTIME_KNOBS
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DramRuntimeParallelEnv", "env", "parallel_env"]

Observation = npt.NDArray[np.float32]
Infos = dict[str, dict[str, Any]]


def parallel_env(**kwargs: Any) -> DramRuntimeParallelEnv:
    """Return the environment in which all agents act at once; arguments as `DramRuntimeEnv`."""
    return DramRuntimeParallelEnv(**kwargs)


def env(**kwargs: Any) -> AECEnv[str, Any, Any]:
    """Return the same environment with the agents acting in turn."""
    turns: AECEnv[str, Any, Any] = parallel_to_aec(parallel_env(**kwargs))
    return wrappers.OrderEnforcingWrapper(turns)


class DramRuntimeParallelEnv(ParallelEnv[str, Observation, int]):  # type: ignore[misc]
    """Groups of a running memory controller's settings as agents.

    Agents are ``page_scheduler``, ``watermarks``, ``refresh`` and ``power_down``. All see the
    observation of `DramRuntimeEnv`. An agent's actions are `Discrete`: the combinations of the
    options of its knobs, of which `labels` gives the names; 0 is the default controller's.
    Rewards, instances and metrics are those of `DramRuntimeEnv`, whose arguments it takes except
    `action_form`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "dram_runtime_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.pop("action_form", "settings") != "settings":
            raise InvalidValueError("action_form", "presets", "'settings' with several agents")
        self._env = DramRuntimeEnv(**kwargs)
        self.render_mode = self._env.render_mode
        self.possible_agents = list(RUNTIME_GROUPS)
        self.agents: list[str] = []
        self._options: dict[str, list[tuple[int, ...]]] = {}
        self.labels: dict[str, list[str]] = {}
        for agent in self.possible_agents:
            knobs = [knob for knob in RUNTIME_KNOBS if knob.group == agent]
            self._options[agent] = list(product(*(range(len(knob)) for knob in knobs)))
            self.labels[agent] = [" ".join(names) for names in product(*(k.labels for k in knobs))]
        self.observation_spaces = {
            agent: self._env.observation_layout.space() for agent in self.possible_agents
        }
        self.action_spaces = {
            agent: spaces.Discrete(len(options)) for agent, options in self._options.items()
        }

    @property
    def single(self) -> DramRuntimeEnv:
        """The environment of one agent, in which all act together."""
        return self._env

    def observation_space(self, agent: str) -> spaces.Box:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], Infos]:
        """Start an episode; `options` as in `DramRuntimeEnv.reset`, others are ignored."""
        # PettingZoo's interface lets callers pass options meant for other environments.
        known = {key: value for key, value in (options or {}).items() if key in RESET_OPTIONS}
        observation, info = self._env.reset(seed=seed, options=known)
        self.agents = list(self.possible_agents)
        return self._share(observation), {agent: dict(info) for agent in self.agents}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Set all knobs and simulate a window.

        Raises
        ------
        InvalidValueError
            An action is missing or out of range; nothing has changed.
        """
        observation, reward, terminated, truncated, info = self._env.step(self._join(actions))
        acting = self.agents
        result = (
            self._share(observation),
            dict.fromkeys(acting, reward),
            dict.fromkeys(acting, terminated),
            dict.fromkeys(acting, truncated),
            {agent: dict(info) for agent in acting},
        )
        if terminated or truncated:
            self.agents = []
        return result

    def _join(self, actions: dict[str, int]) -> npt.NDArray[np.int64]:
        """Return the action of the single-agent form."""
        choice: list[int] = []
        for agent in self.possible_agents:
            if agent not in actions:
                wanted = f"one for each of {self.possible_agents}"
                raise InvalidValueError("actions", sorted(actions), wanted)
            options, action = self._options[agent], int(actions[agent])
            if not 0 <= action < len(options):
                allowed = f">= 0 and <= {len(options) - 1}"
                raise InvalidValueError(f"actions[{agent!r}]", action, allowed)
            choice += options[action]
        return np.array(choice, dtype=np.int64)

    def _share(self, observation: Observation) -> dict[str, Observation]:
        return {agent: observation.copy() for agent in self.agents}

    def render(self) -> Any:
        """Render as `DramRuntimeEnv.render`."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
