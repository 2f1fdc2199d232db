"""One rollout: T steps of N copies with A agents, and the advantages computed from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chipgym.agents.multi_agent.spaces import JointSpaces

__all__ = ["Rollout", "advantages_of"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Rollout:
    """What was seen, done and earned.

    Attributes
    ----------
    observations : float32 array, shape (T, N, A, D)
        Observations as the networks saw them.
    states : float32 array, shape (T, N, S)
        States as the central critic saw them; S is 0 without one.
    masks : bool array, shape (T, N, A, H, K)
        Allowed options.
    choices, reals : int64 and float32 array, shapes (T, N, A, H) and (T, N, A, C)
        Actions.
    log_probs, values, rewards : float32 array, shape (T, N, A)
        Log probability of the action, estimated value, reward.
    ended : bool array, shape (T, N, A)
        The agent's episode ended with this step.
    bootstraps : float32 array, shape (T, N, A)
        Value of the last observation of an agent whose episode was cut by a limit, else 0.
    present : bool array, shape (T, N, A)
        The agent acted; entries of others mean nothing.
    """

    observations: FloatArray
    states: FloatArray
    masks: BoolArray
    choices: npt.NDArray[np.int64]
    reals: FloatArray
    log_probs: FloatArray
    values: FloatArray
    rewards: FloatArray
    ended: BoolArray
    bootstraps: FloatArray
    present: BoolArray

    @classmethod
    def empty(cls, joint: JointSpaces, state_size: int, steps: int, copies: int) -> Rollout:
        """Return an unfilled rollout."""
        lead = (steps, copies, joint.num_agents)

        def zeros(*shape: int) -> FloatArray:
            return np.zeros(shape, dtype=np.float32)

        return cls(
            observations=zeros(*lead, joint.observation_size),
            states=zeros(steps, copies, state_size),
            masks=np.zeros((*lead, joint.choices, joint.options), dtype=np.bool_),
            choices=np.zeros((*lead, joint.choices), dtype=np.int64),
            reals=zeros(*lead, joint.reals),
            log_probs=zeros(*lead),
            values=zeros(*lead),
            rewards=zeros(*lead),
            ended=np.zeros(lead, dtype=np.bool_),
            bootstraps=zeros(*lead),
            present=np.zeros(lead, dtype=np.bool_),
        )


def advantages_of(
    rollout: Rollout, next_values: FloatArray, gamma: float, gae_lambda: float
) -> FloatArray:
    """Generalised advantage estimates (Schulman et al., 2016), for each agent apart.

    Parameters
    ----------
    rollout : Rollout
        The rollout.
    next_values : float32 array, shape (N, A)
        Values after its last step.
    gamma, gae_lambda : float
        Discount, and weight of long returns.

    Returns
    -------
    float32 array, shape (T, N, A)
        The advantages; 0 where the agent did not act.
    """
    advantages = np.zeros_like(rollout.rewards)
    following = np.zeros_like(next_values)
    for step in range(len(rollout.rewards) - 1, -1, -1):
        goes_on = ~rollout.ended[step]
        expected = next_values * goes_on + rollout.bootstraps[step]
        delta = rollout.rewards[step] + gamma * expected - rollout.values[step]
        following = delta + gamma * gae_lambda * goes_on * following
        # What an absent agent "earns" must not reach back into the time when it was there.
        following = following * rollout.present[step]
        advantages[step] = following
        next_values = rollout.values[step]
    return advantages
