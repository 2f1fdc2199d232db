"""Proximal policy optimisation (Schulman et al., 2017) for many agents.

Read `update` top to bottom: it is PPO, with one axis more, the agents'. What differs between the
algorithms is which networks there are (`networks.py`): of each agent its own (independent PPO, de
Witt et al., 2020), one for all, or a critic on the state of all (MAPPO, Yu et al., 2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chipgym.agents.multi_agent.arguments import PPOArguments, value_at
from chipgym.agents.multi_agent.buffer import Rollout, advantages_of
from chipgym.agents.multi_agent.distributions import Actions
from chipgym.agents.multi_agent.networks import AgentNetworks
from chipgym.agents.multi_agent.normalise import RunningMoments
from chipgym.agents.multi_agent.vector import Outcome, ParallelVector, Seen

__all__ = ["Learner"]

FloatArray = npt.NDArray[np.float32]


class Learner:
    """The networks, what scales their inputs, and how they learn.

    Parameters
    ----------
    networks : AgentNetworks
        Actors and critics.
    arguments : PPOArguments
        Hyperparameters.
    generator : torch.Generator
        Draws actions and minibatches.
    """

    def __init__(
        self, networks: AgentNetworks, arguments: PPOArguments, generator: torch.Generator
    ) -> None:
        joint, shared = networks.joint, networks.shape.shared
        self.networks, self.arguments, self.generator = networks, arguments, generator
        self.optimizer = torch.optim.Adam(networks.parameters(), eps=1e-5)
        self.observation_moments = RunningMoments(
            (joint.num_agents, joint.observation_size), shared
        )
        self.state_moments = RunningMoments((1, networks.shape.state_size), False)
        self.return_moments = RunningMoments((joint.num_agents,), shared)

    def collect(self, envs: ParallelVector, seen: Seen, rollout: Rollout, step: int) -> Outcome:
        """Act once in every copy and write the step into the rollout."""
        observations, states = self.scaled(seen, learn=True)
        with torch.no_grad():
            distribution = self.networks.policy(_tensor(observations), _tensor(seen.masks))
            actions = distribution.sample(self.generator)
            rollout.log_probs[step] = distribution.log_prob(actions).numpy()
        rollout.choices[step] = actions.choices.numpy()
        rollout.reals[step] = actions.reals.numpy()
        rollout.observations[step], rollout.states[step] = observations, states
        rollout.masks[step], rollout.present[step] = seen.masks, seen.present
        rollout.values[step] = self.values(observations, states)
        outcome = envs.step(rollout.choices[step], rollout.reals[step])
        rollout.rewards[step] = outcome.rewards * self.arguments.reward_scale
        rollout.ended[step] = outcome.ended
        rollout.bootstraps[step] = 0.0
        if outcome.truncated.any():
            # A limit of time is no property of the state: what would have followed counts.
            beyond = self.values(*self.scaled(outcome.last, learn=False))
            rollout.bootstraps[step] = beyond * outcome.truncated
        return outcome

    def scaled(self, seen: Seen, *, learn: bool) -> tuple[FloatArray, FloatArray]:
        """Observations and states as the networks see them; `learn`: the scales move along."""
        observations = seen.observations
        central = self.networks.shape.state_size > 0
        states = seen.states if central else seen.states[:, :0]
        if self.arguments.normalize_observations:
            if learn:
                self.observation_moments.update(observations, seen.present)
                self.state_moments.update(
                    states[:, None], np.ones((len(states), 1), dtype=np.bool_)
                )
            observations = self.observation_moments.scale(observations)
            states = self.state_moments.scale(states[:, None])[:, 0]
        return observations, states

    def values(self, observations: FloatArray, states: FloatArray) -> FloatArray:
        """Value of each agent in units of the reward, shape (N, A)."""
        with torch.no_grad():
            found = self.networks.values(_tensor(observations), _tensor(states)).numpy()
        if self.arguments.normalize_returns:
            found = found * self.return_moments.deviation + self.return_moments.mean
        return np.asarray(found, dtype=np.float32)

    def update(self, rollout: Rollout, next_values: FloatArray, remaining: float) -> None:
        """Learn from a rollout.

        Parameters
        ----------
        rollout : Rollout
            Full.
        next_values : float32 array, shape (N, A)
            Values after its last step.
        remaining : float
            Share of the training still to come, for the schedules.
        """
        arguments = self.arguments
        advantages = advantages_of(rollout, next_values, arguments.gamma, arguments.gae_lambda)
        returns: npt.NDArray[Any] = advantages + rollout.values
        values: npt.NDArray[Any] = rollout.values
        if arguments.normalize_returns:
            shape = (-1, returns.shape[-1])
            self.return_moments.update(returns.reshape(shape), rollout.present.reshape(shape))
            mean, deviation = self.return_moments.mean, self.return_moments.deviation
            returns, values = (returns - mean) / deviation, (values - mean) / deviation
        batch = {name: _flat(getattr(rollout, name)) for name in _USED}
        batch |= {"values": _flat(values), "returns": _flat(returns)}
        batch["advantages"] = _flat(advantages)
        for group in self.optimizer.param_groups:
            group["lr"] = value_at(arguments.learning_rate, remaining)
        rows = len(batch["states"])
        size = min(arguments.batch_size, rows)
        for _ in range(arguments.n_epochs):
            order = torch.randperm(rows, generator=self.generator)
            for picked in torch.split(order, size):
                self._learn({name: part[picked] for name, part in batch.items()}, remaining)

    def _learn(self, batch: dict[str, Tensor], remaining: float) -> None:
        """One step of the optimiser on B joint transitions; tensors have the shape (B, A, …)."""
        arguments = self.arguments
        distribution = self.networks.policy(batch["observations"], batch["masks"])
        log_probs = distribution.log_prob(Actions(batch["choices"], batch["reals"]))
        present = batch["present"].float()
        advantages = batch["advantages"]
        if arguments.normalize_advantage:
            advantages = self._normalized(advantages, present)

        ratio = (log_probs - batch["log_probs"]).exp()
        clip = value_at(arguments.clip_range, remaining)
        clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
        policy_loss = -torch.min(advantages * ratio, advantages * clipped)

        values = self.networks.values(batch["observations"], batch["states"])
        value_loss = (values - batch["returns"]).square()
        if arguments.clip_range_vf is not None:
            moved = values - batch["values"]
            limit = arguments.clip_range_vf
            near = batch["values"] + moved.clamp(-limit, limit)
            value_loss = torch.max(value_loss, (near - batch["returns"]).square())

        ent_coef = value_at(arguments.ent_coef, remaining)
        loss = policy_loss - ent_coef * distribution.entropy()
        total = self._mean(loss + arguments.vf_coef * 0.5 * value_loss, present)
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.networks.clip_gradients(arguments.max_grad_norm)
        self.optimizer.step()

    def _mean(self, losses: Tensor, present: Tensor) -> Tensor:
        """Mean over those present: of each agent, then summed, where each has its own networks."""
        if self.networks.shape.shared:
            return (losses * present).sum() / present.sum().clamp(min=1.0)
        return ((losses * present).sum(dim=0) / present.sum(dim=0).clamp(min=1.0)).sum()

    def _normalized(self, advantages: Tensor, present: Tensor) -> Tensor:
        """Bring advantages to mean 0 and deviation 1 over those that share an actor."""
        over = (0, 1) if self.networks.shape.shared else (0,)
        count = present.sum(dim=over, keepdim=True).clamp(min=1.0)
        mean = (advantages * present).sum(dim=over, keepdim=True) / count
        squares = ((advantages - mean).square() * present).sum(dim=over, keepdim=True)
        return (advantages - mean) / ((squares / count).sqrt() + 1e-8)


_USED = ("observations", "states", "masks", "choices", "reals", "log_probs", "present")


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _flat(array: npt.NDArray[Any]) -> Tensor:
    """(T, N, …) to a tensor (T * N, …)."""
    flat = array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])
    return _tensor(flat.astype(np.float32) if flat.dtype == np.float64 else flat)
