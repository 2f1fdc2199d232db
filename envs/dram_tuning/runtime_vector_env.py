"""Native vector environment of control at run time: the rows' windows in parallel threads."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.rows_vector_env import RowsVectorEnv
from chipgym.envs.dram_tuning.runtime_env import RuntimeTask
from chipgym.envs.dram_tuning.runtime_observation import LAYOUT
from chipgym.envs.dram_tuning.runtime_presets import DEFAULT_SCENARIO, RuntimeScenario
from chipgym.envs.dram_tuning.runtime_problem import RuntimeProblem, view_problem
from chipgym.envs.dram_tuning.runtime_reward import PRIMARY_METRICS
from chipgym.envs.dram_tuning.runtime_session import RuntimeSession

__all__ = ["DramRuntimeVectorEnv"]

Bools = npt.NDArray[np.bool_]


class DramRuntimeVectorEnv(RowsVectorEnv):
    """N environments of `DramRuntimeEnv`, whose windows are simulated in parallel threads.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        As in `RowsVectorEnv`.
    threads : int, optional
        Threads of a step, by default as many as processors. Results do not depend on it.
    scenario, split, objective, action_form, num_requests, window_requests, window_cycles
        As in `DramRuntimeEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | RuntimeScenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        action_form: str = "settings",
        num_requests: int | None = None,
        window_requests: int | None = None,
        window_cycles: int | None = None,
        threads: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        self.task = RuntimeTask(
            scenario, split, objective, action_form, num_requests, window_requests, window_cycles
        )
        action_space = self.task.action_space()
        super().__init__(num_envs, autoreset_mode, render_mode, LAYOUT.space(), action_space)
        self.scenario = self.task.scenario
        self.split = split
        self.objective = self.task.objective
        self.primary_metric = PRIMARY_METRICS[self.objective]
        self.sessions: list[RuntimeSession] = []
        self._terms = np.zeros((self.num_envs, len(self.task.weights)))
        count = min(threads or os.cpu_count() or 1, self.num_envs)
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return LAYOUT

    @property
    def problems(self) -> list[RuntimeProblem]:
        """The present decision of each row (of an ended row: its last state)."""
        return [view_problem(session, presets=self.task.presets) for session in self.sessions]

    def instance_id(self, row: int) -> str:
        """Name of a row's instance."""
        return self.sessions[row].instance.name

    def action_masks(self) -> Bools:
        """Legal actions, bool, shape (N, actions): all, until a row has ended."""
        spaces: Any = self.single_action_space
        count = int(spaces.n) if self.task.presets else int(spaces.nvec.sum())
        return np.repeat(~self._ended[:, None], count, axis=1)

    def close_extras(self, **kwargs: Any) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _begin(self, rows: Bools, options: dict[str, Any]) -> None:
        started = {
            int(row): self.task.start(self.task.draw(self._generators[row], options))
            for row in np.flatnonzero(rows)
        }
        for row in range(self.num_envs):
            if row in started:
                self.sessions[row : row + 1] = [started[row]]
                self._obs[row] = started[row].observe()

    def _advance(self, active: Bools, actions: npt.NDArray[Any]) -> None:
        rows = np.flatnonzero(active).tolist()
        choices = [self.task.choice(actions[row]) for row in rows]
        played = [self.sessions[row] for row in rows]
        if self._pool is None:
            for session, choice in zip(played, choices, strict=True):
                session.play(choice)
        else:
            list(self._pool.map(RuntimeSession.play, played, choices))
        for row, session in zip(rows, played, strict=True):
            self._terms[row] = session.account()
            self._rewards[row] = self._terms[row].sum()
            self._terminated[row] = session.finished
            self._obs[row] = session.observe()

    def _start_info(self, row: int) -> dict[str, Any]:
        return self.task.start_info(self.sessions[row])

    def _step_info(self, row: int) -> dict[str, Any]:
        return self.task.step_info(self.sessions[row], self._terms[row])
