"""Training of the learned scheduler: imitate the best rule, then follow the policy gradient.

In every training environment each rule plays some streams; the network learns to do what the best
one does. From there it plays every stream several times, and decisions after which a run did better
than the other runs of its stream become more likely (PPO's clipped objective, Schulman et al. 2017,
on `time_aligned` advantages, without a value function).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chipgym.agents.core.arrays_file import read_arrays, write_arrays
from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.core.settings import make_settings, plain_settings
from chipgym.agents.core.torch_tools import (
    load_adam,
    load_weights,
    save_adam,
    save_weights,
    use_one_thread,
)
from chipgym.agents.multi_agent.curve import Curve, Record
from chipgym.agents.schedulers.candidates import RULES, Decisions, rule_choices
from chipgym.agents.schedulers.episodes import (
    Episodes,
    VectorSchedulingEnv,
    greedy_rule,
    play,
    sampler,
    shape_of,
)
from chipgym.agents.schedulers.learned import LearnedScheduler, new_network
from chipgym.agents.schedulers.settings import ALGORITHM, LearnedSchedulerSettings
from chipgym.agents.schedulers.time_aligned import advantages
from chipgym.simulators.core.errors import FileFormatError, SimulationError, check_range

__all__ = ["TrainedScheduler", "train_learned_scheduler"]

FORMAT = "chipgym-learned-scheduler-training-1"
EnvFactory = Callable[[int], VectorSchedulingEnv]
Ints = npt.NDArray[np.int64]
Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainedScheduler:
    """What training leaves.

    Attributes
    ----------
    policy : LearnedScheduler
    curve : list of dict
        The learning curve, see `chipgym.agents.multi_agent.curve.Curve`.
    steps : int
        Decisions taken, all copies together.
    evaluations : int
        Episodes simulated.
    rules : list of str
        The rule that was imitated in each environment.
    """

    policy: LearnedScheduler
    curve: list[Record]
    steps: int
    evaluations: int
    rules: list[str]


@dataclass(frozen=True)
class _Lesson:
    """Decisions of one environment, with what to learn from each."""

    shape: tuple[int, int]
    decisions: Decisions
    chosen: Ints
    log_probability: Floats32
    advantage: Floats32


def train_learned_scheduler(
    env_factory: EnvFactory | Sequence[EnvFactory],
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    callback: Callable[[Record], bool | None] | None = None,
    *,
    evaluate: Callable[[LearnedScheduler], Mapping[str, float]] | None = None,
    record_every: int | None = None,
    name: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> TrainedScheduler:
    """Train; the same arguments give the same weights on the same platform.

    Parameters
    ----------
    env_factory : callable, or sequence of them
        Given the number of copies, returns a native vector environment of
        ``chipgym/SocScheduling-v0`` in autoreset mode NEXT_STEP. Several are trained on together;
        their platforms may differ.
    total_steps : int
        Decisions, all copies together; the last episodes are finished.
    seed : int
    hyperparams : mapping, optional
        Values as in ``agents/hyperparams/learned_scheduler.yaml``.
    callback : callable, optional
        Called with each record of the learning curve; False stops the training.
    evaluate : callable, optional
        Called with the present policy at each record.
    record_every : int, optional
        Steps between records, by default a twentieth of `total_steps`.
    name : str, optional
        Of the policy.
    checkpoint : path, optional
        File that is rewritten after every update; where it exists, training goes on from it and
        ends with the weights that it would have had without the interruption.

    Raises
    ------
    FileFormatError
        The checkpoint is damaged, or of another training.
    SimulationError
        The training diverged.
    """
    check_range("total_steps", total_steps, 1)
    values = load_hyperparameters(ALGORITHM).values if hyperparams is None else hyperparams
    settings = make_settings(LearnedSchedulerSettings, values)
    use_one_thread()
    factories = [env_factory] if callable(env_factory) else list(env_factory)
    envs = [factory(settings.num_envs) for factory in factories]
    try:
        training = _Training(
            envs, settings, seed, total_steps, Path(checkpoint) if checkpoint else None
        )
        policy = LearnedScheduler(network=training.network)
        policy.name = name or policy.name
        training.curve = Curve(
            record_every or max(total_steps // 20, 1),
            None if evaluate is None else lambda: evaluate(policy),
            callback,
        )
        if not training.resume():
            training.imitate()
        going = training.steps < total_steps
        while going:
            going = training.update() and training.steps < total_steps
            training.save()
        if training.steps >= total_steps:
            training.curve.finish(training.steps)
    finally:
        for env in envs:
            env.close()
    curve = training.curve
    return TrainedScheduler(
        policy, curve.records, training.steps, curve.evaluations, training.rules
    )


class _Training:
    """A training under way."""

    def __init__(
        self,
        envs: Sequence[VectorSchedulingEnv],
        settings: LearnedSchedulerSettings,
        seed: int,
        total_steps: int,
        path: Path | None,
    ) -> None:
        self.envs, self.settings, self.seed, self.total = envs, settings, seed, total_steps
        self.path = path
        self.network = new_network(settings.hidden, settings.prior, seed)
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=settings.learning_rate, eps=1e-5
        )
        self.curve: Curve = Curve(total_steps)
        self.steps = self.updates = 0
        self.rules: list[str] = []

    def imitate(self) -> None:
        """Find the best rule of each environment, and learn to do as it does."""
        rng = np.random.default_rng([self.seed, 0])
        lessons = []
        for envs in self.envs:
            seeds = rng.integers(2**31, size=envs.num_envs).tolist()
            played = [play(envs, seeds, greedy_rule(rule)) for rule in range(len(RULES))]
            best = int(np.argmax([episodes.returns.mean() for episodes in played]))
            self.rules.append(RULES[best])
            found = played[best]
            target = rule_choices(found.decisions, best)
            nothing = np.zeros(len(target), dtype=np.float32)
            lessons.append(_Lesson(shape_of(envs), found.decisions, target, nothing, nothing))
        self._set_rate(self.settings.clone_learning_rate)
        for _ in range(self.settings.clone_epochs):
            for lesson in self._batches(lessons, rng):
                self._step(-self._log_probability(lesson).mean())

    def update(self) -> bool:
        """Play and learn; return whether training goes on."""
        rng = np.random.default_rng([self.seed, 1, self.updates])
        settings = self.settings
        lessons, reports = [], []
        for envs in self.envs:
            streams = rng.integers(2**31, size=settings.streams)
            shape = shape_of(envs)
            seeds = np.repeat(streams, settings.group).tolist()
            episodes = play(envs, seeds, sampler(self.network, shape, rng))
            lessons.append(_lesson(episodes, shape, settings))
            self.steps += int(episodes.alive.sum())
            reports += _reports(episodes)
        progress = min(self.steps / self.total, 1.0)
        self._set_rate(settings.learning_rate * max(1 - progress, 0.1))
        for _ in range(settings.epochs):
            for lesson in self._batches(lessons, rng):
                ratio = (
                    self._log_probability(lesson) - torch.from_numpy(lesson.log_probability)
                ).exp()
                clipped = ratio.clamp(1 - settings.clip_range, 1 + settings.clip_range)
                advantage = torch.from_numpy(lesson.advantage)
                self._step(-torch.minimum(ratio * advantage, clipped * advantage).mean())
        if not all(bool(weights.isfinite().all()) for weights in self.network.parameters()):
            raise SimulationError(f"the training diverged after {self.steps} steps")
        self.updates += 1
        return self.curve.add(self.steps, reports)

    def _batches(self, lessons: Sequence[_Lesson], rng: np.random.Generator) -> list[_Lesson]:
        """All decisions once, in batches of one environment, in random order."""
        size = self.settings.batch_size
        batches = []
        for lesson in lessons:
            order = rng.permutation(len(lesson.chosen))
            batches += [(lesson, order[i : i + size]) for i in range(0, len(order), size)]
        return [_part(*batches[i]) for i in rng.permutation(len(batches))]

    def _log_probability(self, lesson: _Lesson) -> torch.Tensor:
        logits = torch.log_softmax(self.network(lesson.decisions, *lesson.shape), dim=1)
        wait = logits.shape[1] - 1
        column = np.where(lesson.chosen == lesson.decisions.counts, wait, lesson.chosen)
        return logits.gather(1, torch.from_numpy(column)[:, None]).squeeze(1)

    def _set_rate(self, learning_rate: float) -> None:
        self.optimiser.param_groups[0]["lr"] = learning_rate

    def _step(self, loss: torch.Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.max_grad_norm)
        self.optimiser.step()

    def _identity(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "settings": plain_settings(self.settings),
            "seed": self.seed,
            "total_steps": self.total,
            "shapes": [list(shape_of(envs)) for envs in self.envs],
        }

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        if self.path is None:
            return
        document = {
            "identity": self._identity(),
            "steps": self.steps,
            "updates": self.updates,
            "rules": self.rules,
            "curve": self.curve.save(),
        }
        arrays = save_weights(self.network, "network") | save_adam(self.optimiser, "adam")
        write_arrays(self.path, document, arrays)

    def resume(self) -> bool:
        """Go on from the checkpoint; return whether there was one."""
        if self.path is None or not self.path.exists():
            return False
        document, arrays = read_arrays(self.path)
        if not isinstance(document, dict) or document.get("identity") != self._identity():
            raise FileFormatError(self.path, "is not the checkpoint of this training")
        try:
            load_weights(self.network, "network", arrays)
            load_adam(self.optimiser, "adam", arrays)
            self.steps, self.updates = int(document["steps"]), int(document["updates"])
            self.rules = [str(rule) for rule in document["rules"]]
            self.curve.load(document["curve"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(self.path, f"does not fit this training: {error}") from error
        return True


def _lesson(
    episodes: Episodes, shape: tuple[int, int], settings: LearnedSchedulerSettings
) -> _Lesson:
    """The decisions of some episodes with their advantages, of standard deviation 1."""
    table = advantages(
        episodes.times_us, episodes.costs, episodes.alive, settings.group, settings.horizon_us
    )
    advantage = table[episodes.steps, episodes.rows]
    scaled = (advantage / (advantage.std() + 1e-8)).astype(np.float32)
    return _Lesson(shape, episodes.decisions, episodes.chosen, episodes.log_probability, scaled)


def _part(lesson: _Lesson, rows: Ints) -> _Lesson:
    return _Lesson(
        lesson.shape,
        lesson.decisions.take(rows),
        lesson.chosen[rows],
        lesson.log_probability[rows],
        lesson.advantage[rows],
    )


def _reports(episodes: Episodes) -> list[dict[str, Any]]:
    """What the learning curve takes of each episode."""
    lengths = episodes.alive.sum(axis=0)
    return [
        {"evaluations": 1, "return": float(total), "length": int(length), "metrics": {}}
        for total, length in zip(episodes.returns, lengths, strict=True)
    ]
