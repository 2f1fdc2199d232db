"""Native vector environment of per-command scheduling: all rows in one kernel call."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from chipgym.envs.core.fields import ObservationLayout
from chipgym.envs.core.rows_vector_env import RowsVectorEnv
from chipgym.envs.core.spaces import LegalDiscrete, LegalMultiDiscrete
from chipgym.envs.dram_tuning.command_batch import CommandBatch
from chipgym.envs.dram_tuning.command_env import check_task, draw_instance
from chipgym.envs.dram_tuning.command_generator import CommandGenerator
from chipgym.envs.dram_tuning.command_presets import DEFAULT_SCENARIO, CommandScenario
from chipgym.envs.dram_tuning.command_problem import CommandProblem, view_problem
from chipgym.envs.dram_tuning.command_reward import PRIMARY_METRICS, TERMS

__all__ = ["DramCommandVectorEnv"]

Bools = npt.NDArray[np.bool_]
Infos = dict[str, Any]


class DramCommandVectorEnv(RowsVectorEnv):
    """N environments of `DramCommandEnv` in one kernel call.

    Parameters
    ----------
    num_envs : int
    autoreset_mode : AutoresetMode or str
        As in `RowsVectorEnv`.
    scenario, split, objective, num_requests, entries
        As in `DramCommandEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        scenario: str | CommandScenario = DEFAULT_SCENARIO,
        split: str = "train",
        objective: str | None = None,
        num_requests: int | None = None,
        entries: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        chosen, objective = check_task(scenario, split, objective)
        self.generator = CommandGenerator(chosen, num_requests, entries)
        self.scenario = self.generator.scenario
        self.split = split
        self.objective = objective
        self.primary_metric = PRIMARY_METRICS[objective]
        one = CommandBatch(self.generator, objective, 1)
        action_space = LegalDiscrete(one.num_actions)
        super().__init__(num_envs, autoreset_mode, render_mode, one.layout.space(), action_space)
        self._batch = CommandBatch(self.generator, objective, self.num_envs)
        self._terms = [(i, name) for i, name in enumerate(TERMS) if self._batch.weights[i]]
        self.action_space = LegalMultiDiscrete([one.num_actions] * self.num_envs)
        self.action_space.legal = self._batch.masks

    @property
    def observation_layout(self) -> ObservationLayout:
        """The declared fields of one observation."""
        return self._batch.layout

    @property
    def problems(self) -> list[CommandProblem]:
        """The present decision of each row (of an ended row: its last state)."""
        return [view_problem(self._batch, row) for row in range(self.num_envs)]

    def instance_id(self, row: int) -> str:
        """Name of a row's instance."""
        instance = self._batch.instances[row]
        return "" if instance is None else instance.name

    def action_masks(self) -> Bools:
        """Legal actions, bool, shape (N, actions)."""
        return self._batch.masks.copy()

    def _begin(self, rows: Bools, options: dict[str, Any]) -> None:
        for row in np.flatnonzero(rows):
            instance = draw_instance(self.generator, self.split, self._generators[row], options)
            self._batch.load(int(row), instance)
        self._batch.begin(rows)
        self._obs = self._batch.obs

    def _advance(self, active: Bools, actions: npt.NDArray[Any]) -> None:
        batch = self._batch
        batch.step(active, actions.astype(np.int64))
        self._rewards[active] = batch.rewards[active]
        for row in np.flatnonzero(batch.done & active):
            self._terminated[row] = batch.complete(int(row))
            self._truncated[row] = not self._terminated[row]

    def _start_info(self, row: int) -> Infos:
        name, mask = self.instance_id(row), self._batch.masks[row].copy()
        return {"action_mask": mask, "evaluations": 0, "instance": name}

    def _step_info(self, row: int) -> Infos:
        batch = self._batch
        info: Infos = {
            "action_mask": batch.masks[row].copy(),
            "evaluations": int(batch.done[row]),
            "reward_terms": {name: float(batch.terms[row, i]) for i, name in self._terms},
        }
        if batch.done[row]:
            info["metrics"] = batch.metrics(row)
        return info

    def _step_infos(self, rows: Bools) -> Infos:
        """Infos of all rows at once; what only ended rows have is added row by row."""
        batch = self._batch
        if not rows.any():
            return {}
        terms: Infos = {}
        for i, name in self._terms:
            terms[name] = np.where(rows, batch.terms[:, i], 0.0)
            terms[f"_{name}"] = rows.copy()
        infos: Infos = {
            "action_mask": np.where(rows[:, None], batch.masks, False),
            "_action_mask": rows.copy(),
            "evaluations": (batch.done & rows).astype(int),
            "_evaluations": rows.copy(),
            "reward_terms": terms,
            "_reward_terms": rows.copy(),
        }
        for row in np.flatnonzero(batch.done & rows):
            infos = self._add_info(infos, {"metrics": batch.metrics(int(row))}, int(row))
        return infos
