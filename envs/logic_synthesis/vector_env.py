"""Native vector environments: the commands of all rows run side by side in several ABC processes.

Bit for bit equal to the scalar environments: each row is one of them, and only ABC's part, which is
a function of circuit and command, happens elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from chipgym.envs.core.episodes import check_choice
from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.spaces import LegalMultiDiscrete
from chipgym.envs.logic_synthesis.env import LogicRecipeEnv, LogicSynthesisEnv
from chipgym.envs.logic_synthesis.episode import Episode
from chipgym.envs.logic_synthesis.point import Point
from chipgym.envs.logic_synthesis.problem import LogicProblem, view_problem
from chipgym.envs.logic_synthesis.task import WHERE
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.logic.shared import SharedSessions
from chipgym.simulators.logic.worker import Limits

__all__ = ["LogicRecipeVectorEnv", "LogicSynthesisVectorEnv"]

Infos = dict[str, Any]
Bools = npt.NDArray[np.bool_]
Job = tuple[Episode, list[int]]


class LogicSynthesisVectorEnv(VectorEnv[Any, Any, Any]):
    """N environments of `LogicSynthesisEnv`, stepped at once.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        ``"NextStep"`` (Gymnasium's default), ``"SameStep"`` or ``"Disabled"``.
    workers : int, optional
        ABC commands that run at the same time; by default one a processor.
    **kwargs
        As in `LogicSynthesisEnv`.

    Notes
    -----
    Row i seeded with ``seed + i`` goes through the same bits as a scalar environment reset with
    that seed, whatever the number of workers. Rows in the same state that choose the same command
    share its execution. Under ``NextStep`` the step after an episode's end resets the row and
    ignores its action.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}
    scalar: ClassVar[type[LogicSynthesisEnv]] = LogicSynthesisEnv

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        workers: int | None = None,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        if render_mode is not None:
            raise InvalidValueError("render_mode", render_mode, "None: render a scalar environment")
        if not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise InvalidValueError("num_envs", num_envs, "an integer >= 1")
        name = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        check_choice("autoreset_mode", name, [mode.value for mode in AutoresetMode], WHERE)
        self.num_envs = int(num_envs)
        self.autoreset_mode = AutoresetMode(name)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self.workers = min(workers or os.cpu_count() or 1, self.num_envs)
        self.rows = [self.scalar(**kwargs) for _ in range(self.num_envs)]
        first = self.rows[0]
        self.sessions = SharedSessions(
            kwargs.get("abc"),
            Limits(command_s=kwargs.get("command_limit_s", Limits.command_s)),
            kwargs.get("cache", True),
            self.workers,
        )
        for row in self.rows:
            # One instance generator, so that a circuit given by path is the same object for all.
            row.sessions, row.generator = self.sessions, first.generator
        first.generator.sessions = self.sessions
        self.task = first.task
        self.objective = first.objective
        self.primary_metric = first.primary_metric
        self.single_observation_space = first.observation_space
        self.single_action_space = first.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = self._batched_actions()
        self._executor: ThreadPoolExecutor | None = None
        self._owner = 0
        self._ended = np.ones(self.num_envs, dtype=np.bool_)
        self._observations = first.observation_layout.empty(self.num_envs)

    def _batched_actions(self) -> gym.Space[Any]:
        return LegalMultiDiscrete([self.task.num_actions] * self.num_envs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_executor": None}

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return self.rows[0].observation_layout

    @property
    def problems(self) -> list[LogicProblem]:
        """The present decision of each row (of an ended row: its last state)."""
        return [view_problem(row.episode) for row in self.rows]

    def action_masks(self) -> Bools:
        """Legal actions, bool, shape (N, actions)."""
        return np.stack([row.action_masks() for row in self.rows])

    def instance_id(self, row: int) -> str:
        """Name of a row's circuit."""
        return self.rows[row].instance_id

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, Infos]:
        """Start an episode in every row, or in those of ``options["reset_mask"]``."""
        seeds = self._seeds(seed)
        options = dict(options or {})
        chosen = options.pop("reset_mask", None)
        chosen = (
            np.ones(self.num_envs, dtype=np.bool_) if chosen is None else self._check_rows(chosen)
        )
        infos: Infos = {}
        for index in np.flatnonzero(chosen):
            row = self.rows[index]
            self._observations[index], info = row.reset(seed=seeds[index], options=options)
            infos = self._add_info(infos, info, int(index))
        self._ended = self._ended & ~chosen
        self._publish()
        return self._observations.copy(), infos

    def step(self, actions: Any) -> tuple[Any, npt.NDArray[np.float64], Bools, Bools, Infos]:
        """Carry out one command in every row.

        Raises
        ------
        InvalidValueError
            An action is masked or out of range; no row has changed.
        AbcCommandError, AbcTimeoutError, AbcCrashedError
            ABC cannot carry out a command; no row has changed.
        """
        chosen = np.asarray(actions)
        if chosen.shape != self.action_space.shape or chosen.dtype.kind not in "iu":
            shape = self.action_space.shape
            raise InvalidValueError("actions", chosen.shape, f"integers of shape {shape}")
        if self.autoreset_mode == AutoresetMode.DISABLED and self._ended.any():
            raise InvalidValueError("actions", "ended row", "reset ended rows before stepping them")
        active = [index for index in range(self.num_envs) if not self._ended[index]]
        jobs = {i: (self.rows[i].episode, self.rows[i].decode(chosen[i])) for i in active}
        points = self._simulate(list(jobs.values()))
        rewards = np.zeros(self.num_envs)
        done = np.zeros(self.num_envs, dtype=np.bool_)
        infos: Infos = {}
        results = dict(zip(active, points, strict=True))
        for index, row in enumerate(self.rows):
            if index not in results:
                self._observations[index], info = row.reset()
            else:
                seen, rewards[index], done[index], _, info = row.finish(
                    jobs[index][1], results[index]
                )
                if done[index] and self.autoreset_mode == AutoresetMode.SAME_STEP:
                    infos = self._add_info(infos, {"final_obs": seen, "final_info": info}, index)
                    seen, info = row.reset()
                self._observations[index] = seen
            infos = self._add_info(infos, info, index)
        same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._ended = np.zeros_like(done) if same_step else done.copy()
        self._publish()
        return self._observations.copy(), rewards, done, np.zeros_like(done), infos

    def _publish(self) -> None:
        """Tell the action space what is legal."""
        if isinstance(self.action_space, LegalMultiDiscrete) and not any(
            row._episode is None for row in self.rows
        ):
            self.action_space.legal = self.action_masks()

    def _simulate(self, jobs: list[Job]) -> list[list[Point]]:
        """Run what the rows ask for, equal jobs once, and return each row's points."""
        keys = [episode.key(actions) for episode, actions in jobs]
        different = dict(zip(keys, jobs, strict=True))
        if len(different) == 1 or self.workers == 1:
            found = {key: self._run(job) for key, job in different.items()}
            return [found[key] for key in keys]
        if self._executor is None or self._owner != os.getpid():
            # A forked process inherits the executor, but not its threads.
            self._executor = ThreadPoolExecutor(self.workers, "chipgym-logic")
            self._owner = os.getpid()
        waiting: dict[Any, Future[list[Point]]] = {
            key: self._executor.submit(self._run, job) for key, job in different.items()
        }
        return [waiting[key].result() for key in keys]

    def _run(self, job: Job) -> list[Point]:
        episode, actions = job
        with self.sessions.session(episode.point.state) as session:
            points = episode.simulate(actions, session)
        for point in points:
            # Reading the graph takes longer than anything else that a row does; here it is shared.
            _ = point.state.profile
        return points

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + row for row in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise InvalidValueError("seed", len(seed), f"{self.num_envs} seeds, one a row")
        return list(seed)

    def _check_rows(self, rows: Any) -> Bools:
        if getattr(rows, "shape", None) != (self.num_envs,) or rows.dtype != np.bool_:
            raise InvalidValueError("reset_mask", rows, f"a bool array of shape ({self.num_envs},)")
        if not rows.any():
            raise InvalidValueError("reset_mask", rows, "at least one True")
        return np.asarray(rows)

    def close_extras(self, **kwargs: Any) -> None:
        """Give the ABC processes back and end the threads."""
        if self._executor is not None and self._owner == os.getpid():
            self._executor.shutdown()
            self._executor = None
        for row in self.rows:
            row.close()
        self.sessions.close()


class LogicRecipeVectorEnv(LogicSynthesisVectorEnv):
    """N environments of `LogicRecipeEnv`, evaluated at once."""

    scalar = LogicRecipeEnv

    def _batched_actions(self) -> gym.Space[Any]:
        return batch_space(self.single_action_space, self.num_envs)
