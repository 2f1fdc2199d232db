"""The trained agents as one `Policy`: saved as plain arrays and JSON, loaded without unpickling."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.policy import Masks
from chipgym.agents.core.policy_file import place_of, read_policy, write_policy
from chipgym.agents.core.problem import ProblemView
from chipgym.agents.multi_agent.arguments import ALGORITHMS
from chipgym.agents.multi_agent.distributions import JointDistribution
from chipgym.agents.multi_agent.networks import AgentNetworks, NetworkShape
from chipgym.agents.multi_agent.normalise import RunningMoments
from chipgym.agents.multi_agent.spaces import (
    AgentSpaces,
    JointSpaces,
    agent_mask,
    observation_of,
)
from chipgym.simulators.core.errors import FileFormatError, InvalidValueError

__all__ = ["MultiAgentPolicy", "load_multi_agent_policy"]

FORMAT = "chipgym-multi-agent-policy-1"
_KEYS = {"format", "name", "algorithm", "shape", "agents", "description"}
_SCALES = "observations"

Observations = Mapping[str, npt.NDArray[Any]]


class MultiAgentPolicy:
    """Acts for all agents of a parallel environment.

    Parameters
    ----------
    networks : AgentNetworks
        Actors and critics; they are used, not copied.
    moments : RunningMoments or None
        What the observations are scaled by; None: nothing.
    algorithm : str
        A name of `chipgym.agents.multi_agent.arguments.ALGORITHMS`.
    name : str, optional
        Name of the policy, by default the algorithm.
    deterministic : bool
        Take the most probable actions; otherwise draw them, with a generator seeded by `reset`.
    description : mapping, optional
        Plain facts to keep: environment, scenario, seed, steps, hyperparameters.

    Attributes
    ----------
    multi_agent : bool
        True: the policy plays parallel environments.
    """

    multi_agent = True

    def __init__(
        self,
        networks: AgentNetworks,
        moments: RunningMoments | None,
        algorithm: str,
        *,
        name: str | None = None,
        deterministic: bool = True,
        description: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks, self.moments, self.algorithm = networks, moments, algorithm
        self.name = name or algorithm
        self.deterministic = deterministic
        self.description = dict(description or {})
        self.reset(1, 0)

    @property
    def joint(self) -> JointSpaces:
        """The spaces of the agents."""
        return self.networks.joint

    def reset(self, num_envs: int, seed: int) -> None:
        """Seed the generator; a deterministic policy does not use it."""
        self._generator = torch.Generator().manual_seed(seed)

    def act(
        self,
        observations: Observations,
        masks: Masks | None,
        problems: Sequence[ProblemView] | None = None,
    ) -> npt.NDArray[Any]:
        """Choose the joint actions of N environments.

        Parameters
        ----------
        observations : mapping
            Of each agent by name its observations, shape (N, ...); a missing agent counts as zeros.
        masks : bool array, shape (N, M), optional
            The flat action masks of all agents side by side, in the order of `joint`.
        problems : optional
            Not used.

        Returns
        -------
        array, shape (N, numbers of all agents)
            The agents' actions side by side, see `JointSpaces.flat_actions`; entries of agents that
            are not there mean nothing.
        """
        joint = self.joint
        rows = len(next(iter(observations.values())))
        seen = np.zeros((rows, joint.num_agents, joint.observation_size), dtype=np.float32)
        for index, name in enumerate(joint.names):
            if name in observations:
                flat = np.asarray(observations[name], dtype=np.float32).reshape(rows, -1)
                seen[:, index, : flat.shape[1]] = flat
        if masks is None:
            legal = np.repeat(joint.padding[None], rows, axis=0)
        else:
            legal = joint.split_masks(np.asarray(masks, dtype=np.bool_))
        with torch.inference_mode():
            distribution = self._distribution(seen, legal)
            found = (
                distribution.best() if self.deterministic else distribution.sample(self._generator)
            )
        return joint.flat_actions(found.choices.numpy(), found.reals.numpy())

    def choose(
        self,
        observations: Mapping[str, Any],
        infos: Mapping[str, Any] | None = None,
        agents: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Choose the actions of one PettingZoo parallel environment, as it takes them.

        Parameters
        ----------
        observations, infos : mapping
            What ``reset`` or ``step`` returned; masks are found in either.
        agents : sequence of str, optional
            Who acts, ``env.agents``; by default all that are observed.
        """
        joint = self.joint
        masks = np.ones((1, sum(agent.mask_size for agent in joint.agents)), dtype=np.bool_)
        at = 0
        for agent in joint.agents:
            if agent.name in observations and agent.mask_size:
                info = (infos or {}).get(agent.name, {})
                mask = agent_mask(observations[agent.name], info)
                if mask is not None:
                    masks[0, at : at + agent.mask_size] = mask
            at += agent.mask_size
        batch = {name: observation_of(part)[None] for name, part in observations.items()}
        return joint.by_agent(
            self.act(batch, masks)[0], list(observations) if agents is None else agents
        )

    def _distribution(
        self, observations: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_]
    ) -> JointDistribution:
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        if self.moments is not None:
            observations = self.moments.scale(observations)
        return self.networks.policy(torch.from_numpy(observations), torch.from_numpy(masks))

    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights by name, as arrays."""
        state = self.networks.state_dict()
        return {key: value.detach().cpu().numpy() for key, value in state.items()}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the policy to a folder, or to one file if its name ends in ``.safetensors``.

        See `chipgym.agents.core.policy_file`; weights are plain arrays, nothing is pickled.
        """
        arrays = {f"network/{key}": value for key, value in self.weights().items()}
        if self.moments is not None:
            arrays |= self.moments.arrays(_SCALES)
        agents = []
        for agent in self.joint.agents:
            entry = asdict(agent)
            # JSON has no infinities, so the bounds go with the arrays.
            for bound in ("low", "high"):
                arrays[f"space/{agent.name}/{bound}"] = np.array(entry.pop(bound))
            agents.append(entry)
        document = {
            "format": FORMAT,
            "name": self.name,
            "algorithm": self.algorithm,
            "shape": asdict(self.networks.shape),
            "agents": agents,
            "description": self.description,
        }
        write_policy(folder, document, arrays)


