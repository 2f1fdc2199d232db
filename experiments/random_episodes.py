"""The reference of design tasks: the best of random episodes on an instance, played again.

`random-search-N` runs random episodes on the instance until N distinct evaluations are spent, and
then plays the one with the best primary metric. On a one-shot design environment that is random
search over its designs; on an environment that builds or edits a design step by step, over whole
sequences. `random-search-1` is one random design: averaged over seeds, the zero of the score.

Designs are drawn from the action space, which draws among what is allowed where it knows that
(`LegalDiscrete` and its kin); masks in ``info["action_mask"]`` are kept where it does not.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from chipgym.agents.core.provenance import Provenance
from chipgym.experiments.evaluation import plain, start_episode
from chipgym.simulators.core.errors import SimulationError

__all__ = ["RandomEpisodes", "random_episodes"]

NAME = re.compile(r"random-search-([1-9]\d{0,6})")
EPISODES_PER_EVALUATION = 20
"""Episodes for each evaluation of the budget after which a space is taken to be used up."""

MIN_EPISODES = 10_000
"""Episodes that are drawn at least until one is feasible, where few designs are."""


def random_episodes(name: str) -> RandomEpisodes | None:
    """Return the policy of this name, ``random-search-N``; None if the name is another."""
    match = NAME.fullmatch(name)
    return None if match is None else RandomEpisodes(int(match[1]))


class RandomEpisodes:
    """Plays the best of many random episodes.

    Unlike other policies it is shown the environment: `run_episode` calls `plan` before the episode
    that it records. The record holds that one episode, which can be replayed; what was spent on
    finding it is the N of the name.

    Parameters
    ----------
    budget : int
        Distinct evaluations.
    """

    def __init__(self, budget: int) -> None:
        self.name = f"random-search-{budget}"
        self.budget = budget
        self.evaluations = 0
        self.provenance = Provenance(
            "search", description=f"The best random episode of {budget} distinct evaluations."
        )
        self._seed = 0
        self._actions: list[Any] = []

    def reset(self, num_envs: int, seed: int) -> None:
        """Take the seed of the draws."""
        self._seed = seed
        self._actions = []

    def plan(self, env: gymnasium.Env[Any, Any], instance: int) -> None:
        """Run random episodes on the instance and keep the best one's actions.

        Episodes with the same actions count once, and so do episodes of one step with the same
        ``info["design_key"]``. Episodes
        whose ``info["metrics"]`` hold ``feasible`` 0, or no value of the primary metric, are passed
        over, and drawing goes on until one is not. Where the environment declares a
        ``penalised_metric``, which is lower for what is not feasible, ``feasible`` is not asked.

        Raises
        ------
        SimulationError
            No episode gave the primary metric.
        """
        rng = np.random.default_rng(self._seed)
        env.action_space.seed(int(rng.integers(2**31)))
        base: Any = env.unwrapped
        metric, lower = str(base.primary_metric), bool(getattr(base, "lower_is_better", True))
        penalised = bool(getattr(base, "penalised_metric", False))
        best, seen, self.evaluations = -math.inf, set(), 0
        most = self.budget * EPISODES_PER_EVALUATION
        for episode in range(max(most, MIN_EPISODES)):
            if episode >= most and self._actions:
                break
            actions, info = _play(env, instance, rng)
            named = info.get("design_key") if len(actions) == 1 else None
            key = str(named or json.dumps(plain(actions)))
            if key not in seen:
                seen.add(key)
                self.evaluations += int(info.get("evaluations", 1))
            value = float(info["metrics"].get(metric, math.nan))
            feasible = penalised or bool(info["metrics"].get("feasible", True))
            usable = math.isfinite(value) and feasible
            worth = -value if lower else value
            if usable and worth > best:
                best, self._actions = worth, actions
            if self.evaluations >= self.budget and self._actions:
                break
        if not self._actions:
            raise SimulationError(f"{self.name}, instance {instance}: no episode gave {metric}")
        self._actions.reverse()

    def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
        """Return the next action of the best episode, for one environment."""
        return [self._actions.pop()]


def _play(
    env: gymnasium.Env[Any, Any], instance: int, rng: np.random.Generator
) -> tuple[list[Any], dict[str, Any]]:
    """Play a random episode; return its actions and the last info."""
    _, info = start_episode(env, instance)
    actions, ended = [], False
    while not ended:
        mask = info.get("action_mask")
        if mask is not None and isinstance(env.action_space, spaces.Discrete):
            action: Any = int(rng.choice(np.flatnonzero(mask)) + env.action_space.start)
        else:
            action = env.action_space.sample()
        _, _, terminated, truncated, info = env.step(action)
        actions.append(action)
        ended = terminated or truncated
    return actions, info
