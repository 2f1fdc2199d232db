"""Keeps the best network met in training, judged on training episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.policy import SavedPolicy

__all__ = ["BestKeeper", "mean_return"]


def mean_return(policy: SavedPolicy, envs: VectorEnvAdapter, seed: int) -> float:
    """Mean return of the first episode of every copy after a reset with a seed."""
    envs.seed(seed)
    observations: Any = envs.reset()
    policy.reset(envs.num_envs, seed)
    returns = np.full(envs.num_envs, np.nan)
    masked = envs.has_masks
    while np.isnan(returns).any():
        masks = envs.action_masks() if masked else None
        observations, _, dones, infos = envs.step(policy.act(observations, masks, None))
        for i in np.flatnonzero(dones & np.isnan(returns)):
            returns[i] = infos[i]["episode"]["r"]
    return float(returns.mean())


class BestKeeper(BaseCallback):
    """Plays the same training episodes at the start and every so often; the best network wins.

    A policy that learns from noisy advantages also unlearns; this makes the result of training no
    worse than its start, on the episodes played. These are drawn as in training, with a seed of
    their own, never from the test instances, and they are counted as evaluations.

    Parameters
    ----------
    policy : SavedPolicy
        Around the network in training.
    make_envs : callable
        Returns the environment to play in; every copy plays one episode each time.
    every : int
        Environment steps of training between two rounds.
    seed : int
        Seed of the episodes.
    """

    def __init__(
        self, policy: SavedPolicy, make_envs: Callable[[], VectorEnvAdapter], every: int, seed: int
    ) -> None:
        super().__init__()
        self.policy = policy
        self.make_envs = make_envs
        self.every = every
        self.episode_seed = seed
        self.evaluations = 0
        self.best_return = -np.inf
        self._best: dict[str, Any] = {}
        self._last = 0

    def _on_training_start(self) -> None:
        self.envs = self.make_envs()
        self._judge()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        # Between rollouts the network has just been updated and is not in use.
        if self.num_timesteps - self._last >= self.every:
            self._judge()

    def _on_training_end(self) -> None:
        self._judge()
        self.policy.network.load_state_dict(self._best)
        self.envs.close()

    def _judge(self) -> None:
        self._last = self.num_timesteps
        self.policy.network.set_training_mode(False)
        found = mean_return(self.policy, self.envs, self.episode_seed)
        self.evaluations += self.envs.num_envs
        if found > self.best_return:
            state = self.policy.network.state_dict()
            self.best_return = found
            self._best = {key: value.detach().clone() for key, value in state.items()}
        self.logger.record("selection/mean_return", found)