def load_multi_agent_policy(
    folder: str | os.PathLike[str], *, deterministic: bool = True
) -> MultiAgentPolicy:
    """Load what `MultiAgentPolicy.save` wrote; nothing in the files is executed.

    Raises
    ------
    FileFormatError
        A file is missing or damaged, or the two do not belong together.
    """
    path = place_of(folder)
    document, arrays = read_policy(folder, FORMAT, _KEYS)
    try:
        if document["algorithm"] not in ALGORITHMS:
            raise InvalidValueError("algorithm", document["algorithm"], ", ".join(ALGORITHMS))
        shape = document["shape"] | {"net_arch": tuple(document["shape"]["net_arch"])}
        joint = JointSpaces(tuple(_agent(entry, arrays) for entry in document["agents"]))
        networks = AgentNetworks(joint, NetworkShape(**shape), torch.Generator().manual_seed(0))
        prefix = "network/"
        state = {
            key.removeprefix(prefix): torch.from_numpy(value.copy())
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
        networks.load_state_dict(state)
        scaled = f"{_SCALES}/mean" in arrays
        moments = RunningMoments.from_arrays(arrays, _SCALES) if scaled else None
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise FileFormatError(path, f"does not describe the weights: {error}") from error
    return MultiAgentPolicy(
        networks,
        moments,
        document["algorithm"],
        name=document["name"],
        deterministic=deterministic,
        description=document["description"],
    )


def _agent(entry: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> AgentSpaces:
    bounds = {
        bound: tuple(map(float, arrays[f"space/{entry['name']}/{bound}"]))
        for bound in ("low", "high")
    }
    sizes = {key: tuple(entry[key]) for key in ("options", "starts", "shape")}
    return AgentSpaces(**{**entry, **sizes, **bounds})
