"""Trains the agents of a PettingZoo parallel environment from plain hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.multi_agent.arguments import ALGORITHMS, PPOArguments
from chipgym.agents.multi_agent.buffer import Rollout
from chipgym.agents.multi_agent.curve import Curve, Record
from chipgym.agents.multi_agent.difference import DifferenceRewards
from chipgym.agents.multi_agent.networks import AgentNetworks, NetworkShape
from chipgym.agents.multi_agent.policy import MultiAgentPolicy
from chipgym.agents.multi_agent.ppo import Learner
from chipgym.agents.multi_agent.vector import ParallelVector, Seen
from chipgym.simulators.core.errors import SimulationError, UnknownNameError, check_range

__all__ = ["EnvFactory", "TrainingResult", "train_agents"]

EnvFactory = Callable[[], Any]


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves.

    Attributes
    ----------
    policy : MultiAgentPolicy
        The trained agents, deterministic; `MultiAgentPolicy.save` keeps them.
    curve : list of dict
        The learning curve, see `Curve`.
    steps : int
        Environment steps taken, all copies together; a step of all agents is one.
    evaluations : int
        Simulator evaluations of the episodes that ended.
    """

    policy: MultiAgentPolicy
    curve: list[Record]
    steps: int
    evaluations: int


def train_agents(
    algorithm: str,
    env_factory: EnvFactory,
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    num_envs: int | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    evaluate: Callable[[MultiAgentPolicy], Mapping[str, float]] | None = None,
    record_every: int | None = None,
    name: str | None = None,
    description: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train agents; the same arguments give the same weights on the same machine.

    Parameters
    ----------
    algorithm : str
        ``ippo``, ``shared_ppo`` or ``mappo``.
    env_factory : callable
        Returns a new PettingZoo parallel environment; it is called once a copy. They are closed at
        the end. Agents may have different `Discrete`, `MultiDiscrete` or `Box` actions, observe a
        `Box` or ``{"observation", "action_mask"}``, and leave early.
    total_steps : int
        Environment steps, all copies together; the last rollout may exceed it.
    seed : int
        Seed of the weights, the exploration and the environments.
    hyperparams : mapping, optional
        Values as in `agents/hyperparams/*.yaml` (see `PPOArguments`), by default the algorithm's
        default entry.
    num_envs : int, optional
        Copies, by default the ``num_envs`` of the hyperparameters.
    callback : callable, optional
        Called with each record of the learning curve; False stops the training.
    evaluate : callable, optional
        Called with the present policy at each record; what it returns joins the learning curve.
    record_every : int, optional
        Steps between records, by default a twentieth of `total_steps`.
    name, description : optional
        Of the resulting policy.

    Notes
    -----
    The critic of ``mappo`` sees ``env.state()`` where the environment has it, else the observations
    of all agents side by side. PyTorch is set to one thread: the networks are small, and only so
    the result repeats.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    check_range("total_steps", total_steps, 1)
    values = load_hyperparameters(algorithm).values if hyperparams is None else hyperparams
    arguments = PPOArguments.parse(values, algorithm)
    copies = arguments.num_envs if num_envs is None else num_envs
    check_range("num_envs", copies, 1)
    torch.set_num_threads(1)

    def make_env() -> Any:
        env = env_factory()
        return DifferenceRewards(env) if arguments.difference_rewards else env

    envs = ParallelVector(make_env, copies)
    try:
        seen = envs.reset(seed)
        generator = torch.Generator().manual_seed(seed)
        networks = _networks(algorithm, arguments, envs, generator)
        learner = Learner(networks, arguments, generator)
        moments = learner.observation_moments if arguments.normalize_observations else None
        policy = MultiAgentPolicy(networks, moments, algorithm, name=name, description=description)
        curve = Curve(
            record_every or max(total_steps // 20, 1),
            None if evaluate is None else lambda: evaluate(policy),
            callback,
        )
        steps = _learn(learner, envs, seen, total_steps, curve)
    finally:
        envs.close()
    return TrainingResult(policy, curve.records, steps, curve.evaluations)


def _networks(
    algorithm: str, arguments: PPOArguments, envs: ParallelVector, generator: torch.Generator
) -> AgentNetworks:
    shared = algorithm == "shared_ppo" or arguments.share_actor
    state_size = envs.state_size if algorithm == "mappo" else 0
    shape = NetworkShape(
        shared, state_size, arguments.net_arch, arguments.activation, arguments.log_std_init
    )
    return AgentNetworks(envs.joint, shape, generator)


def _learn(
    learner: Learner, envs: ParallelVector, seen: Seen, total_steps: int, curve: Curve
) -> int:
    """Alternate rollouts and updates; return the steps taken."""
    arguments, networks = learner.arguments, learner.networks
    rollout = Rollout.empty(envs.joint, networks.shape.state_size, arguments.n_steps, envs.num_envs)
    steps, going = 0, True
    while steps < total_steps and going:
        remaining = 1.0 - steps / total_steps
        for step in range(arguments.n_steps):
            outcome = learner.collect(envs, seen, rollout, step)
            seen = envs.seen() if outcome.reports else outcome.last
            steps += envs.num_envs
            going = curve.add(steps, outcome.reports) and going
        next_values = learner.values(*learner.scaled(seen, learn=False))
        learner.update(rollout, next_values, remaining)
        if not all(bool(torch.isfinite(part).all()) for part in networks.parameters()):
            raise SimulationError(
                f"the training diverged after {steps} steps, its weights are not finite; "
                "a lower learning_rate, or a larger batch_size or rollout, may help"
            )
    curve.finish(steps)
    return steps
