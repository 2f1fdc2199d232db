"""What a scheduler does in training instances, recorded for learners that imitate it."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from chipgym.agents.core.policy import Policy

__all__ = ["Demonstrations", "record"]


@dataclass(frozen=True)
class Demonstrations:
    """Decisions of one scenario.

    Attributes
    ----------
    observations : float32, shape (D, size)
    masks : bool, shape (D, A)
    actions : int64, shape (D,)
        What the expert does there.
    """

    observations: npt.NDArray[np.float32]
    masks: npt.NDArray[np.bool_]
    actions: npt.NDArray[np.int64]


def record(
    scenario: str,
    expert: Policy,
    decisions: int,
    seed: int,
    learner: Policy | None = None,
) -> Demonstrations:
    """Play training instances and ask the expert at each decision.

    Parameters
    ----------
    scenario : str
    expert : Policy
        Is asked everywhere.
    decisions : int
        How many to record; the last episode is left when there are enough.
    seed : int
        Of the instances.
    learner : Policy, optional
        Acts instead of the expert, so that the decisions recorded are those that it meets (DAgger:
        Ross, Gordon and Bagnell, AISTATS 2011).
    """
    env = gym.make("chipgym/SocScheduling-v0", scenario=scenario)
    observations, masks, actions = [], [], []
    observation, info = env.reset(seed=seed)
    players = [expert] if learner is None else [expert, learner]
    for player in players:
        player.reset(1, seed)
    while len(actions) < decisions:
        problem = env.unwrapped.problem  # type: ignore[attr-defined]
        mask = info["action_mask"]
        chosen = [int(p.act(observation[None], mask[None], [problem])[0]) for p in players]
        observations.append(observation)
        masks.append(mask)
        actions.append(chosen[0])
        observation, _, terminated, truncated, info = env.step(chosen[-1])
        if terminated or truncated:
            observation, info = env.reset()
            for player in players:
                player.reset(1, seed)
    env.close()
    return Demonstrations(np.array(observations), np.array(masks), np.array(actions))
