"""Training in parts that can be interrupted: each begins with new episodes and its own seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from chipgym.agents.core.arrays_file import Arrays, read_arrays, write_arrays
from chipgym.agents.core.torch_tools import load_adam, load_weights, save_adam, save_weights
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.callbacks import CurveRecorder
from chipgym.agents.sb3.policy import SavedPolicy
from chipgym.agents.sb3.selection import mean_return
from chipgym.simulators.core.errors import FileFormatError

__all__ = ["PARTS", "PartedTraining"]

PARTS = 10
FORMAT = "chipgym-sb3-training-1"


class PartedTraining:
    """Trains an on-policy model in ten parts and keeps a checkpoint after each.

    What an environment is in the middle of cannot be written down, so each part starts new episodes
    and seeds all generators anew: an interrupted training then ends as an uninterrupted one does.

    Parameters
    ----------
    model : BaseAlgorithm
        Of Stable-Baselines3, untrained.
    policy : SavedPolicy
        Around its network.
    recorder : CurveRecorder
        Of the learning curve; does not evaluate.
    checkpoint : path
    identity : dict
        Plain values on which the training depends.
    judge : callable, optional
        Makes the environment in which the network plays after each part; the best one is kept.
    """

    def __init__(
        self,
        model: Any,
        policy: SavedPolicy,
        recorder: CurveRecorder,
        checkpoint: Path,
        identity: Mapping[str, Any],
        judge: Callable[[], VectorEnvAdapter] | None,
    ) -> None:
        self.model, self.policy, self.recorder = model, policy, recorder
        self.checkpoint, self.identity, self.judge = checkpoint, dict(identity), judge
        self.evaluations = 0
        self._done = 0
        self._best_return = -np.inf
        self._best: Arrays = {}

    def learn(
        self,
        train: Callable[[int, list[BaseCallback]], None],
        total_steps: int,
        seed: int,
        judge_seed: int,
    ) -> None:
        """Train to the end, from the checkpoint on where there is one.

        Parameters
        ----------
        train : callable
            Given the steps of a part and callbacks, trains the model without resetting its counter.
        total_steps : int
            Environment steps; a part ends with its last rollout.
        seed : int
        judge_seed : int
            Of the episodes that are played after each part.
        """
        self._follow_schedules(total_steps)
        self._resume()
        if self._done == 0:
            self._judge(judge_seed)
        while self._done < PARTS and self.model.num_timesteps < total_steps:
            end = total_steps * (self._done + 1) // PARTS
            if self.model.num_timesteps < end:
                part_seed = np.random.SeedSequence([seed, self._done]).generate_state(1)[0] >> 1
                self.model.set_random_seed(int(part_seed))
                self.model._last_obs = None  # the part begins with a reset
                train(end - self.model.num_timesteps, [self.recorder])
            self._done += 1
            self._judge(judge_seed)
            self._save()
        if self._best:
            load_weights(self.policy.network, "best", self._best)

    def _follow_schedules(self, total_steps: int) -> None:
        """Let schedules run over the whole training, where SB3 lets them run over a call."""
        for name in ("lr_schedule", "clip_range"):
            schedule = getattr(self.model, name, None)
            if schedule is None:
                continue
            setattr(self.model, name, _Whole(self.model, schedule, total_steps))

    def _judge(self, seed: int) -> None:
        if self.judge is None:
            return
        envs = self.judge()
        self.policy.network.set_training_mode(False)
        try:
            found = mean_return(self.policy, envs, seed)
        finally:
            envs.close()
        self.evaluations += envs.num_envs
        if found > self._best_return:
            self._best_return = found
            self._best = save_weights(self.policy.network, "best")

    def _save(self) -> None:
        arrays = save_weights(self.policy.network, "network") | self._best
        arrays |= save_adam(self.model.policy.optimizer, "optimiser")
        document = {
            "format": FORMAT,
            "identity": self.identity,
            "parts": self._done,
            "steps": int(self.model.num_timesteps),
            "updates": int(self.model._n_updates),
            "evaluations": self.evaluations,
            "best_return": float(self._best_return) if self._best else None,
            "curve": self.recorder.curve,
            "curve_evaluations": self.recorder.evaluations,
        }
        write_arrays(self.checkpoint, document, arrays)

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        document, arrays = read_arrays(self.checkpoint)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise FileFormatError(self.checkpoint, f"is not a checkpoint of format {FORMAT}")
        if document["identity"] != self.identity:
            raise FileFormatError(
                self.checkpoint, "is the checkpoint of a training with other arguments"
            )
        try:
            load_weights(self.policy.network, "network", arrays)
            load_adam(self.model.policy.optimizer, "optimiser", arrays)
            self._best = {key: a for key, a in arrays.items() if key.startswith("best/")}
            if self._best:
                self._best_return = float(document["best_return"])
            self._done = int(document["parts"])
            self.model.num_timesteps = int(document["steps"])
            self.model._n_updates = int(document["updates"])
            self.evaluations = int(document["evaluations"])
            self.recorder.curve = list(document["curve"])
            self.recorder.evaluations = int(document["curve_evaluations"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(self.checkpoint, f"does not fit the training: {error}") from error


class _Whole:
    """A schedule over all steps of a training."""

    def __init__(self, model: Any, schedule: Callable[[float], float], total_steps: int) -> None:
        self._model, self._schedule, self._total = model, schedule, total_steps

    def __call__(self, _: float) -> float:
        return self._schedule(max(1.0 - self._model.num_timesteps / self._total, 0.0))
