"""Policies whose choices do not depend on how many streams are played at once.

The last bits of a matrix product depend on the number of rows, and equal tasks or PEs have equal
scores, so the likeliest choice of a network may be another one in another batch. Here scores that
differ by rounding count as equal, and the first of equals is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.torch_tools import use_one_thread
from chipgym.agents.papers.scheduling.policy import SchedulingPolicy
from chipgym.agents.sb3.policy import SavedPolicy

__all__ = ["TOLERANCE", "SteadyPolicy", "first_of_best"]

TOLERANCE = 1e-4
"""Scores are logarithms of probabilities, up to a constant; in float32 they err by about 1e-6."""
Ints = npt.NDArray[np.int64]


def first_of_best(scores: npt.NDArray[Any]) -> Ints:
    """First position in each row, shape (N, C), whose score is the best but for rounding."""
    best = scores.max(axis=1, keepdims=True)
    return np.asarray((scores >= best - TOLERANCE).argmax(axis=1), dtype=np.int64)


class SteadyPolicy:
    """Acts as a policy does, with ties broken in the same way in any batch.

    Policies other than those of Stable-Baselines3 and of the papers act by themselves.

    Parameters
    ----------
    policy : Policy
        Deterministic.
    """

    def __init__(self, policy: Any) -> None:
        use_one_thread()
        self.policy = policy
        self.name = policy.name

    def reset(self, num_envs: int, seed: int) -> None:
        """Reset the policy."""
        self.policy.reset(num_envs, seed)

    def act(self, observations: Any, masks: Any, problems: Sequence[Any] | None) -> Any:
        """Choose one action for each environment, see `chipgym.agents.core.policy.Policy`."""
        policy = self.policy
        if isinstance(policy, SchedulingPolicy) and problems is not None:
            return self._by_decisions(problems)
        if isinstance(policy, SavedPolicy) and policy.settings.get("masked", True):
            scores = policy.scores(observations, masks)
            return first_of_best(np.where(masks, scores, -np.inf))
        return policy.act(observations, masks, problems)

    def _by_decisions(self, problems: Sequence[Any]) -> Ints:
        decisions = [self.policy.agent.observe(view) for view in problems]
        with torch.inference_mode():
            choices = first_of_best(self.policy.agent.evaluate(decisions)[0].numpy())
        actions = [d.actions[choice] for d, choice in zip(decisions, choices, strict=True)]
        return np.array(actions, dtype=np.int64)
