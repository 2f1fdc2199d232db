"""PettingZoo form: one agent a knob, or one a subsystem, that set their knobs all at once.

Every step is one design, put together from what all agents choose, and one evaluation; the episode
ends with the budget. All see the same observation and share the reward. Combinations that are
infeasible cannot be masked, since no agent sets them alone: they bring no reward.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import wrappers
from pettingzoo.utils.conversions import parallel_to_aec

from chipgym.envs.core.episodes import RESET_OPTIONS, check_choice
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.dram_tuning.base import FAMILY
from chipgym.envs.dram_tuning.design_space import Design
from chipgym.envs.dram_tuning.env import DramTuningEnv
from chipgym.envs.dram_tuning.knobs import GROUPS
from chipgym.envs.dram_tuning.observation import observe_session
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["DramTuningParallelEnv", "env", "parallel_env"]

AGENTS = ("knob", "group")
REWARDS = ("improvement", "design")

Observation = npt.NDArray[np.float32]


def parallel_env(**kwargs: Any) -> DramTuningParallelEnv:
    """Return the environment in which all agents act at once; see `DramTuningParallelEnv`."""
    return DramTuningParallelEnv(**kwargs)


def env(**kwargs: Any) -> AECEnv[str, Any, Any]:
    """Return the same environment with the agents acting in turn."""
    turns: AECEnv[str, Any, Any] = parallel_to_aec(parallel_env(**kwargs))
    return wrappers.OrderEnforcingWrapper(turns)


class DramTuningParallelEnv(ParallelEnv[str, Observation, Any]):  # type: ignore[misc]
    """Agents that set the knobs of a memory controller together.

    With one agent a knob, agents are named as the knobs and act in ``Discrete(values)``, in the
    form of Krishnan et al. (arXiv 2211.16385); with one a subsystem, they are named as
    `chipgym.envs.dram_tuning.knobs.GROUPS` and act in ``MultiDiscrete``, a value for each of their
    knobs. All observe what `DramTuningEnv` shows; `state()` is the same.

    Parameters
    ----------
    agents : {"knob", "group"}
    reward : {"improvement", "design"}
        The growth of the best score so far, as in `DramTuningEnv`, which adds up to the score of
        the best design; or the score of each step's own design over the budget, the average.
    **kwargs
        As in `DramTuningEnv`.

    Notes
    -----
    An episode has as many steps as the budget has evaluations, whether a design was seen before or
    not; ``infos[agent]["evaluations"]`` counts distinct simulations all the same.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "dram_tuning_v0",
        "render_modes": ["ansi", "rgb_array"],
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def __init__(self, agents: str = "knob", reward: str = "improvement", **kwargs: Any) -> None:
        check_choice("agents", agents, AGENTS, FAMILY)
        check_choice("reward", reward, REWARDS, FAMILY)
        self._env = DramTuningEnv(**kwargs)
        self.render_mode = self._env.render_mode
        self._reward = reward
        knobs = self._env.design_space.knobs
        self._own: dict[str, list[int]] = {}
        for place, knob in enumerate(knobs):
            name = knob.name if agents == "knob" else knob.group
            self._own.setdefault(name, []).append(place)
        order = [knob.name for knob in knobs] if agents == "knob" else list(GROUPS)
        self.possible_agents = [name for name in order if name in self._own]
        self.agents: list[str] = []
        lengths = self._env.design_space.lengths
        self.action_spaces: dict[str, spaces.Space[Any]] = {
            agent: spaces.Discrete(lengths[self._own[agent][0]])
            if agents == "knob"
            else spaces.MultiDiscrete([lengths[place] for place in self._own[agent]])
            for agent in self.possible_agents
        }
        self.observation_spaces = {
            agent: self._env.observation_layout.space() for agent in self.possible_agents
        }
        self.state_space = self._env.observation_layout.space()
        self._env.steps_per_evaluation = 1
        self._seen = self._env.observation_layout.empty()

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of every agent's observation, and of the state."""
        return self._env.observation_layout

    @property
    def num_instances(self) -> int:
        """Number of test instances."""
        return self._env.num_instances

    @property
    def problem(self) -> Any:
        """The problem as it stands, a `chipgym.envs.dram_tuning.problem.DramProblem`."""
        return self._env.problem

    @property
    def unwrapped(self) -> DramTuningParallelEnv:
        """The environment itself."""
        return self

    @property
    def single(self) -> DramTuningEnv:
        """The environment of one agent, in which all act together."""
        return self._env

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def knobs_of(self, agent: str) -> list[str]:
        """Names of the knobs that an agent sets, in the order of its action."""
        return [self._env.design_space.knobs[place].name for place in self._own[agent]]

    def state(self) -> Observation:
        """What there is to see, for a central critic: float32, shape (size,)."""
        return self._seen.copy()

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode; `options` as in `DramTuningEnv.reset`, others are ignored."""
        # PettingZoo's interface lets callers pass options meant for other environments.
        known = {key: value for key, value in (options or {}).items() if key in RESET_OPTIONS}
        self._seen, info = self._env.reset(seed=seed, options=known)
        self.agents = list(self.possible_agents)
        info.pop("action_mask")
        return self._observations(), {agent: dict(info) for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, Observation],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Evaluate the design that all agents choose together.

        Raises
        ------
        InvalidValueError
            An action is missing or out of range; nothing has changed.
        """
        design = self._join(actions)
        session = self._env.session
        outcome = session.recall(design)
        if outcome is None:
            tasks = [(session.instance, design)]
            outcome = self._env.evaluate(session.space, session.objective, tasks)[0]
        reward, terms = session.add(outcome)
        if self._reward == "design":
            reward = outcome.score / session.budget
            terms = {name: value / session.budget for name, value in outcome.terms.items()}
        observe_session(self.observation_layout, session, self._seen)
        ended = session.steps_left <= 0
        shared: dict[str, Any] = {
            "evaluations": session.evaluations,
            "reward_terms": terms,
            "design": session.space.decode(outcome.design),
            "design_key": outcome.key,
            "feasible": outcome.feasible,
            "infeasible_reason": outcome.reason,
        }
        if not session.objective.factors:
            shared["reward_vector"] = outcome.vector
        if ended:
            shared["metrics"] = session.metrics()
            shared["best_design"] = session.space.decode(session.best.design)
        acting = self.agents
        result = (
            self._observations(),
            dict.fromkeys(acting, float(reward)),
            dict.fromkeys(acting, ended),
            dict.fromkeys(acting, False),
            {agent: copy.deepcopy(shared) for agent in acting},
        )
        if ended:
            self.agents = []
        return result

    def _join(self, actions: dict[str, Any]) -> Design:
        """Put the agents' actions together to a design."""
        design = [0] * len(self._env.design_space.knobs)
        for agent in self.agents:
            if agent not in actions:
                raise InvalidValueError(
                    "actions", sorted(actions), f"one for each of {self.agents}"
                )
            own = self._own[agent]
            chosen = np.atleast_1d(np.asarray(actions[agent]))
            if chosen.shape != (len(own),):
                raise InvalidValueError(f"actions[{agent!r}]", actions[agent], f"{len(own)} values")
            for place, index in zip(own, chosen.tolist(), strict=True):
                design[place] = index
        return self._env.design_space.check(design, "actions")

    def _observations(self) -> dict[str, Observation]:
        return {agent: self._seen.copy() for agent in self.agents}

    def render(self) -> Any:
        """Render as `DramTuningEnv.render`."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()
