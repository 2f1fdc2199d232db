"""The PettingZoo form of a task, and how the harness plays it: as one environment of joint actions.

Records of many agents are like those of one; each action lists what all agents did. So evaluation,
curves, replay and verification need nothing of their own.
"""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from chipgym.agents.multi_agent.spaces import JointSpaces, agent_mask, observation_of
from chipgym.experiments.environments import make_env
from chipgym.experiments.suite import TaskSpec
from chipgym.simulators.core.errors import ChipGymError, InvalidValueError

__all__ = ["JointEnv", "make_env_for", "make_parallel_env"]


def make_parallel_env(task: TaskSpec, split: str | None = None) -> Any:
    """Make the PettingZoo parallel environment of a task.

    Raises
    ------
    InvalidValueError
        The environment has no PettingZoo form, or does not take one of the keyword arguments, or
        the task has a wrapper, which is for single agents.
    """
    import pettingzoo
    from pettingzoo.env_registry.exceptions import PettingZooRegistryError

    if task.wrapper is not None:
        raise InvalidValueError("wrapper", task.wrapper, "none where many agents act")
    module, _, env_id = task.env.rpartition(":")
    if module:
        importlib.import_module(module)
    arguments = {**task.env_kwargs(split), **task.parallel_kwargs}
    try:
        return pettingzoo.make("parallel", env_id, **arguments)
    except PettingZooRegistryError as error:
        known = ", ".join(_parallel_ids())
        raise InvalidValueError(
            "env", task.env, f"for many agents one with a PettingZoo form: {known}"
        ) from error
    except ChipGymError:
        raise
    except TypeError as error:
        raise InvalidValueError(
            "kwargs", arguments, f"arguments of {task.env} ({error})"
        ) from error


def make_env_for(task: TaskSpec, policy: Any) -> gymnasium.Env[Any, Any]:
    """Make the environment in which a policy plays a task: for many agents a `JointEnv`."""
    if getattr(policy, "multi_agent", False):
        return JointEnv(make_parallel_env(task))
    return make_env(task)


def _parallel_ids() -> list[str]:
    from chipgym.envs.registration import ENVIRONMENTS

    return [entry.id for entry in ENVIRONMENTS if entry.multi_agent is not None]


class JointEnv(gymnasium.Env[dict[str, npt.NDArray[Any]], npt.NDArray[Any]]):
    """A PettingZoo parallel environment as one environment of joint actions.

    Observations are dicts of the agents' flat observations. An action lists the numbers of all
    agents' actions in the order of ``possible_agents``; those of agents that have left mean
    nothing. ``info["action_mask"]`` lists their masks in the same way. The reward is the mean over
    the agents. What else is asked of it, such as ``schedule``, comes from the parallel environment.

    Parameters
    ----------
    parallel : pettingzoo.ParallelEnv
        The environment.
    """

    def __init__(self, parallel: Any) -> None:
        self.parallel = parallel
        self.joint = JointSpaces.of(parallel)
        self.observation_space: Any = spaces.Dict(
            {
                agent.name: spaces.Box(-np.inf, np.inf, (agent.observation_size,), np.float32)
                for agent in self.joint.agents
            }
        )
        self.action_space: Any = self.joint.joint_action_space()
        self._instance = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "parallel":
            raise AttributeError(name)
        return getattr(self.parallel.unwrapped, name)

    @property
    def instance_id(self) -> str:
        """Name of the episode's instance."""
        return self._instance

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Start an episode."""
        observations, infos = self.parallel.reset(seed=seed, options=options)
        report = _shared(infos)
        published = getattr(self.parallel.unwrapped, "instance_id", None)
        self._instance = str(report.get("instance", "") if published is None else published)
        return self._seen(observations), {**report, "action_mask": self._mask(observations, infos)}

    def step(
        self, action: npt.NDArray[Any]
    ) -> tuple[dict[str, npt.NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Carry out the joint action."""
        if np.shape(action) != self.action_space.shape:
            raise InvalidValueError("action", np.shape(action), f"shape {self.action_space.shape}")
        actions = self.joint.by_agent(np.asarray(action), self.parallel.agents)
        observations, rewards, terminations, _, infos = self.parallel.step(actions)
        over = not self.parallel.agents
        terminated = over and all(terminations.values())
        info = {**_shared(infos), "action_mask": self._mask(observations, infos)}
        reward = float(sum(rewards.values())) / self.joint.num_agents
        return self._seen(observations), reward, terminated, over and not terminated, info

    def render(self) -> Any:
        """Render the parallel environment."""
        return self.parallel.render()

    def close(self) -> None:
        """Close the parallel environment."""
        self.parallel.close()

    def _seen(self, observations: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """Observations of all agents; zeros of those that have left."""
        seen = {}
        for agent in self.joint.agents:
            if agent.name in observations:
                seen[agent.name] = observation_of(observations[agent.name])
            else:
                seen[agent.name] = np.zeros(agent.observation_size, dtype=np.float32)
        return seen

    def _mask(
        self, observations: dict[str, Any], infos: dict[str, Any]
    ) -> npt.NDArray[np.bool_] | None:
        """Flat masks of all agents side by side; None where all agents act in real numbers."""
        parts = []
        for agent in self.joint.agents:
            mask = None
            if agent.mask_size and agent.name in observations:
                mask = agent_mask(observations[agent.name], infos.get(agent.name, {}))
            parts.append(np.ones(agent.mask_size, dtype=np.bool_) if mask is None else mask)
        joined = np.concatenate(parts)
        return joined if joined.size else None


def _shared(infos: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what the agents' infos say of the episode as a whole."""
    report: dict[str, Any] = {}
    for info in infos.values():
        names = ("metrics", "evaluations", "instance")
        report |= {name: info[name] for name in names if name in info}
    return report
