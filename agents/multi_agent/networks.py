"""Actors and critics of all agents, computed together.

Networks of the same shape are stacked along a first axis of G groups: one group an agent where
agents learn independently, a single group where they share parameters. A stacked layer is one
batched matrix product, so ten small networks cost little more than one, and no parameter is read by
two groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from chipgym.agents.multi_agent.distributions import JointDistribution
from chipgym.agents.multi_agent.spaces import JointSpaces

__all__ = ["AgentNetworks", "GroupedMLP", "NetworkShape"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
_HIDDEN_GAIN = 2.0**0.5


class GroupedLinear(nn.Module):
    """G linear layers of the same shape: (G, B, inputs) to (G, B, outputs).

    Parameters
    ----------
    inputs, outputs : int
        Sizes.
    used : sequence of int
        How many of the inputs each group really has; the others are zeros.
    gain : float
        Of the orthogonal initial weights.
    generator : torch.Generator
        Draws them.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        used: Sequence[int],
        gain: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        weight = torch.zeros(len(used), inputs, outputs)
        for group, count in enumerate(used):
            nn.init.orthogonal_(weight[group, :count], gain, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(len(used), 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class GroupedMLP(nn.Sequential):
    """G multi-layer perceptrons of the same shape; see `GroupedLinear`."""

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        used: Sequence[int],
        activation: str,
        last_gain: float,
        generator: torch.Generator,
    ) -> None:
        layers: list[nn.Module] = []
        for width in hidden:
            layers.append(GroupedLinear(inputs, width, used, _HIDDEN_GAIN, generator))
            layers.append(_ACTIVATIONS[activation]())
            inputs, used = width, [width] * len(used)
        layers.append(GroupedLinear(inputs, outputs, used, last_gain, generator))
        super().__init__(*layers)


@dataclass(frozen=True)
class NetworkShape:
    """How the networks are built.

    Attributes
    ----------
    shared : bool
        One actor (and, without a central one, one critic) for all agents, told apart by a one-hot
        number.
    state_size : int
        Length of the state that the central critic sees; 0: a critic of its own for every agent,
        on its observation.
    net_arch : tuple of int
        Widths of the hidden layers.
    activation : str
        Activation function.
    log_std_init : float
        First logarithm of the standard deviation of real numbers.
    """

    shared: bool
    state_size: int
    net_arch: tuple[int, ...] = (64, 64)
    activation: str = "tanh"
    log_std_init: float = 0.0


class AgentNetworks(nn.Module):
    """Actors and critics of A agents.

    Parameters
    ----------
    joint : JointSpaces
        The agents' spaces.
    shape : NetworkShape
        How they are built.
    generator : torch.Generator
        Draws the initial weights.
    """

    identity: Tensor
    has_real: Tensor

    def __init__(self, joint: JointSpaces, shape: NetworkShape, generator: torch.Generator) -> None:
        super().__init__()
        self.joint, self.shape = joint, shape
        agents = joint.num_agents
        groups = 1 if shape.shared else agents
        inputs = joint.observation_size + (agents if shape.shared else 0)
        sizes = [agent.observation_size for agent in joint.agents]
        used = [inputs] if shape.shared else sizes
        outputs = joint.choices * joint.options + joint.reals
        arch, activation = shape.net_arch, shape.activation
        self.actor = GroupedMLP(inputs, arch, outputs, used, activation, 0.01, generator)
        self.log_std = nn.Parameter(torch.full((groups, joint.reals), shape.log_std_init))
        if shape.state_size:
            # One value an agent, since agents may be paid differently.
            seen = [shape.state_size]
            self.critic = GroupedMLP(
                shape.state_size, arch, agents, seen, activation, 1.0, generator
            )
        else:
            self.critic = GroupedMLP(inputs, arch, 1, used, activation, 1.0, generator)
        self.register_buffer("identity", torch.eye(agents), persistent=False)
        has_real = torch.as_tensor(joint.has_real, dtype=torch.float32)
        self.register_buffer("has_real", has_real, persistent=False)

    def policy(self, observations: Tensor, masks: Tensor) -> JointDistribution:
        """Distribution of actions.

        Parameters
        ----------
        observations : tensor, shape (B, A, D)
            The agents' observations.
        masks : bool tensor, shape (B, A, H, K)
            Allowed options.
        """
        joint = self.joint
        found = self._ungroup(self.actor(self._group(observations)), len(observations))
        split = joint.choices * joint.options
        logits = found[..., :split].reshape(
            len(observations), joint.num_agents, joint.choices, joint.options
        )
        log_std = self.log_std.expand(joint.num_agents, joint.reals)
        return JointDistribution(logits, masks, found[..., split:], log_std, self.has_real)

    def values(self, observations: Tensor, states: Tensor) -> Tensor:
        """Value of each agent, shape (B, A), from the states (B, S) or the observations."""
        if self.shape.state_size:
            found: Tensor = self.critic(states.unsqueeze(0))
            return found.squeeze(0)
        grouped = self.critic(self._group(observations))
        return self._ungroup(grouped, len(observations)).squeeze(-1)

    def _group(self, observations: Tensor) -> Tensor:
        """(B, A, D) to (G, rows, inputs)."""
        if not self.shape.shared:
            return observations.transpose(0, 1)
        numbers = self.identity.expand(len(observations), -1, -1)
        return torch.cat([observations, numbers], dim=-1).flatten(0, 1).unsqueeze(0)

    def _ungroup(self, found: Tensor, rows: int) -> Tensor:
        """(G, rows, outputs) to (B, A, outputs)."""
        if not self.shape.shared:
            return found.transpose(0, 1)
        return found.reshape(rows, self.joint.num_agents, -1)

    @torch.no_grad()
    def clip_gradients(self, longest: float) -> None:
        """Cut the gradient of each group's actor, and of its critic, to a length."""
        for parts in ([*self.actor.parameters(), self.log_std], list(self.critic.parameters())):
            gradients = [part.grad for part in parts if part.grad is not None]
            squares = [gradient.square().flatten(1).sum(dim=1) for gradient in gradients]
            length = torch.stack(squares).sum(dim=0).sqrt()
            factor = (longest / (length + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))
