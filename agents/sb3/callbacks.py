"""What is recorded while an agent learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

__all__ = ["CurveRecorder", "Evaluate", "Record"]

Record = dict[str, float]
Evaluate = Callable[[], Mapping[str, float]]


class CurveRecorder(BaseCallback):
    """Keeps the learning curve: one record every `every` environment steps, and one at the end.

    A record holds the ``steps`` and simulator ``evaluations`` so far, and of the episodes that
    ended since the last record their number ``episodes``, ``mean_return``, ``mean_length`` and the
    mean of each metric that the environment reported at their end, under its own name, over those
    episodes that have it. Where no episode ended these are left out. ``evaluation/…`` holds what
    `evaluate` returned. Wall time is not recorded, so the same seed gives the same curve.

    Parameters
    ----------
    every : int
        Environment steps between two records.
    evaluate : callable, optional
        Called at each record; returns numbers by name.
    listener : callable, optional
        Called with each record, for progress displays; training stops if it returns False.
    """

    def __init__(
        self,
        every: int,
        evaluate: Evaluate | None = None,
        listener: Callable[[Record], bool | None] | None = None,
    ) -> None:
        super().__init__()
        self.every = every
        self.evaluate = evaluate
        self.listener = listener
        self.curve: list[Record] = []
        self.evaluations = 0
        self._episodes: list[Record] = []

    def _on_step(self) -> bool:
        infos: list[dict[str, Any]] = self.locals["infos"]
        for info in infos:
            if "episode" in info:
                self.evaluations += int(info.get("evaluations", 0))
                episode = {"mean_return": info["episode"]["r"], "mean_length": info["episode"]["l"]}
                self._episodes.append(episode | info.get("metrics", {}))
        last = self.curve[-1]["steps"] if self.curve else 0.0
        if self.num_timesteps - last >= self.every:
            return self.record()
        return True

    def _on_training_end(self) -> None:
        if not self.curve or self.curve[-1]["steps"] < self.num_timesteps:
            self.record()

    def record(self) -> bool:
        """Add a record; return whether training goes on."""
        record: Record = {
            "steps": float(self.num_timesteps),
            "evaluations": float(self.evaluations),
            "episodes": float(len(self._episodes)),
        }
        if self._episodes:
            for name in dict.fromkeys(name for episode in self._episodes for name in episode):
                known = [episode[name] for episode in self._episodes if name in episode]
                record[name] = float(np.mean(known))
            self.logger.record("rollout/ep_rew_mean", record["mean_return"])
        self._episodes = []
        if self.evaluate is not None:
            record |= {f"evaluation/{k}": float(v) for k, v in self.evaluate().items()}
        self.curve.append(record)
        return self.listener is None or self.listener(record) is not False
